//! The stand-in for Okta keeps Okta's shapes and rules, so that what passes against it has a chance against Okta.

mod misbehaviour;
mod speaker;

use std::{collections::BTreeSet, time::Duration};

use openidconnect::{
    ClientId, IssuerUrl, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet},
};
use reqwest::StatusCode;
use serde_json::Value;

use self::speaker::{DEVICE_GRANT, SCOPE, Speaker, answer, decode, is_error, text};
use crate::support::okta::{CodeError, Person, Rotation, Server};

#[tokio::test]
async fn each_server_reports_its_own_issuer_and_endpoints() {
    for server in [Server::Org, Server::Default] {
        let speaker = Speaker::new(server);
        let url = format!("{}/.well-known/openid-configuration", speaker.issuer);
        let (status, metadata) = speaker.get(&url).await;
        assert_eq!(status, 200);
        assert_eq!(text(&metadata, "issuer"), speaker.issuer);
        for (name, path) in [
            ("device_authorization_endpoint", "device/authorize"),
            ("token_endpoint", "token"),
            ("revocation_endpoint", "revoke"),
            ("jwks_uri", "keys"),
        ] {
            assert_eq!(
                text(&metadata, name),
                format!("{}/{path}", speaker.endpoints)
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_exist_is_not_found() {
    let speaker = Speaker::new(Server::Org);
    let url = format!(
        "{}/oauth2/aus9nothing/.well-known/openid-configuration",
        speaker.issuer
    );
    let (status, body) = speaker.get(&url).await;
    assert_eq!(
        (status, text(&body, "errorCode").as_str()),
        (404, "E0000007")
    );
    assert!(body.get("error").is_none());
    assert!(text(&body, "errorSummary").contains("aus9nothing"));
}

#[tokio::test]
async fn a_device_code_has_oktas_shape() {
    let speaker = Speaker::new(Server::Default);
    let (_, body) = speaker.ask("device/authorize", &[("scope", SCOPE)]).await;
    let user_code = text(&body, "user_code");
    assert!(user_code.len() == 8 && user_code.bytes().all(|b| b.is_ascii_uppercase()));
    let device_code = text(&body, "device_code");
    let groups: Vec<_> = device_code.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&600.into(), &5.into())
    );
    let page = speaker.okta.activate_page();
    assert_eq!(text(&body, "verification_uri"), page);
    assert_eq!(
        text(&body, "verification_uri_complete"),
        format!("{page}?user_code={user_code}")
    );
    assert_eq!(speaker.okta.next_code(), user_code);

    speaker.okta.configure(|settings| {
        settings.interval = None;
        settings.complete_uri = false;
    });
    let (_, body) = speaker.ask("device/authorize", &[("scope", SCOPE)]).await;
    assert!(body.get("interval").is_none() && body.get("verification_uri_complete").is_none());
}

#[tokio::test]
async fn the_poll_waits_and_then_brings_tokens_that_verify() {
    for server in [Server::Org, Server::Default] {
        let speaker = Speaker::new(server);
        let (device_code, user_code) = speaker.device().await;
        let pending = speaker.poll(&device_code).await;
        is_error(&pending, 400, "authorization_pending");
        assert_eq!(
            text(&pending.1, "error_description"),
            "The device authorization is pending. Please try again later."
        );
        speaker
            .okta
            .approve(&user_code, Person::Nora)
            .expect("a fresh code");
        let (status, tokens) = speaker.poll(&device_code).await;
        assert_eq!(status, 200);
        assert_eq!(text(&tokens, "refresh_token").len(), 43);

        let id_token = text(&tokens, "id_token");
        let (header, claims) = decode(&id_token);
        let names: BTreeSet<_> = header
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        assert_eq!(names, BTreeSet::from(["alg".to_owned(), "kid".to_owned()]));
        assert_eq!(text(&claims, "sub"), Person::Nora.id());
        assert_eq!(text(&claims, "name"), "Nora Barnacle");
        assert!(claims.get("nonce").is_none());

        // An implementation of OpenID Connect that is not ours agrees.
        let keys = speaker.http.get(format!("{}/keys", speaker.endpoints));
        let keys = keys
            .send()
            .await
            .expect("keys")
            .bytes()
            .await
            .expect("keys");
        let keys: CoreJsonWebKeySet = serde_json::from_slice(&keys).expect("a key set");
        let token: CoreIdToken = id_token.parse().expect("a token");
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(speaker.okta.client_id()),
            IssuerUrl::new(speaker.issuer.clone()).expect("an address"),
            keys,
        );
        token
            .claims(&verifier, |_: Option<&Nonce>| Ok(()))
            .expect("a token that verifies");

        let used = speaker.poll(&device_code).await;
        is_error(&used, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_custom_servers_access_token_names_the_login() {
    let speaker = Speaker::new(Server::Default);
    let tokens = speaker.sign_in(Person::James).await;
    let (_, claims) = decode(&text(&tokens, "access_token"));
    assert_eq!(text(&claims, "sub"), Person::James.login());
    assert_eq!(text(&claims, "uid"), Person::James.id());
}

#[tokio::test]
async fn a_code_is_denied_expires_and_belongs_to_one_server() {
    let speaker = Speaker::new(Server::Org);
    let (device_code, user_code) = speaker.device().await;
    speaker.okta.deny(&user_code).expect("a fresh code");
    is_error(&speaker.poll(&device_code).await, 400, "access_denied");

    let (device_code, user_code) = speaker.device().await;
    let form = [
        ("client_id", &*speaker.okta.client_id()),
        ("grant_type", DEVICE_GRANT),
        ("device_code", &device_code),
    ];
    let elsewhere = Speaker {
        endpoints: format!("{}/v1", speaker.okta.issuer(Server::Default)),
        ..speaker
    };
    is_error(
        &answer(elsewhere.post("token", &form).await).await,
        400,
        "invalid_grant",
    );

    elsewhere.okta.expire_codes();
    assert_eq!(
        elsewhere.okta.approve(&user_code, Person::James),
        Err(CodeError::Expired)
    );
    let (device_code, _) = elsewhere.device().await;
    elsewhere.okta.expire_codes();
    is_error(&elsewhere.poll(&device_code).await, 400, "expired_token");
}

#[tokio::test]
async fn polling_too_fast_is_slowed_down_by_five_seconds() {
    let speaker = Speaker::new(Server::Org);
    speaker.okta.configure(|settings| {
        settings.slow_down = true;
        settings.interval = Some(1);
    });
    let (device_code, _) = speaker.device().await;
    let pending = speaker.poll(&device_code).await;
    is_error(&pending, 400, "authorization_pending");
    is_error(&speaker.poll(&device_code).await, 400, "slow_down");
    // What was enough at first no longer is.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    is_error(&speaker.poll(&device_code).await, 400, "slow_down");
}

#[tokio::test]
async fn clients_are_told_apart_as_okta_does() {
    let speaker = Speaker::new(Server::Org);
    let id = speaker.okta.client_id();
    let path = "device/authorize";
    let scope = ("scope", SCOPE);

    let unknown = answer(
        speaker
            .post(path, &[("client_id", "0oanobody"), scope])
            .await,
    )
    .await;
    assert_eq!(unknown.0, 401);
    assert_eq!(text(&unknown.1, "errorCode"), "invalid_client");
    assert!(unknown.1.get("error").is_none());
    is_error(
        &answer(speaker.post(path, &[scope]).await).await,
        401,
        "invalid_client",
    );

    speaker
        .okta
        .configure(|settings| settings.client_secret = Some("s3cret/+ : kept".into()));
    let public = answer(speaker.post(path, &[("client_id", &id), scope]).await).await;
    is_error(&public, 401, "invalid_client");
    assert_eq!(
        text(&public.1, "error_description"),
        "No client credentials found."
    );
    let form = [
        ("client_id", &*id),
        ("client_secret", "s3cret/+ : kept"),
        scope,
    ];
    assert_eq!(speaker.post(path, &form).await.status(), StatusCode::OK);
    let form = [("client_id", &*id), ("client_secret", "wrong"), scope];
    is_error(
        &answer(speaker.post(path, &form).await).await,
        401,
        "invalid_client",
    );

    let basic = |form: &'static str| {
        speaker
            .http
            .post(format!("{}/{path}", speaker.endpoints))
            .basic_auth(&id, Some("s3cret%2F%2B+%3A+kept"))
            .body(form)
            .send()
    };
    let once = basic("scope=openid").await.expect("an answer");
    assert_eq!(once.status(), StatusCode::OK);
    let twice = basic("scope=openid&client_id=0oa4epigraph5native7").await;
    is_error(
        &answer(twice.expect("an answer")).await,
        400,
        "invalid_request",
    );
}

#[tokio::test]
async fn what_is_not_ticked_or_not_assigned_is_refused_in_oktas_words() {
    let speaker = Speaker::new(Server::Default);
    let okta = &speaker.okta;
    let refresh_token = text(&speaker.sign_in(Person::James).await, "refresh_token");

    okta.configure(|settings| settings.refresh_grant = false);
    let answer = speaker
        .refresh(&refresh_token, "openid offline_access")
        .await;
    is_error(&answer, 400, "unauthorized_client");
    assert_eq!(
        text(&answer.1, "error_description"),
        format!(
            "The client is not authorized to use the provided grant type. Configured grant types: [authorization_code, {DEVICE_GRANT}]."
        )
    );
    okta.configure(|settings| settings.device_grant = false);
    let answer = speaker.ask("device/authorize", &[("scope", SCOPE)]).await;
    is_error(&answer, 400, "unauthorized_client");
    okta.configure(|settings| settings.device_grant = true);
    is_error(
        &speaker
            .ask("device/authorize", &[("scope", "openid nonsense")])
            .await,
        400,
        "invalid_scope",
    );

    okta.configure(|settings| settings.unassigned = BTreeSet::from([Person::Sylvia]));
    let (device_code, user_code) = speaker.device().await;
    assert_eq!(
        okta.approve(&user_code, Person::Sylvia),
        Err(CodeError::NotAssigned)
    );
    let answer = speaker.poll(&device_code).await;
    is_error(&answer, 400, "access_denied");
    assert_eq!(
        text(&answer.1, "error_description"),
        "User is not assigned to the client application."
    );

    okta.configure(|settings| settings.policy_refuses = true);
    let (device_code, user_code) = speaker.device().await;
    okta.let_in(&user_code);
    is_error(&speaker.poll(&device_code).await, 400, "access_denied");

    okta.configure(|settings| settings.dpop = true);
    let (device_code, _) = speaker.device().await;
    is_error(&speaker.poll(&device_code).await, 400, "invalid_dpop_proof");
}

#[tokio::test]
async fn reuse_after_the_grace_period_ends_the_token_family() {
    let speaker = Speaker::new(Server::Org);
    let tokens = speaker.sign_in(Person::James).await;
    let first = text(&tokens, "refresh_token");
    let subject = |tokens: &Value| text(&decode(&text(tokens, "id_token")).1, "sub");

    let (status, tokens) = speaker.refresh(&first, "openid offline_access").await;
    assert_eq!((status, subject(&tokens)), (200, Person::James.id().into()));
    let second = text(&tokens, "refresh_token");
    assert_ne!(first, second);
    // Within the grace period the old one still works, for a client whose answer was lost.
    assert_eq!(
        speaker.refresh(&first, "openid offline_access").await.0,
        200
    );
    assert!(speaker.okta.live_refresh_tokens(Person::James) >= 2);

    speaker.okta.refresh_tokens_work_once();
    assert_eq!(speaker.refresh(&second, "openid").await.0, 200);
    is_error(
        &speaker.refresh(&first, "openid").await,
        400,
        "invalid_grant",
    );
    let newest = speaker.refresh(&second, "openid").await;
    is_error(&newest, 400, "invalid_grant");
    assert_eq!(
        text(&newest.1, "error_description"),
        "The refresh token is invalid or expired."
    );
    assert_eq!(speaker.okta.live_refresh_tokens(Person::James), 0);
}

#[tokio::test]
async fn a_refresh_brings_only_what_it_asks_for() {
    let speaker = Speaker::new(Server::Org);
    let token = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let (_, tokens) = speaker.refresh(&token, "offline_access").await;
    assert!(tokens.get("id_token").is_none());
    is_error(
        &speaker.refresh(&token, "openid groups").await,
        400,
        "invalid_scope",
    );

    speaker
        .okta
        .configure(|settings| settings.rotation = Rotation::Static);
    let (_, tokens) = speaker.refresh(&token, "openid").await;
    assert_eq!(text(&tokens, "refresh_token"), token);
    speaker
        .okta
        .configure(|settings| settings.rotation = Rotation::Silent);
    let (status, tokens) = speaker.refresh(&token, "openid").await;
    assert_eq!(status, 200);
    assert!(tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_revoked_session_is_over_and_revoking_is_never_an_error() {
    let speaker = Speaker::new(Server::Default);
    let token = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let id = speaker.okta.client_id();
    for token in [&*token, &*token, "unknown"] {
        let form = [("client_id", &*id), ("token", token)];
        assert_eq!(speaker.post("revoke", &form).await.status(), StatusCode::OK);
    }
    is_error(
        &speaker.refresh(&token, "openid").await,
        400,
        "invalid_grant",
    );

    let token = text(&speaker.sign_in(Person::Nora).await, "refresh_token");
    speaker.okta.revoke_all(Person::Nora);
    is_error(
        &speaker.refresh(&token, "openid").await,
        400,
        "invalid_grant",
    );
}
