//! Tokens are made by hand here, so that every way of being wrong can be had.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openssl::{hash::MessageDigest, pkey::PKey, pkey::Private, rsa::Rsa, sign::Signer};
use serde_json::{Value, json};

use super::*;
use token_cases::World;

#[path = "../../../tests/support/token_cases.rs"]
mod token_cases;

pub(super) const ISSUER: &str = "https://org.okta.com/oauth2/default";
pub(super) const CLIENT: &str = "0oa1";
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) static KEY: LazyLock<PKey<Private>> = LazyLock::new(new_key);
pub(super) static OTHER_KEY: LazyLock<PKey<Private>> = LazyLock::new(new_key);

fn new_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key of RSA")
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn public(key: &PKey<Private>, more: &Value) -> Value {
    let rsa = key.rsa().expect("an RSA key");
    let key =
        json!({"kty": "RSA", "n": base64url(&rsa.n().to_vec()), "e": base64url(&rsa.e().to_vec())});
    with_changes(key, more)
}

fn set(keys: &[Value]) -> Keys {
    serde_json::from_value(json!({"keys": keys})).expect("a key set")
}

pub(super) fn keys(kid: &str) -> Keys {
    let key = public(&KEY, &json!({"alg": "RS256", "use": "sig", "kid": kid}));
    // What cannot be understood beside it is skipped.
    set(&[json!({"kty": "new", "kid": "x"}), key])
}

pub(super) fn token(header: &Value, claims: &Value) -> SecretString {
    signed_by(&KEY, &header.to_string(), &claims.to_string()).into()
}

pub(super) fn signed_by(key: &PKey<Private>, header: &str, claims: &str) -> String {
    let content = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let mut signer = Signer::new(MessageDigest::sha256(), key).expect("a signer");
    signer.update(content.as_bytes()).expect("hashed");
    let signature = signer.sign_to_vec().expect("signed");
    format!("{content}.{}", base64url(&signature))
}

pub(super) fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1"})
}

pub(super) fn claims() -> Value {
    json!({"sub": "00u1", "name": "James Joyce", "preferred_username": "jj@example.com", "ver": 1,
        "iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 3600, "jti": "ID.1",
        "amr": ["pwd"], "idp": "00o1", "auth_time": NOW - 5, "at_hash": "x"})
}

pub(super) fn with(changes: &Value) -> Value {
    with_changes(claims(), changes)
}

pub(super) fn with_changes(mut it: Value, changes: &Value) -> Value {
    let object = it.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        object.insert(name.clone(), value.clone());
    }
    it
}

pub(super) fn expected(now: i64, clock_ahead: Option<i64>) -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        now: DateTime::from_timestamp(now, 0).expect("a time"),
        clock_ahead,
    }
}

pub(super) fn checked_when(
    token: &SecretString,
    now: i64,
    clock_ahead: Option<i64>,
) -> Result<IdToken, Rejected> {
    check(token, &keys("k1"), &expected(now, clock_ahead))
}

fn checked(token: &SecretString) -> Result<IdToken, Rejected> {
    checked_when(token, NOW, None)
}

pub(super) fn refusal(outcome: Result<IdToken, Rejected>) -> Failure {
    match outcome {
        Err(Rejected::For(failure) | Rejected::Signature(failure)) => failure,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_token_as_okta_issues_it_is_accepted_and_names_the_person() {
    let token = token(&header(), &claims());
    let accepted = checked(&token).expect("accepted");
    assert_eq!(accepted.user.id, "00u1");
    assert_eq!(accepted.user.name, "James Joyce");
    assert_eq!(accepted.expires_at, NOW + 3600);
    assert_eq!(accepted.token.expose_secret(), token.expose_secret());
    assert!(!format!("{accepted:?}").contains(token.expose_secret()));
}

#[test]
fn the_table_that_it_shares_with_the_database_holds() {
    let world = World {
        issuer: ISSUER,
        client_id: CLIENT,
        kid: "k1",
        now: NOW,
    };
    for (accepted, header, claims) in world.cases() {
        let token = signed_by(&KEY, &header, &claims).into();
        assert_eq!(checked(&token).is_ok(), accepted, "{header}.{claims}");
    }
}

#[test]
fn clocks_may_be_five_minutes_apart() {
    let token = token(&header(), &claims());
    for (now, accepted) in [
        (NOW - 299, true),
        (NOW - 301, false),
        (NOW + 3600 + 299, true),
        (NOW + 3600 + 301, false),
    ] {
        assert_eq!(checked_when(&token, now, None).is_ok(), accepted, "{now}");
    }
    let early = with(&json!({"nbf": NOW + 301}));
    assert!(checked(&super::tests::token(&header(), &early)).is_err());
    for no_matter in [None, Some(0), Some(-300)] {
        assert_eq!(clock(no_matter), None);
    }
}

#[test]
fn a_token_that_okta_did_not_sign_is_refused() {
    let good = token(&header(), &claims());
    let parts: Vec<_> = good.expose_secret().split('.').collect();
    let other = base64url(with(&json!({"sub": "00u2"})).to_string().as_bytes());
    let tampered = format!("{}.{other}.{}", parts[0], parts[2]).into();
    let failure = refusal(checked(&tampered));
    assert!(failure.what.contains("signature"), "{failure}");
    for alg in ["HS256", "none", "RS384"] {
        let other = token(&json!({"alg": alg, "kid": "k1"}), &claims());
        assert!(checked(&other).is_err(), "{alg}");
    }
    for text in ["", "a.b", "a.b.c", "a.b.c.d.e", &good.expose_secret()[1..]] {
        let failure = refusal(checked(&text.into()));
        assert!(failure.what.contains("cannot be read"), "{failure}");
    }
}

#[test]
fn a_key_id_may_be_missing_if_any_key_fits() {
    let ours = |more| public(&KEY, &more);
    let other = |more| public(&OTHER_KEY, &more);
    let named = |key, kid| public(key, &json!({"kid": kid}));
    let crowd = [
        json!({"kty": "EC", "crv": "P-256", "x": base64url(&[1; 32]), "y": base64url(&[2; 32]), "use": "sig"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&[3; 32]), "use": "sig"}),
        other(json!({"use": "enc"})),
        other(json!({})),
        ours(json!({})),
    ];
    let not_to_sign = other(json!({"kid": "k1", "use": "enc"}));
    let of_k1 = token(&header(), &claims());
    let nameless = token(&json!({"alg": "RS256"}), &claims());
    let now = expected(NOW, None);
    for (token, keys) in [
        (&nameless, &[ours(json!({}))][..]),
        (&nameless, &[named(&OTHER_KEY, "a"), named(&KEY, "b")]),
        (&nameless, &crowd),
        (&of_k1, &crowd),
        (&of_k1, &[named(&OTHER_KEY, "k1"), named(&KEY, "k1")]),
        (&of_k1, &[not_to_sign, named(&KEY, "k1")]),
    ] {
        assert!(check(token, &set(keys), &now).is_ok(), "{keys:?}");
    }
    for (token, keys) in [
        (&nameless, set(&[other(json!({}))])),
        (&of_k1, set(&[other(json!({}))])),
        (&of_k1, set(&[ours(json!({"kid": "k2"}))])),
        (&nameless, set(&[])),
    ] {
        let outcome = check(token, &keys, &now);
        assert!(matches!(outcome, Err(Rejected::UnknownKey)), "{keys:?}");
    }
    for more in [
        json!({"kid": "k1", "use": "enc"}),
        json!({"kid": "k1", "alg": "RS384"}),
    ] {
        assert!(check(&of_k1, &set(&[ours(more)]), &now).is_err());
    }
}

#[test]
fn claims_that_do_not_count_may_be_anything() {
    let odd = with(
        &json!({"locale": "no locale!", "zoneinfo": 5, "address": "a street", "amr": "pwd", "acr": 1,
        "auth_time": "1700000000", "updated_at": "2026-05-03T12:00:00Z", "email_verified": "true", "name": 5,
        "iat": 1_800_000_000.5, "picture": {}, "jti": 7, "nonce": null}),
    );
    let accepted = checked(&token(&header(), &odd)).expect("accepted");
    assert_eq!(accepted.user.name, "jj@example.com");
}

#[test]
fn a_person_is_called_by_the_best_name_there_is() {
    for (changes, name) in [
        (
            json!({"name": " James \u{202e}\n Joyce Jr. "}),
            "James Joyce Jr.",
        ),
        (json!({"name": ""}), "jj@example.com"),
        (
            json!({"name": null, "preferred_username": null, "email": "e@example.com"}),
            "e@example.com",
        ),
        (json!({"name": "\u{7}", "preferred_username": "\t"}), "00u1"),
    ] {
        let accepted = checked(&token(&header(), &with(&changes))).expect("accepted");
        assert_eq!(accepted.user.name, name);
    }
    let long = with(&json!({"name": "é".repeat(1000)}));
    let accepted = checked(&token(&header(), &long)).expect("accepted");
    assert_eq!(accepted.user.name.chars().count(), LONGEST_NAME);
}
