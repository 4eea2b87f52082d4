//! Whom the program believes to be its database, and what it says when it does not.

use epigraph::{
    failure::{Failure, Kind},
    postgres::{Postgres, Target},
    session::{Progress, Quotes},
};

use crate::support::{
    ca::{self, Validity},
    person::{Person, saved},
    postgres::{Cluster, Database, Settings, Url, shared},
    proxy::Proxy,
    tls_front::TlsFront,
    token,
};

const NEON_HOST: &str = "ep-test-123.eu-central-1.aws.neon.tech";

#[track_caller]
fn check(failure: &Failure, kind: Kind, words: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.what.contains(words), "{failure}");
    assert!(failure.cure.is_some(), "{failure}");
}

async fn refused(url: &Url) -> Failure {
    let failure = Person::new("00u-joyce", &url.to_string())
        .try_load()
        .await
        .expect_err("this must not work");
    assert!(!failure.to_string().contains(&url.password), "{failure}");
    failure
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_for_any_sslmode() {
    let database = Database::migrated().await;
    for sslmode in ["verify-full", "verify-ca", "require", "prefer", "allow"] {
        let url = database
            .user()
            .without("sslrootcert")
            .set("sslmode", sslmode);
        check(
            &refused(&url).await,
            Kind::Unreachable,
            "not trusted by this machine",
        );
    }
    let url = database.user().without("sslrootcert").without("sslmode");
    check(
        &refused(&url).await,
        Kind::Unreachable,
        "not trusted by this machine",
    );
    let stranger = ca::stranger().pem_path().display().to_string();
    let url = database.user().set("sslrootcert", stranger);
    check(
        &refused(&url).await,
        Kind::Unreachable,
        "not trusted by this machine",
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let database = Database::migrated().await;
    let mut url = database
        .user()
        .set("hostaddr", "127.0.0.1")
        .set("sslmode", "require");
    url.host = "db.example".into();
    check(
        &refused(&url).await,
        Kind::Unreachable,
        "another name than db.example",
    );
    // Also where TLS begins at once, and without another try in the hope of a better answer.
    let front = TlsFront::before(shared().port(), ca::localhost());
    let proxy = Proxy::to(front.port());
    let mut url = url.port(proxy.port());
    url.host = NEON_HOST.into();
    check(
        &refused(&url).await,
        Kind::Unreachable,
        "another name than ep-test-123",
    );
    assert_eq!(proxy.counts().connections, 1);
}

#[tokio::test]
async fn neon_is_told_the_name_of_the_database_it_has_to_find() {
    let cluster = Cluster::start(Settings {
        plaintext: true,
        ..Settings::default()
    });
    let database = cluster.migrated().await;
    let front = TlsFront::before(
        cluster.port(),
        &ca::trusted().leaf(&[NEON_HOST], Validity::Current),
    );
    let root = ca::trusted().pem_path().display().to_string();
    let mut url = database
        .user()
        .port(front.port())
        .set("hostaddr", "127.0.0.1")
        .set("sslmode", "require")
        .set("sslrootcert", root);
    url.host = NEON_HOST.into();
    let joyce = Person::new("00u-joyce", &url.to_string());
    saved(joyce.save("one", None).await);
    // No one asked for direct TLS: it is known of Neon. What cannot bind the password to TLS is asked a second time.
    assert_eq!(front.asked_for(), [NEON_HOST, NEON_HOST]);
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let cluster = Cluster::start(Settings {
        leaf: Some(&ca::trusted().leaf(&["localhost"], Validity::Expired)),
        ..Settings::default()
    });
    let url = cluster.migrated_without_checks().user();
    check(&refused(&url).await, Kind::Unreachable, "has expired");
}

#[tokio::test]
async fn a_file_of_certificates_that_is_none_is_named() {
    let database = Database::new();
    let url = database.user().set("sslrootcert", "/nonexistent/ca.pem");
    check(&refused(&url).await, Kind::Config, "/nonexistent/ca.pem");
    let url = database.user().set("sslrootcert", "/etc/passwd");
    check(
        &refused(&url).await,
        Kind::Config,
        "contains no certificate",
    );
}

#[tokio::test]
async fn nothing_is_sent_without_tls_except_to_loopback_on_request() {
    let cluster = Cluster::start(Settings {
        plaintext: true,
        ..Settings::default()
    });
    let database = cluster.migrated().await;
    let proxy = Proxy::to(cluster.port());
    let url = database.user().port(proxy.port()).set("sslmode", "prefer");
    check(
        &refused(&url).await,
        Kind::Unreachable,
        "does not offer TLS",
    );
    // The question whether it speaks TLS, and nothing after it.
    assert_eq!(proxy.counts().requested, 8);

    let joyce = Person::new(
        "00u-joyce",
        &database.user().set("sslmode", "disable").to_string(),
    );
    saved(joyce.save("one", None).await);
}

#[tokio::test]
async fn direct_tls_is_tried_with_neon_and_the_answer_remembered() {
    let cluster = Cluster::start(Settings {
        leaf: Some(&ca::trusted().leaf(&[NEON_HOST], Validity::Current)),
        ..Settings::default()
    });
    let database = cluster.migrated_without_checks();
    let proxy = Proxy::to(cluster.port());
    let mut url = database
        .user()
        .port(proxy.port())
        .set("hostaddr", "127.0.0.1");
    url.host = NEON_HOST.into();
    let joyce = Person::new("00u-joyce", &url.to_string());
    joyce.load().await;
    let direct_is_taken = cluster.version() >= 170_000;
    assert_eq!(
        proxy.counts().connections,
        if direct_is_taken { 1 } else { 2 }
    );
    proxy.forget();
    proxy.cut();
    joyce.load().await;
    assert_eq!(proxy.counts().connections, 1);

    let url = url.set("sslnegotiation", "direct");
    if direct_is_taken {
        Person::new("00u-joyce", &url.to_string()).load().await;
    } else {
        let failure = refused(&url).await;
        check(
            &failure,
            Kind::Unreachable,
            "Could not establish a TLS connection",
        );
        assert!(
            failure
                .cure
                .is_some_and(|cure| cure.contains("sslnegotiation=direct"))
        );
    }
}

#[tokio::test]
async fn refusals_of_the_server_say_what_to_do() {
    let database = Database::new();
    check(
        &refused(&database.user()).await,
        Kind::Database,
        "lacks functions",
    );
    let mut url = database.user();
    url.database = "nowhere".into();
    check(&refused(&url).await, Kind::Database, "no database nowhere");
    let mut url = database.user();
    url.user = "nobody_at_all".into();
    check(
        &refused(&url).await,
        Kind::Database,
        "rejected the role nobody_at_all",
    );

    database.migrate().await;
    let failure = refused(&database.user()).await;
    check(&failure, Kind::Database, "may not log in to the database");
    database.query(&format!(
        "grant connect on database {} to {}",
        database.name(),
        database.user_name()
    ));
    let failure = refused(&database.user()).await;
    check(&failure, Kind::Database, "may not keep a quote");
    database.grant();
    database.trust(token::ISSUER, token::AUDIENCE, &[token::signer().jwk()]);
    database.query("alter table public.user_messages rename message to body");
    check(
        &refused(&database.user()).await,
        Kind::Database,
        "does not have the columns",
    );
    database.query("alter table public.user_messages rename body to message");
    database.query("alter table public.user_messages rename to elsewhere");
    check(
        &refused(&database.user()).await,
        Kind::Database,
        "no table public.user_messages",
    );
}

/// Whoever shares the role can set these, for everybody.
#[tokio::test]
async fn the_defaults_of_a_role_disturb_no_other() {
    let database = Database::migrated().await;
    for default in [
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "search_path = 'pg_temp, nowhere'",
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'SQL, DMY'",
        "client_encoding = 'LATIN1'",
    ] {
        let role = database.user_name();
        database.query(&format!("alter role {role} set {default}"));
    }
    let joyce = Person::new("00u-joyce", &database.user_url());
    saved(joyce.save("日本語 one", None).await);
    assert_eq!(joyce.load().await.as_deref(), Some("日本語 one"));
    joyce.delete(Some("日本語 one")).await;
    assert_eq!(joyce.load().await, None);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let database = Database::migrated().await;
    let joyce = Person::new(
        "00u-joyce",
        &database
            .user()
            .set("statement_timeout", "100ms")
            .to_string(),
    );
    saved(joyce.save("one", None).await);
    let owner = database.owner_session().await;
    owner
        .batch_execute("begin; lock table public.user_messages in access exclusive mode")
        .await
        .expect("the owner may");
    let failure = joyce
        .try_save("two", Some("one"))
        .await
        .expect_err("it waits too long");
    check(&failure, Kind::Unreachable, "took too long");
    owner.batch_execute("commit").await.expect("it is open");
    // The connection is good for more.
    saved(joyce.save("three", Some("one")).await);
}

/// Whoever shares the role sees what its sessions run: the text of the statements, so nothing of a person may be in it.
#[tokio::test]
async fn the_text_of_a_statement_holds_neither_token_nor_quote() {
    let database = Database::migrated().await;
    database.query(&format!(
        "alter role {} set log_statement = 'all'",
        database.user_name()
    ));
    let target = Target::parse(&database.user_url().into()).expect("a good connection string");
    let postgres = Postgres::new(target, None);
    let mut claims = token::claims("00u-joyce");
    claims["jti"] = database.user_name().into();
    let token = token::signer().token(&claims);
    let owner = database.owner_session().await;
    owner
        .batch_execute("begin; lock table public.user_messages in access exclusive mode")
        .await
        .expect("the owner may");
    let quote = epigraph::quote::Quote::new("a-quote-nobody-may-see").expect("a quote");
    let (token_secret, progress) = (token.clone().into(), Progress::silent());
    let save = postgres.save(&token_secret, &quote, None, &progress);
    let meanwhile = async {
        let seen = loop {
            let seen = database.query(&format!(
                "select query from pg_stat_activity where usename = '{}' and wait_event_type = 'Lock'",
                database.user_name()
            ));
            if !seen.is_empty() {
                break seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        owner.batch_execute("commit").await.expect("it is open");
        seen
    };
    let (outcome, seen) = tokio::join!(save, meanwhile);
    outcome.expect("it is saved");
    assert!(seen.contains("epigraph.save_quote($1, $2)"), "{seen}");
    assert!(
        !seen.contains(&token) && !seen.contains("a-quote-nobody-may-see"),
        "{seen}"
    );
    // The token did travel: the server logs bound parameters beside the text when it is told to log everything.
    assert!(shared().log().contains(&token));
}
