//! What goes wrong between the program and its database, and how it ends: what the screens do not tell, which
//! `faults/database/network.rs` looks at.

use std::time::Duration;

use epigraph::{account::Activity, failure::Kind, quote::DeleteOutcome};

use crate::support::{
    person::{Person, conflict, saved},
    postgres::{Database, LOCK, shared},
    proxy::Proxy,
};

const ID: &str = "00u-joyce";

/// A database, a proxy before it, and a person behind the proxy.
async fn set_up() -> (Database<'static>, Proxy, Person) {
    let database = Database::migrated().await;
    let proxy = Proxy::to(shared().port());
    let person = Person::new(ID, &database.user().port(proxy.port()).to_string());
    (database, proxy, person)
}

/// Waits for something to be so without standing in the way of what makes it so.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

#[tokio::test]
async fn an_idle_connection_that_was_ended_is_replaced() {
    let (database, proxy, joyce) = set_up().await;
    saved(joyce.save("one", None).await);
    database.end_sessions();
    assert_eq!(joyce.load().await.as_deref(), Some("one"));
    assert_eq!(proxy.counts().connections, 2);
    assert!(!joyce.activities().contains(&Activity::RetryingDatabase));
}

#[tokio::test]
async fn a_first_save_or_delete_without_an_answer_is_settled() {
    let (database, proxy, joyce) = set_up().await;
    joyce.connect().await;
    for (deletes, count) in [(false, "1"), (true, "0")] {
        proxy.hold_answers(true);
        let change = async {
            if deletes {
                assert_eq!(joyce.delete(Some("one")).await, DeleteOutcome::Deleted);
            } else {
                saved(joyce.save("one", None).await);
            }
        };
        let meanwhile = async {
            until("the change is committed", || {
                database.query("select count(*) from public.user_messages") == count
            })
            .await;
            proxy.cut();
            proxy.hold_answers(false);
        };
        tokio::join!(change, meanwhile);
    }
}

/// And not over a change that was made in between.
#[tokio::test]
async fn a_save_that_never_arrives_is_sent_again() {
    let (database, proxy, joyce) = set_up().await;
    for changes in [false, true] {
        joyce.delete(None).await;
        saved(joyce.save("one", None).await);
        proxy.forget();
        proxy.hold_requests(true);
        let save = joyce.save("two", Some("one"));
        let meanwhile = async {
            until("the save is sent", || proxy.counts().requested > 0).await;
            if changes {
                database.query("update public.user_messages set message = 'three'");
            }
            proxy.cut();
            proxy.hold_requests(false);
        };
        let (outcome, ()) = tokio::join!(save, meanwhile);
        if changes {
            assert_eq!(conflict(outcome).as_deref(), Some("three"));
        } else {
            assert_eq!(saved(outcome).text, "two");
        }
        let row = database.query("select message from public.user_messages");
        assert_eq!(row, if changes { "three" } else { "two" });
    }
}

#[tokio::test]
async fn a_cold_start_is_shown_and_waited_for() {
    let (_database, proxy, joyce) = set_up().await;
    proxy.hold_answers(true);
    let meanwhile = async {
        until("the database is said to be waking", || {
            joyce.activities().contains(&Activity::WakingDatabase)
        })
        .await;
        proxy.hold_answers(false);
    };
    let (quote, ()) = tokio::join!(joyce.load(), meanwhile);
    assert_eq!(quote, None);
    assert_eq!(
        joyce.activities(),
        [Activity::ConnectingDatabase, Activity::WakingDatabase]
    );
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let (database, proxy, _) = set_up().await;
    let mut url = database.user().port(proxy.port());
    url.password = "not-the-password".into();
    let joyce = Person::new(ID, &url.to_string());
    let failure = joyce.try_load().await.expect_err("the password is wrong");
    assert_eq!(failure.kind, Kind::Database);
    assert!(failure.what.contains("with this password"), "{failure}");
    assert!(!failure.to_string().contains("not-the-password"));
    assert_eq!(proxy.counts().connections, 1);
    let user = database.user_name();
    let logged = format!("password authentication failed for user \"{user}\"");
    assert_eq!(shared().log().matches(&logged).count(), 1);
}

#[tokio::test]
async fn an_abandoned_operation_leaves_nothing_behind() {
    let (database, proxy, joyce) = set_up().await;
    saved(joyce.save("one", None).await);
    let owner = database.owner_begins(LOCK).await;
    tokio::select! {
        outcome = joyce.save("two", Some("one")) => panic!("{outcome:?}"),
        () = until("the save waits", || database.waits_for_a_lock()) => {}
    }
    owner.batch_execute("commit").await.expect("it is open");
    let connections = proxy.counts().connections;
    // Whether the abandoned save went through or not: the next one sees what is there, on a connection of its own.
    let now = joyce.load().await.expect("there is a quote");
    assert_eq!(proxy.counts().connections, connections + 1);
    saved(joyce.save("three", Some(&now)).await);
    until("the old session ends", || database.sessions("true") == 1).await;
}

/// A writer that has not committed yet makes the statement wait, and what it then sees is not what it returns.
#[tokio::test]
async fn a_change_in_the_very_moment_is_a_conflict_like_any_other() {
    let (database, _proxy, joyce) = set_up().await;
    let insert = "insert into public.user_messages values ('00u-joyce', now(), 'theirs')";
    let update = "update public.user_messages set message = 'theirs'";
    let delete = "delete from public.user_messages";
    for (before, theirs, after) in [
        (None, insert, Some("theirs")),
        (Some("one"), update, Some("theirs")),
        (Some("one"), delete, None),
    ] {
        joyce.delete(None).await;
        if let Some(text) = before {
            saved(joyce.save(text, None).await);
        }
        let owner = database.owner_begins(theirs).await;
        let meanwhile = async {
            until("the save waits", || database.waits_for_a_lock()).await;
            owner.batch_execute("commit").await.expect("it is open");
        };
        let (outcome, ()) = tokio::join!(joyce.save("ours", before), meanwhile);
        assert_eq!(conflict(outcome).as_deref(), after, "{theirs}");
    }

    saved(joyce.save("one", None).await);
    let owner = database.owner_begins(update).await;
    let meanwhile = async {
        until("the delete waits", || database.waits_for_a_lock()).await;
        owner.batch_execute("commit").await.expect("it is open");
    };
    let (outcome, ()) = tokio::join!(joyce.delete(Some("one")), meanwhile);
    assert!(matches!(outcome, DeleteOutcome::Conflict(current) if current.text == "theirs"));
}

#[tokio::test]
async fn of_writers_at_once_exactly_one_wins() {
    let database = Database::migrated().await;
    let people = [(); 4].map(|()| Person::new(ID, &database.user_url()));
    let mut before: Option<String> = None;
    for round in 0..10 {
        let texts: Vec<_> = (0..people.len())
            .map(|number| format!("{round}.{number}"))
            .collect();
        let saves = people
            .iter()
            .zip(&texts)
            .map(|(person, text)| person.save(text, before.as_deref()));
        let outcomes = futures_util::future::join_all(saves).await;
        let row = people[0].load().await.expect("one of them won");
        for (text, outcome) in texts.iter().zip(outcomes) {
            if *text == row {
                saved(outcome);
            } else {
                assert_eq!(conflict(outcome).as_deref(), Some(row.as_str()));
            }
        }
        before = Some(row);
    }
}
