//! Whom the program believes to be its database, and what it says when it does not.

use epigraph::failure::{Failure, Kind};

use crate::support::{
    ca::{self, Validity},
    person::{Person, saved},
    postgres::{Cluster, Database, Settings, Url, shared},
    proxy::Proxy,
    tls_front::TlsFront,
};

const NEON_HOST: &str = "ep-test-123.eu-central-1.aws.neon.tech";

impl Cluster {
    /// One that knows no TLS, as behind something that ends it.
    pub(crate) fn without_tls() -> Self {
        Self::start(Settings {
            plaintext: true,
            ..Settings::default()
        })
    }
}

impl Url {
    /// The way through something that begins with TLS at once.
    pub(crate) fn over_tls_at(self, port: u16) -> Self {
        let root = ca::trusted().pem_path().display().to_string();
        let url = self.port(port).set("sslmode", "require");
        url.set("sslrootcert", root).set("sslnegotiation", "direct")
    }
}

/// Expects a connection string to come to nothing, with these words and a cure, and without its password in them.
async fn refused(url: &Url, kind: Kind, words: &str) -> Failure {
    let failure = Person::new("00u-joyce", &url.to_string())
        .try_load()
        .await
        .expect_err(words);
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.what.contains(words), "{words}: {failure}");
    assert!(failure.cure.is_some(), "{failure}");
    assert!(!failure.to_string().contains(&url.password), "{failure}");
    failure
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_for_any_sslmode() {
    let database = Database::migrated().await;
    let url = || database.user().without("sslrootcert");
    let modes = ["verify-full", "verify-ca", "require", "prefer", "allow"];
    let stranger = ca::stranger().pem_path().display().to_string();
    for url in modes
        .map(|mode| url().set("sslmode", mode))
        .into_iter()
        .chain([url().without("sslmode"), url().set("sslrootcert", stranger)])
    {
        refused(&url, Kind::Unreachable, "not trusted by this machine").await;
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let database = Database::migrated().await;
    let mut url = database
        .user()
        .set("hostaddr", "127.0.0.1")
        .set("sslmode", "require");
    url.host = "db.example".into();
    refused(&url, Kind::Unreachable, "another name than db.example").await;
    // Also where TLS begins at once, and without another try in the hope of a better answer.
    let front = TlsFront::before(shared().port(), ca::localhost());
    let proxy = Proxy::to(front.port());
    let mut url = url.port(proxy.port());
    url.host = NEON_HOST.into();
    refused(&url, Kind::Unreachable, "another name than ep-test-123").await;
    assert_eq!(proxy.counts().connections, 1);
}

#[tokio::test]
async fn neon_is_told_the_name_of_the_database_it_has_to_find() {
    let cluster = Cluster::without_tls();
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
async fn a_file_of_certificates_that_is_none_is_named() {
    let database = Database::new();
    for (file, words) in [
        ("/nonexistent/ca.pem", "/nonexistent/ca.pem"),
        ("/etc/passwd", "contains no certificate"),
    ] {
        let url = database.user().set("sslrootcert", file);
        refused(&url, Kind::Config, words).await;
    }
}

#[tokio::test]
async fn nothing_is_sent_without_tls_except_to_loopback_on_request() {
    let cluster = Cluster::without_tls();
    let database = cluster.migrated().await;
    let proxy = Proxy::to(cluster.port());
    let url = database.user().port(proxy.port()).set("sslmode", "prefer");
    refused(&url, Kind::Unreachable, "does not offer TLS").await;
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
        let words = "Could not establish a TLS connection";
        let failure = refused(&url, Kind::Unreachable, words).await;
        assert!(failure.to_string().contains("sslnegotiation=direct"));
    }
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
