//! A person at the database, as the program is one: the library itself, with a token that the databases of the tests accept.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use epigraph::{
    account::Activity,
    failure::Failure,
    postgres::{Postgres, Statement, Target},
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
    session::{Progress, Quotes, Refused},
};
use secrecy::SecretString;
use tokio_postgres::Row;

use super::token;

/// One person on one machine.
pub(crate) struct Person {
    pub(crate) database: Postgres,
    token: SecretString,
    activities: Arc<Mutex<Vec<Activity>>>,
    progress: Progress,
}

impl Person {
    /// A person with this user id, who has this connection string.
    pub(crate) fn new(id: &str, url: &str) -> Self {
        Self::with_token(url, token::of(id))
    }

    /// Whoever this token names.
    pub(crate) fn with_token(url: &str, token: String) -> Self {
        Self::on_machine(url, token, None)
    }

    /// The same on a machine that keeps in this directory how the server asks for a password.
    pub(crate) fn on_machine(url: &str, token: String, state: Option<&Path>) -> Self {
        let target = Target::parse(&url.to_owned().into()).expect("a good connection string");
        let activities = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&activities);
        Self {
            database: Postgres::new(target, state),
            token: token.into(),
            activities,
            progress: Progress::new(move |activity| {
                reported.lock().expect("no panic under lock").push(activity);
            }),
        }
    }

    /// What was reported since the start.
    pub(crate) fn activities(&self) -> Vec<Activity> {
        self.activities.lock().expect("no panic under lock").clone()
    }

    /// Opens a connection ahead of time.
    pub(crate) async fn connect(&self) {
        self.database.connect(&self.progress).await.ok();
    }

    /// Runs a statement of another program.
    pub(crate) async fn run(&self, statement: &Statement<'_>) -> Result<Vec<Row>, Failure> {
        let outcome = self.database.run(&self.token, statement, &self.progress);
        outcome.await.map_err(in_words)
    }

    pub(crate) async fn try_load(&self) -> Result<Option<Saved>, Failure> {
        let outcome = self.database.load(&self.token, &self.progress).await;
        outcome.map_err(in_words)
    }

    pub(crate) async fn try_save(
        &self,
        text: &str,
        based_on: Option<&str>,
    ) -> Result<SaveOutcome, Failure> {
        let quote = Quote::new(text).expect("a quote");
        self.database
            .save(&self.token, &quote, based_on, &self.progress)
            .await
            .map_err(in_words)
    }

    pub(crate) async fn load(&self) -> Option<String> {
        self.try_load()
            .await
            .expect("the quote can be read")
            .map(|saved| saved.text)
    }

    pub(crate) async fn save(&self, text: &str, based_on: Option<&str>) -> SaveOutcome {
        self.try_save(text, based_on)
            .await
            .expect("the quote can be saved")
    }

    pub(crate) async fn delete(&self, based_on: Option<&str>) -> DeleteOutcome {
        self.database
            .delete(&self.token, based_on, &self.progress)
            .await
            .expect("the quote can be deleted")
    }
}

/// The row of a save that worked.
#[track_caller]
pub(crate) fn saved(outcome: SaveOutcome) -> Saved {
    match outcome {
        SaveOutcome::Saved(saved) => saved,
        SaveOutcome::Conflict(current) => panic!("not saved, because the row is {current:?}"),
    }
}

/// The text that stood in the way of a save.
#[track_caller]
pub(crate) fn conflict(outcome: SaveOutcome) -> Option<String> {
    match outcome {
        SaveOutcome::Saved(saved) => panic!("saved {saved:?}"),
        SaveOutcome::Conflict(current) => current.map(|current| current.text),
    }
}

/// No token of these tests expires unless a test looks at that itself.
fn in_words(refused: Refused) -> Failure {
    match refused {
        Refused::Failed(failure) => failure,
        Refused::TokenExpired => panic!("the token has expired"),
    }
}
