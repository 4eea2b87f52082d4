//! Several administrators at once, of one database and of two.

use std::{process::Command, thread};

use super::{Admin, open_session, password};
use crate::support::{
    postgres::{Cluster, each_server},
    program::{Home, Ran},
    pty::Pty,
    wait_until,
};

each_server! {
    set_ups_and_invitations_at_once_all_end_well,
    one_name_in_two_databases_at_once_goes_to_one_of_them,
    a_wait_for_another_administrator_is_told_and_ends,
    a_strangers_locks_block_no_administrator,
}

/// Runs commands side by side, and returns how they ended.
fn side_by_side(commands: Vec<Command>) -> Vec<Ran> {
    let started: Vec<_> = commands
        .into_iter()
        .map(|mut command| Home::start(&mut command))
        .collect();
    let waiting: Vec<_> = started
        .into_iter()
        .map(|child| thread::spawn(move || child.wait_with_output().expect("it ends").into()))
        .collect();
    waiting
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .collect()
}

async fn set_ups_and_invitations_at_once_all_end_well(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    let set_up = admin.to_set_up();
    let ran = side_by_side((0..3).map(|_| admin.home.command(&set_up)).collect());
    let printed: Vec<_> = ran.iter().filter(|ran| !ran.stdout.is_empty()).collect();
    assert!(ran.iter().all(|ran| ran.code == Some(0)), "{ran:?}");
    assert_eq!(printed.len(), 1, "{ran:?}");
    open_session(&printed[0].stdout).await;

    let guest = |number| admin.other(&format!("guest_{number}")).0;
    let names: Vec<_> = (0..4).map(guest).collect();
    let commands = names
        .iter()
        .chain([&names[0]])
        .map(|name| admin.home.command(&["admin", "invite", name]));
    let ran = side_by_side(commands.chain([admin.home.command(&set_up)]).collect());
    // Of the two for the same name, one gets it, and the other hears of that.
    let (given, refused): (Vec<_>, Vec<_>) = ran[..5].iter().partition(|ran| ran.code == Some(0));
    assert_eq!((given.len(), refused.len()), (4, 1), "{ran:?}");
    assert!(
        matches!(refused[0].code, Some(2 | 11)) && refused[0].stderr.contains("--new-password"),
        "{refused:?}"
    );
    for ran in ran.iter().filter(|ran| ran.stdout.contains("database_url")) {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        open_session(&ran.stdout).await;
    }
    let commands = names
        .iter()
        .map(|name| admin.home.command(&["admin", "revoke", name]));
    for ran in side_by_side(commands.collect()) {
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}

async fn one_name_in_two_databases_at_once_goes_to_one_of_them(cluster: &'static Cluster) {
    let (first, _) = Admin::set_up(cluster);
    let (second, _) = Admin::set_up(cluster);
    for round in 0..4 {
        let (name, _) = first.other(&format!("guest_{round}"));
        let arguments = ["admin", "invite", &name];
        let ran = side_by_side(vec![
            first.home.command(&arguments),
            second.home.command(&arguments),
        ]);
        let (won, lost): (Vec<_>, Vec<_>) = ran.iter().partition(|ran| ran.code == Some(0));
        assert_eq!((won.len(), lost.len()), (1, 1), "{ran:?}");
        lost[0].fails(11, &["taken by another database"]);
        assert!(password(&won[0].stdout).len() >= 24);
        open_session(&won[0].stdout).await;
    }
}

async fn a_wait_for_another_administrator_is_told_and_ends(cluster: &'static Cluster) {
    let (admin, _) = Admin::set_up(cluster);
    let other = admin.database.owner_session().await;
    let (name, _) = admin.other("guest");
    for arguments in [&["admin", "invite", &name][..], &["admin", "migrate"]] {
        let lock = "begin; lock table public.epigraph_schema_history in share row exclusive mode";
        other.batch_execute(lock).await.expect("the owner may");
        let mut pty = Pty::spawn(&admin.home.command(arguments), 200, 50);
        pty.sees("another administrator is at work");
        other.batch_execute("commit").await.expect("it ends");
        assert!(pty.exit_status().success(), "{}", pty.screen());
    }
}

async fn a_strangers_locks_block_no_administrator(cluster: &'static Cluster) {
    let (admin, config) = Admin::set_up(cluster);
    let stranger = open_session(&config).await;
    // The number that a migration waited for once.
    stranger
        .batch_execute("begin; select pg_advisory_lock(x'6570696772617068'::bit(64)::bigint)")
        .await
        .expect("everybody may");
    assert_eq!(admin.run(&["migrate"]).code, Some(0));
    stranger
        .batch_execute("lock table public.epigraph_schema_history in access share mode")
        .await
        .expect_err("that one is the owner's");
    wait_until("it is not held up", || {
        (admin.setup(&[]).code == Some(0)).then_some(())
    });
}
