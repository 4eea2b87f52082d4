//! What Okta's refusals mean, and which box of the admin console cures them.

use serde::Deserialize;

use super::http::Answer;
use crate::failure::{Cause, Failure, Kind, without_secrets};

const GENERAL: &str =
    "In the Okta admin console, under Applications › the app › General › General Settings,";

/// How Okta says that a person pressed Deny.
const DENIED: &[&str] = &["resource owner"];
/// How Okta says that a policy is in the way, without saying which.
const BY_POLICY: &[&str] = &["policy evaluation failed"];
/// How Okta says that a device code is dead.
const CODE_EXPIRED: &[&str] = &["device code is invalid"];
/// How Okta says that a refresh token is dead.
const EXPIRED: &[&str] = &["invalid or expired", "refresh token is invalid"];

/// What was asked for. The same word of Okta means different things to a person in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A device code.
    Code,
    /// Whether the person has approved.
    Approval,
    /// New tokens for a refresh token.
    Refresh,
    /// The end of a refresh token.
    Revocation,
}

/// An error answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) error_description: String,
    /// See [`Answer::one_was_lost`].
    pub(super) one_was_lost: bool,
}

/// OAuth's two fields, and Okta's own two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    error: Option<String>,
    #[serde(rename = "error_description")]
    description: Option<String>,
    error_code: Option<String>,
    error_summary: Option<String>,
}

impl Refusal {
    /// Takes the refusal out of an answer; `None` where Okta did not write it (a proxy did).
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let fields: Fields = answer.json()?;
        let filled = |text: &String| !text.is_empty();
        Some(Self {
            error: fields.error.or(fields.error_code).filter(filled)?,
            error_description: fields
                .description
                .or(fields.error_summary)
                .unwrap_or_default(),
            one_was_lost: answer.one_was_lost,
        })
    }

    /// Says whether a refresh token that was shown is of no use any more: it is dead (RFC 6749 section 5.2), or the person has to
    /// do something that only a sign-in lets them do (OpenID Connect Core section 3.1.2.6).
    pub(super) fn ends_a_session(&self) -> bool {
        [
            "invalid_grant",
            "interaction_required",
            "login_required",
            "consent_required",
        ]
        .contains(&self.error.as_str())
    }

    /// Quotes Okta, unless its words are these, which say nothing that ours do not.
    fn more_than(&self, usual: &[&str]) -> Option<String> {
        let said = self.error_description.to_lowercase();
        let is_usual = said.is_empty() || usual.iter().any(|words| said.contains(words));
        (!is_usual).then(|| self.quoted())
    }

    /// Says what it means, with Okta's own words for the log. `with_secret` tells whether a client secret was sent.
    pub(super) fn failure(&self, asked: Asked, with_secret: bool) -> Failure {
        let words = format!("Okta says {}: {}", self.error, self.error_description);
        self.meaning(asked, with_secret).because(Cause::said(words))
    }

    fn meaning(&self, asked: Asked, with_secret: bool) -> Failure {
        let text = self.error_description.as_str();
        let okta = |what: &str, cure: String| Failure::new(Kind::Okta, what).cure(cure);
        match self.error.as_str() {
            "use_dpop_nonce" | "invalid_dpop_proof" => demands_dpop(),
            "unauthorized_client" | "unsupported_grant_type" => grant_missing(asked),
            "access_denied" if text.contains("not assigned") => okta(
                "You are not assigned to this app in Okta.",
                "Ask an administrator to assign you: Applications › the app › Assignments.".into(),
            ),
            "access_denied" if text.contains("olicy") => okta(
                &format!(
                    "An access policy in Okta does not allow this sign-in{}.",
                    self.more_than(BY_POLICY).unwrap_or_default()
                ),
                "Ask an administrator to look at Security › API › the authorization server › Access Policies: \
                 a rule for this app and for you must have Device Authorization ticked and allow the scopes \
                 openid, profile, email and offline_access."
                    .into(),
            ),
            "access_denied" if asked == Asked::Approval => match self.more_than(DENIED) {
                Some(words) => Failure::new(Kind::Denied, format!("Okta denied the sign-in{words}."))
                    .cure("Ask an administrator if you do not know why."),
                None => Failure::new(Kind::Denied, "The sign-in was denied in the browser.")
                    .cure("Sign in again with a new code if that was not meant."),
            },
            "expired_token" => expired(),
            "invalid_grant" if asked == Asked::Approval => Failure::new(
                Kind::Denied,
                format!(
                    "Okta no longer accepts this code{}.",
                    self.more_than(CODE_EXPIRED)
                        .unwrap_or_else(|| ": it was already used, or withdrawn".into())
                ),
            )
            .cure("Sign in again with a new code; if Okta refuses that too, ask an administrator of your Okta organization."),
            _ if asked == Asked::Refresh && self.ends_a_session() => match self.more_than(EXPIRED) {
                Some(words) => Failure::new(Kind::NotSignedIn, format!("Your session has ended{words}."))
                    .cure("Sign in again; if Okta refuses that too, ask an administrator of your Okta organization."),
                None => ended(),
            },
            "invalid_client" => self.unknown_client(with_secret),
            "invalid_scope" => okta(
                &format!("Okta refuses the scopes openid, profile, email and offline_access{}.", self.quoted()),
                format!(
                    "{GENERAL} tick Refresh Token; for a custom authorization server also see that its Scopes tab lists all four."
                ),
            ),
            _ => okta(
                &format!("Okta refuses {}{}.", asked.name(), self.quoted()),
                "Show this message to an administrator of your Okta organization.".into(),
            ),
        }
    }

    fn unknown_client(&self, with_secret: bool) -> Failure {
        let (what, cure) = if with_secret {
            (
                "Okta rejected the client id with this client secret.",
                "Compare both with the app's General tab; a native app needs no secret: set Client authentication to None there, and leave AUTH_OKTA_SECRET and `client_secret` out.".to_owned(),
            )
        } else if self.error_description.contains("No client credentials") {
            (
                "This app has a client secret in Okta, and none was sent.",
                format!(
                    "{GENERAL} set Client authentication to None; or give the secret in AUTH_OKTA_SECRET or `client_secret`."
                ),
            )
        } else {
            (
                "Okta does not know this client id.",
                "Compare it with the Client ID on the app's General tab, and see that the app is active and of the same organization as the issuer."
                    .into(),
            )
        };
        Failure::new(Kind::Okta, what).cure(cure)
    }

    fn quoted(&self) -> String {
        match (
            without_secrets(&self.error),
            without_secrets(&self.error_description),
        ) {
            (code, text) if text.is_empty() => format!(" ({code})"),
            (code, text) => format!(": {} ({code})", text.trim_end_matches('.')),
        }
    }
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Code => "to issue a code",
            Self::Approval => "the sign-in",
            Self::Refresh => "to renew the session",
            Self::Revocation => "to revoke the session",
        }
    }
}

fn grant_missing(asked: Asked) -> Failure {
    let grant = match asked {
        Asked::Code | Asked::Approval => "Device Authorization",
        Asked::Refresh | Asked::Revocation => "Refresh Token",
    };
    Failure::new(
        Kind::Okta,
        format!("The app in Okta does not have the grant type {grant}."),
    )
    .cure(format!(
        "{GENERAL} tick {grant} under Grant type (it must be an OIDC app of type Native Application); \
         for a custom authorization server tick it in the access policy's rule as well."
    ))
}

/// The app wants every token request signed, which the device grant in this program does not do.
pub(super) fn demands_dpop() -> Failure {
    Failure::new(
        Kind::Okta,
        "The app in Okta requires DPoP, which epigraph does not support.",
    )
    .cure(format!(
        "{GENERAL} untick “Require Demonstrating Proof of Possession (DPoP) header in token requests”."
    ))
}

/// The code was not approved in time.
pub(super) fn expired() -> Failure {
    Failure::new(Kind::Denied, "The code expired before it was approved.")
        .cure("Sign in again with a new code.")
}

/// The refresh token is dead: the one way in which a session ends by itself.
pub(super) fn ended() -> Failure {
    Failure::new(
        Kind::NotSignedIn,
        "Your session has ended: Okta no longer renews it.",
    )
    .cure("Sign in again.")
}

/// An answer that Okta would not give: a proxy, a captive portal, an outage.
pub(super) fn strange(answer: &Answer, host: &str) -> Failure {
    let (what, cure) = match answer.status {
        429 => (
            format!("Okta ({host}) is receiving too many requests at the moment."),
            "Try again in a minute.",
        ),
        500..=599 => (
            format!(
                "Okta ({host}) is having problems at the moment (HTTP status {}).",
                answer.status
            ),
            "Try again in a minute.",
        ),
        300..=399 => (
            format!(
                "Something other than Okta ({host}) answered, with a redirect (HTTP status {}).",
                answer.status
            ),
            "The network may want you to sign in to it first: open a web page in the browser, and check the proxy.",
        ),
        401 | 403 if answer.body.is_empty() => (
            format!(
                "Okta ({host}) refused the request without a word (HTTP status {}).",
                answer.status
            ),
            "Check the client id and the client secret; a proxy may be in between.",
        ),
        status => (
            format!("The answer of {host} is not one of Okta's (HTTP status {status})."),
            "A proxy, or the sign-in page of a network, may be in between; also check the issuer.",
        ),
    };
    let seen = format!("HTTP status {}, {} bytes", answer.status, answer.body.len());
    Failure::new(Kind::Unreachable, what)
        .cure(cure)
        .because(Cause::said(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(asked: Asked, error: &str, text: &str) -> Failure {
        Refusal {
            error: error.into(),
            error_description: text.into(),
            one_was_lost: false,
        }
        .failure(asked, false)
    }

    #[test]
    fn a_refusal_is_read_in_every_form_that_is_sent() {
        for (body, error, text) in [
            (r#""error":"e","error_description":"t""#, "e", "t"),
            (r#""error":"e""#, "e", ""),
            (r#""error":"e","error_description":null,"x":5"#, "e", ""),
            (r#""errorCode":"e","errorSummary":"t","x":[]"#, "e", "t"),
            (
                r#""error":"e","errorCode":"E","errorSummary":"t""#,
                "e",
                "t",
            ),
            (r#""error":null,"errorCode":"e""#, "e", ""),
        ] {
            let expected = Refusal {
                error: error.into(),
                error_description: text.into(),
                one_was_lost: false,
            };
            let answer = Answer::of(400, format!("{{{body}}}"));
            assert_eq!(Refusal::read(&answer), Some(expected), "{body}");
        }
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"error":""}"#,
            r#"{"error":{"code":1}}"#,
        ] {
            assert_eq!(Refusal::read(&Answer::of(400, body)), None, "{body}");
        }
    }

    #[test]
    fn a_secret_that_a_server_repeats_goes_no_further() {
        let uuid = "6a5b2c1d-0e9f-4a3b-8c7d-1e2f3a4b5c6d";
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMHUxIn0.c2lnbmF0dXJl";
        let opaque = "zcLdr1FBXwtI9ej98VVVwtjDd-SmaoL06qr_UcY2tNA";
        for secret in [uuid, jwt, opaque] {
            for text in [
                format!("The token {secret} is unknown."),
                format!("token='{secret}'"),
                secret.to_owned(),
            ] {
                for asked in [
                    Asked::Code,
                    Asked::Approval,
                    Asked::Refresh,
                    Asked::Revocation,
                ] {
                    let said = failure(asked, "odd", &text).to_string();
                    assert!(!said.contains(&secret[..12]), "{said}");
                    let said = failure(asked, &text, "").to_string();
                    assert!(!said.contains(&secret[..12]), "{said}");
                }
            }
        }
        let urn = "Configured grant types: [urn:ietf:params:oauth:grant-type:device_code].";
        assert_eq!(without_secrets(urn), urn);
    }

    #[test]
    fn only_a_refresh_can_end_a_session() {
        for asked in [Asked::Code, Asked::Approval, Asked::Revocation] {
            for error in [
                "invalid_grant",
                "access_denied",
                "invalid_client",
                "expired_token",
                "x",
            ] {
                assert_ne!(failure(asked, error, "").kind, Kind::NotSignedIn);
            }
        }
    }

    #[test]
    fn the_servers_words_are_made_harmless_and_short() {
        let failure = failure(
            Asked::Code,
            "odd\u{1b}[2J",
            &"long \u{202e}\u{7}".repeat(500),
        );
        assert!(failure.what.len() < 500, "{}", failure.what.len());
        assert!(!failure.what.contains(['\u{1b}', '\u{7}', '\u{202e}']));
    }
}
