//! The log of `--log` at `debug`: a stranger who sends one with a report has sent what happened, in the words of the library, of
//! Okta or of PostgreSQL.

use std::fs;

use crate::support::{
    ca,
    okta::{Answer, Endpoint},
    stage::Stage,
};

impl Stage {
    /// What the log says of a command, beginning with an empty one.
    fn logged(&self, arguments: &[&str]) -> String {
        let path = self.home.path().join("log");
        if path.exists() {
            fs::remove_file(&path).expect("it is ours");
        }
        let whole = [&["--log", "log"], arguments].concat();
        self.run(&whole);
        fs::read_to_string(path).expect("a log")
    }

    /// Runs a command that fails, and expects these words in the log's lines of causes.
    #[track_caller]
    fn logs_cause(&self, arguments: &[&str], words: &[&str]) {
        let log = self.logged(arguments);
        let causes: Vec<_> = log
            .lines()
            .filter(|line| line.contains("because: "))
            .collect();
        for words in words {
            let is_there = causes.iter().any(|line| line.contains(words));
            assert!(is_there, "{words:?} is in no cause: {log}");
        }
    }
}

async fn signed_in() -> Stage {
    let mut stage = Stage::signed_in().await;
    stage.home.set("EPIGRAPH_LOG", "debug");
    stage
}

#[tokio::test]
async fn the_log_has_every_request_with_its_duration() {
    let stage = signed_in().await;
    let log = stage.logged(&["show"]);
    for words in ["connected to the database ms=", "the database answered ms="] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let log = stage.logged(&["logout"]);
    for words in ["/oauth2/default/v1/revoke", "status=200"] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[tokio::test]
async fn the_log_says_why_okta_was_not_reached() {
    let mut stage = signed_in().await;
    let configured = stage.okta.issuer(crate::support::okta::Server::Default);
    let login = &["login"];
    stage
        .home
        .set("AUTH_OKTA_ISSUER", "https://nowhere.invalid");
    stage.logs_cause(login, &["dns error"]);
    stage.home.set("AUTH_OKTA_ISSUER", &configured);
    stage.okta_network.refuse(true);
    stage.logs_cause(login, &["error sending request: client error (Connect)"]);
    stage.okta_network.refuse(false);
    let trusted = ca::trusted().pem_path().display().to_string();
    let stranger = ca::stranger().pem_path().display().to_string();
    stage.home.set("SSL_CERT_FILE", stranger);
    stage.logs_cause(login, &["certificate verify failed"]);
    stage.home.set("SSL_CERT_FILE", trusted);
    stage
        .okta
        .script(Endpoint::DeviceAuthorize, Answer::proxy_page(403));
    stage.logs_cause(login, &["HTTP status 403"]);
}

#[tokio::test]
async fn the_log_has_oktas_own_words() {
    let stage = signed_in().await;
    for (error, words) in [
        ("invalid_client", "The client is on holiday."),
        ("access_denied", "The policy is on holiday."),
    ] {
        stage
            .okta
            .script(Endpoint::DeviceAuthorize, Answer::error(400, error, words));
        stage.logs_cause(&["login"], &[&format!("Okta says {error}: {words}")]);
    }
}

#[tokio::test]
async fn the_log_has_the_databases_own_words() {
    let mut stage = signed_in().await;
    let mut wrong = stage.database.user();
    wrong.password = "another".into();
    stage.home.set("DATABASE_URL", wrong.to_string());
    stage.logs_cause(
        &["show"],
        &["PostgreSQL says 28P01: password authentication failed for user"],
    );
    stage.home.unset("DATABASE_URL");
    stage.database_network.refuse(true);
    stage.logs_cause(&["doctor"], &["error communicating with the server: "]);
    stage.database_network.refuse(false);
    let quote = "never to be seen in a log";
    stage.run(&["set", quote]).data();
    stage.database.query(
        "create function public.refuse() returns trigger language plpgsql as $$
         begin raise exception 'not %', new.message using detail = new.message; end $$;
         create trigger refuse before update on public.user_messages for each row execute function public.refuse()",
    );
    let log = stage.logged(&["set", "a second text that is not to be seen"]);
    assert!(log.contains("PostgreSQL says P0001: not …"), "{log}");
    for text in [quote, "a second text"] {
        assert!(!log.contains(text), "{log}");
    }
    stage.database.query("drop schema epigraph cascade");
    stage.logs_cause(
        &["show"],
        &["PostgreSQL says 3F000: schema \"epigraph\" does not exist"],
    );
}

#[tokio::test]
async fn the_log_says_why_there_is_no_keyring() {
    let mut stage = signed_in().await;
    stage.configure("store = \"keyring\"");
    stage.home.set("EPIGRAPH_LOG", "debug");
    stage.logs_cause(&["doctor"], &["No such file or directory"]);
}
