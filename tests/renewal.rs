//! Staying signed in: outages, rotation, new signing keys and forged tokens, against the stand-in for Okta.

use epigraph::{
    failure::Kind,
    session::{Identity, Progress},
};
use serde_json::{Value, json};

use crate::{
    sign_in::{client, failure, quick, refresh, sign_in, signed_in, tells},
    support::okta::{self, Answer, Endpoint, Person, Rotation, Server},
};

#[tokio::test]
async fn an_outage_does_not_look_like_the_end_of_a_session() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    let (_, refresh_token) = signed_in(&okta, &client).await;
    // Busy for a moment: no one notices.
    okta.script(Endpoint::Token, Answer::http(503, "text/html", "<html>"));
    let refreshed = refresh(&client, &refresh_token)
        .await
        .expect("at the second try");
    let mut newest = refreshed.refresh_token.expect("it rotates");
    // The answer is lost after the token was rotated: the grace period saves it.
    okta.script(Endpoint::Token, Answer::lost());
    let refreshed = refresh(&client, &newest)
        .await
        .expect("within the grace period");
    newest = refreshed.refresh_token.expect("it rotates");
    for answer in [
        Answer::rate_limited(600),
        Answer::proxy_page(200),
        Answer::proxy_page(403),
        Answer::http(400, "application/json", ""),
        Answer::redirect("https://portal.example/"),
        Answer::http(200, "application/json", vec![b' '; 2 * 1024 * 1024]),
    ] {
        okta.script(Endpoint::Token, answer);
        let outage = failure(refresh(&client, &newest).await);
        assert_eq!(outage.kind, Kind::Unreachable, "{outage}");
        assert!(outage.cure.is_some(), "{outage}");
    }
    refresh(&client, &newest).await.expect("nothing was lost");
}

#[tokio::test]
async fn a_session_that_an_administrator_ended_is_over() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    let (_, refresh_token) = signed_in(&okta, &client).await;
    okta.revoke_all(Person::James);
    let ended = failure(refresh(&client, &refresh_token).await);
    tells(
        &okta,
        &ended,
        Kind::NotSignedIn,
        "session has ended",
        "Sign in again",
    );
    // Signing out of it all the same is no error (RFC 7009 section 2.2).
    client
        .revoke(&refresh_token)
        .await
        .expect("nothing to revoke");
}

#[tokio::test]
async fn a_refresh_token_that_stays_the_same_goes_on_working() {
    for rotation in [Rotation::Static, Rotation::Silent] {
        let okta = quick();
        okta.configure(|settings| settings.rotation = rotation);
        let client = client(&okta, Server::Default);
        let (_, refresh_token) = signed_in(&okta, &client).await;
        for _ in 0..2 {
            let refreshed = refresh(&client, &refresh_token).await.expect("renewed");
            assert!(refreshed.id_token.is_ok());
            assert_eq!(
                refreshed.refresh_token.is_some(),
                rotation == Rotation::Static
            );
        }
    }
}

#[tokio::test]
async fn new_signing_keys_are_fetched_only_when_needed() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    let (_, mut refresh_token) = signed_in(&okta, &client).await;
    for (change, fetches) in [
        (okta::Okta::rotate_keys as fn(&okta::Okta), 1),
        (okta::Okta::replace_keys, 2),
    ] {
        change(&okta);
        let refreshed = refresh(&client, &refresh_token).await.expect("renewed");
        refreshed.id_token.expect("accepted");
        refresh_token = refreshed.refresh_token.expect("it rotates");
        assert_eq!(okta.count(Endpoint::Keys), fetches);
    }
    okta.configure(|settings| settings.unpublished_key = true);
    let refreshed = refresh(&client, &refresh_token).await.expect("answered");
    let refused = failure(refreshed.id_token);
    tells(&okta, &refused, Kind::Okta, "does not publish", "Try again");
    assert!(
        refreshed.refresh_token.is_some(),
        "it was rotated all the same"
    );
    assert_eq!(okta.count(Endpoint::Keys), 3);
}

#[tokio::test]
async fn a_renewed_token_of_another_person_is_refused() {
    type Forgery = fn(&mut Value, &mut Value);
    let forgeries: [(Forgery, &str); 4] = [
        (
            |_, claims| claims["sub"] = json!("00u2somebodyelse"),
            "another person",
        ),
        (|_, claims| claims["aud"] = json!("0oaOther"), "another app"),
        (
            |_, claims| claims["iss"] = json!("https://evil.example"),
            "another issuer",
        ),
        (|header, _| header["alg"] = json!("none"), "was rejected"),
    ];
    let okta = quick();
    let client = client(&okta, Server::Default);
    let (_, mut refresh_token) = signed_in(&okta, &client).await;
    for (forgery, what) in forgeries {
        okta.configure(|settings| settings.forge = Some(std::sync::Arc::new(forgery)));
        let refreshed = refresh(&client, &refresh_token).await.expect("answered");
        let refused = failure(refreshed.id_token);
        assert_eq!(refused.kind, Kind::Okta);
        assert!(refused.what.contains(what), "{refused}");
        refresh_token = refreshed.refresh_token.expect("it rotates");
    }
}

/// RFC 6749 section 6: no renewal asks for more than was granted.
#[tokio::test]
async fn a_renewal_asks_for_what_was_granted() {
    let okta = quick();
    okta.configure(|settings| settings.withheld = vec!["email"]);
    let client = client(&okta, Server::Default);
    let (tokens, refresh_token) = signed_in(&okta, &client).await;
    assert_eq!(
        tokens.scope.as_deref(),
        Some("openid profile offline_access")
    );
    let refused = failure(refresh(&client, &refresh_token).await);
    assert!(refused.what.contains("refuses the scopes"), "{refused}");
    let scope = tokens.scope.as_deref();
    let (user_id, silent) = (Person::James.id(), Progress::silent());
    let renewed = client
        .refresh(&refresh_token, scope, user_id, &silent)
        .await;
    renewed.expect("as it was granted");
}

#[tokio::test]
async fn a_pending_answer_with_the_wrong_status_is_waited_out() {
    let okta = quick();
    let pending = r#"{"error":"authorization_pending"}"#;
    okta.script(
        Endpoint::Token,
        Answer::http(200, "application/json", pending),
    );
    let client = client(&okta, Server::Default);
    signed_in(&okta, &client).await;
}

#[tokio::test]
async fn a_token_too_long_for_the_database_is_told_at_the_sign_in() {
    let okta = quick();
    okta.configure(|settings| {
        let forgery =
            |_: &mut Value, claims: &mut Value| claims["groups"] = "g".repeat(20_000).into();
        settings.forge = Some(std::sync::Arc::new(forgery));
    });
    let client = client(&okta, Server::Default);
    let failure = failure(sign_in(&okta, &client, Person::James).await);
    tells(
        &okta,
        &failure,
        Kind::Okta,
        "too long for the database",
        "take claims",
    );
}
