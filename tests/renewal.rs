//! Staying signed in, with tokens that rotate or stay, new signing keys and fewer scopes, against the stand-in for Okta.

use epigraph::{
    failure::Kind,
    session::{Identity, Progress},
};
use serde_json::Value;

use crate::{
    sign_in::{client, failure, quick, refresh, sign_in, signed_in, tells},
    support::okta::{self, Endpoint, Person, Rotation, Server},
};

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
            let is_told = refreshed.refresh_token.is_some();
            assert_eq!(is_told, rotation == Rotation::Static);
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
    // It was rotated all the same.
    assert!(refreshed.refresh_token.is_some());
    assert_eq!(okta.count(Endpoint::Keys), 3);
}

/// RFC 6749 section 6: no renewal asks for more than was granted.
#[tokio::test]
async fn a_renewal_asks_for_what_was_granted() {
    let okta = quick();
    okta.configure(|settings| settings.withheld = vec!["email"]);
    let client = client(&okta, Server::Default);
    let (tokens, refresh_token) = signed_in(&okta, &client).await;
    let scope = tokens.scope.as_deref();
    assert_eq!(scope, Some("openid profile offline_access"));
    let refused = failure(refresh(&client, &refresh_token).await);
    assert!(refused.what.contains("refuses the scopes"), "{refused}");
    let (user_id, silent) = (Person::James.id(), Progress::silent());
    let renewed = client
        .refresh(&refresh_token, scope, user_id, &silent)
        .await;
    renewed.expect("as it was granted");
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
