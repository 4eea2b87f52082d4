//! An operation: one transaction that carries the ID token, sent in one go and answered in one go, over a pool of one connection.
//!
//! Nothing of it depends on what was done on the session before, so a pooler in transaction mode may stand in between.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use deadpool::managed::{Object, Pool, PoolError};
use secrecy::{ExposeSecret, SecretSlice, SecretString, zeroize::Zeroizing};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};
use tokio_postgres::{
    Client, NoTls, Row,
    types::{ToSql, Type},
};

use super::{
    connection::{ANSWER_LIMIT, Connector, FIRST, PROGRESS},
    error::Error,
    statement::Statement,
    target::Target,
};
use crate::{
    account::Activity,
    failure::Failure,
    session::{Identity, Progress, Refused, Session, Vault},
};

/// The most that an operation may take, with every retry.
const OPERATION_LIMIT: Duration = Duration::from_mins(1);
/// The same as [`ANSWER_LIMIT`] on a connection that was open before: it may be dead without anybody having said so (a laptop slept, a router forgot).
const ANSWER_LIMIT_WHEN_REUSED: Duration = Duration::from_secs(5);
/// How often something transient is tried again, after growing pauses.
const RETRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What a person who shares a role, or had a pooled connection before, may have switched on, put back for one transaction: what makes
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

/// One operation: a statement, and for whom.
pub(super) struct Operation<'a> {
    id_token: &'a SecretString,
    statement: &'a Statement<'a>,
}

/// The database of the configuration. Connects when it is first asked something.
///
/// One person does one thing at a time, so one connection is kept, and nothing is sent while no one asks: Neon can sleep.
pub struct Postgres {
    target: Target,
    state: Option<PathBuf>,
    /// Made when it is first used: it asks the system for the number of processors, for which the first frame would have to wait.
    pool: OnceLock<Pool<Connector>>,
    pub(super) told_unguarded: AtomicBool,
}

/// A connection on loan. One that is dropped half-way, with an answer outstanding, takes it out of the pool and closes it.
struct Loan(Option<Object<Connector>>);

impl Loan {
    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}

impl Postgres {
    /// Takes the target, and a directory in which to keep how the server is best connected to. No network: the TLS library is set up while the first connection is made.
    #[must_use]
    pub fn new(target: Target, state: Option<&Path>) -> Self {
        Self {
            target,
            state: state.map(Path::to_owned),
            pool: OnceLock::new(),
            told_unguarded: AtomicBool::new(false),
        }
    }

    pub(super) fn pool(&self) -> &Pool<Connector> {
        self.pool.get_or_init(|| {
            let connector = Connector::new(self.target.clone(), self.state.as_deref());
            let pool = Pool::builder(connector).max_size(1).build();
            pool.expect("a pool without time limits needs no runtime")
        })
    }

    /// Runs a statement for the person whom the ID token names, in a transaction of its own and one round trip, with a time limit
    /// and new attempts where the connection or the server fails for the moment. Takes a minute at most.
    ///
    /// Most programs call [`Session::run`], which brings the token.
    ///
    /// # Errors
    /// When the token has expired for the database, or with words for a person.
    pub async fn run(
        &self,
        id_token: &SecretString,
        statement: &Statement<'_>,
        progress: &Progress,
    ) -> Result<Vec<Row>, Refused> {
        let operation = Operation {
            id_token,
            statement,
        };
        self.run_in_time(Some(&operation), progress).await
    }

    /// Runs an operation, or connects if there is none, within the time that it may take.
    pub(super) async fn run_in_time(
        &self,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
    ) -> Result<Vec<Row>, Refused> {
        let mut attempts = Attempts::default();
        let work = self.persist(operation, progress, &mut attempts);
        let error = match timeout(OPERATION_LIMIT, work).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => error,
            Err(_) => attempts.last.take().unwrap_or(Error::StatementTimedOut),
        };
        if error.is_expired_token() {
            return Err(Refused::TokenExpired);
        }
        let statement = operation.map(|operation| operation.statement);
        let hidden = statement.map_or(&[][..], |statement| &statement.hidden);
        let meaning = statement.and_then(|statement| {
            let (sqlstate, message) = error.refusal()?;
            let words = statement.meaning?(sqlstate, message, &self.target)?;
            Some(words.because(error.cause(hidden)))
        });
        let failure = meaning.unwrap_or_else(|| error.failure(&self.target, hidden));
        tracing::debug!(target: "epigraph", retries = attempts.retries, "gave up: {}", failure.what);
        Err(match statement.and_then(|statement| statement.writes) {
            Some(done) if attempts.unconfirmed => unconfirmed(failure, done).into(),
            _ => failure.into(),
        })
    }

    /// Tries until it works, or fails for good.
    async fn persist(
        &self,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
        attempts: &mut Attempts,
    ) -> Result<Vec<Row>, Error> {
        loop {
            let mut reused = false;
            let outcome = self
                .attempt(operation, progress, &mut reused, &mut attempts.unconfirmed)
                .await;
            let error = match outcome {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            let may_be_done = attempts.unconfirmed
                && operation.is_some_and(|operation| !operation.statement.repeats);
            let is_final = !error.is_transient(&self.target) || may_be_done;
            if is_final || attempts.retries == RETRIES {
                return Err(error);
            }
            attempts.last = Some(error);
            // A connection that died while no one used it is no news about the database: a new one is made at once.
            if !reused {
                progress.report(Activity::RetryingDatabase);
                sleep(pause(attempts.retries)).await;
            }
            attempts.retries += 1;
        }
    }

    async fn attempt(
        &self,
        operation: Option<&Operation<'_>>,
        progress: &Progress,
        reused: &mut bool,
        unconfirmed: &mut bool,
    ) -> Result<Vec<Row>, Error> {
        let first = match operation {
            // Where authentication fails, no one has to ask whether it was done.
            Some(operation)
                if operation.statement.writes.is_none() && self.pool().status().available == 0 =>
            {
                as_sent(&self.target.statement_timeout, operation).await
            }
            _ => None,
        };
        let connecting = FIRST.scope(first, self.pool().get());
        let connection = PROGRESS.scope(progress.clone(), connecting).await;
        let connection = connection.map_err(|error| match error {
            PoolError::Backend(error) => error,
            // The pool has no time limits and no hooks of its own, and is never closed.
            _ => Error::StartTimedOut,
        })?;
        let Some(operation) = operation else {
            return Ok(Vec::new());
        };
        *reused = Object::metrics(&connection).recycle_count > 0;
        let limit = if *reused {
            ANSWER_LIMIT_WHEN_REUSED
        } else {
            ANSWER_LIMIT
        };
        let loan = Loan(Some(connection));
        let connection = loan.0.as_ref().expect("it is on loan");
        // Also when the time for the whole operation is over before an answer is there.
        let was_in_question = std::mem::replace(unconfirmed, true);
        let begun = Instant::now();
        let statement_timeout = &self.target.statement_timeout;
        let answer = timeout(limit, transact(connection, statement_timeout, operation))
            .await
            .map_err(|_| Error::StatementTimedOut)
            .flatten();
        operation.log(&answer, begun.elapsed());
        let lost = answer.as_ref().is_err_and(Error::lost_session);
        *unconfirmed = was_in_question || lost;
        let was_answered = answer.is_ok() || answer.as_ref().is_err_and(Error::is_refusal);
        if was_answered {
            loan.give_back();
        }
        answer
    }
}

impl<I: Identity, V: Vault> Session<I, V, Postgres> {
    /// Runs a statement for the person who is signed in: with a valid ID token, which is renewed where it has expired, in a
    /// transaction of its own and one round trip.
    ///
    /// # Errors
    /// When you are not signed in, or Okta or the database refuses or cannot be reached.
    pub async fn run(
        &self,
        statement: &Statement<'_>,
        progress: &Progress,
    ) -> Result<Vec<Row>, Failure> {
        self.admitted(progress, |id_token| async move {
            self.quotes.run(&id_token, statement, progress).await
        })
        .await
    }
}

impl Operation<'_> {
    /// Tells the log what a transaction came to, and how long it took.
    fn log(&self, answer: &Result<Vec<Row>, Error>, took: Duration) {
        let (ms, writes) = (took.as_millis(), self.statement.writes.is_some());
        match answer {
            Ok(rows) => {
                tracing::debug!(target: "epigraph", ms, writes, rows = rows.len(), "the database answered");
            }
            Err(error) => {
                let cause = error
                    .cause(&self.statement.hidden)
                    .line()
                    .unwrap_or_default();
                tracing::debug!(target: "epigraph", ms, writes, "{error}: {cause}");
            }
        }
    }
}

#[derive(Default)]
struct Attempts {
    retries: u32,
    last: Option<Error>,
    /// Whether the server may have done what was asked although no answer came.
    unconfirmed: bool,
}

/// Exponential, and never the same for two programs that lost the database at the same moment.
pub(crate) fn pause(retries: u32) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    let half = FIRST_PAUSE * 2_u32.pow(retries) / 2;
    half + half * u32::try_from(random).unwrap_or_default() / 500
}

/// Returns what [`transact`] sends for an operation, byte for byte, so that it can go before there is a session.
async fn as_sent(statement_timeout: &str, operation: &Operation<'_>) -> Option<SecretSlice<u8>> {
    /// An authentication that needs nothing, and the end of a start.
    const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(WELCOME).await.ok()?;
    let mut config = tokio_postgres::Config::new();
    config.user("-");
    let (client, connection) = config.connect_raw(near, NoTls).await.ok()?;
    // Room for the longest token, so that no copy of it is left behind.
    let mut sent = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut start = [0; 4];
    far.read_exact(&mut start).await.ok()?;
    let rest = u32::from_be_bytes(start).checked_sub(4)?;
    let mut rest = vec![0; usize::try_from(rest).ok()?];
    far.read_exact(&mut rest).await.ok()?;
    let reading = async {
        while !sent.ends_with(COMMIT) {
            if far.read_buf(&mut *sent).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    tokio::select! {
        _ = connection => return None,
        _ = transact(&client, statement_timeout, operation) => return None,
        read = reading => read.ok()?,
    }
    Some(SecretSlice::from(std::mem::take(&mut *sent)))
}

/// Sends the whole transaction before any of it is answered.
async fn transact(
    client: &Client,
    statement_timeout: &str,
    operation: &Operation<'_>,
) -> Result<Vec<Row>, Error> {
    let id_token = operation.id_token.expose_secret();
    // Spelt out, because a role's own defaults may say otherwise, and a person who shares the role can set them.
    let access = if operation.statement.writes.is_some() {
        "read write"
    } else {
        "read only"
    };
    let begin = format!("begin isolation level read committed {access}; {QUIET}");
    let settings = [
        (&id_token as &(dyn ToSql + Sync), Type::TEXT),
        (&statement_timeout, Type::TEXT),
    ];
    let parameters = operation.statement.parameters.iter();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = parameters
        .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
        .collect();
    let (opened, set, answered, committed) = tokio::join!(
        // The order is the order on the wire.
        biased;
        client.batch_execute(&begin),
        client.query_typed(
            "select pg_catalog.set_config('okta.id_token', $1, true), pg_catalog.set_config('statement_timeout', $2, true)",
            &settings,
        ),
        client.query_typed(operation.statement.sql, &parameters),
        client.batch_execute("commit"),
    );
    // After the first failure the others fail for no reason of their own.
    let rows = opened.and(set).and(answered);
    rows.and_then(|rows| committed.map(|()| rows))
        .map_err(Error::Statement)
}

/// The connection was lost after the order was sent.
pub(super) fn unconfirmed(failure: Failure, done: &str) -> Failure {
    Failure {
        what: format!(
            "{}; it is unknown whether {done}.",
            failure.what.trim_end_matches('.')
        ),
        unconfirmed: true,
        ..failure
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
