//! ID tokens as Okta signs them, without an Okta, for tests of what the database makes of them.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// What signs tokens for [`ISSUER`].
pub(crate) use super::okta::keys::SigningKey as Signer;

/// The issuer that a database of the tests trusts, unless it is given another one.
pub(crate) const ISSUER: &str = "https://epigraph.example/oauth2/default";

/// The client id that its tokens must be for.
pub(crate) const AUDIENCE: &str = "0oa9epigraph9tests9x7";

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
    chrono::Utc::now().timestamp()
}
