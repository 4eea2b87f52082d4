//! What a person is told of an ID token.

use serde_json::json;

use super::{
    tests::{NOW, checked_when, claims, header, refusal, token, with, with_changes},
    *,
};
use crate::failure::list;

#[test]
fn every_reason_to_refuse_a_token() {
    let of = |changes| token(&header(), &with(&changes));
    let crit = with_changes(header(), &json!({"crit": ["b64"]}));
    let good = token(&header(), &claims());
    let (content, _) = good.expose_secret().rsplit_once('.').expect("a signature");
    let tokens = [
        "no token".to_owned().into(),
        token(&with_changes(header(), &json!({"alg": "ES256"})), &claims()),
        token(&crit, &claims()),
        format!("{content}.AA").into(),
        token(&header(), &json!({"sub": 1})),
        of(json!({"iss": "https://login.example.com"})),
        of(json!({"aud": "0oa2"})),
        of(json!({"scp": ["openid"]})),
        of(json!({"exp": 1e300})),
        of(json!({"nonce": "n"})),
        of(json!({"sub": ""})),
    ];
    let refused = tokens.map(|token| refusal(checked_when(&token, NOW, None)));
    let in_time =
        [None, Some(3 * 3_600)].map(|ahead| refusal(checked_when(&good, NOW - 4_000, ahead)));
    insta::assert_snapshot!(list(refused.into_iter().chain(in_time)));
}
