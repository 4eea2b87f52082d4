//! Sessions that share one file vault and one lock, as programs side by side do, against the stand-in for Okta.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use epigraph::{
    account::{KeptDraft, Restored, SignOutOutcome},
    config::Store,
    failure::Kind,
    keyring::Keyring,
    okta::Okta,
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
    session::{Progress, Quotes, Refused, Session},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    sign_in::{client, quick},
    support::{
        guardian::Scratch,
        okta::{self, Endpoint, Person, Server},
    },
};

fn draft() -> KeptDraft {
    KeptDraft {
        text: "never saved".into(),
        based_on: None,
    }
}

/// A database that notes which tokens it is given. The real one has tests of its own.
#[derive(Clone, Default)]
struct Tokens(Arc<Mutex<Vec<String>>>);

impl Quotes for Tokens {
    async fn connect(&self, _progress: &Progress) -> Result<(), Refused> {
        Ok(())
    }

    async fn load(
        &self,
        id_token: &SecretString,
        _progress: &Progress,
    ) -> Result<Option<Saved>, Refused> {
        let mut tokens = self.0.lock().expect("no panic while it is held");
        tokens.push(id_token.expose_secret().to_owned());
        Ok(None)
    }

    async fn save(
        &self,
        _id_token: &SecretString,
        _quote: &Quote,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<SaveOutcome, Refused> {
        unreachable!("nothing is saved here")
    }

    async fn delete(
        &self,
        _id_token: &SecretString,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<DeleteOutcome, Refused> {
        unreachable!("nothing is deleted here")
    }
}

type Program = Session<Okta, Keyring, Tokens>;

/// What a program of its own has over one state directory.
fn program(okta: &okta::Okta, state: &Path, database: &Tokens) -> Arc<Program> {
    let issuer = okta.issuer(Server::Default);
    let vault = Keyring::new(Store::File, state, &issuer, &okta.client_id());
    Arc::new(Session::new(
        client(okta, Server::Default),
        vault,
        database.clone(),
        state.to_owned(),
        &issuer,
        true,
    ))
}

async fn sign_in(okta: &okta::Okta, program: &Program) -> Restored {
    let code = program
        .request_code(&Progress::silent())
        .await
        .expect("a code");
    okta.approve(&code.user_code, Person::James).expect("known");
    program
        .await_approval(&Progress::silent())
        .await
        .expect("signed in")
}

fn files(state: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(state)
        .expect("the state directory is there")
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[tokio::test]
async fn a_second_start_is_signed_in_without_asking_okta() {
    let okta = quick();
    let scratch = Scratch::new("session");
    let state = scratch.path().join("state");
    let database = Tokens::default();
    sign_in(&okta, &program(&okta, &state, &database)).await;
    let requests = okta.client_requests();
    let again = program(&okta, &state, &database);
    let restored = again
        .restore(&Progress::silent())
        .await
        .expect("read")
        .expect("signed in");
    assert_eq!(restored.user.name, "James Joyce");
    assert!(restored.warnings.is_empty());
    again.load(&Progress::silent()).await.expect("loaded");
    assert_eq!(okta.client_requests(), requests);
}

#[tokio::test]
async fn eight_operations_of_two_programs_refresh_once() {
    let okta = quick();
    // A second renewal with the token that the first rotated away would end the session.
    okta.configure(|settings| {
        settings.token_lifetime = 30;
        settings.grace = std::time::Duration::ZERO;
    });
    let scratch = Scratch::new("session");
    let state = scratch.path().join("state");
    let database = Tokens::default();
    let first = program(&okta, &state, &database);
    sign_in(&okta, &first).await;
    okta.configure(|settings| settings.token_lifetime = 3600);
    let programs = [first, program(&okta, &state, &database)];
    let polls = okta.count(Endpoint::Token);
    let operations: Vec<_> = (0..8)
        .map(|number| {
            let program = Arc::clone(&programs[number % 2]);
            tokio::spawn(async move { program.load(&Progress::silent()).await })
        })
        .collect();
    for operation in operations {
        operation.await.expect("no panic").expect("loaded");
    }
    assert_eq!(okta.count(Endpoint::Token), polls + 1);
    let tokens = database.0.lock().expect("free");
    assert_eq!(tokens.len(), 8);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test]
async fn a_sign_out_leaves_no_secret_here_and_no_live_token_there() {
    let okta = quick();
    let scratch = Scratch::new("session");
    let state = scratch.path().join("state");
    let program = program(&okta, &state, &Tokens::default());
    sign_in(&okta, &program).await;
    program.keep_draft(draft()).await.expect("kept");
    assert_eq!(program.sign_out().await, Ok(SignOutOutcome::Revoked));
    assert_eq!(okta.live_refresh_tokens(Person::James), 0);
    for file in files(&state) {
        assert_eq!(
            std::fs::read(&file).expect("read"),
            b"",
            "{}",
            file.display()
        );
    }
    assert_eq!(program.restore(&Progress::silent()).await, Ok(None));
}

#[tokio::test]
async fn a_session_that_okta_ended_ends_here_and_keeps_the_draft() {
    let okta = quick();
    okta.configure(|settings| settings.token_lifetime = 30);
    let scratch = Scratch::new("session");
    let state = scratch.path().join("state");
    let program = program(&okta, &state, &Tokens::default());
    sign_in(&okta, &program).await;
    program.keep_draft(draft()).await.expect("kept");
    okta.revoke_all(Person::James);
    let ended = program.load(&Progress::silent()).await.expect_err("ended");
    assert_eq!(ended.kind, Kind::NotSignedIn);
    let restored = sign_in(&okta, &program).await;
    assert_eq!(restored.draft, Some(draft()));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_the_persons_own_from_the_directory_down() {
    use std::os::unix::fs::PermissionsExt;

    let okta = quick();
    okta.configure(|settings| settings.token_lifetime = 30);
    let scratch = Scratch::new("session");
    let state = scratch.path().join("deep/state");
    let program = program(&okta, &state, &Tokens::default());
    sign_in(&okta, &program).await;
    program.keep_draft(draft()).await.expect("kept");
    program
        .load(&Progress::silent())
        .await
        .expect("refreshed, under the lock");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    let files = files(&state);
    assert_eq!(
        files.len(),
        4,
        "session, draft and a lock for each: {files:?}"
    );
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
