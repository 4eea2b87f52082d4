//! PgBouncer in transaction mode, as behind Neon's `-pooler` hosts: nothing may depend on a session.

use epigraph::postgres::Target;

use crate::support::{
    pgbouncer::PgBouncer,
    postgres::{Database, shared},
    proxy::Proxy,
    stage::Stage,
};

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
