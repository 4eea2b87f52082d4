//! The person's row: one connection, TLS, the pipelined transaction, and what a database error means.
//!
//! An operation is one transaction that is sent in one go and answered in one go. It carries the ID token, and nothing of it
//! depends on what was done on the session before, so a pooler in transaction mode may stand in between.

mod check;
mod connection;
mod error;
mod target;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Mutex as BlockingMutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Local, NaiveDateTime};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

pub use self::{check::check, target::Target};
pub(crate) use self::{
    connection::{ANSWER_LIMIT, Connection, Connector, Steps},
    error::{Error, explain},
};
use crate::{
    app::{Activity, DeleteOutcome, SaveOutcome},
    failure::{Failure, Kind},
    quote::{Quote, Saved},
    session::{Progress, Quotes},
};

/// The most that an operation may take, with every retry.
const OPERATION_LIMIT: Duration = Duration::from_mins(1);
/// The same as [`ANSWER_LIMIT`] on a connection that was open before: it may be dead without anybody having said so (a laptop slept, a router forgot).
const ANSWER_LIMIT_WHEN_REUSED: Duration = Duration::from_secs(5);
/// How often something transient is tried again, after growing pauses.
const RETRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How often a row is looked at again when somebody else changed it in the very moment.
const LOOKS: usize = 5;
/// How long the failure to connect ahead of time stands for the operation that follows.
const REFUSAL_HOLDS: Duration = Duration::from_secs(10);

/// What whoever shares a role, or had a pooled connection before, may have switched on, put back for one transaction: what makes
/// the server write texts and tokens into its log (parameters of errors, plans with their constants), what makes a commit
/// forgettable, and what makes it give up early. And the search path, before the token is there: where people may make functions,
/// one of theirs would be handed it. It goes with `begin`, so it costs no round trip.
pub(crate) const QUIET: &str = "\
set local search_path = pg_catalog, pg_temp; \
set local log_parameter_max_length_on_error = 0; \
set local debug_print_parse = off; \
set local debug_print_rewritten = off; \
set local debug_print_plan = off; \
set local synchronous_commit = on; \
set local lock_timeout = 0; \
set local idle_in_transaction_session_timeout = 0";

// Beside the row, or instead of it: whether this connection could read every row all the same, and why.
const LOAD: &str = "\
select q.message, q.create_ts, t.relrowsecurity as is_guarded,
    pg_catalog.has_table_privilege(t.oid, 'select') and not pg_catalog.row_security_active(t.oid) as opens_all
from epigraph.load_quote() q
left join pg_catalog.pg_class t on t.relname = 'user_messages'
    and t.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = 'public')";

// Both return the row as it is now, with nulls where there is none.
const SAVE: &str = "select message, create_ts, done from epigraph.save_quote($1, $2)";
const DELETE: &str = "select message, create_ts from epigraph.delete_quote($1)";

type Parameters<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// One operation: a statement, and what goes with it.
struct Operation<'a> {
    id_token: &'a SecretString,
    statement: &'static str,
    parameters: &'a Parameters<'a>,
    /// What is in question when the connection is lost: "saved", "deleted". `None` for a statement that writes nothing.
    writes: Option<&'static str>,
}

/// The database of the configuration. Connects when it is first asked something.
///
/// One person does one thing at a time, so one connection is kept, and nothing is sent while nobody asks: Neon can sleep.
pub struct Postgres {
    connector: Connector,
    slot: Mutex<Slot>,
    told_unguarded: AtomicBool,
}

#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// Why connecting ahead of time failed, and when.
    refused: Option<(Instant, Failure)>,
}

impl Postgres {
    /// Takes the target. No network.
    ///
    /// # Errors
    /// None so far: the TLS library is set up while the first connection is made.
    pub fn new(target: Target) -> Result<Self, Failure> {
        Ok(Self {
            connector: Connector::new(target),
            slot: Mutex::default(),
            told_unguarded: AtomicBool::new(false),
        })
    }

    /// Runs an operation, or connects if there is none, within the time that it may take.
    async fn perform(
        &self,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
    ) -> Result<Vec<Row>, Failure> {
        let mut slot = self.slot.lock().await;
        if operation.is_some()
            && let Some((when, failure)) = slot.refused.take()
            && when.elapsed() < REFUSAL_HOLDS
        {
            return Err(failure);
        }
        let mut attempts = Attempts::default();
        let ended = timeout(
            OPERATION_LIMIT,
            self.persist(&mut slot, operation, progress, &mut attempts),
        )
        .await;
        let error = match ended {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => error,
            Err(_) => attempts.last.take().unwrap_or(Error::StatementTimedOut),
        };
        let failure = error.failure(&self.connector.target);
        if operation.is_none() {
            slot.refused = Some((Instant::now(), failure.clone()));
        }
        tracing::warn!(target: "epigraph", retries = attempts.retries, "the database failed: {}", failure.what);
        Err(match operation.and_then(|operation| operation.writes) {
            Some(done) if attempts.in_question => in_question(failure, done),
            _ => failure,
        })
    }

    /// Tries until it works, or fails for good.
    async fn persist(
        &self,
        slot: &mut Slot,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
        attempts: &mut Attempts,
    ) -> Result<Vec<Row>, Error> {
        loop {
            let open = slot
                .connection
                .take()
                .filter(|connection| !connection.is_closed());
            let reused = open.is_some();
            let error = match self
                .attempt(slot, open, operation, progress, &mut attempts.in_question)
                .await
            {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            if !error.is_transient(&self.connector.target) || attempts.retries == RETRIES {
                return Err(error);
            }
            attempts.last = Some(error);
            // A connection that died while nobody used it is no news about the database: a new one is made at once.
            if !reused {
                progress.report(Activity::RetryingDatabase);
                sleep(pause(attempts.retries)).await;
            }
            attempts.retries += 1;
        }
    }

    async fn attempt(
        &self,
        slot: &mut Slot,
        open: Option<Connection>,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
        in_question: &mut bool,
    ) -> Result<Vec<Row>, Error> {
        let limit = if open.is_some() {
            ANSWER_LIMIT_WHEN_REUSED
        } else {
            ANSWER_LIMIT
        };
        let connection = match open {
            Some(connection) => connection,
            None => {
                self.connector
                    .connect(progress, &BlockingMutex::default())
                    .await?
            }
        };
        let Some(operation) = operation else {
            slot.connection = Some(connection);
            return Ok(Vec::new());
        };
        // While the answer is outstanding the connection is in nobody's slot: whoever drops this future drops it too.
        let statement_timeout = &self.connector.target.statement_timeout;
        // Also when the time for the whole operation is over before an answer is there.
        let was_in_question = std::mem::replace(in_question, true);
        let answer = timeout(limit, transact(&connection, statement_timeout, operation))
            .await
            .map_err(|_| Error::StatementTimedOut)?
            .map_err(Error::Statement);
        let lost = answer.as_ref().is_err_and(Error::lost_session);
        *in_question = was_in_question || lost;
        let refused = answer.as_ref().is_err_and(Error::is_refusal);
        if (answer.is_ok() || refused) && !connection.is_closed() {
            slot.connection = Some(connection);
        }
        answer
    }
}

#[derive(Default)]
struct Attempts {
    retries: u32,
    last: Option<Error>,
    /// Whether the server may have done what was asked although no answer came.
    in_question: bool,
}

/// Exponential, and never the same for two programs that lost the database at the same moment.
pub(crate) fn pause(retries: u32) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    let half = FIRST_PAUSE * 2_u32.pow(retries) / 2;
    half + half * u32::try_from(random).unwrap_or_default() / 500
}

/// Sends the whole transaction before any of it is answered.
async fn transact(
    connection: &Connection,
    statement_timeout: &str,
    operation: &Operation<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let client = &connection.client;
    let id_token = operation.id_token.expose_secret();
    // Spelt out, because a role's own defaults may say otherwise, and whoever shares the role can set them.
    let access = if operation.writes.is_some() {
        "read write"
    } else {
        "read only"
    };
    let begin = format!("begin isolation level read committed {access}; {QUIET}");
    let settings = [
        (&id_token as &(dyn ToSql + Sync), Type::TEXT),
        (&statement_timeout, Type::TEXT),
    ];
    let (opened, set, answered, committed) = tokio::join!(
        // The order is the order on the wire.
        biased;
        client.batch_execute(&begin),
        client.query_typed(
            "select pg_catalog.set_config('okta.id_token', $1, true), pg_catalog.set_config('statement_timeout', $2, true)",
            &settings,
        ),
        client.query_typed(operation.statement, operation.parameters),
        client.batch_execute("commit"),
    );
    // After the first failure the others fail for no reason of their own.
    opened?;
    set?;
    let rows = answered?;
    committed?;
    Ok(rows)
}

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

/// The one row that each of the functions returns.
fn only(rows: &[Row]) -> Result<&Row, Failure> {
    rows.first().ok_or_else(other_shape)
}

/// Says why this connection is not held to one person's row. What the program asks for is that row alone all the same.
fn unguarded(row: &Row) -> Option<Failure> {
    let is = |name| row.try_get::<_, Option<bool>>(name).ok().flatten() == Some(true);
    if !is("opens_all") {
        return None;
    }
    Some(if is("is_guarded") {
        bypasses()
    } else {
        not_guarded()
    })
}

/// The connection was lost after the order was sent.
fn in_question(failure: Failure, done: &str) -> Failure {
    Failure {
        what: format!(
            "{} It is not known whether the quote was {done}.",
            failure.what
        ),
        in_question: true,
        ..failure
    }
}

fn other_shape() -> Failure {
    Failure::new(
        Kind::Database,
        "The table public.user_messages has another shape than this program needs.",
    )
    .cure("Ask the owner of the database to run `epigraph admin migrate`.")
}

/// What is wrong with the connection string of an owner.
fn bypasses() -> Failure {
    Failure::new(
        Kind::Database,
        "This connection string opens every row and not yours alone: it is that of an owner, whom row security does not hold.",
    )
    .cure("Keep it for `epigraph admin`, and configure one that `epigraph admin invite` makes.")
}

/// What is wrong with a database that has no row security.
fn not_guarded() -> Failure {
    Failure::new(
        Kind::Database,
        "This database does not check who is asking: whoever has the connection string can read and change every quote.",
    )
    .cure("Ask the owner of the database to run `epigraph admin setup`.")
}

fn restless() -> Failure {
    Failure::new(
        Kind::Conflict,
        "The quote is being changed elsewhere again and again; nothing was changed from here.",
    )
    .cure("Try again in a moment.")
}

impl Quotes for Postgres {
    async fn connect(&self, progress: &Progress) {
        // A failure waits in the slot for the operation that follows.
        self.perform(None, progress).await.ok();
    }

    async fn load(
        &self,
        id_token: &SecretString,
        progress: &Progress,
    ) -> Result<Option<Saved>, Failure> {
        let operation = Operation {
            id_token,
            statement: LOAD,
            parameters: &[],
            writes: None,
        };
        let rows = self.perform(Some(&operation), progress).await?;
        let row = only(&rows)?;
        if let Some(failure) = unguarded(row)
            && !self.told_unguarded.swap(true, Ordering::Relaxed)
        {
            progress.report(Activity::Unguarded(failure));
        }
        saved(row)
    }

    async fn save(
        &self,
        id_token: &SecretString,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<SaveOutcome, Failure> {
        let text = quote.as_str();
        let operation = Operation {
            id_token,
            statement: SAVE,
            parameters: &[(&text, Type::TEXT), (&based_on, Type::TEXT)],
            writes: Some("saved"),
        };
        for _ in 0..LOOKS {
            let rows = self.perform(Some(&operation), progress).await?;
            let row = only(&rows)?;
            let done = row.try_get("done").map_err(|_| other_shape())?;
            match saved(row)? {
                Some(current) if done => return Ok(SaveOutcome::Saved(current)),
                // An attempt before this one was not answered, and had worked.
                Some(current) if current.text == text => return Ok(SaveOutcome::Saved(current)),
                // Somebody's new quote was in the way, and was deleted in that very moment.
                None if based_on.is_none() => {}
                current => return Ok(SaveOutcome::Conflict(current)),
            }
        }
        Err(restless())
    }

    async fn delete(
        &self,
        id_token: &SecretString,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<DeleteOutcome, Failure> {
        let operation = Operation {
            id_token,
            statement: DELETE,
            parameters: &[(&based_on, Type::TEXT)],
            writes: Some("deleted"),
        };
        let rows = self.perform(Some(&operation), progress).await?;
        Ok(match saved(only(&rows)?)? {
            None => DeleteOutcome::Deleted,
            Some(current) => DeleteOutcome::Conflict(current),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for retries in 0..RETRIES {
            let middle = FIRST_PAUSE * 2_u32.pow(retries);
            for _ in 0..100 {
                let pause = pause(retries);
                assert!(pause >= middle / 2 && pause <= middle * 3 / 2, "{pause:?}");
            }
        }
        assert!((0..RETRIES).map(pause).sum::<Duration>() < OPERATION_LIMIT / 4);
    }
}
