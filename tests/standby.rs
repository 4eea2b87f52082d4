//! A streaming standby, as Neon's read replicas are: the check writes nothing, so it works there.

use crate::support::{
    person::{Person, saved},
    postgres::{Cluster, Settings, literal},
    token,
};

#[tokio::test]
async fn the_check_works_on_a_standby_as_on_its_primary() {
    let mut primary = Cluster::start(Settings::default());
    let standby = primary.standby();
    let database = primary.migrated().await;
    let url = database.user().port(standby.port());
    let woolf = Person::new("00u-woolf", &database.user_url());
    saved(woolf.save("Lock up your libraries", None).await);
    standby.catches_up_with(&primary);
    assert_eq!(standby.query("postgres", "select pg_is_in_recovery()"), "t");

    // The program's own read-only transaction: the signature, and then the same token again in one session.
    let there = Person::new("00u-woolf", &url.to_string());
    for _ in 0..2 {
        let read = there.load().await;
        assert_eq!(read.as_deref(), Some("Lock up your libraries"));
    }
    let joyce = Person::new("00u-joyce", &url.to_string());
    assert_eq!(joyce.load().await, None);

    // A token that is not Okta's is refused there as well.
    let forged = token::Signer::new().token(&token::claims("00u-woolf"));
    let script = format!(
        "\\set VERBOSITY verbose\nbegin read only;\nselect set_config('okta.id_token', {}, true) is null;\nselect * from epigraph.load_quote();",
        literal(&forged)
    );
    let shown = database.psql(&url, &script);
    assert!(shown.contains("28E04"), "{shown}");
    assert!(!shown.contains("libraries"), "{shown}");

    // A key that goes on the primary goes there.
    database.query("delete from okta.signing_key");
    standby.catches_up_with(&primary);
    assert!(there.try_load().await.is_err());
}
