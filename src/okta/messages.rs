//! What a person is told of Okta, in one piece.

use serde_json::json;

use super::*;
use crate::failure::{shown, table};

const ISSUER: &str = "https://org.okta.com/oauth2/default";
const HOST: &str = "org.okta.com";

/// What was asked for, and what Okta answers: a word and a text.
const REFUSALS: &str = "
Approval access_denied The resource owner denied the request.
Approval access_denied User is not assigned to the client application.
Approval access_denied Policy evaluation failed for this request, please check the policy configurations.
Refresh access_denied Policy evaluation failed for this request, please check the policy configurations.
Approval access_denied The policy of the app requires a managed device.
Approval access_denied Sign-on is blocked from this country.
Approval expired_token
Approval invalid_grant
Approval invalid_grant The device code is invalid or has expired.
Approval invalid_grant User is suspended.
Refresh invalid_grant The refresh token is invalid or expired.
Refresh invalid_grant User is suspended.
Refresh interaction_required The user must sign in again.
Refresh login_required
Code invalid_client
Code invalid_client Invalid value for 'client_id' parameter.
Code invalid_client No client credentials found.
Code unauthorized_client The client is not authorized to use the provided grant type. Configured grant types: [authorization_code].
Refresh unauthorized_client
Code invalid_scope One or more scopes are not configured for the authorization server resource.
Approval use_dpop_nonce
Refresh use_dpop_nonce
Refresh invalid_dpop_proof
Code E0000095 Recovery not allowed for unknown user.
Approval server_error
Refresh E0000006 You do not have permission to perform the requested action
Revocation E0000007 Not found: Resource not found
";

#[test]
fn every_refusal_has_its_kind_its_words_and_its_cure() {
    let refused = |line: &str, with_secret| {
        let mut words = line.splitn(3, ' ');
        let asked = match words.next() {
            Some("Approval") => Asked::Approval,
            Some("Code") => Asked::Code,
            Some("Refresh") => Asked::Refresh,
            _ => Asked::Revocation,
        };
        let [error, text] = [words.next(), words.next()].map(Option::unwrap_or_default);
        let body = json!({"error": error, "error_description": text}).to_string();
        let refusal = Refusal::read(&Answer::of(400, &body)).expect("a refusal");
        refusal.failure(asked, with_secret)
    };
    let public = REFUSALS.trim().lines();
    let public = public.map(|line| (line.to_owned(), refused(line, false)));
    let secret = [
        "",
        " The client secret supplied for a confidential client is invalid.",
    ];
    let secret = secret.map(|text| {
        let line = format!("Code invalid_client{text}");
        (format!("{line} (a secret was sent)"), refused(&line, true))
    });
    insta::assert_snapshot!(table(public.chain(secret)));
}

#[test]
fn every_strange_answer() {
    let strange = [
        (429, "<html>"),
        (503, "<html>"),
        (302, "<html>"),
        (404, "<html>"),
        (401, ""),
    ];
    insta::assert_snapshot!(shown(
        strange.map(|(status, body)| refusal::strange(&Answer::of(status, body), HOST))
    ));
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
        Error::ProxySignIn("Negotiate, NTLM".into()),
        Error::ProxyUnreachable,
        Error::Untrusted,
        Error::Weak,
        Error::OtherUse,
        Error::OtherName,
        Error::CertificateTime,
        Error::Tls("wrong version number".into()),
        Error::TooLarge,
        Error::Setup(http::malformed_proxy()),
        Error::Setup(proxy::unreadable("ALL_PROXY")),
    ];
    insta::assert_snapshot!(shown(errors.map(|error| error.failure(HOST))));
}

fn discovered(issuer: &str, status: u16, body: &str) -> (String, Failure) {
    let url = discovery::parse_issuer(issuer).expect("an issuer");
    let failure = discovery::read(&Answer::of(status, body), issuer, &url).expect_err(body);
    (format!("{issuer} gives {status} {body}"), failure)
}

#[test]
fn every_reason_why_an_issuer_is_none() {
    let forms = [
        "",
        "org.okta.com",
        "http://org.okta.com",
        "ftp://org.okta.com",
        "https://joe@org.okta.com",
        "https://org.okta.com?x=1",
        "https://org.okta.com/#x",
    ];
    let forms = forms.map(|issuer| {
        let failure = discovery::parse_issuer(issuer).expect_err(issuer);
        (format!("“{issuer}”"), failure)
    });
    let org = "https://org.okta.com";
    let unknown = r#"{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: x"}"#;
    let answers = [
        discovered(ISSUER, 404, unknown),
        discovered(org, 404, "<html>"),
        discovered(org, 200, "<html>"),
        discovered(org, 200, "{}"),
        discovered(org, 403, "<html>"),
        discovered(org, 302, "<html>"),
        discovered(org, 503, "<html>"),
        discovered(org, 429, unknown),
    ];
    let document = |issuer: &str, token: Option<&str>, keys: &str| {
        json!({"issuer": issuer, "token_endpoint": token, "jwks_uri": keys}).to_string()
    };
    let good = Some("https://org.okta.com/t");
    let keys = "https://org.okta.com/k";
    let others = [
        (ISSUER, org),
        (ISSUER, "https://login.example.com"),
        ("https://org.okta.com/", org),
        (org, "https://org.okta.com/"),
        ("https://org.okta.com/oauth2/default/", ISSUER),
        ("https://Org.okta.com", org),
    ];
    let others = others.map(|(issuer, told)| discovered(issuer, 200, &document(told, good, keys)));
    let device = r#","device_authorization_endpoint":"http://org.okta.com/d"}"#;
    let device = document(org, good, keys).replace('}', device);
    let unusable = [
        discovered(org, 200, &document(org, None, keys)),
        discovered(org, 200, &document(org, good, "http://org.okta.com/k")),
        discovered(org, 200, &device),
    ];
    let documents = others.into_iter().chain(unusable);
    let cases = forms.into_iter().chain(answers).chain(documents);
    insta::assert_snapshot!(table(cases));
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
    insta::assert_snapshot!(shown([
        code("A\nB", "x", good),
        code("AB", "", good),
        code("AB", "x", "http://org.okta.com/activate"),
        no_device_endpoint(ISSUER),
        no_id_token(),
        renewed_without_id_token(),
        too_long(),
        unpublished_key(),
        another_person(),
        no_revocation(),
        no_key,
        refusal::demands_dpop(),
    ]));
}
