//! The person's row: the pool, TLS, the pipelined transaction, and what a database error means.

use secrecy::SecretString;

use crate::{
    app::{DeleteOutcome, SaveOutcome},
    failure::Failure,
    quote::{Quote, Saved},
    session::{Progress, Quotes},
};

/// A checked connection string. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct Target {}

impl Target {
    /// Reads a connection string in any form that Neon's console, `neonctl`, the guide or a shell history gives.
    ///
    /// # Errors
    /// Says what is malformed and how to write it, never repeating the password.
    pub fn parse(_url: &SecretString) -> Result<Self, Failure> {
        todo!()
    }

    /// Names the database in a few words for the screen, for example `neondb · pooled`.
    #[must_use]
    pub fn summary(&self) -> String {
        todo!()
    }
}

/// The database of the configuration. Connects when it is first asked something.
pub struct Postgres {}

impl Postgres {
    /// Makes the pool. No network.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub fn new(_target: Target) -> Result<Self, Failure> {
        todo!()
    }
}

impl Quotes for Postgres {
    async fn connect(&self, _progress: &Progress) {
        todo!()
    }

    async fn load(
        &self,
        _id_token: &SecretString,
        _user_id: &str,
        _progress: &Progress,
    ) -> Result<Option<Saved>, Failure> {
        todo!()
    }

    async fn save(
        &self,
        _id_token: &SecretString,
        _user_id: &str,
        _quote: &Quote,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<SaveOutcome, Failure> {
        todo!()
    }

    async fn delete(
        &self,
        _id_token: &SecretString,
        _user_id: &str,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<DeleteOutcome, Failure> {
        todo!()
    }
}
