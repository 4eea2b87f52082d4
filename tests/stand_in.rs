//! The stand-in for Okta keeps Okta's shapes and rules, so that what passes against it has a chance against Okta. How it refuses,
//! misbehaves and forges shows in the tests of what the program makes of that (`sign_in`, `renewal`, `faults::okta`).

mod speaker;

use std::{collections::BTreeSet, time::Duration};

use openidconnect::{
    ClientId, IssuerUrl, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet},
};

use self::speaker::{SCOPE, Speaker, decode, is_error, text};
use crate::support::okta::{CodeError, Person, Server};

#[tokio::test]
async fn a_server_that_does_not_exist_is_not_found() {
    let speaker = Speaker::new(Server::Org);
    let issuer = format!("{}/oauth2/aus9nothing", speaker.issuer);
    let url = format!("{issuer}/.well-known/openid-configuration");
    let (status, body) = speaker.get(&url).await;
    assert_eq!((status, &*text(&body, "errorCode")), (404, "E0000007"));
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
    let complete = format!("{page}?user_code={user_code}");
    assert_eq!(text(&body, "verification_uri_complete"), complete);
    assert_eq!(speaker.okta.next_code(), user_code);
}

#[tokio::test]
async fn the_poll_waits_and_then_brings_tokens_that_verify() {
    for server in [Server::Org, Server::Default] {
        let speaker = Speaker::new(server);
        let (device_code, user_code) = speaker.device().await;
        let pending = speaker.poll(&device_code).await;
        is_error(&pending, 400, "authorization_pending");
        let approved = speaker.okta.approve(&user_code, Person::Nora);
        approved.expect("a fresh code");
        let (status, tokens) = speaker.poll(&device_code).await;
        assert_eq!(status, 200);
        assert_eq!(text(&tokens, "refresh_token").len(), 43);
        if server == Server::Default {
            let (_, claims) = decode(&text(&tokens, "access_token"));
            assert_eq!(text(&claims, "sub"), Person::Nora.login());
            assert_eq!(text(&claims, "uid"), Person::Nora.id());
        }

        let id_token = text(&tokens, "id_token");
        let (header, claims) = decode(&id_token);
        let names: BTreeSet<_> = header.as_object().expect("an object").keys().collect();
        assert!(names.into_iter().eq(["alg", "kid"]), "{header}");
        assert_eq!(text(&claims, "sub"), Person::Nora.id());
        assert_eq!(text(&claims, "name"), "Nora Barnacle");
        assert!(claims.get("nonce").is_none());

        // An implementation of OpenID Connect that is not ours agrees.
        let keys = speaker.get(&format!("{}/keys", speaker.endpoints)).await.1;
        let keys: CoreJsonWebKeySet = serde_json::from_value(keys).expect("a key set");
        let token: CoreIdToken = id_token.parse().expect("a token");
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(speaker.okta.client_id()),
            IssuerUrl::new(speaker.issuer.clone()).expect("an address"),
            keys,
        );
        let agreed = token.claims(&verifier, |_: Option<&Nonce>| Ok(()));
        agreed.expect("a token that verifies");

        let used = speaker.poll(&device_code).await;
        is_error(&used, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_is_denied_expires_and_belongs_to_one_server() {
    let mut speaker = Speaker::new(Server::Org);
    let (denied, user_code) = speaker.device().await;
    speaker.okta.deny(&user_code).expect("a fresh code");
    is_error(&speaker.poll(&denied).await, 400, "access_denied");

    let unassigned = BTreeSet::from([Person::Sylvia]);
    speaker
        .okta
        .configure(|settings| settings.unassigned = unassigned);
    let (not_assigned, user_code) = speaker.device().await;
    let approved = speaker.okta.approve(&user_code, Person::Sylvia);
    assert_eq!(approved, Err(CodeError::NotAssigned));
    is_error(&speaker.poll(&not_assigned).await, 400, "access_denied");

    let (device_code, user_code) = speaker.device().await;
    speaker.okta.expire_codes();
    let approved = speaker.okta.approve(&user_code, Person::James);
    assert_eq!(approved, Err(CodeError::Expired));
    is_error(&speaker.poll(&device_code).await, 400, "expired_token");
    speaker.endpoints = format!("{}/v1", speaker.okta.issuer(Server::Default));
    is_error(&speaker.poll(&device_code).await, 400, "invalid_grant");
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
    let ask = async |basic: Option<&str>, more: &[(&str, &str)]| {
        let form = [&[("scope", SCOPE)][..], more].concat();
        let basic = basic.map(|secret| (&*id, secret));
        speaker.post("device/authorize", &form, basic).await
    };
    let us = ("client_id", &*id);

    let unknown = ask(None, &[("client_id", "0oanobody")]).await;
    assert_eq!(
        (unknown.0, &*text(&unknown.1, "errorCode")),
        (401, "invalid_client")
    );
    assert!(unknown.1.get("error").is_none());
    is_error(&ask(None, &[]).await, 401, "invalid_client");
    let more = speaker
        .ask("device/authorize", &[("scope", "openid nonsense")])
        .await;
    is_error(&more, 400, "invalid_scope");

    let secret = "s3cret/+ : kept";
    speaker
        .okta
        .configure(|settings| settings.client_secret = Some(secret.into()));
    let public = ask(None, &[us]).await;
    is_error(&public, 401, "invalid_client");
    let words = text(&public.1, "error_description");
    assert_eq!(words, "No client credentials found.");
    assert_eq!(ask(None, &[us, ("client_secret", secret)]).await.0, 200);
    let wrong = ask(None, &[us, ("client_secret", "wrong")]).await;
    is_error(&wrong, 401, "invalid_client");
    let encoded = Some("s3cret%2F%2B+%3A+kept");
    assert_eq!(ask(encoded, &[]).await.0, 200);
    is_error(&ask(encoded, &[us]).await, 400, "invalid_request");
}

#[tokio::test]
async fn reuse_after_the_grace_period_ends_the_token_family() {
    let speaker = Speaker::new(Server::Org);
    let okta = &speaker.okta;
    let first = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let (status, tokens) = speaker.refresh(&first, "openid offline_access").await;
    let (_, claims) = decode(&text(&tokens, "id_token"));
    assert_eq!((status, &*text(&claims, "sub")), (200, Person::James.id()));
    let second = text(&tokens, "refresh_token");
    assert_ne!(first, second);
    // Within the grace period the old one still works, for a client whose answer was lost.
    assert_eq!(speaker.refresh(&first, "openid").await.0, 200);
    assert!(okta.live_refresh_tokens(Person::James) >= 2);

    okta.refresh_tokens_work_once();
    assert_eq!(speaker.refresh(&second, "openid").await.0, 200);
    for token in [&first, &second] {
        is_error(
            &speaker.refresh(token, "openid").await,
            400,
            "invalid_grant",
        );
    }
    assert_eq!(okta.live_refresh_tokens(Person::James), 0);
}

#[tokio::test]
async fn a_refresh_brings_only_what_it_asks_for() {
    let speaker = Speaker::new(Server::Org);
    let token = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let (_, tokens) = speaker.refresh(&token, "offline_access").await;
    assert!(tokens.get("id_token").is_none());
    let more = speaker.refresh(&token, "openid groups").await;
    is_error(&more, 400, "invalid_scope");
}

#[tokio::test]
async fn a_revoked_session_is_over_and_revoking_is_never_an_error() {
    let speaker = Speaker::new(Server::Default);
    let id = speaker.okta.client_id();
    let james = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let nora = text(&speaker.sign_in(Person::Nora).await, "refresh_token");
    for token in [&*james, &*james, "unknown"] {
        let form = [("client_id", &*id), ("token", token)];
        assert_eq!(speaker.post("revoke", &form, None).await.0, 200);
    }
    speaker.okta.revoke_all(Person::Nora);
    for token in [james, nora] {
        is_error(
            &speaker.refresh(&token, "openid").await,
            400,
            "invalid_grant",
        );
    }
}

#[tokio::test]
async fn keys_rotate_with_warning_and_without() {
    let speaker = Speaker::new(Server::Org);
    let signed_with = async || {
        let tokens = speaker.sign_in(Person::James).await;
        text(&decode(&text(&tokens, "id_token")).0, "kid")
    };
    let before = speaker.key_ids().await;
    assert_eq!(signed_with().await, before[0]);

    speaker.okta.rotate_keys();
    let published = speaker.key_ids().await;
    let now = signed_with().await;
    assert!(before.contains(&now) && now != before[0]);
    assert_eq!(published.len(), 3);
    // For what it signed.
    assert!(published.contains(&before[0]));

    speaker.okta.replace_keys();
    let now = signed_with().await;
    assert!(!published.contains(&now));
    assert!(speaker.key_ids().await.contains(&now));
}

#[tokio::test]
async fn every_secret_is_listed_and_none_is_in_the_log_of_requests() {
    let speaker = Speaker::new(Server::Default);
    let tokens = speaker.sign_in(Person::James).await;
    let secrets = speaker.okta.issued_secrets();
    for name in ["access_token", "id_token", "refresh_token"] {
        assert!(secrets.contains(&text(&tokens, name)), "{name}");
    }
    let log = format!("{:?}", speaker.okta.requests());
    assert!(log.contains("device_code") && log.contains("client_id"));
    assert!(!secrets.iter().any(|secret| log.contains(secret)));
}

#[tokio::test]
async fn a_person_approves_on_the_page_with_a_browser_or_with_curl() {
    let speaker = Speaker::new(Server::Org);
    let page = speaker.okta.activate_page();
    let (device_code, user_code) = speaker.device().await;
    let url = format!("{page}?user_code={user_code}");
    let shown = speaker.http.get(url).send().await.expect("a page");
    let shown = shown.text().await.expect("a page");
    assert!(shown.contains(&format!("value=\"{user_code}\"")) && shown.contains("Nora Barnacle"));

    let post = async |form: String, accept: &str| {
        let request = speaker.http.post(&page).header("Accept", accept).body(form);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.text().await.expect("a body"))
    };
    let (status, body) = post("user_code=%3Cb%3E&decision=approve".into(), "text/html").await;
    assert!(status == 400 && body.contains("no such code") && body.contains("&lt;b&gt;"));
    // As people type: small letters and a dash.
    let typed = format!("{}-{}", &user_code[..4], &user_code[4..]).to_lowercase();
    let form = format!("user_code={typed}&person=nora&decision=approve");
    let (status, body) = post(form, "text/html").await;
    assert!(status == 200 && body.contains("signed in as Nora Barnacle"));
    let (_, tokens) = speaker.poll(&device_code).await;
    let (_, claims) = decode(&text(&tokens, "id_token"));
    assert_eq!(text(&claims, "sub"), Person::Nora.id());

    let (device_code, user_code) = speaker.device().await;
    let denied = post(format!("user_code={user_code}&decision=deny"), "*/*").await;
    let words = "Device not activated. You denied the request. Nobody was signed in.\n";
    assert_eq!(denied, (200, words.to_owned()));
    is_error(&speaker.poll(&device_code).await, 400, "access_denied");
}
