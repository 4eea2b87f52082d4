//! Signing in with a provider that is not ours and not Okta: what the standards ask for is enough.

use std::fs;

use serde_json::Value;

use crate::support::{
    ca,
    oidc_provider::{Decision, OidcProvider},
    postgres::Database,
    program::{Home, Ran},
    stage::Login,
};

/// Someone whose company has this provider, before they sign in.
fn at_home(provider: &OidcProvider) -> Home {
    let mut home = Home::new();
    home.configure("store = \"file\"\n");
    home.set("AUTH_OKTA_ISSUER", provider.issuer());
    home.set("AUTH_OKTA_ID", OidcProvider::CLIENT_ID);
    home
}

async fn sign_in(provider: &OidcProvider, home: &Home, decision: Decision) -> Ran {
    let (sign_in, code) = Login::with_code(home);
    provider
        .decide(text(&code, "verification_uri_complete"), decision)
        .await;
    sign_in.end()
}

/// The refresh token that the person's own file holds.
fn kept_refresh_token(home: &Home) -> String {
    let session = fs::read(home.session_file()).expect("a file");
    let session: Value = serde_json::from_slice(&session).expect("JSON");
    text(&session, "refresh_token").to_owned()
}

#[tokio::test]
async fn signing_in_renewing_and_signing_out_follow_the_standards() {
    // So short that every command has to renew it.
    let provider = OidcProvider::start(30, None);
    let database = Database::migrated().await;
    database.trust(
        &provider.issuer(),
        OidcProvider::CLIENT_ID,
        &provider.published_keys().await,
    );
    let mut home = at_home(&provider);
    home.set("DATABASE_URL", database.user_url());
    let (id, name, _) = OidcProvider::PERSON;

    let signed_in = sign_in(&provider, &home, Decision::Approve).await.data();
    assert!(
        signed_in.contains(id) && signed_in.contains(name),
        "{signed_in}"
    );
    let first = kept_refresh_token(&home);

    home.run(&["set", "Mistakes are the portals of discovery."])
        .data();
    let second = kept_refresh_token(&home);
    assert_ne!(first, second, "the rotated token is kept");
    let shown = home.run(&["show"]).data();
    assert!(shown.contains("portals of discovery"));
    let third = kept_refresh_token(&home);
    assert_ne!(second, third);
    assert!(home.run(&["whoami"]).data().contains(name));
    let rows = database.query("select user_id from public.user_messages");
    assert_eq!(rows.trim(), id, "the row is keyed by the person's id");

    home.run(&["logout"]).data();
    // What this relies on, asked of the provider itself: it takes the revocation, and has left the interval between polls to us.
    assert!(provider.requests().contains(&"POST /v1/revoke".to_owned()));
    let form = [("grant_type", "refresh_token"), ("refresh_token", &third)];
    let (status, refused) = post(&provider, "token", &form).await;
    assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
    let (_, code) = post(&provider, "device/authorize", &[("scope", "openid")]).await;
    assert!(code["user_code"].is_string() && code["interval"].is_null());
    home.run(&["whoami"]).fails(3, &["epigraph login"]);
}

#[tokio::test]
async fn a_refusal_ends_the_sign_in() {
    let provider = OidcProvider::start(3600, None);
    let home = at_home(&provider);
    let ran = sign_in(&provider, &home, Decision::Deny).await;
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("access_denied"), "{ran:?}");
    home.run(&["whoami"]).fails(3, &[]);
}

#[tokio::test]
async fn a_client_secret_goes_where_the_provider_wants_it() {
    for authentication in ["client_secret_basic", "client_secret_post"] {
        let secret = "s3cret:with/odd+signs%";
        let provider = OidcProvider::start(3600, Some((secret, authentication)));
        let mut home = at_home(&provider);
        home.set("AUTH_OKTA_SECRET", secret);
        let ran = sign_in(&provider, &home, Decision::Approve).await;
        assert_eq!(ran.code, Some(0), "{authentication}: {ran:?}");
        home.run(&["logout"]).data();
    }
}

/// Sends a form to one of the provider's endpoints, as any client would.
async fn post(provider: &OidcProvider, endpoint: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .append_pair("client_id", OidcProvider::CLIENT_ID)
        .finish();
    let response = ca::http_client(ca::trusted().pem_path())
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
