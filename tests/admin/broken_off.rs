//! What is broken off at any moment, and done again.

use std::{
    ffi::OsStr,
    fs::File,
    process::Stdio,
    time::{Duration, Instant},
};

use openssl::rand::rand_bytes;

use super::{
    Admin,
    moving::{fill, kept, make_old, members},
    open_session,
};
use crate::{
    faults::rounds,
    support::{
        postgres::{Cluster, Settings, eighteen},
        program::{Home, Ran},
        wait_until,
    },
};

/// A part of a time, never the same.
fn part_of(whole: Duration) -> Duration {
    let mut bytes = [0; 2];
    rand_bytes(&mut bytes).expect("OpenSSL has random bytes");
    whole * u32::from(u16::from_be_bytes(bytes)) / 65536
}

/// Starts it and kills it after a time. Says what it had printed by then.
fn killed<A: AsRef<OsStr>>(admin: &Admin, arguments: &[A], after: Duration) -> Ran {
    let mut child = Home::start(admin.home.command(arguments).stdout(Stdio::piped()));
    std::thread::sleep(after);
    child.kill().expect("it can be killed");
    child.wait_with_output().expect("it ends").into()
}

#[tokio::test]
async fn a_password_that_was_set_and_never_shown_is_replaced() {
    let cluster = Cluster::start(Settings::default());
    let admin = Admin::of(&cluster);
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("it is there")
    };
    let breaks_off = |arguments: &[String]| {
        let status = admin.home.command(arguments).stdout(full()).status();
        assert_eq!(status.expect("it starts").code(), Some(1), "{arguments:?}");
    };
    let set_up = admin.to_set_up();
    let invite = |name: &str| ["admin", "invite", name].map(str::to_owned).to_vec();
    let virginia = invite("virginia");
    let new_password = [&virginia[..], &["--new-password".to_owned()]].concat();
    for (broken, again) in [
        (&set_up, &set_up),
        (&virginia, &virginia),
        (&new_password, &virginia),
    ] {
        breaks_off(broken);
        let config = admin.home.run(again).says(&["was never shown"]);
        open_session(&config).await;
        // What was shown stays.
        let ran = admin.home.run(again);
        assert_eq!(ran.stdout, "", "{ran:?}");
    }
    let unshown = admin
        .database
        .query("select count(*) from okta.unshown_access");
    assert_eq!(unshown, "0");
    // Someone who was invited and never shown theirs is named by a set-up.
    breaks_off(&invite("nora"));
    let says = "run `epigraph admin invite nora`";
    admin.home.run(&set_up).says(&[says]);
}

#[tokio::test]
async fn a_password_is_shown_where_the_database_takes_no_note_of_it() {
    let cluster = Cluster::start(Settings::default());
    let (admin, _) = Admin::set_up(&cluster);
    admin.run(&["invite", "virginia"]).data();
    admin.database.query(
        "create function public.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
         create trigger refuse before delete on okta.unshown_access execute function public.refuse()",
    );
    let ran = admin.run(&["invite", "virginia", "--new-password"]);
    open_session(&ran.says(&["could not record"])).await;
    admin
        .database
        .query("alter table okta.unshown_access disable trigger refuse");
    let ran = admin.run(&["invite", "virginia"]);
    open_session(&ran.says(&["was never shown"])).await;
}

#[tokio::test]
async fn a_set_up_that_is_killed_at_any_moment_is_done_again() {
    let cluster = Cluster::start(Settings::default());
    let whole = Admin::of(&cluster);
    let begun = Instant::now();
    whole.setup(&[]).data();
    let takes = begun.elapsed();
    for round in 0..rounds(3, 60) {
        let admin = Admin::of(&cluster);
        let arguments = admin.to_set_up();
        // The end is where it counts.
        let after = takes / 2 + part_of(takes * 3 / 4);
        let broken = killed(&admin, &arguments, after);
        let again = admin.home.run(&arguments);
        assert_eq!(again.code, Some(0), "round {round}: {again:?}");
        let config = if again.stdout.is_empty() {
            &broken.stdout
        } else {
            &again.stdout
        };
        assert!(
            config.contains("database_url"),
            "round {round}: nobody has it: {broken:?} {again:?}"
        );
        open_session(config).await;
        let (code, status) = admin.status();
        let access = status["access"].as_array().map(Vec::len);
        assert_eq!(access, Some(1), "{code:?} {status}");
        let rows = admin
            .database
            .query("select count(*) from public.user_messages");
        assert_eq!(rows, "0", "round {round}");
    }
}

#[tokio::test]
async fn a_killed_or_repeated_migration_is_all_or_nothing() {
    killed_migrations(&Cluster::start(Settings::default())).await;
}

#[tokio::test]
async fn the_same_is_so_on_postgresql_18() {
    killed_migrations(&Cluster::start(Settings {
        server: eighteen(),
        ..Settings::default()
    }))
    .await;
}

async fn killed_migrations(cluster: &Cluster) {
    let mut takes = Duration::ZERO;
    for round in 0..=rounds(4, 100) {
        let admin = Admin::of(cluster);
        make_old(&admin.database).await;
        fill(&admin).await;
        let before = kept(&admin.database);
        let people = members(&admin.database, "epigraph_user");
        if round > 0 {
            killed(&admin, &["admin", "migrate"], part_of(takes * 5 / 4));
            wait_until("the server is done with whoever was killed", || {
                let left = "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()";
                (admin.database.query(left) == "0").then_some(())
            });
        }
        assert_eq!(kept(&admin.database), before, "round {round}");
        let begun = Instant::now();
        let mut both = [0, 1].map(|_| Home::start(&mut admin.home.command(&["admin", "migrate"])));
        for child in &mut both {
            let status = child.wait().expect("it ends");
            assert_eq!(status.code(), Some(0), "round {round}");
        }
        takes = takes.max(begun.elapsed());
        assert_eq!(kept(&admin.database), before, "round {round}");
        let group = admin.database.group();
        assert_eq!(members(&admin.database, &group), people, "round {round}");
        // Where the two were in each other's way, the next migration takes the old group away.
        wait_until("the old group goes", || {
            assert_eq!(admin.run(&["migrate"]).code, Some(0), "round {round}");
            let gone = "select to_regrole('epigraph_user') is null";
            (admin.database.query(gone) == "t").then_some(())
        });
    }
}
