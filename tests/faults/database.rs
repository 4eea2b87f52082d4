//! What fails at the database, and on the way to it.

mod cuts;
mod neon;
mod network;
mod refusals;
mod waiting;

use std::process::Command;

use crate::support::{
    okta::Person,
    postgres::literal,
    program::{Home, Ran},
    pty::Pty,
    stage::Stage,
};

/// Puts a quote of James Joyce's into the database, without the program.
fn give(stage: &Stage, text: &str) {
    stage.database.query(&format!(
        "insert into public.user_messages (user_id, message) values ({}, {})
         on conflict (user_id) do update set message = excluded.message",
        literal(Person::James.id()),
        literal(text)
    ));
}

/// Ends every session of the program's at the server, as a restart of it does, or of Neon's compute.
fn end_sessions(stage: &Stage) {
    stage.database.query(&format!(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '{}'",
        stage.database.user_name()
    ));
}

/// Says whether a session of the program's waits for a lock.
fn waits_for_a_lock(stage: &Stage) -> bool {
    stage.database.query(&format!(
        "select count(*) from pg_stat_activity where usename = '{}' and wait_event_type = 'Lock'",
        stage.database.user_name()
    )) != "0"
}

/// Opens the editor and writes at the end of what is there.
#[track_caller]
fn write(screen: &mut Pty, text: &str) {
    screen.writes(text);
    screen.sees(text.trim_end());
}

/// Runs commands side by side, and returns how they ended.
fn side_by_side(commands: impl IntoIterator<Item = Command>) -> Vec<Ran> {
    let started: Vec<_> = commands
        .into_iter()
        .map(|mut command| Home::start(&mut command))
        .collect();
    started
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends").into())
        .collect()
}
