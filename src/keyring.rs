//! The vault: the keyring of the operating system, or the explicit file in its place.

use secrecy::SecretString;

use crate::{
    config,
    failure::{Check, Failure},
    session::Vault,
};

/// The vault that the configuration chose.
pub struct Keyring {}

impl Keyring {
    /// Makes the vault of one issuer and client. Touches neither keyring nor file.
    #[must_use]
    pub fn new(
        store: config::Store,
        state_dir: &std::path::Path,
        issuer: &str,
        client_id: &str,
    ) -> Self {
        let _ = (store, state_dir, issuer, client_id);
        Self {}
    }

    /// Looks whether the vault answers. Reads only, and keeps nothing of what it reads.
    pub async fn check(&self) -> Check {
        todo!()
    }
}

impl Vault for Keyring {
    async fn read(&self) -> Result<Option<SecretString>, Failure> {
        todo!()
    }

    async fn write(&self, _secret: SecretString) -> Result<(), Failure> {
        todo!()
    }

    async fn clear(&self) -> Result<(), Failure> {
        todo!()
    }

    fn place(&self) -> String {
        todo!()
    }
}
