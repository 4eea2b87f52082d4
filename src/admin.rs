//! What an administrator does, step by step: migrations, Okta's keys, access for people, and the state of it all.
//!
//! Everything is done with the owner's connection string, which is never stored. Each step is one transaction that
//! depends on nothing of the session, so Neon's pooled string serves as well as the direct one. Administrators take
//! turns: a step locks the table of migrations, on which no one else has a right. Roles are known to all databases of a
//! server, whose administrators do not see each other: what they do at the same moment is done again.

mod access;
mod keys;
mod migrate;
mod people;
mod registration;
mod repair;
mod status;
mod verify;

use std::{ops::Deref, time::Duration};

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{sleep, timeout};
use tokio_postgres::{
    Client, Error, IsolationLevel, Row, Transaction,
    error::{DbError, SqlState},
    types::{FromSqlOwned, ToSql, Type},
};

use crate::{
    config,
    failure::{Failure, Kind},
    postgres::{Connection, Connector, QUIET, Target, pause, refused},
    session::Progress,
    text::{capital, clause},
};

pub(crate) use self::access::set_by_another;
pub use self::{
    access::{Access, How, People, Person, Revoked, free_name, grant, people, revoke, show},
    keys::{KeyReport, refresh_keys, register},
    migrate::{Applied, migrate, migrate_aloud},
    people::{block, unblock},
    registration::{difference, not_replaced, registered_issuer, registration},
    repair::repair,
    status::{Administrator, Blocked, Member, Other, RegisteredKey, Status, status},
    verify::{Proof, verify},
};

/// The most that one step may take at the database.
const LIMIT: Duration = Duration::from_mins(1);
/// How long another administrator is waited for without a word, and then with one.
const PATIENCE: [&str; 2] = ["2s", "40s"];
/// How often a step is done again when someone else was in its way.
const TRIES: u32 = 10;

// What would let the creator of a role use that role's rights, how passwords are kept, and how names are written in what is
// compared are settings that a role or a database may have; the first of them is known since PostgreSQL 16.
const SETTINGS: &str = "set local search_path = ''; set local quote_all_identifiers = off; \
set local password_encryption = 'scram-sha-256'; \
select pg_catalog.set_config(name, '', true) from pg_catalog.pg_settings where name = 'createrole_self_grant'";

/// An open session of the owner's.
pub struct Owner {
    connection: Connection,
    target: Target,
    tell: fn(&str),
}

impl Owner {
    /// Opens it.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    pub async fn connect(target: &Target) -> Result<Self, Failure> {
        Ok(Self {
            connection: dial(target).await?,
            target: target.clone(),
            tell: |_| {},
        })
    }

    /// Has this called with what the administrator should know while they wait.
    #[must_use]
    pub fn telling(mut self, tell: fn(&str)) -> Self {
        self.tell = tell;
        self
    }

    /// What a person puts into `config.toml` to use this access; `None` where its password is not known.
    #[must_use]
    pub fn config_toml(&self, okta: &config::Okta, access: &Access) -> Option<SecretString> {
        let password = access.password.as_ref()?;
        let url = self.target.url_of(&access.role, password);
        // What JSON writes of these is a basic string of TOML as well.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        Some(SecretString::from(format!(
            "issuer = {}\nclient_id = {}\ndatabase_url = {}\n",
            text(&okta.issuer),
            text(&okta.client_id),
            text(url.expose_secret()),
        )))
    }

    /// Begins a step.
    async fn begin(&mut self) -> Result<Step<'_>, Failure> {
        if self.connection.is_closed() {
            self.connection = dial(&self.target).await?;
        }
        let target = &self.target;
        // Spelt out, because the owner's defaults may say otherwise.
        let client: &mut Client = &mut self.connection;
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .read_only(false)
            .start()
            .await
            .map_err(|error| explain(&error, target))?;
        let settings = format!("{QUIET}; {SETTINGS}");
        // A limit that the owner has holds until the end of the message that sets another.
        let (limited, set) = tokio::join!(
            biased;
            transaction.batch_execute("set local statement_timeout = '30s'"),
            transaction.batch_execute(&settings),
        );
        limited.and(set).map_err(|error| explain(&error, target))?;
        Ok(Step {
            transaction,
            target,
        })
    }

    /// Begins one that no other administrator of this database is at work beside.
    async fn begin_alone(&mut self) -> Result<Step<'_>, Failure> {
        let tell = self.tell;
        let step = self.begin().await?;
        match take_turn(&step, tell).await {
            Ok(()) => Ok(step),
            Err(error) => Err(explain(&error, step.target)),
        }
    }

    /// Does a step, in time.
    async fn step<T>(
        &mut self,
        work: impl AsyncFnOnce(&Step<'_>) -> Result<T, Halt>,
    ) -> Result<T, Failure> {
        bounded(async { self.begin().await?.end_with(work).await }).await
    }

    /// Does a step that no other administrator is at work beside, in time. Others of the server may be in its way all the same.
    async fn step_alone<T>(
        &mut self,
        mut work: impl AsyncFnMut(&Step<'_>) -> Result<T, Halt>,
    ) -> Result<T, Failure> {
        bounded(
            self.persist(async |owner: &mut Self| {
                owner.begin_alone().await?.end_with(&mut work).await
            }),
        )
        .await
    }

    /// Does something, and does it again for as long as others are in its way at the same moment. All of it can be repeated.
    async fn persist<T>(
        &mut self,
        mut step: impl AsyncFnMut(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = 0;
        loop {
            let failure = match step(self).await {
                Err(failure)
                    if tries < TRIES && (self.connection.is_closed() || failure == collided()) =>
                {
                    failure
                }
                ended => return ended,
            };
            tracing::info!(target: "epigraph", tries, "a step is done again: {}", failure.what);
            sleep(pause(tries.min(2))).await;
            tries += 1;
        }
    }
}

/// A transaction in which every name means what it says.
struct Step<'a> {
    transaction: Transaction<'a>,
    target: &'a Target,
}

impl<'a> Deref for Step<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Transaction<'a> {
        &self.transaction
    }
}

impl Step<'_> {
    /// Runs a statement whose parameters are texts.
    async fn rows(&self, sql: &str, texts: &[&str]) -> Result<Vec<Row>, Error> {
        self.query_typed(sql, &typed(texts)).await
    }

    /// Returns the one row of it.
    async fn row(&self, sql: &str, texts: &[&str]) -> Result<Row, Error> {
        self.query_typed_one(sql, &typed(texts)).await
    }

    /// Returns the first value of the one row.
    async fn value<T: FromSqlOwned>(&self, sql: &str, texts: &[&str]) -> Result<T, Error> {
        self.row(sql, texts).await?.try_get(0)
    }

    /// Does what is to be done in it, and commits.
    async fn end_with<T>(
        self,
        work: impl AsyncFnOnce(&Step<'_>) -> Result<T, Halt>,
    ) -> Result<T, Failure> {
        let target = self.target;
        let ended = async {
            let done = work(&self).await?;
            self.transaction.commit().await?;
            Ok(done)
        };
        ended.await.map_err(|halt| match halt {
            Halt::Told(failure) => failure,
            Halt::Said(error) => explain(&error, target),
        })
    }
}

fn typed<'a>(texts: &'a [&str]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    let parameters = texts.iter();
    parameters.map(|text| (text as _, Type::TEXT)).collect()
}

/// Why a step goes no further.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Halt {
    Told(#[from] Failure),
    /// By the database: it is put into words at the end of the step.
    Said(#[from] Error),
}

async fn dial(target: &Target) -> Result<Connection, Failure> {
    Connector::new(target.clone(), None)
        .connect(&Progress::silent(), &Mutex::default())
        .await
        .map_err(|error| error.failure(target, &[]))
}

/// Waits until no other administrator is at work, and keeps them waiting until the transaction ends.
async fn take_turn(transaction: &Transaction<'_>, tell: fn(&str)) -> Result<(), Error> {
    let [without_a_word, with_one] = PATIENCE.map(|limit| {
        format!(
            "set local lock_timeout = '{limit}'; lock table {} in share row exclusive mode; set local lock_timeout = 0",
            migrate::HISTORY
        )
    });
    let first = transaction
        .batch_execute(&format!("savepoint turn; {without_a_word}; release turn"))
        .await;
    match first {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            tell("another administrator is at work in this database: waiting for them");
            transaction
                .batch_execute(&format!("rollback to turn; {with_one}"))
                .await
        }
        ended => ended,
    }
}

/// Says whether someone else changed the same thing of the server at the same moment: PostgreSQL tells that in many ways.
fn has_collided(refusal: &DbError) -> bool {
    let message = refusal.message();
    let code = refusal.code();
    match code.code() {
        // Two of the same name at once: a role, a table, a type. What raises an error anew may leave its schema out.
        "23505" => refusal.schema() == Some("pg_catalog") || message.contains("\"pg_"),
        "40001" | "40P01" | "42P06" | "42P07" | "42710" | "42723" => true,
        "42704" => message.contains("concurrently dropped"),
        "XX000" => message.contains("concurrently") || message.contains("cache lookup failed"),
        _ => false,
    }
}

/// Puts what the database says to its owner into words.
fn explain(error: &Error, target: &Target) -> Failure {
    let generally = crate::postgres::explain(error, target, &[]);
    let meaning = error.as_db_error();
    match meaning.and_then(|refusal| meaning_of(refusal, target)) {
        Some(failure) => failure.because(generally.cause),
        None => generally,
    }
}

fn meaning_of(refusal: &DbError, target: &Target) -> Option<Failure> {
    if has_collided(refusal) {
        return Some(collided());
    }
    match *refusal.code() {
        SqlState::LOCK_NOT_AVAILABLE => Some(busy()),
        SqlState::UNDEFINED_FUNCTION => Some(old_tables(&target.database)),
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => {
            Some(not_set_up(&target.database))
        }
        SqlState::INSUFFICIENT_PRIVILEGE if refusal.message() == PUBLIC_REFUSED => {
            Some(closed_public(&target.user))
        }
        SqlState::INSUFFICIENT_PRIVILEGE => Some(not_allowed(&target.user, refusal.message())),
        // Raised by the migrations' own functions, in words for people.
        SqlState::UNIQUE_VIOLATION | SqlState::WRONG_OBJECT_TYPE => raised(refusal),
        ref code if code.code().starts_with("28E") || code.code().starts_with("22") => {
            raised(refusal)
        }
        _ => None,
    }
}

fn raised(refusal: &DbError) -> Option<Failure> {
    let sentence = |text| format!("{}.", capital(&clause(text)));
    let cure = sentence(refusal.hint()?);
    Some(refused(sentence(refusal.message())).cure(cure))
}

async fn bounded<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(LIMIT, Box::pin(work))
        .await
        .unwrap_or_else(|_| Err(too_slow()))
}

fn not_set_up(database: &str) -> Failure {
    refused(format!("The database {database} is not set up yet."))
        .cure("Run `epigraph admin setup` first.")
}

fn old_tables(database: &str) -> Failure {
    refused(format!(
        "The tables of the database {database} are of an older version than this program."
    ))
    .cure("Run `epigraph admin migrate` first.")
}

fn collided() -> Failure {
    refused("Another administrator kept changing the same thing at the same moment; nothing was changed from here.")
        .cure("Try again in a moment.")
}

fn busy() -> Failure {
    refused("Another administrator is at work in this database and has not finished; nothing was changed from here.")
        .cure("Try again in a moment; if they left a transaction open, end its connection.")
}

fn not_allowed(user: &str, message: &str) -> Failure {
    let what = format!(
        "The role {user} is not allowed to do this: {}.",
        clause(message)
    );
    refused(what)
        .cure("Use the connection string of the database's owner, as Neon's console shows it.")
}

/// What PostgreSQL says where the schema public is closed to the owner of the database, to whom it does not always belong.
const PUBLIC_REFUSED: &str = "permission denied for schema public";

fn closed_public(user: &str) -> Failure {
    refused(format!("The role {user} may not use the schema public, where the table of quotes is; nothing was changed."))
        .cure(format!(
            "Have the owner of that schema, or a superuser, run: grant usage, create on schema public to {user};"
        ))
}

fn too_slow() -> Failure {
    Failure::new(Kind::Unreachable, "The database took too long to answer.")
        .cure("Check the network, and try again: the step that was under way is undone.")
}

#[cfg(test)]
mod messages;
