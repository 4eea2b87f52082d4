//! The person's quote: the functions of the database by which it is read, saved and deleted (migration V6).

use std::sync::atomic::Ordering;

use chrono::{DateTime, Local, NaiveDateTime};
use secrecy::SecretString;
use tokio_postgres::Row;

use super::{error::refused, operation::Postgres, statement::Statement, target::Target};
use crate::{
    account::Activity,
    failure::{Failure, Kind},
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
    session::{Progress, Quotes, Refused},
};

// Beside the row, or instead of it: whether this connection could read every row all the same, and why.
const LOAD: &str = "\
select q.message, q.create_ts, t.relrowsecurity as is_guarded,
    pg_catalog.has_table_privilege(t.oid, 'select') and not pg_catalog.row_security_active(t.oid) as opens_all
from epigraph.load_quote() q
left join pg_catalog.pg_class t on t.relname = 'user_messages'
    and t.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = 'public')";

const SAVED: &str = "the quote was saved";
const DELETED: &str = "the quote was deleted";

// Both return the row as it is now, with nulls where there is none.
const SAVE: &str = "select message, create_ts, done from epigraph.save_quote($1, $2)";
const DELETE: &str = "select message, create_ts from epigraph.delete_quote($1)";

/// How often a row is looked at again when someone else changed it in the very moment.
const LOOKS: usize = 5;

/// Reads a row of the columns `message` and `create_ts`, which are null where there is no quote. The column is a `timestamp`: what
/// it holds is UTC.
fn saved(row: &Row) -> Result<Option<Saved>, Failure> {
    let shape = |_| other_shape();
    let text: Option<String> = row.try_get("message").map_err(shape)?;
    let created: Option<NaiveDateTime> = row.try_get("create_ts").map_err(shape)?;
    Ok(text.zip(created).map(|(text, created)| {
        let saved_at: DateTime<Local> = created.and_utc().into();
        Saved {
            text,
            saved_at: saved_at.fixed_offset(),
        }
    }))
}

/// Has refusals of a statement told in the words of this table.
fn of_quotes(statement: Statement<'_>) -> Statement<'_> {
    Statement {
        meaning: Some(meaning),
        ..statement
    }
}

/// Says what a refusal means, where it is about what quotes are kept in.
pub(super) fn meaning(sqlstate: &str, message: &str, target: &Target) -> Option<Failure> {
    let Target { database, user, .. } = target;
    Some(match sqlstate {
        "42P01" => no_table(database),
        "42883" if message.starts_with("function epigraph.") => return None,
        "42703" | "42804" | "42883" => other_shape(),
        "42501" => {
            let what = format!("The role {user} may not keep a quote in the database {database}.");
            refused(what)
                .cure("Ask the owner of the database for a connection string of your own (`epigraph admin invite`), or to run `epigraph admin status`, which says what is amiss.")
        }
        _ => return None,
    })
}

/// The one row that each of the functions returns.
fn only(rows: &[Row]) -> Result<&Row, Failure> {
    rows.first().ok_or_else(other_shape)
}

/// Says why this connection is not held to one person's row. What the program asks for is that row alone all the same.
fn unguarded(row: &Row) -> Option<Failure> {
    if !is(row, "opens_all") {
        return None;
    }
    Some(if is(row, "is_guarded") {
        bypasses()
    } else {
        not_guarded()
    })
}

pub(super) fn no_table(database: &str) -> Failure {
    refused(format!(
        "The database {database} has no table public.user_messages."
    ))
    .cure("The owner of the database can set it up with `epigraph admin setup`.")
}

/// Whether a column is true, and not false or null.
pub(super) fn is(row: &Row, name: &str) -> bool {
    row.try_get::<_, Option<bool>>(name).ok().flatten() == Some(true)
}

pub(super) fn other_shape() -> Failure {
    refused("The table public.user_messages does not have the columns that epigraph needs.")
        .cure("Ask the owner of the database to run `epigraph admin migrate`.")
}

/// What is wrong with the connection string of an owner.
pub(super) fn bypasses() -> Failure {
    refused("This connection string is an owner's, so it opens every row: row security does not apply to owners.")
    .cure("Keep it for `epigraph admin`, and configure one that `epigraph admin invite` makes.")
}

/// What is wrong with a database that has no row security.
pub(super) fn not_guarded() -> Failure {
    refused("This database does not check who is asking: everyone with the connection string can read and change every quote.")
    .cure("Ask the owner of the database to run `epigraph admin setup`.")
}

pub(super) fn restless() -> Failure {
    Failure::new(
        Kind::Conflict,
        "The quote is being changed elsewhere again and again; nothing was changed from here.",
    )
    .cure("Try again in a moment.")
}

impl Quotes for Postgres {
    fn head_start(&self) {
        if self.pool().status().available == 0 {
            self.pool().manager().head_start();
        }
    }

    async fn connect(&self, progress: &Progress) -> Result<(), Refused> {
        self.run_in_time(None, progress).await.map(drop)
    }

    async fn load(
        &self,
        id_token: &SecretString,
        progress: &Progress,
    ) -> Result<Option<Saved>, Refused> {
        let rows = self
            .run(id_token, &of_quotes(Statement::read(LOAD)), progress)
            .await?;
        let row = only(&rows)?;
        if let Some(failure) = unguarded(row)
            && !self.told_unguarded.swap(true, Ordering::Relaxed)
        {
            progress.report(Activity::Unguarded(failure));
        }
        Ok(saved(row)?)
    }

    async fn save(
        &self,
        id_token: &SecretString,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<SaveOutcome, Refused> {
        let text = quote.as_str();
        let statement = of_quotes(Statement::write(SAVE, SAVED))
            .text(text)
            .text(based_on);
        for _ in 0..LOOKS {
            let rows = self.run(id_token, &statement, progress).await?;
            let row = only(&rows)?;
            let done = row.try_get("done").map_err(|_| other_shape())?;
            match saved(row)? {
                Some(current) if done => return Ok(SaveOutcome::Saved(current)),
                // An attempt before this one was not answered, and had worked.
                Some(current) if current.text == text => return Ok(SaveOutcome::Saved(current)),
                // Someone's new quote was in the way, and was deleted in that very moment.
                None if based_on.is_none() => {}
                current => return Ok(SaveOutcome::Conflict(current)),
            }
        }
        Err(restless().into())
    }

    async fn delete(
        &self,
        id_token: &SecretString,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<DeleteOutcome, Refused> {
        let statement = of_quotes(Statement::write(DELETE, DELETED)).text(based_on);
        let rows = self.run(id_token, &statement, progress).await?;
        Ok(match saved(only(&rows)?)? {
            None => DeleteOutcome::Deleted,
            Some(current) => DeleteOutcome::Conflict(current),
        })
    }
}
