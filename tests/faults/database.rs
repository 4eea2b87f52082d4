//! What fails at the database, and on the way to it.

mod cuts;
mod neon;
mod network;
mod refusals;
mod waiting;

use tokio_postgres::Client;

use crate::support::{
    okta::Person,
    postgres::{Database, literal},
    pty::{Key, Pty},
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

/// Writes at the end of what is there, and orders it to be saved.
#[track_caller]
fn save(screen: &mut Pty, text: &str) {
    write(screen, text);
    screen.key(Key::Enter);
}

/// Expects that a text was saved, and that the screen says so.
#[track_caller]
fn is_saved(stage: &Stage, screen: &mut Pty, text: &str) {
    screen.sees("Saved.");
    assert_eq!(stage.quote(), text);
}

/// James Joyce, who looks at this quote.
async fn looking_at(text: &str) -> (Stage, Pty) {
    let stage = Stage::signed_in().await;
    give(&stage, text);
    let mut screen = stage.open();
    screen.reads(text);
    (stage, screen)
}

/// Begins a transaction of the owner's with this statement, which stands in the way of others until it ends.
async fn owner_begins(database: &Database<'_>, sql: &str) -> Client {
    let owner = database.owner_session().await;
    let begun = owner.batch_execute(&format!("begin; {sql}")).await;
    begun.expect("the owner may");
    owner
}

/// Holds the whole table.
const LOCK: &str = "lock table public.user_messages in access exclusive mode";
/// Holds the row.
const TOUCH: &str = "update public.user_messages set message = message";

async fn owner_ends(owner: &Client, how: &str) {
    owner.batch_execute(how).await.expect("it is open");
}
