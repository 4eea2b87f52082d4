//! The check of an ID token: signature, issuer, audience, times. Whom it names.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    JsonWebKey, JsonWebKeySet, JsonWebKeyUse,
    core::{CoreJsonWebKey, CoreJsonWebKeyType, CoreJwsSigningAlgorithm},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, Value};

use crate::{
    app::User,
    failure::{Failure, Kind},
    session::IdToken,
    text::one_line,
};

/// How far two clocks may be apart. Okta's own verifiers allow two to five minutes.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// OpenID Connect Core section 2.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_NAME: usize = 100;

/// The signing keys that the server publishes.
pub(super) type Keys = JsonWebKeySet<CoreJsonWebKey>;

/// Why an ID token is not accepted.
#[derive(Debug)]
pub(super) enum Rejected {
    /// None of the keys signed it; newer keys may have.
    UnknownKey,
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

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The claims that count. Of the others an organization may add what it likes, of any type.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
    azp: Option<String>,
    nonce: Option<Value>,
    name: Option<Value>,
    preferred_username: Option<Value>,
    email: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        }
    }
}

/// Checks an ID token against the keys and what is expected of it.
pub(super) fn check(
    token: &SecretString,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<IdToken, Rejected> {
    let (header, claims) =
        signed(token.expose_secret(), keys).map_err(|problem| match problem {
            Problem::Unreadable => {
                refused("it cannot be read (is ID token encryption switched on?)")
            }
            Problem::Algorithm => refused("it is of a kind that this program does not read"),
            Problem::Signature => refused("its signature is not Okta's"),
            Problem::UnknownKey => Rejected::UnknownKey,
        })?;
    // An extension that must be understood, and is not.
    if header.crit.is_some() {
        return Err(refused("it is of a kind that this program does not read"));
    }
    let claims: Claims = serde_json::from_slice(&claims)
        .map_err(|_| refused("it does not say what an ID token has to say"))?;
    if claims.iss != expected.issuer {
        return Err(refused(
            "it comes from another issuer (does the organization have a domain of its own?)",
        ));
    }
    addressed_to(&claims, expected.client_id)?;
    let expires_at = in_its_time(&claims, expected)?;
    // The device grant sends no nonce, so a token that has one was made for another request.
    if claims.nonce.as_ref().is_some_and(|nonce| !nonce.is_null()) {
        return Err(refused("it was issued for another request"));
    }
    let id = &claims.sub;
    if id.trim().is_empty() || id.len() > LONGEST_SUBJECT || id.chars().any(char::is_control) {
        return Err(refused("it names no person"));
    }
    Ok(IdToken {
        token: token.clone(),
        expires_at,
        user: User {
            id: id.clone(),
            name: name(&claims),
        },
    })
}

#[derive(Clone, Copy)]
enum Problem {
    Unreadable,
    Algorithm,
    Signature,
    UnknownKey,
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

/// Takes a token apart and returns its header and its claims when one of the keys signed it.
fn signed(token: &str, keys: &Keys) -> Result<(Header, Vec<u8>), Problem> {
    let (content, signature) = token.rsplit_once('.').ok_or(Problem::Unreadable)?;
    let (header, claims) = content.split_once('.').ok_or(Problem::Unreadable)?;
    let header: Header = json(header)?;
    let claims = base64url(claims)?;
    let signature = base64url(signature)?;
    // Never what the token asks for: RS256 is the one that Okta signs with.
    if header.alg != "RS256" {
        return Err(Problem::Algorithm);
    }
    let named = |key: &&CoreJsonWebKey| key.key_id().map(|id| id.as_str()) == header.kid.as_deref();
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
        .filter(|key| header.kid.is_none() || key.key_id().is_none() || named(key));
    if candidates.any(|key| signs(&key)) {
        return Ok((header, claims));
    }
    let known = header.kid.is_some() && keys.keys().iter().any(|key| named(&key));
    Err(if known {
        Problem::Signature
    } else {
        Problem::UnknownKey
    })
}

fn base64url(text: &str) -> Result<Vec<u8>, Problem> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Problem::Unreadable)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_slice(&base64url(text)?).map_err(|_| Problem::Unreadable)
}

fn addressed_to(claims: &Claims, client_id: &str) -> Result<(), Rejected> {
    let audiences = claims.aud.all();
    let party_fits = match &claims.azp {
        Some(party) => party == client_id,
        None => audiences.len() == 1,
    };
    if party_fits && audiences.iter().any(|audience| audience == client_id) {
        Ok(())
    } else {
        Err(refused("it was issued for another app"))
    }
}

/// Returns when the token expires, in seconds since 1970, if it is valid now.
fn in_its_time(claims: &Claims, expected: &Expected<'_>) -> Result<i64, Rejected> {
    let unreadable = || refused("its times cannot be read");
    let time = |number: &Number| seconds(number).ok_or_else(unreadable);
    let now = expected.now.timestamp();
    let leeway = LEEWAY.num_seconds();
    let expires_at = time(&claims.exp)?;
    let begins = time(&claims.iat)?.max(claims.nbf.as_ref().map_or(Ok(i64::MIN), time)?);
    if expires_at <= now.saturating_sub(leeway) || begins > now.saturating_add(leeway) {
        return Err(Rejected::For(
            clock(expected.clock_ahead).unwrap_or_else(|| failure("it is not valid at this time")),
        ));
    }
    Ok(expires_at)
}

/// A `NumericDate` may have a fraction.
fn seconds(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let whole = std::time::Duration::try_from_secs_f64(number.as_f64()?).ok()?;
        whole.as_secs().try_into().ok()
    })
}

fn name(claims: &Claims) -> String {
    [&claims.name, &claims.preferred_username, &claims.email]
        .into_iter()
        .filter_map(|name| name.as_ref()?.as_str())
        .map(|name| {
            one_line(name)
                .chars()
                .take(LONGEST_NAME)
                .collect::<String>()
        })
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| one_line(&claims.sub))
}

fn refused(why: &str) -> Rejected {
    Rejected::For(failure(why))
}

fn failure(why: &str) -> Failure {
    Failure::new(
        Kind::Okta,
        format!("The ID token that came from Okta is not accepted: {why}."),
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

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
