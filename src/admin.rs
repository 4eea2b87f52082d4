//! What an administrator does: sets the database up, registers Okta's keys, hands out access and takes it back.
//!
//! Everything is done with the owner's connection string, which is never stored. Each step is one transaction that
//! depends on nothing of the session, so Neon's pooled string serves as well as the direct one.

mod access;
mod keys;
mod migrate;
mod people;
mod repair;
mod status;
mod verify;

use std::{sync::Mutex, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::{Transaction, error::SqlState};

use crate::{
    config,
    failure::{Failure, Kind},
    postgres::{Connection, Connector, Target},
    session::Progress,
    text::clause,
};

pub use self::{
    access::{Access, Revoked, grant, revoke},
    keys::{KeyReport, refresh_keys, register, registered_issuer},
    migrate::migrate,
    people::{block, unblock},
    repair::repair,
    status::{Administrator, Blocked, Member, Other, RegisteredKey, Status, status},
    verify::verify,
};

/// The group whose members may use the tables that are protected.
pub(crate) const GROUP: &str = "epigraph_user";
/// The most that one command may take at the database.
const LIMIT: Duration = Duration::from_mins(1);

/// An open session of the owner's.
pub struct Owner {
    connection: Connection,
    target: Target,
}

impl Owner {
    /// Opens it.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    pub async fn connect(target: &Target) -> Result<Self, Failure> {
        let connection = Connector::new(target.clone())
            .connect(&Progress::silent(), &Mutex::default())
            .await
            .map_err(|error| error.failure(target))?;
        Ok(Self {
            connection,
            target: target.clone(),
        })
    }

    /// What a person puts into `config.toml` to use this access; `None` where its password is not known.
    #[must_use]
    pub fn config_toml(&self, okta: &config::Okta, access: &Access) -> Option<SecretString> {
        let url = self.url_of(access)?;
        // What JSON writes of these is a basic string of TOML as well.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        Some(SecretString::from(format!(
            "issuer = {}\nclient_id = {}\ndatabase_url = {}\n",
            text(&okta.issuer),
            text(&okta.client_id),
            text(url.expose_secret()),
        )))
    }

    /// The connection string of an access; `None` where its password is not known.
    #[must_use]
    pub fn url_of(&self, access: &Access) -> Option<SecretString> {
        let password = access.password.as_ref()?;
        Some(self.target.url_of(&access.role, password))
    }

    /// Begins a transaction in which every name means what it says.
    async fn begin(&mut self) -> Result<(Transaction<'_>, Words<'_>), Failure> {
        let words = Words(&self.target);
        let transaction = self
            .connection
            .client
            .transaction()
            .await
            .map_err(|error| words.explain(&error))?;
        transaction
            .batch_execute("set local search_path = ''; set local statement_timeout = '30s'")
            .await
            .map_err(|error| words.explain(&error))?;
        Ok((transaction, words))
    }
}

/// Puts what the database says to its owner into words.
#[derive(Clone, Copy)]
struct Words<'a>(&'a Target);

impl Words<'_> {
    fn explain(self, error: &tokio_postgres::Error) -> Failure {
        let Self(target) = self;
        let Some(refusal) = error.as_db_error() else {
            return crate::postgres::explain(error, target);
        };
        let code = refusal.code();
        if *code == SqlState::UNDEFINED_TABLE
            || *code == SqlState::UNDEFINED_FUNCTION
            || *code == SqlState::INVALID_SCHEMA_NAME
        {
            return not_set_up(&target.database);
        }
        if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            return not_allowed(&target.user, refusal.message());
        }
        // Raised by the migrations' own functions, in words for people.
        match refusal.hint() {
            Some(hint)
                if code.code().starts_with("28E")
                    || code.code().starts_with("22")
                    || *code == SqlState::UNIQUE_VIOLATION
                    || *code == SqlState::WRONG_OBJECT_TYPE =>
            {
                Failure::new(
                    Kind::Database,
                    format!("{}.", capitalised(&clause(refusal.message()))),
                )
                .cure(format!("{}.", capitalised(&clause(hint))))
            }
            _ => crate::postgres::explain(error, target),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

async fn bounded<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(too_slow()))
}

fn not_set_up(database: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The database {database} is not set up for this."),
    )
    .cure("Run `epigraph admin setup` first.")
}

fn not_allowed(user: &str, message: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The user {user} may not do this: {}.", clause(message)),
    )
    .cure("Use the connection string of the database's owner, as Neon's console shows it.")
}

fn too_slow() -> Failure {
    Failure::new(Kind::Unreachable, "The database took too long to answer.")
        .cure("Check the network, and try again: what was under way is undone.")
}

#[cfg(test)]
mod messages;
