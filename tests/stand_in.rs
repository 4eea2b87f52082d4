//! The stand-in for Okta keeps Okta's shapes and rules, so that what passes against it has a chance against Okta.

use std::{collections::BTreeSet, time::Duration};

use openidconnect::{
    ClientId, IssuerUrl, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet},
};
use reqwest::{Certificate, Client, Response, StatusCode, redirect::Policy};
use serde_json::Value;

use crate::support::{
    ca,
    okta::{Answer, CodeError, Endpoint, Okta, Person, Rotation, Server},
};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid profile email offline_access";

fn client() -> Client {
    let pem = std::fs::read(ca::trusted().pem_path()).expect("the authority is a file");
    Client::builder()
        .add_root_certificate(Certificate::from_pem(&pem).expect("the authority is PEM"))
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// A client that speaks to one server of a stand-in.
struct Speaker {
    okta: Okta,
    issuer: String,
    endpoints: String,
    http: Client,
}

impl Speaker {
    fn new(server: Server) -> Self {
        let okta = Okta::start();
        let issuer = okta.issuer(server);
        let endpoints = match server {
            Server::Org => format!("{issuer}/oauth2/v1"),
            Server::Default => format!("{issuer}/v1"),
        };
        okta.configure(|settings| settings.slow_down = false);
        Self {
            okta,
            issuer,
            endpoints,
            http: client(),
        }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        self.http
            .post(format!("{}/{path}", self.endpoints))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.finish())
            .send()
            .await
            .expect("the stand-in answers")
    }

    /// Posts with the client id, and returns status and JSON.
    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let id = self.okta.client_id();
        let form: Vec<_> = [("client_id", id.as_str())]
            .into_iter()
            .chain(form.iter().copied())
            .collect();
        answer(self.post(path, &form).await).await
    }

    async fn device(&self) -> (String, String) {
        let (status, body) = self.ask("device/authorize", &[("scope", SCOPE)]).await;
        assert_eq!(status, 200, "{}", body["error"]);
        (text(&body, "device_code"), text(&body, "user_code"))
    }

    async fn poll(&self, device_code: &str) -> (u16, Value) {
        let form = [("grant_type", DEVICE_GRANT), ("device_code", device_code)];
        self.ask("token", &form).await
    }

    async fn sign_in(&self, person: Person) -> Value {
        let (device_code, user_code) = self.device().await;
        self.okta.approve(&user_code, person).expect("a fresh code");
        let (status, body) = self.poll(&device_code).await;
        assert_eq!(status, 200, "{}", body["error"]);
        body
    }

    async fn refresh(&self, token: &str, scope: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        self.ask("token", &form).await
    }

    async fn get(&self, url: &str) -> (u16, Value) {
        answer(self.http.get(url).send().await.expect("an answer")).await
    }

    async fn key_ids(&self) -> Vec<String> {
        let (_, body) = self.get(&format!("{}/keys", self.endpoints)).await;
        let keys = body["keys"].as_array().expect("a list of keys");
        keys.iter().map(|key| text(key, "kid")).collect()
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().expect(name).to_owned()
}

/// Returns header and claims, unchecked.
fn decode(token: &str) -> (Value, Value) {
    let part = |part: &str| {
        let mut base64 = part.replace('-', "+").replace('_', "/");
        while !base64.len().is_multiple_of(4) {
            base64.push('=');
        }
        let bytes = openssl::base64::decode_block(&base64).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let mut parts = token.split('.');
    (
        part(parts.next().expect("a header")),
        part(parts.next().expect("claims")),
    )
}

fn is_error(answer: &(u16, Value), status: u16, error: &str) {
    assert_eq!(
        (answer.0, answer.1["error"].as_str()),
        (status, Some(error))
    );
}

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
async fn an_access_token_of_the_custom_server_names_the_login_and_not_the_person() {
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
async fn polling_too_fast_is_slowed_down() {
    let speaker = Speaker::new(Server::Org);
    speaker.okta.configure(|settings| settings.slow_down = true);
    let (device_code, _) = speaker.device().await;
    is_error(
        &speaker.poll(&device_code).await,
        400,
        "authorization_pending",
    );
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
        .configure(|settings| settings.client_secret = Some("s3cret/+ :".into()));
    let public = answer(speaker.post(path, &[("client_id", &id), scope]).await).await;
    is_error(&public, 401, "invalid_client");
    assert_eq!(
        text(&public.1, "error_description"),
        "No client credentials found."
    );
    let form = [("client_id", &*id), ("client_secret", "s3cret/+ :"), scope];
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
            .basic_auth(&id, Some("s3cret%2F%2B+%3A"))
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
    okta.approve(&user_code, Person::James)
        .expect("a fresh code");
    is_error(&speaker.poll(&device_code).await, 400, "access_denied");

    okta.configure(|settings| settings.dpop = true);
    let (device_code, _) = speaker.device().await;
    is_error(&speaker.poll(&device_code).await, 400, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_refresh_rotates_and_reuse_after_the_grace_period_ends_the_family() {
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

    speaker
        .okta
        .configure(|settings| settings.grace = Duration::ZERO);
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
    assert!(
        published.contains(&before[0]),
        "the old key is still there for what it signed"
    );

    speaker.okta.replace_keys();
    let now = signed_with().await;
    assert!(!published.contains(&now));
    assert!(speaker.key_ids().await.contains(&now));

    speaker
        .okta
        .configure(|settings| settings.unpublished_key = true);
    let now = signed_with().await;
    assert!(!speaker.key_ids().await.contains(&now));
}

#[tokio::test]
async fn a_clock_that_is_wrong_shows_in_the_date_header_and_in_the_tokens() {
    let speaker = Speaker::new(Server::Org);
    let date = async || {
        let response = speaker.http.get(format!("{}/keys", speaker.endpoints));
        let response = response.send().await.expect("an answer");
        let date = response.headers()["date"]
            .to_str()
            .expect("text")
            .to_owned();
        chrono::DateTime::parse_from_rfc2822(&date)
            .expect("a date")
            .timestamp()
    };
    let before = date().await;
    speaker
        .okta
        .configure(|settings| settings.clock_offset = 3600);
    let after = date().await;
    assert!((3600..3660).contains(&(after - before)));
    let tokens = speaker.sign_in(Person::James).await;
    let issued = decode(&text(&tokens, "id_token")).1["iat"]
        .as_i64()
        .expect("a time");
    assert!((0..60).contains(&(issued - after)));
}

#[tokio::test]
async fn an_id_token_can_be_forged_for_a_test() {
    let speaker = Speaker::new(Server::Org);
    speaker.okta.configure(|settings| {
        settings.forge = Some(std::sync::Arc::new(|header, claims| {
            header["alg"] = "none".into();
            claims["aud"] = "somebody else".into();
        }));
    });
    let token = text(&speaker.sign_in(Person::James).await, "id_token");
    assert!(token.ends_with('.'));
    let (header, claims) = decode(&token);
    assert_eq!(
        (&*text(&header, "alg"), &*text(&claims, "aud")),
        ("none", "somebody else")
    );
}

#[tokio::test]
async fn it_misbehaves_once_for_each_answer_that_is_queued() {
    let speaker = Speaker::new(Server::Org);
    let okta = &speaker.okta;
    let url = format!("{}/keys", speaker.endpoints);
    let get = async || speaker.http.get(&url).send().await;

    okta.script(Endpoint::Keys, Answer::rate_limited(7));
    okta.script(Endpoint::Keys, Answer::proxy_page(403));
    okta.script(Endpoint::Keys, Answer::redirect("/elsewhere"));
    okta.script(Endpoint::Keys, Answer::close());
    okta.script(
        Endpoint::Keys,
        Answer::http(200, "application/json", r#"{"keys":[]}"#).truncated(),
    );
    okta.script(
        Endpoint::Keys,
        Answer::http(200, "text/plain", "slow").slowly(Duration::from_millis(5)),
    );
    okta.script(
        Endpoint::Keys,
        Answer::handle().after(Duration::from_millis(50)),
    );

    let limited = get().await.expect("an answer");
    assert!(limited.headers().contains_key("x-rate-limit-reset"));
    let (status, body) = answer(limited).await;
    assert_eq!(
        (status, text(&body, "errorCode").as_str()),
        (429, "E0000047")
    );
    let page = get().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let elsewhere = get().await.expect("an answer");
    assert_eq!(elsewhere.headers()["location"], "/elsewhere");
    assert!(get().await.is_err());
    let cut = get().await.expect("a head");
    assert_eq!(cut.status(), StatusCode::OK);
    assert!(cut.bytes().await.is_err());
    let slow = get().await.expect("a head");
    assert_eq!(slow.bytes().await.expect("a body"), "slow");
    assert_eq!(get().await.expect("an answer").status(), StatusCode::OK);

    okta.script(Endpoint::Keys, Answer::silence());
    let silent = speaker.http.get(&url).timeout(Duration::from_millis(200));
    assert!(silent.send().await.expect_err("silence").is_timeout());
    assert_eq!(okta.count(Endpoint::Keys), 8);
}

#[tokio::test]
async fn a_lost_answer_still_rotates_the_refresh_token() {
    let speaker = Speaker::new(Server::Org);
    let token = text(&speaker.sign_in(Person::James).await, "refresh_token");
    let issued = speaker.okta.issued_secrets().len();
    speaker.okta.script(Endpoint::Token, Answer::lost());
    let id = speaker.okta.client_id();
    let form = format!("client_id={id}&grant_type=refresh_token&refresh_token={token}");
    let url = format!("{}/token", speaker.endpoints);
    assert!(speaker.http.post(url).body(form).send().await.is_err());
    assert!(speaker.okta.issued_secrets().len() > issued);
    assert_eq!(speaker.okta.live_refresh_tokens(Person::James), 2);
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

    let shown = speaker.http.get(format!("{page}?user_code={user_code}"));
    let shown = shown
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("a page");
    assert!(shown.contains(&format!("value=\"{user_code}\"")) && shown.contains("Nora Barnacle"));

    let post = async |form: String, accept: &str| {
        let request = speaker.http.post(&page).header("Accept", accept).body(form);
        let response = request.send().await.expect("an answer");
        (
            response.status().as_u16(),
            response.text().await.expect("a body"),
        )
    };
    let (status, body) = post("user_code=%3Cb%3E&decision=approve".into(), "text/html").await;
    assert!(status == 400 && body.contains("no such code") && body.contains("&lt;b&gt;"));
    // As people type: small letters and a dash.
    let typed = format!("{}-{}", &user_code[..4], &user_code[4..]).to_lowercase();
    let (status, body) = post(
        format!("user_code={typed}&person=nora&decision=approve"),
        "text/html",
    )
    .await;
    assert!(status == 200 && body.contains("signed in as Nora Barnacle"));
    let (_, tokens) = speaker.poll(&device_code).await;
    assert_eq!(
        text(&decode(&text(&tokens, "id_token")).1, "sub"),
        Person::Nora.id()
    );

    let (device_code, user_code) = speaker.device().await;
    let (status, body) = post(format!("user_code={user_code}&decision=deny"), "*/*").await;
    assert_eq!(
        (status, &*body),
        (
            200,
            "Device not activated. You denied the request. Nobody was signed in.\n"
        )
    );
    is_error(&speaker.poll(&device_code).await, 400, "access_denied");
}
