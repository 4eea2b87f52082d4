//! How a session with the database ends: in order, and without holding anyone up.

use std::time::Duration;

use epigraph::session::finish_background_work;

use crate::{
    screens::quits,
    support::{
        ca,
        person::Person,
        postgres::{Cluster, Database, shared},
        proxy::Proxy,
        stage::Stage,
        tls_front::{End, TlsFront},
        wait_until,
    },
};

#[tokio::test]
async fn every_session_ends_with_terminate_and_close_notify() {
    let mut stage = Stage::signed_in().await;
    let cluster = Cluster::without_tls();
    let database = cluster.migrated().await;
    let front = TlsFront::before(cluster.port(), ca::localhost());
    let url = database.user().over_tls_at(front.port());
    let in_order = End {
        last: b"X\0\0\0\x04".to_vec(),
        closed_tls: true,
    };
    // Before a session there are connections that come to nothing: it is learnt from them how this server asks.
    let ended = |what: &str| {
        wait_until(what, || front.ends().contains(&in_order).then_some(()));
        front.forget_ends();
    };

    let joyce = Person::new("00u-joyce", &url.to_string());
    assert_eq!(joyce.load().await, None);
    drop(joyce);
    finish_background_work().await;
    ended("the library's session ends");

    stage.home.set("DATABASE_URL", url.to_string());
    // It trusts another Okta, and says so.
    assert_eq!(stage.run(&["show"]).code, Some(11));
    ended("the command's session ends");

    let mut screen = stage.open();
    screen.sees("Your quote could not be read.");
    quits(&mut screen);
    ended("the screens' session ends");
}

#[tokio::test]
async fn an_abandoned_operation_holds_the_end_up_for_a_moment() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(shared().port());
    let url = database.user().port(proxy.port()).to_string();
    let joyce = Person::new("00u-joyce", &url);
    joyce.connect().await;
    proxy.hold_answers(true);
    let before = proxy.counts().requested;
    let asked = async {
        while proxy.counts().requested == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        loaded = joyce.load() => panic!("{loaded:?}"),
        () = asked => {}
    }
    // Its answer never comes.
    let ended = tokio::time::timeout(Duration::from_secs(30), finish_background_work()).await;
    assert_eq!(ended, Ok(()));
    proxy.hold_answers(false);
    wait_until("the connection is closed", || {
        (proxy.open() == 0).then_some(())
    });
}
