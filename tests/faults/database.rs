//! What fails at the database, and on the way to it.

mod cuts;
mod neon;
mod network;
mod refusals;
mod waiting;

use crate::support::{
    okta::Person,
    postgres::literal,
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
    let screen = stage.open_reading(text);
    (stage, screen)
}

/// Holds the row.
const TOUCH: &str = "update public.user_messages set message = message";
