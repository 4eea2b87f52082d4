//! The check of an ID token: signature, issuer, audience, times. Whom it names.
//!
//! The database checks it as well (`migrations/V4__token_check.sql`), by the same rules: `tests/support/token_cases.rs`.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    JsonWebKey, JsonWebKeySet, JsonWebKeyUse,
    core::{CoreJsonWebKey, CoreJsonWebKeyType, CoreJwsSigningAlgorithm},
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::{
    account::User,
    failure::{Failure, Kind},
    session::IdToken,
    text::one_line,
};

/// How far two clocks may be apart. Okta's own verifiers allow two to five minutes.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// OpenID Connect Core section 2.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_NAME: usize = 100;
/// The end of the year 9999, in seconds since 1970.
const LATEST: f64 = 253_402_300_799.0;

/// The signing keys that the server publishes.
pub(super) type Keys = JsonWebKeySet<CoreJsonWebKey>;

/// Why an ID token is not accepted.
#[derive(Debug)]
pub(super) enum Rejected {
    /// None of the keys signed it; newer keys may have.
    UnknownKey,
    /// It names a key that did not sign it. A newer key of that name may have.
    Signature(Failure),
    /// For good.
    For(Failure),
}

/// What an ID token is held against.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// The time on this machine.
    pub(super) now: DateTime<Utc>,
    /// By how many seconds the server's clock is ahead of this machine's.
    pub(super) clock_ahead: Option<i64>,
}

/// What counts of a header. What else it may name says where to find a key, which is not for the token to choose.
const PARAMETERS: &[&str] = &["alg", "kid", "typ", "crit"];
/// The claims that count. Of the others an organization may add what it likes, of any type.
const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "azp",
    "nonce",
    "events",
    "scp",
    "cid",
    "name",
    "preferred_username",
    "email",
];

/// Members of a JSON object.
type Members = HashMap<&'static str, Value>;

/// Reads those members of an object that have these names, and refuses an object in which any name is there twice:
/// readers differ in which of two they take.
struct Only(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Only {
    type Value = Members;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Only {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut names = HashSet::new();
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if let Some(wanted) = self.0.iter().find(|wanted| **wanted == name) {
                members.insert(wanted, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if !names.insert(name) {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(members)
    }
}

/// Checks an ID token against the keys and what is expected of it.
pub(super) fn check(
    token: &SecretString,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<IdToken, Rejected> {
    let claims = signed(token.expose_secret(), keys)?;
    let incomplete = || refused("it lacks a required claim");
    let claims = members(&claims, CLAIMS).map_err(|_| incomplete())?;
    let text = |name| claims.get(name).and_then(Value::as_str);
    let (Some(issuer), Some(id)) = (text("iss"), text("sub")) else {
        return Err(incomplete());
    };
    if issuer != expected.issuer {
        return Err(refused(
            "it comes from another issuer (does the organization have a domain of its own?)",
        ));
    }
    addressed_to(&claims, expected.client_id)?;
    // Okta signs these with the same keys: a log-out token and an access token.
    if ["events", "scp", "cid"]
        .iter()
        .any(|name| claims.contains_key(name))
    {
        return Err(refused("it is another kind of token"));
    }
    let expires_at = in_its_time(&claims, expected)?;
    // The device grant sends no nonce, so a token that has one was made for another request.
    if claims.get("nonce").is_some_and(|nonce| !nonce.is_null()) {
        return Err(refused("it was issued for another request"));
    }
    if id.trim_matches(' ').is_empty()
        || id.len() > LONGEST_SUBJECT
        || id.chars().any(char::is_control)
    {
        return Err(refused("it has no subject"));
    }
    Ok(IdToken {
        token: token.clone(),
        expires_at,
        user: User {
            id: id.to_owned(),
            name: name(&claims).unwrap_or_else(|| one_line(id)),
        },
    })
}

/// The names of the keys with which RS256 can be checked.
pub(super) fn names(keys: &Keys) -> Vec<String> {
    keys.keys()
        .iter()
        .filter(|key| {
            *key.key_type() == CoreJsonWebKeyType::RSA
                && key.key_use().is_none_or(JsonWebKeyUse::allows_signature)
        })
        .filter_map(|key| key.key_id())
        .map(|name| name.to_string())
        .collect()
}

/// Takes a token apart and returns its claims when one of the keys signed it.
fn signed(token: &str, keys: &Keys) -> Result<Vec<u8>, Rejected> {
    let (content, signature) = token.rsplit_once('.').ok_or_else(unreadable)?;
    let (header, claims) = content.split_once('.').ok_or_else(unreadable)?;
    let header = members(&base64url(header)?, PARAMETERS).map_err(|_| unreadable())?;
    let claims = base64url(claims)?;
    let signature = base64url(signature)?;
    let kid = header.get("kid");
    // Never what the token asks for: RS256 is the one that Okta signs with.
    if header.get("alg").is_none_or(|alg| alg != "RS256")
        || kid.is_some_and(|kid| !kid.is_string())
        || header.get("typ").is_some_and(|kind| !is_jwt(kind))
        // An extension that must be understood, and is not.
        || header.contains_key("crit")
    {
        return Err(refused("it is of a kind that epigraph does not support"));
    }
    let kid = kid.and_then(Value::as_str);
    let named = |key: &&CoreJsonWebKey| key.key_id().map(|id| id.as_str()) == kid;
    let signs = |key: &&CoreJsonWebKey| {
        key.verify_signature(
            &CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            content.as_bytes(),
            &signature,
        )
        .is_ok()
    };
    // A name is only a help in choosing: keys need not have one, and neither need tokens.
    let mut candidates = keys
        .keys()
        .iter()
        .filter(|key| kid.is_none() || key.key_id().is_none() || named(key));
    if candidates.any(|key| signs(&key)) {
        return Ok(claims);
    }
    let known = kid.is_some() && keys.keys().iter().any(|key| named(&key));
    Err(if known {
        Rejected::Signature(failure("its signature is not Okta's"))
    } else {
        Rejected::UnknownKey
    })
}

fn base64url(text: &str) -> Result<Vec<u8>, Rejected> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| unreadable())
}

fn unreadable() -> Rejected {
    refused("it cannot be read (is ID token encryption switched on?)")
}

fn members(json: &[u8], names: &'static [&'static str]) -> serde_json::Result<Members> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let members = Only(names).deserialize(&mut json)?;
    json.end()?;
    Ok(members)
}

fn is_jwt(kind: &Value) -> bool {
    kind.as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"))
}

fn addressed_to(claims: &Members, client_id: &str) -> Result<(), Rejected> {
    let (names_us, names_others) = match claims.get("aud") {
        Some(Value::Array(all)) => (all.iter().any(|one| one == client_id), all.len() > 1),
        Some(one) => (one == client_id, false),
        None => (false, false),
    };
    let party_fits = match claims.get("azp") {
        Some(party) => party == client_id,
        None => !names_others,
    };
    if names_us && party_fits {
        Ok(())
    } else {
        Err(refused("it was issued for another app"))
    }
}

/// Returns when the token expires, in seconds since 1970, if it is valid now.
fn in_its_time(claims: &Members, expected: &Expected<'_>) -> Result<i64, Rejected> {
    let time = |value: Option<&Value>| {
        value
            .and_then(seconds)
            .ok_or_else(|| refused("its times cannot be read"))
    };
    let now = expected.now.timestamp();
    let leeway = LEEWAY.num_seconds();
    let expires_at = time(claims.get("exp"))?;
    let issued_at = time(claims.get("iat"))?;
    let begins = match claims.get("nbf") {
        Some(begins) => issued_at.max(time(Some(begins))?),
        None => issued_at,
    };
    if expires_at <= now.saturating_sub(leeway) || begins > now.saturating_add(leeway) {
        return Err(Rejected::For(
            clock(expected.clock_ahead).unwrap_or_else(|| failure("it is not valid at this time")),
        ));
    }
    Ok(expires_at)
}

/// A `NumericDate` may have a fraction.
fn seconds(time: &Value) -> Option<i64> {
    let exact = time
        .as_f64()
        .filter(|seconds| (0.0..=LATEST).contains(seconds))?;
    let whole = Duration::try_from_secs_f64(exact).ok()?.as_secs();
    whole.try_into().ok()
}

fn name(claims: &Members) -> Option<String> {
    ["name", "preferred_username", "email"]
        .into_iter()
        .filter_map(|name| claims.get(name)?.as_str())
        .map(|name| {
            one_line(name)
                .chars()
                .take(LONGEST_NAME)
                .collect::<String>()
        })
        .find(|name| !name.is_empty())
}

fn refused(why: &str) -> Rejected {
    Rejected::For(failure(why))
}

fn failure(why: &str) -> Failure {
    Failure::new(
        Kind::Okta,
        format!("The ID token from Okta was rejected: {why}."),
    )
    .cure("Show this message to an administrator of your Okta organization.")
}

/// The failure of a machine whose clock is off by more than the leeway, measured against the server's.
pub(super) fn clock(ahead: Option<i64>) -> Option<Failure> {
    let ahead = ahead.filter(|ahead| ahead.abs() > LEEWAY.num_seconds())?;
    let seconds = ahead.unsigned_abs();
    let (amount, unit) = match seconds {
        0..5_400 => ((seconds + 30) / 60, "minute"),
        5_400..129_600 => ((seconds + 1_800) / 3_600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    let plural = if amount == 1 { "" } else { "s" };
    let direction = if ahead > 0 { "slow" } else { "fast" };
    Some(
        Failure::new(
            Kind::Okta,
            format!("The clock of this machine is {amount} {unit}{plural} {direction}, so Okta's tokens cannot be checked."),
        )
        .cure("Set the date and time right, then try again."),
    )
}

// Their tokens are signed by OpenSSL, which is not everywhere.
#[cfg(all(test, unix))]
mod fuzz;
#[cfg(all(test, unix))]
mod messages;
#[cfg(all(test, unix))]
mod tests;
