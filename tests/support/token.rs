//! ID tokens as Okta signs them, without an Okta, for tests of what the database makes of them.

use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{okta::keys::SigningKey, secrets};

/// The issuer that a database of the tests trusts, unless it is given another one.
pub(crate) const ISSUER: &str = "https://epigraph.example/oauth2/default";

/// The client id that its tokens must be for.
pub(crate) const AUDIENCE: &str = "0oa9epigraph9tests9x7";

/// What signs tokens for [`ISSUER`].
pub(crate) struct Signer(SigningKey);

/// The one whose key every database of the tests knows, unless it is given others.
pub(crate) fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(Signer::new);
    &SIGNER
}

/// A token of a person, good for an hour.
pub(crate) fn of(user_id: &str) -> String {
    signer().token(&claims(user_id))
}

/// What such a token says.
pub(crate) fn claims(user_id: &str) -> Value {
    let now = now();
    json!({
        "sub": user_id, "ver": 1, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600,
        "jti": "ID.epigraph9tests", "amr": ["pwd"], "idp": "00o9epigraph9tests", "auth_time": now,
        "name": "Somebody", "preferred_username": "somebody@example.com",
    })
}

/// The time in seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed())
}

impl Signer {
    /// Makes one with a key of its own.
    pub(crate) fn new() -> Self {
        Self(SigningKey::generate())
    }

    /// The same with a key of another size.
    pub(crate) fn of_bits(bits: u32) -> Self {
        Self(SigningKey::of_bits(bits))
    }

    /// The public half of its key, as Okta publishes it.
    pub(crate) fn jwk(&self) -> Value {
        self.0.public()
    }

    /// A token with these claims and the header that Okta writes.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.0.header(), claims)
    }

    /// A token with these claims and any header, signed with RS256.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let token = self.0.sign(header, claims);
        secrets::know(&token);
        token
    }
}
