//! The check of an ID token: signature, issuer, audience, times. Whom it names.

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    ClaimsVerificationError, ClientId, IssuerUrl, JsonWebKeySet, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKey},
};
use secrecy::{ExposeSecret, SecretString};

use super::plain;
use crate::{
    app::User,
    failure::{Failure, Kind},
    session::IdToken,
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

/// Checks an ID token against the keys and what is expected of it.
pub(super) fn check(
    token: &SecretString,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<IdToken, Rejected> {
    let parsed: CoreIdToken = token
        .expose_secret()
        .parse()
        .map_err(|_| refused("it cannot be read (is ID token encryption switched on?)"))?;
    let issuer = IssuerUrl::new(expected.issuer.into())
        .map_err(|_| refused("the issuer is not an address"))?;
    let client_id = ClientId::new(expected.client_id.into());
    let now = expected.now;
    let verifier = CoreIdTokenVerifier::new_public_client(client_id, issuer, keys.clone())
        // Accepted here because `azp` says for whom the token is, and is checked below.
        .set_other_audience_verifier_fn(|_| true)
        .set_time_fn(move || now - LEEWAY)
        .set_issue_time_verifier_fn(move |issued| {
            if issued > now + LEEWAY {
                Err(String::new())
            } else {
                Ok(())
            }
        });
    // The device grant sends no nonce, so a token that has one was made for another request.
    let no_nonce = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err(String::new()));
    let claims = parsed
        .claims(&verifier, no_nonce)
        .map_err(|error| rejected(&error, expected))?;
    authorized_party(claims, expected.client_id)?;
    let id = claims.subject().as_str();
    if id.trim().is_empty() || id.len() > LONGEST_SUBJECT || id.chars().any(char::is_control) {
        return Err(refused("it names no person"));
    }
    Ok(IdToken {
        token: token.clone(),
        expires_at: claims.expiration().timestamp(),
        user: User {
            id: id.to_owned(),
            name: name(claims),
        },
    })
}

fn authorized_party(claims: &CoreIdTokenClaims, client_id: &str) -> Result<(), Rejected> {
    let party = claims.authorized_party().map(|party| party.as_str());
    if party.is_some_and(|party| party != client_id)
        || (party.is_none() && claims.audiences().len() > 1)
    {
        return Err(refused("it was issued for another app"));
    }
    Ok(())
}

fn name(claims: &CoreIdTokenClaims) -> String {
    let full = claims.name().and_then(|name| name.get(None));
    [
        full.map(|name| name.as_str()),
        claims.preferred_username().map(|name| name.as_str()),
        claims.email().map(|email| email.as_str()),
    ]
    .into_iter()
    .flatten()
    .map(|name| plain(name).chars().take(LONGEST_NAME).collect::<String>())
    .find(|name| !name.is_empty())
    .unwrap_or_else(|| plain(claims.subject()))
}

fn rejected(error: &ClaimsVerificationError, expected: &Expected<'_>) -> Rejected {
    match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        ) => Rejected::UnknownKey,
        ClaimsVerificationError::SignatureVerification(_) => refused("its signature is not Okta's"),
        ClaimsVerificationError::InvalidIssuer(_) => refused(
            "it comes from another issuer (does the organization have a domain of its own?)",
        ),
        ClaimsVerificationError::InvalidAudience(_) => refused("it was issued for another app"),
        ClaimsVerificationError::Expired(_) => Rejected::For(
            clock(expected.clock_ahead).unwrap_or_else(|| failure("it is not valid at this time")),
        ),
        ClaimsVerificationError::InvalidNonce(_) => refused("it was issued for another request"),
        _ => refused("it is of a kind that this program does not read"),
    }
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
mod tests;
