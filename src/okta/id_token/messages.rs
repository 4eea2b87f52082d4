//! What a person is told of an ID token.

use serde_json::json;

use super::{
    tests::{
        CLIENT, ISSUER, NOW, checked_when, claims, header, refusal, token, with, with_changes,
    },
    *,
};
use crate::failure::table;

#[test]
fn every_reason_to_refuse_a_token() {
    let good = token(&header(), &claims());
    let (content, _) = good.expose_secret().rsplit_once('.').expect("a signature");
    let es256 = with_changes(header(), &json!({"alg": "ES256"}));
    let crit = with_changes(header(), &json!({"crit": ["b64"]}));
    let forms = [
        ("no token", "no token".to_owned().into()),
        ("another algorithm", token(&es256, &claims())),
        ("an extension", token(&crit, &claims())),
        ("another signature", format!("{content}.AA").into()),
        ("a number for a name", token(&header(), &json!({"sub": 1}))),
    ];
    let forms = forms.map(|(case, token)| (case.to_owned(), token));
    let claims = [
        json!({"iss": "https://login.example.com"}),
        json!({"iss": "https://org.okta.com"}),
        json!({"iss": format!("{ISSUER}/")}),
        json!({"aud": "0oa2"}),
        json!({"aud": []}),
        json!({"aud": [CLIENT, "api"]}),
        json!({"aud": [CLIENT, "api"], "azp": "api"}),
        json!({"azp": "0oa2"}),
        json!({"scp": ["openid"]}),
        json!({"exp": 1e300}),
        json!({"nonce": "n"}),
        json!({"sub": ""}),
        json!({"sub": " "}),
        json!({"sub": "00u\u{0}1"}),
        json!({"sub": "x".repeat(256)}),
    ];
    let claims = claims.map(|it| (it.to_string(), token(&header(), &with(&it))));
    let tokens = forms.into_iter().chain(claims);
    let refused = tokens.map(|(case, token)| (case, refusal(checked_when(&token, NOW, None))));
    let clocks = [
        (-4_000, None),
        (-4_000, Some(3 * 3_600)),
        (-3_600, Some(3_600)),
        (7_200, Some(-7_200)),
        (7_200, Some(0)),
    ];
    let in_time = clocks.map(|(off, ahead)| {
        let failure = refusal(checked_when(&good, NOW + off, ahead));
        (
            format!("{off} s off, Okta's clock ahead by {ahead:?}"),
            failure,
        )
    });
    insta::assert_snapshot!(table(refused.chain(in_time)));
}

#[test]
fn how_far_a_clock_is_off_is_said_in_a_unit_that_fits() {
    let off = [301, -3_600, -7_000, 86_400, 130_000, -10 * 86_400];
    let cases = off.map(|ahead| (ahead, clock(Some(ahead)).expect("it is off")));
    insta::assert_snapshot!(table(cases));
}
