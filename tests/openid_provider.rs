//! Signing in with a provider that is not ours and not Okta: what the standards ask for is enough.

use serde_json::Value;

use crate::support::oidc_provider::{Decision, OidcProvider, http_client};

/// Sends a form to one of the provider's endpoints, as any client would.
async fn post(provider: &OidcProvider, endpoint: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .append_pair("client_id", OidcProvider::CLIENT_ID)
        .finish();
    let response = http_client()
        .post(format!("{}/v1/{endpoint}", provider.issuer()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .expect("the provider answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"))
}

/// What the tests of the client rely on, asked of the provider itself: otherwise they could pass for the wrong reason.
#[tokio::test]
async fn the_provider_rotates_refresh_tokens_and_takes_revocations() {
    let provider = OidcProvider::start();
    let (status, code) = post(
        &provider,
        "device/authorize",
        &[("scope", "openid profile email offline_access")],
    )
    .await;
    assert_eq!(status, 200);
    assert!(code["interval"].is_null(), "it leaves the interval to us");
    let device_code = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", text(&code, "device_code")),
    ];
    let (status, pending) = post(&provider, "token", &device_code).await;
    assert_eq!(
        (status, text(&pending, "error")),
        (400, "authorization_pending")
    );
    provider
        .decide(text(&code, "verification_uri_complete"), Decision::Approve)
        .await;
    let (status, first) = post(&provider, "token", &device_code).await;
    assert_eq!(status, 200);
    let refresh = |tokens: &Value| {
        let token = text(tokens, "refresh_token").to_owned();
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token),
        ]
    };
    let borrowed = |form: &[(&'static str, String); 2]| {
        form.clone()
            .map(|(name, value)| (name, String::leak(value) as &str))
    };
    let (status, second) = post(&provider, "token", &borrowed(&refresh(&first))).await;
    assert_eq!(status, 200);
    assert_ne!(
        text(&first, "refresh_token"),
        text(&second, "refresh_token")
    );
    let (status, _) = post(
        &provider,
        "revoke",
        &[("token", text(&second, "refresh_token"))],
    )
    .await;
    assert_eq!(status, 200);
    let (status, refused) = post(&provider, "token", &borrowed(&refresh(&second))).await;
    assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
}

#[tokio::test]
async fn the_provider_says_when_the_person_refuses() {
    let provider = OidcProvider::start();
    let (_, code) = post(&provider, "device/authorize", &[("scope", "openid")]).await;
    provider
        .decide(text(&code, "verification_uri_complete"), Decision::Deny)
        .await;
    let device_code = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", text(&code, "device_code")),
    ];
    let (status, refused) = post(&provider, "token", &device_code).await;
    assert_eq!((status, text(&refused, "error")), (400, "access_denied"));
}
