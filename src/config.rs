//! File and environment become one checked configuration.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::failure::Failure;

/// Where the session's secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The keyring of the operating system.
    Keyring,
    /// A file of the person's own (0600 in a 0700 directory), chosen explicitly.
    File,
}

/// What is needed to talk to Okta.
#[derive(Clone, Debug)]
pub struct Okta {
    /// The issuer, compared exactly with what discovery reports.
    pub issuer: String,
    /// The client id of the native app.
    pub client_id: String,
    /// The client secret, for the rare app that has one.
    pub client_secret: Option<SecretString>,
}

/// The whole configuration. Parts that a command does not need may be absent.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Things worth saying that are not errors, each a sentence.
    pub warnings: Vec<String>,
    /// Where the session's secret is kept.
    pub store: Store,
    /// Where state is kept: the lock, the draft, the file that replaces the keyring.
    pub state_dir: PathBuf,
    okta: Option<Okta>,
    database_url: Option<SecretString>,
}

impl Config {
    /// Returns what is needed to talk to Okta.
    ///
    /// # Errors
    /// Says which setting is missing or wrong, and where to put it.
    pub fn okta(&self) -> Result<&Okta, Failure> {
        let _ = &self.okta;
        todo!()
    }

    /// Returns the connection string of the database, as it was given.
    ///
    /// # Errors
    /// Says that it is missing, and where to put it.
    pub fn database_url(&self) -> Result<&SecretString, Failure> {
        let _ = &self.database_url;
        todo!()
    }
}
