//! The identity provider: discovery, device grant, refresh, revocation, and the check of the ID token.

use secrecy::SecretString;

use crate::{
    app::DeviceCode,
    config,
    failure::{Check, Failure},
    session::{Identity, Progress, Tokens},
};

/// The Okta authorization server of the configuration. Makes no request before it is asked something.
pub struct Okta {
    _config: config::Okta,
}

/// A sign-in under way; holds the device code.
pub struct Pending {}

impl Okta {
    /// Makes the client. No network.
    ///
    /// # Errors
    /// When the issuer has the wrong form, or the HTTP client cannot be made.
    pub fn new(config: config::Okta) -> Result<Self, Failure> {
        Ok(Self { _config: config })
    }

    /// Looks at every part of the authorization server that a sign-in needs: reachable, issuer, device endpoint, keys, clock.
    pub async fn check(&self) -> Vec<Check> {
        todo!()
    }
}

impl Identity for Okta {
    type Pending = Pending;

    async fn request_code(&self, _progress: &Progress) -> Result<(DeviceCode, Pending), Failure> {
        todo!()
    }

    async fn await_approval(
        &self,
        _pending: &Pending,
        _progress: &Progress,
    ) -> Result<Tokens, Failure> {
        todo!()
    }

    async fn refresh(
        &self,
        _refresh_token: &SecretString,
        _user_id: &str,
        _progress: &Progress,
    ) -> Result<Tokens, Failure> {
        todo!()
    }

    async fn revoke(&self, _refresh_token: &SecretString) -> Result<(), Failure> {
        todo!()
    }
}
