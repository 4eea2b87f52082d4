//! Any ID token, any set of keys.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openssl::{hash::MessageDigest, sign::Verifier};
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::{Value, json};

use super::{
    tests::{CLIENT, ISSUER, KEY, NOW, OTHER_KEY, claims, expected, header, public, signed_by},
    *,
};
use crate::fuzz;

const WORDS: &str = r#"
RS256 RS384 HS256 none PS256 rs256 k1 k2 alg kid crit b64 typ JWT jwk iss sub aud exp iat nbf azp nonce name
https://org.okta.com 0oa2 00u2 1800000000 RSA EC oct sig enc kty use n e AQAB AQ AA x5c keys . = { } " , : \u0000 e999
"#;

fn words() -> Vec<&'static str> {
    let more = [ISSUER, CLIENT];
    WORDS.split_whitespace().chain(more).collect()
}

/// What may be wrong about one sign-in.
#[derive(Clone, Debug)]
struct Case {
    header: Value,
    claims: Value,
    keys: Value,
    /// By whom it is signed.
    ours: bool,
    /// The token as it arrives, if someone had a hand in it.
    changed: Option<Value>,
    now: i64,
}

fn key_set() -> Value {
    let published = json!({"alg": "RS256", "use": "sig", "kid": "k1"});
    json!({"keys": [{"kty": "new", "kid": "x"}, public(&KEY, &published), public(&OTHER_KEY, &json!({"use": "enc", "kid": "k3"}))]})
}

fn case() -> impl Strategy<Value = Case> {
    let both = json!({"aud": [CLIENT, "api"], "azp": CLIENT, "nbf": NOW - 5});
    let both = super::tests::with_changes(claims(), &both);
    let now = prop_oneof![
        6 => Just(NOW),
        1 => NOW - 400..NOW + 4000,
        1 => prop::sample::select(vec![i64::from(i32::MIN), 0, 253_402_300_799]),
    ];
    (
        prop_oneof![2 => Just(header()), 1 => fuzz::garbled_json(vec![header()], &words())],
        prop_oneof![1 => Just(claims()), 2 => fuzz::garbled_json(vec![claims(), both], &words())],
        prop_oneof![2 => Just(key_set()), 1 => fuzz::garbled_json(vec![key_set()], &words())],
        prop::bool::weighted(0.8),
        prop::option::weighted(0.3, fuzz::garbled_json(vec![claims()], &words())),
        now,
    )
        .prop_map(|(header, claims, keys, ours, changed, now)| Case {
            header,
            claims,
            keys,
            ours,
            changed,
            now,
        })
}

/// Checks the signature and the claims once more by other means.
#[expect(
    clippy::cast_precision_loss,
    reason = "a time in seconds is far from that"
)]
fn deserves_it(token: &str, case: &Case, accepted: &IdToken) -> TestCaseResult {
    let parts: Vec<&str> = token.split('.').collect();
    prop_assert_eq!(parts.len(), 3);
    let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let (content, _) = token.rsplit_once('.').expect("two dots");
    let signer = [&KEY, &OTHER_KEY].into_iter().find(|key| {
        let key: &LazyLock<_> = key;
        let mut verifier = Verifier::new(MessageDigest::sha256(), key).expect("a verifier");
        verifier
            .verify_oneshot(&bytes(parts[2]), content.as_bytes())
            .unwrap_or_default()
    });
    let modulus = signer.map(|key| public(key, &json!({}))["n"].to_string());
    let is_published = modulus.is_some_and(|modulus| case.keys.to_string().contains(&modulus));
    prop_assert!(is_published, "its signer is not published");

    let json = |part| serde_json::from_slice::<Value>(&bytes(part));
    let (Ok(header), Ok(claims)) = (json(parts[0]), json(parts[1])) else {
        // What no one looks at may be deeper than this parser goes.
        return Ok(());
    };
    prop_assert_eq!(&header["alg"], "RS256");
    prop_assert!(header["crit"].is_null());
    prop_assert_eq!(&claims["iss"], ISSUER);
    prop_assert!(
        claims["aud"] == CLIENT
            || claims["aud"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(CLIENT)))
    );
    prop_assert!(claims["azp"].is_null() || claims["azp"] == CLIENT);
    prop_assert!(claims["nonce"].is_null());
    prop_assert_eq!(claims["sub"].as_str(), Some(accepted.user.id.as_str()));
    let time = |name: &str| claims[name].as_f64();
    let now = case.now as f64;
    prop_assert!(time("exp").is_some_and(|at| at > now - 301.0));
    prop_assert!(time("iat").is_some_and(|at| at < now + 302.0));
    prop_assert!(time("nbf").is_none_or(|at| at < now + 302.0));
    let name = &accepted.user.name;
    prop_assert!(!name.is_empty() && name.chars().count() <= 300);
    prop_assert!(!name.contains(char::is_control) && !accepted.user.id.contains(char::is_control));
    fuzz::hides(&format!("{accepted:?}"), parts[2])
}

fn judged(token: String, case: &Case) -> TestCaseResult {
    let Ok(keys) = serde_json::from_value::<Keys>(case.keys.clone()) else {
        return Ok(());
    };
    names(&keys);
    let token = SecretString::from(token);
    match check(&token, &keys, &expected(case.now, None)) {
        Ok(accepted) => deserves_it(token.expose_secret(), case, &accepted),
        Err(Rejected::UnknownKey) => Ok(()),
        Err(Rejected::For(failure) | Rejected::Signature(failure)) => {
            prop_assert_eq!(failure.kind, Kind::Okta);
            prop_assert!(failure.cure.is_some());
            fuzz::is_harmless(&failure.to_string())?;
            fuzz::hides(&failure.to_string(), token.expose_secret())
        }
    }
}

#[test]
fn only_a_signed_token_meant_for_us_is_accepted() {
    fuzz::run("ID token and keys", &case(), |case| {
        let key = if case.ours { &KEY } else { &OTHER_KEY };
        let token = signed_by(key, &case.header.to_string(), &case.claims.to_string());
        let token = match &case.changed {
            // Its claims are replaced, its signature stays.
            Some(claims) => {
                let parts: Vec<&str> = token.split('.').collect();
                let claims = super::tests::base64url(claims.to_string().as_bytes());
                format!("{}.{claims}.{}", parts[0], parts[2])
            }
            None => token,
        };
        judged(token, &case)
    });
}

#[test]
fn a_changed_token_is_accepted_only_if_still_valid() {
    let good = signed_by(&KEY, &header().to_string(), &claims().to_string());
    let texts = fuzz::garbled(vec![good], &words());
    fuzz::run("bytes of a token", &texts, |text| {
        let case = Case {
            header: header(),
            claims: claims(),
            keys: key_set(),
            ours: true,
            changed: None,
            now: NOW,
        };
        judged(text, &case)
    });
}
