//! What a person is told of Okta, in one piece.

use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json};

use super::*;
use crate::failure::list;

const ISSUER: &str = "https://org.okta.com/oauth2/default";
const HOST: &str = "org.okta.com";

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: Zeroizing::new(body.into()),
        retry_after: None,
        clock_ahead: None,
        one_was_lost: false,
    }
}

fn refusals() -> Vec<Failure> {
    use Asked::{Approval, Code, Refresh, Revocation};
    [
        (
            Approval,
            "access_denied",
            "The resource owner denied the request.",
            false,
        ),
        (
            Approval,
            "access_denied",
            "User is not assigned to the client application.",
            false,
        ),
        (
            Approval,
            "access_denied",
            "Policy evaluation failed for this request.",
            false,
        ),
        (Approval, "expired_token", "", false),
        (Approval, "invalid_grant", "", false),
        (
            Refresh,
            "invalid_grant",
            "The refresh token is invalid or expired.",
            false,
        ),
        (
            Code,
            "invalid_client",
            "Invalid value for 'client_id' parameter.",
            false,
        ),
        (
            Code,
            "invalid_client",
            "No client credentials found.",
            false,
        ),
        (
            Code,
            "invalid_client",
            "The client secret supplied for a confidential client is invalid.",
            true,
        ),
        (Code, "unauthorized_client", "", false),
        (Refresh, "unauthorized_client", "", false),
        (
            Code,
            "invalid_scope",
            "One or more scopes are not configured for the authorization server resource.",
            false,
        ),
        (Refresh, "use_dpop_nonce", "", false),
        (
            Code,
            "E0000095",
            "Recovery not allowed for unknown user.",
            false,
        ),
        (Approval, "server_error", "", false),
        (
            Refresh,
            "E0000006",
            "You do not have permission to perform the requested action",
            false,
        ),
        (
            Revocation,
            "E0000007",
            "Not found: Resource not found",
            false,
        ),
    ]
    .into_iter()
    .map(|(asked, error, text, with_secret)| {
        let body = json!({"error": error, "error_description": text}).to_string();
        let refusal = Refusal::read(&answer(400, &body)).expect("a refusal");
        refusal.failure(asked, with_secret)
    })
    .collect()
}

#[test]
fn every_refusal_and_every_strange_answer() {
    let strange =
        [429, 503, 302, 404].map(|status| refusal::strange(&answer(status, "<html>"), HOST));
    insta::assert_snapshot!(list(refusals().into_iter().chain(strange)));
}

#[test]
fn every_reason_why_okta_cannot_be_reached() {
    use http::Error;
    let errors = [
        Error::TimedOut,
        Error::UnknownHost,
        Error::Connection,
        Error::Proxy,
        Error::ProxyPassword,
        Error::ProxyUnreachable,
        Error::Untrusted,
        Error::OtherName,
        Error::CertificateTime,
        Error::Tls("wrong version number".into()),
        Error::TooLarge,
        Error::Setup(http::malformed_proxy()),
    ];
    insta::assert_snapshot!(list(errors.map(|error| error.failure(HOST))));
}

fn discovered(issuer: &str, status: u16, body: &str) -> Failure {
    let url = discovery::parse_issuer(issuer).expect("an issuer");
    discovery::read(&answer(status, body), issuer, &url).expect_err("refused")
}

#[test]
fn every_reason_why_an_issuer_is_none() {
    let forms = [
        "org.okta.com",
        "http://org.okta.com",
        "https://joe@org.okta.com",
    ];
    let forms = forms.map(|issuer| discovery::parse_issuer(issuer).expect_err("refused"));
    let document = |issuer: &str, token: Value, keys: &str| {
        json!({"issuer": issuer, "token_endpoint": token, "jwks_uri": keys}).to_string()
    };
    let good = json!("https://org.okta.com/t");
    let keys = "https://org.okta.com/k";
    let found = [
        discovered(ISSUER, 404, ""),
        discovered("https://org.okta.com", 404, ""),
        discovered(ISSUER, 200, "<html>"),
        discovered(
            ISSUER,
            200,
            &document("https://org.okta.com", good.clone(), keys),
        ),
        discovered(
            ISSUER,
            200,
            &document("https://login.example.com", good.clone(), keys),
        ),
        discovered(ISSUER, 200, &document(ISSUER, Value::Null, keys)),
        discovered(
            ISSUER,
            200,
            &document(ISSUER, good, "http://org.okta.com/k"),
        ),
    ];
    insta::assert_snapshot!(list(forms.into_iter().chain(found)));
}

#[test]
fn everything_else_that_okta_can_get_wrong() {
    let code = |user_code: &str, device_code: &str, address: &str| {
        let body = json!({"user_code": user_code, "device_code": device_code, "verification_uri": address});
        let issued: device::Issued = serde_json::from_value(body).expect("an answer");
        issued.accept().err().expect("refused")
    };
    let good = "https://org.okta.com/activate";
    let none = serde_json::from_value::<Keys>(json!({"keys": []})).expect("a key set");
    let Verdict::Failed(no_key) = keys_verdict(Ok(Arc::new(none))) else {
        panic!("no key is no failure");
    };
    insta::assert_snapshot!(list([
        code("A\nB", "x", good),
        code("AB", "", good),
        code("AB", "x", "http://org.okta.com/activate"),
        no_device_endpoint(ISSUER),
        no_id_token(),
        unpublished_key(),
        another_person(),
        no_revocation(),
        no_key,
        refusal::demands_dpop(),
    ]));
}
