//! Any answer, of Okta's or of what stands in between.

use std::time::Duration;

use chrono::DateTime;
use proptest::{prelude::*, test_runner::TestCaseResult};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::fuzz;

const ISSUER: &str = "https://org.okta.com/oauth2/default";
/// A device code, an access token, or a client secret: as long as the shortest of Okta's.
const SECRET: &str = "zQ7xAk9X2wbJ4v8T1y6cP5d3M0nR8sL2eF7g";

const WORDS: &str = r#"
issuer jwks_uri token_endpoint device_authorization_endpoint revocation_endpoint https://org.okta.com
http://org.okta.com/x https:// javascript:x https://u:p@h/ /relative device_code user_code verification_uri
verification_url verification_uri_complete expires_in interval error error_description errorCode errorSummary
access_denied authorization_pending slow_down expired_token invalid_grant invalid_client invalid_scope DPoP
use_dpop_nonce unauthorized_client policy E0000047 keys kid kty RSA token_type Bearer id_token access_token
refresh_token <html> { } " , : [ ] null 1e999 -1 0
"#;

fn words() -> Vec<&'static str> {
    let more = [ISSUER, "not assigned", SECRET];
    WORDS.split_whitespace().chain(more).collect()
}

fn body() -> impl Strategy<Value = String> {
    let samples = vec![
        json!({"issuer": ISSUER, "jwks_uri": "https://org.okta.com/k", "token_endpoint": "https://org.okta.com/t",
            "device_authorization_endpoint": "https://org.okta.com/d", "revocation_endpoint": "https://org.okta.com/r",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"], "grant_types_supported": []}),
        json!({"device_code": SECRET, "user_code": "WDJBMJHT", "verification_uri": "https://org.okta.com/activate",
            "verification_uri_complete": "https://org.okta.com/activate?user_code=WDJBMJHT", "expires_in": 600, "interval": 5}),
        json!({"error": "access_denied", "error_description": format!("The resource owner denied {SECRET}.")}),
        json!({"errorCode": "E0000047", "errorSummary": "API call exceeded rate limit", "errorId": "x", "errorCauses": []}),
        json!({"token_type": "Bearer", "expires_in": 3600, "access_token": SECRET, "id_token": SECRET, "refresh_token": SECRET}),
        json!({"keys": [{"kid": "k1", "kty": "RSA", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB"}]}),
    ];
    let texts = samples
        .iter()
        .map(ToString::to_string)
        .chain(["<html><body>Log in to the network</body></html>".into()]);
    prop_oneof![
        3 => fuzz::garbled_json(samples.clone(), &words()).prop_map(|json| json.to_string()),
        2 => fuzz::garbled(texts.collect(), &words()),
    ]
}

/// What a person would be told: by whomever, it is fit for a screen.
fn is_fit(failure: &Failure) -> TestCaseResult {
    let words = failure.to_string();
    prop_assert!(words.chars().count() < 2_000, "{}", words);
    fuzz::is_harmless(&words)
}

/// It holds no secret as well.
fn is_told(failure: &Failure) -> TestCaseResult {
    is_fit(failure)?;
    let words = failure.to_string();
    // Of what a server repeats, only what is as long as a token can be told from words.
    fuzz::hides_parts(&words, SECRET, 32)
}

fn read_as_discovery(answer: &Answer, url: &Url) -> TestCaseResult {
    match discovery::read(answer, ISSUER, url) {
        Ok(server) => {
            prop_assert_eq!(answer.status, 200);
            let all = [
                server.device,
                Some(server.token),
                server.revocation,
                Some(server.keys),
            ];
            for address in all.into_iter().flatten() {
                prop_assert_eq!(address.scheme(), "https");
            }
            Ok(())
        }
        // Whoever asks for it sends no secret.
        Err(failure) => is_fit(&failure),
    }
}

fn read_as_code(answer: &Answer) -> TestCaseResult {
    let Some(issued) = answer.json::<device::Issued>() else {
        return Ok(());
    };
    match issued.accept() {
        Ok((code, pending)) => {
            prop_assert!(!code.user_code.is_empty() && !code.user_code.contains(char::is_control));
            let complete = code.verification_uri_complete.iter();
            for address in complete.chain([&code.verification_uri]) {
                let is_sane = address.starts_with("https://");
                let is_sane = is_sane && !address.contains(char::is_control);
                prop_assert!(is_sane, "{}", address);
            }
            let day = Duration::from_hours(24);
            prop_assert!(pending.left() <= day && pending.schedule().first() <= day);
            prop_assert!(pending.schedule().first() >= Duration::from_secs(1));
            Ok(())
        }
        Err(failure) => is_told(&failure),
    }
}

fn polled(answer: Answer) -> TestCaseResult {
    let ends_it = !answer.is_busy();
    let (status, has_word) = (answer.status, Refusal::read(&answer).is_some());
    let pending = json!({"device_code": "x", "user_code": "A", "verification_uri": "https://h/a", "interval": 5});
    let issued: device::Issued = serde_json::from_value(pending).expect("an answer");
    let (_, pending) = issued.accept().expect("a code");
    match pending.schedule().after(Ok(answer), true) {
        device::Next::Ask(pause, _) => prop_assert!(pause >= Duration::from_secs(5)),
        device::Next::Approved(_) => prop_assert_eq!(status, 200),
        device::Next::Over(failure) => {
            prop_assert!(ends_it && has_word, "{} ended it", status);
            is_told(&failure)?;
        }
    }
    Ok(())
}

const HEADERS: [&str; 7] = [
    "date",
    "retry-after",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "cache-control",
    "expires",
    "age",
];

#[test]
fn no_answer_panics_or_has_its_secrets_repeated() {
    let url = discovery::parse_issuer(ISSUER).expect("an issuer");
    let header = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        Just("Sun, 06 Nov 1994 08:49:47 GMT".to_owned()),
        Just("Fri, 31 Dec 9999 23:59:59 GMT".to_owned()),
        any::<i64>().prop_map(|number| format!("public, max-age={number}")),
        "[ -~]{0,30}",
    ];
    let status = prop::sample::select(vec![200_u16, 302, 400, 401, 403, 404, 408, 429, 500, 503]);
    let answers = (
        body(),
        status,
        prop::collection::vec(header, 7),
        any::<bool>(),
    );
    let asked = [
        Asked::Code,
        Asked::Approval,
        Asked::Refresh,
        Asked::Revocation,
    ];
    fuzz::run(
        "answers of Okta",
        &answers,
        |(body, status, values, with_secret)| {
            let mut headers = HeaderMap::new();
            for (name, value) in HEADERS.into_iter().zip(&values) {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(name, value);
                }
            }
            let now = http::date(&headers).unwrap_or(DateTime::UNIX_EPOCH);
            let retry_after = http::retry_after(&headers, now);
            prop_assert!(retry_after.is_none_or(|pause| pause <= Duration::from_hours(24)));
            let fresh = http::fresh(&headers, now);
            prop_assert!((0..=http::LONGEST_KEPT).contains(&(fresh.end - fresh.start)));
            let clock_ahead = http::date(&headers).map(|date| (date - Utc::now()).num_seconds());
            if let Some(failure) = id_token::clock(clock_ahead) {
                is_told(&failure)?;
            }
            let answer = Answer {
                retry_after,
                clock_ahead,
                ..Answer::of(status, &body)
            };
            read_as_discovery(&answer, &url)?;
            read_as_code(&answer)?;
            if let Some(refusal) = Refusal::read(&answer) {
                for asked in asked {
                    is_told(&refusal.failure(asked, with_secret))?;
                }
            }
            is_told(&refusal::strange(&answer, "org.okta.com"))?;
            if let Some(Err(failure)) = Granted::read(&answer) {
                is_told(&failure)?;
            }
            if let Some(keys) = answer.json::<Keys>() {
                id_token::names(&keys);
            }
            polled(answer)
        },
    );
}
