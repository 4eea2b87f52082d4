//! What a test can make the stand-in do, and what it can see of it.

use std::time::Duration;

use reqwest::StatusCode;

use super::speaker::{Speaker, answer, decode, is_error, text};
use crate::support::okta::{Answer, Endpoint, Person, Server};

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
async fn a_wrong_clock_shows_in_the_date_header_and_the_tokens() {
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
