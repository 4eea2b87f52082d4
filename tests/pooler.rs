//! PgBouncer in transaction mode, as behind Neon's `-pooler` hosts: nothing may depend on a session.

use epigraph::{account::Activity, failure::Kind, postgres::Target};

use crate::support::{
    person::{Person, conflict, saved},
    pgbouncer::PgBouncer,
    postgres::{Database, shared},
    proxy::Proxy,
    stage::Stage,
};

#[tokio::test]
async fn people_share_one_server_connection_without_meeting() {
    let database = Database::migrated().await;
    let pooler = PgBouncer::start(shared(), 1, &[&database]);
    let url = database
        .user()
        .port(pooler.port())
        .without("channel_binding")
        .to_string();
    let (joyce, woolf) = (
        Person::new("00u-joyce", &url),
        Person::new("00u-woolf", &url),
    );
    let story = async |person: &Person, name: &str| {
        let mut before = None;
        for round in 0..10 {
            let text = format!("{name} {round}");
            saved(person.save(&text, before.as_deref()).await);
            assert_eq!(person.load().await.as_deref(), Some(text.as_str()));
            before = Some(text);
        }
        assert_eq!(conflict(person.save("no", Some("never")).await), before);
        person.delete(before.as_deref()).await;
    };
    tokio::join!(story(&joyce, "joyce"), story(&woolf, "woolf"));
    assert_eq!(
        database.query("select count(*) from public.user_messages"),
        "0"
    );
    assert_eq!(
        database.query(&format!(
            "select count(*) from pg_stat_activity where usename = '{}'",
            database.user_name()
        )),
        "1",
        "they did share it"
    );
    assert!(!joyce.activities().contains(&Activity::RetryingDatabase));
}

#[tokio::test]
async fn migrations_go_through_it_one_at_a_time() {
    let database = Database::new();
    let pooler = PgBouncer::start(shared(), 1, &[&database]);
    let url = database
        .owner()
        .port(pooler.port())
        .without("channel_binding");
    let target = Target::parse(&url.to_string().into()).expect("a good connection string");
    let (one, other) = tokio::join!(
        epigraph::admin::migrate(&target),
        epigraph::admin::migrate(&target)
    );
    let mut counts = [one, other].map(|applied| applied.expect("both end well").len());
    counts.sort_unstable();
    assert_eq!(counts[0], 0);
    assert!(counts[1] > 0);
}

#[tokio::test]
async fn what_it_refuses_is_explained() {
    let database = Database::migrated().await;
    let pooler = PgBouncer::start(shared(), 2, &[&database]);
    let url = database.user().port(pooler.port());
    let failure = Person::new("00u-joyce", &url.to_string())
        .try_load()
        .await
        .expect_err("it has no channel binding");
    assert_eq!(failure.kind, Kind::Database);
    assert!(failure.what.contains("channel binding"), "{failure}");
    assert!(
        failure
            .cure
            .is_some_and(|cure| cure.contains("channel_binding=require"))
    );

    let url = url.without("channel_binding");
    let optioned = url.clone().set("options", "-c work_mem=4MB");
    let failure = Person::new("00u-joyce", &optioned.to_string())
        .try_load()
        .await
        .expect_err("it takes no options");
    assert!(failure.what.contains("refuses the options"), "{failure}");

    let mut wrong = url.clone();
    wrong.password = "not-the-password".into();
    let failure = Person::new("00u-joyce", &wrong.to_string())
        .try_load()
        .await
        .expect_err("the password is wrong");
    assert_eq!(failure.kind, Kind::Database, "{failure}");
    assert!(failure.what.contains("with this password"), "{failure}");

    let mut unknown = url;
    unknown.user = "nobody_at_all".into();
    let failure = Person::new("00u-joyce", &unknown.to_string())
        .try_load()
        .await
        .expect_err("nobody has this name");
    assert_eq!(failure.kind, Kind::Database, "{failure}");
}

#[tokio::test]
async fn how_it_asks_for_the_password_is_known_at_the_next_start() {
    let mut stage = Stage::signed_in().await;
    let pooler = PgBouncer::start(shared(), 2, &[&stage.database]);
    let proxy = Proxy::to(pooler.port());
    let url = stage.database.user().port(proxy.port());
    let url = url.without("channel_binding").to_string();
    stage.home.set("DATABASE_URL", url);
    for connections in [2, 1, 1] {
        proxy.forget();
        assert_eq!(stage.run(&["show"]).code, Some(5), "there is no quote");
        assert_eq!(proxy.counts().connections, connections);
    }
}
