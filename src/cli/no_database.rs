//! The commands about the session work without a database, even one that is configured wrongly.

use secrecy::SecretString;

use crate::{
    failure::{Failure, Kind},
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
    session::{Progress, Quotes, Refused},
};

/// Stands where a command has no business with the database.
pub(super) struct NoDatabase;

impl NoDatabase {
    fn refuse<T>() -> Result<T, Refused> {
        Err(none().into())
    }
}

impl Quotes for NoDatabase {
    async fn connect(&self, _: &Progress) {}

    async fn load(&self, _: &SecretString, _: &Progress) -> Result<Option<Saved>, Refused> {
        Self::refuse()
    }

    async fn save(
        &self,
        _: &SecretString,
        _: &Quote,
        _: Option<&str>,
        _: &Progress,
    ) -> Result<SaveOutcome, Refused> {
        Self::refuse()
    }

    async fn delete(
        &self,
        _: &SecretString,
        _: Option<&str>,
        _: &Progress,
    ) -> Result<DeleteOutcome, Refused> {
        Self::refuse()
    }
}

/// No command that stands here asks for it.
pub(super) fn none() -> Failure {
    Failure::new(Kind::Failed, "This command has no database.")
        .cure("This is a bug in epigraph: please report it.")
}
