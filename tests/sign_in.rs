//! Signing in, and what keeps a person from it, against the stand-in for Okta.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use epigraph::{
    account::{Activity, DeviceCode},
    config,
    failure::{Failure, Kind, Verdict},
    okta::Okta,
    session::{Identity, NotRenewed, Progress, Tokens},
};
use futures_util::future::join_all;
use native_tls::Certificate;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::support::{
    ca::{self, Validity},
    okta::{self, Answer, Endpoint, Person, Server},
};

pub(crate) fn client_with(issuer: &str, client_id: &str, secret: Option<&str>) -> Okta {
    client_in(None, issuer, client_id, secret)
}

/// The same over a state directory.
pub(crate) fn client_in(
    state: Option<&Path>,
    issuer: &str,
    client_id: &str,
    secret: Option<&str>,
) -> Okta {
    let pem = std::fs::read(ca::trusted().pem_path()).expect("the authority is a file");
    let config = config::Okta {
        issuer: issuer.into(),
        client_id: client_id.into(),
        client_secret: secret.map(SecretString::from),
    };
    let root = Certificate::from_pem(&pem).expect("the authority is PEM");
    Okta::with_roots(config, state, vec![root]).expect("an issuer of the right form")
}

pub(crate) fn client(okta: &okta::Okta, server: Server) -> Okta {
    client_with(&okta.issuer(server), &okta.client_id(), None)
}

/// A stand-in that wants to be polled each second.
pub(crate) fn quick() -> okta::Okta {
    let okta = okta::Okta::start();
    okta.configure(|settings| settings.interval = Some(1));
    okta
}

async fn code(client: &Okta) -> (DeviceCode, <Okta as Identity>::Pending) {
    client
        .request_code(&Progress::silent())
        .await
        .expect("a code is issued")
}

pub(crate) async fn sign_in(
    okta: &okta::Okta,
    client: &Okta,
    person: Person,
) -> Result<Tokens, Failure> {
    let (code, pending) = client.request_code(&Progress::silent()).await?;
    okta.approve(&code.user_code, person)
        .expect("the code is known");
    client.await_approval(&pending, &Progress::silent()).await
}

pub(crate) async fn signed_in(okta: &okta::Okta, client: &Okta) -> (Tokens, SecretString) {
    let tokens = sign_in(okta, client, Person::James)
        .await
        .expect("signed in");
    let refresh_token = tokens.refresh_token.clone().expect("a refresh token");
    (tokens, refresh_token)
}

pub(crate) async fn refresh(
    client: &Okta,
    token: &SecretString,
) -> Result<epigraph::session::Refreshed, Failure> {
    client
        .refresh(token, None, Person::James.id(), &Progress::silent())
        .await
        .map_err(|refused| match refused {
            NotRenewed::Ended { failure, .. } => {
                assert_eq!(failure.kind, Kind::NotSignedIn);
                failure
            }
            NotRenewed::Failed(failure) => {
                assert_ne!(failure.kind, Kind::NotSignedIn);
                failure
            }
        })
}

#[track_caller]
pub(crate) fn failure<T>(outcome: Result<T, Failure>) -> Failure {
    match outcome {
        Err(failure) => failure,
        Ok(_) => panic!("it did not fail"),
    }
}

/// A failure of that kind, whose sentences hold these words and none of the secrets that were issued.
#[track_caller]
pub(crate) fn tells(okta: &okta::Okta, failure: &Failure, kind: Kind, what: &str, cure: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.what.contains(what), "{what}: {failure}");
    assert!(
        failure.cure.as_ref().is_some_and(|it| it.contains(cure)),
        "{cure}: {failure}"
    );
    let text = failure.to_string();
    assert!(
        okta.issued_secrets()
            .iter()
            .all(|secret| !text.contains(secret))
    );
}

#[tokio::test]
async fn both_kinds_of_server_sign_in_renew_and_sign_out() {
    for server in [Server::Org, Server::Default] {
        let okta = quick();
        let client = client(&okta, server);
        let (code, pending) = code(&client).await;
        assert_eq!(code.user_code.len(), 8);
        assert!(
            code.verification_uri_complete
                .is_some_and(|uri| uri.ends_with(&code.user_code))
        );
        okta.approve(&code.user_code, Person::James).expect("known");
        let tokens = client
            .await_approval(&pending, &Progress::silent())
            .await
            .expect("signed in");
        assert_eq!(tokens.id_token.user.id, Person::James.id());
        assert_eq!(tokens.id_token.user.name, "James Joyce");
        let first = tokens.refresh_token.expect("a refresh token");

        let refreshed = refresh(&client, &first).await.expect("renewed");
        let second = refreshed.refresh_token.expect("it rotates");
        assert_ne!(first.expose_secret(), second.expose_secret());
        let renewed = refreshed.id_token.expect("accepted");
        assert_eq!(renewed.user, tokens.id_token.user);
        assert_ne!(
            renewed.token.expose_secret(),
            tokens.id_token.token.expose_secret()
        );

        assert!(okta.live_refresh_tokens(Person::James) > 0);
        client.revoke(&second).await.expect("revoked");
        assert_eq!(okta.live_refresh_tokens(Person::James), 0);
        let ended = failure(refresh(&client, &second).await);
        tells(
            &okta,
            &ended,
            Kind::NotSignedIn,
            "session has ended",
            "Sign in again",
        );

        // What a public client has to say, in one place, and under a name of its own.
        let requests = okta.requests();
        assert_eq!(
            requests
                .iter()
                .filter(|it| it.endpoint == Endpoint::Discovery)
                .count(),
            1
        );
        assert_eq!(
            requests
                .iter()
                .filter(|it| it.endpoint == Endpoint::Keys)
                .count(),
            1
        );
        for request in &requests {
            assert!(!request.has_authorization);
            assert!(!request.fields.iter().any(|field| field == "client_secret"));
            let agent = request.user_agent.as_deref();
            assert_eq!(agent, Some(concat!("epigraph/", env!("CARGO_PKG_VERSION"))));
            if request.endpoint != Endpoint::Discovery && request.endpoint != Endpoint::Keys {
                assert_eq!(
                    request
                        .fields
                        .iter()
                        .filter(|field| *field == "client_id")
                        .count(),
                    1
                );
            }
        }
        for asks in requests
            .iter()
            .filter(|it| it.grant_type.as_deref() == Some("refresh_token"))
        {
            assert_eq!(
                asks.scope.as_deref(),
                Some("openid profile email offline_access")
            );
        }
    }
}

#[tokio::test]
async fn polling_keeps_its_distance_and_slows_down_when_told() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    okta.script(
        Endpoint::Token,
        Answer::error(400, "slow_down", "Slow down."),
    );
    let (code, pending) = code(&client).await;
    okta.approve(&code.user_code, Person::Nora).expect("known");
    let issued = Instant::now();
    let tokens = client
        .await_approval(&pending, &Progress::silent())
        .await
        .expect("signed in");
    assert_eq!(tokens.id_token.user.name, "Nora Barnacle");
    let polls: Vec<_> = okta
        .requests()
        .into_iter()
        .filter(|request| request.endpoint == Endpoint::Token)
        .collect();
    assert_eq!(polls.len(), 2);
    let tolerance = Duration::from_millis(50);
    assert!(polls[0].at + tolerance >= issued + Duration::from_secs(1));
    assert!(polls[1].at - polls[0].at + tolerance >= Duration::from_secs(6));
}

#[tokio::test]
async fn polling_survives_what_stands_between_here_and_okta() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    for answer in [
        Answer::rate_limited(1),
        Answer::proxy_page(200),
        Answer::close(),
        Answer::http(503, "text/html", "").truncated(),
        Answer::redirect("https://portal.example/"),
        Answer::http(400, "text/plain", ""),
    ] {
        okta.script(Endpoint::Token, answer);
        // An answer of Okta's own brings the rhythm back.
        okta.script(Endpoint::Token, Answer::handle());
    }
    let (code, pending) = code(&client).await;
    let (told, heard) = std::sync::mpsc::channel();
    let progress = Progress::new(move |activity| drop(told.send(activity)));
    let approve = async {
        tokio::task::spawn_blocking(move || {
            let busy = |activity: &Activity| *activity == Activity::RetryingOkta;
            heard.iter().filter(busy).take(6).count()
        })
        .await
        .expect("no panic");
        okta.approve(&code.user_code, Person::James).expect("known");
    };
    let (outcome, ()) = tokio::join!(client.await_approval(&pending, &progress), approve);
    assert!(outcome.is_ok(), "{:?}", outcome.err());
}

#[tokio::test]
async fn a_sign_in_that_ends_says_why_and_what_to_do() {
    type Case = (fn(&okta::Okta, &str), Kind, &'static str, &'static str);
    let cases: [Case; 7] = [
        (
            |okta, code| okta.deny(code).expect("known"),
            Kind::Denied,
            "denied",
            "new code",
        ),
        (
            |okta, _| okta.expire_codes(),
            Kind::Denied,
            "expired",
            "new code",
        ),
        (
            |okta, code| {
                okta.configure(|it| {
                    it.unassigned.insert(Person::James);
                });
                okta.approve(code, Person::James).ok();
            },
            Kind::Okta,
            "not assigned",
            "Assignments",
        ),
        (
            |okta, code| {
                okta.configure(|it| it.policy_refuses = true);
                okta.approve(code, Person::James).ok();
            },
            Kind::Okta,
            "policy",
            "Access Policies",
        ),
        (
            |okta, code| {
                okta.configure(|it| it.dpop = true);
                okta.approve(code, Person::James).ok();
            },
            Kind::Okta,
            "DPoP",
            "untick",
        ),
        (
            |okta, code| {
                okta.configure(|it| it.device_grant = false);
                okta.approve(code, Person::James).ok();
            },
            Kind::Okta,
            "Device Authorization",
            "Grant type",
        ),
        (
            |okta, code| {
                okta.configure(|it| it.clock_offset = 3600);
                okta.approve(code, Person::James).ok();
            },
            Kind::Okta,
            "60 minutes slow",
            "date and time",
        ),
    ];
    join_all(cases.map(|(happens, kind, what, cure)| async move {
        let okta = quick();
        let client = client(&okta, Server::Default);
        let (code, pending) = code(&client).await;
        happens(&okta, &code.user_code);
        let failure = failure(client.await_approval(&pending, &Progress::silent()).await);
        tells(&okta, &failure, kind, what, cure);
        // Tokens that are of no use here are of none to anybody.
        assert_eq!(okta.live_refresh_tokens(Person::James), 0, "{what}");
    }))
    .await;
}

#[tokio::test]
async fn a_code_ends_on_this_machines_clock_too() {
    let okta = quick();
    let client = client(&okta, Server::Default);
    okta.configure(|settings| settings.expires_in = 2);
    for _ in 0..4 {
        okta.script(
            Endpoint::Token,
            Answer::error(400, "authorization_pending", ""),
        );
    }
    let (_, pending) = code(&client).await;
    let failure = failure(client.await_approval(&pending, &Progress::silent()).await);
    tells(&okta, &failure, Kind::Denied, "expired", "new code");
    assert!(okta.count(Endpoint::Token) <= 3);
}

#[tokio::test]
async fn an_app_that_is_not_set_up_says_which_box_to_tick() {
    let okta = okta::Okta::start();
    okta.configure(|settings| settings.device_grant = false);
    let refused = failure(
        client(&okta, Server::Org)
            .request_code(&Progress::silent())
            .await,
    );
    tells(
        &okta,
        &refused,
        Kind::Okta,
        "grant type Device Authorization",
        "tick Device Authorization",
    );
    okta.configure(|settings| settings.device_grant = true);
    let stranger = client_with(&okta.issuer(Server::Org), "0oaUnknown", None);
    let refused = failure(stranger.request_code(&Progress::silent()).await);
    tells(
        &okta,
        &refused,
        Kind::Okta,
        "does not know this client id",
        "General tab",
    );
}

#[tokio::test]
async fn a_missing_refresh_grant_names_the_box_to_tick() {
    let okta = quick();
    okta.configure(|settings| settings.refresh_grant = false);
    let client = client(&okta, Server::Default);
    let (_, refresh_token) = signed_in(&okta, &client).await;
    let refused = failure(refresh(&client, &refresh_token).await);
    tells(
        &okta,
        &refused,
        Kind::Okta,
        "grant type Refresh Token",
        "tick Refresh Token",
    );
}

#[tokio::test]
async fn a_client_secret_is_sent_once_and_its_lack_is_named() {
    let okta = quick();
    okta.configure(|settings| settings.client_secret = Some("app-secret-1".into()));
    let issuer = okta.issuer(Server::Default);
    let with = client_with(&issuer, &okta.client_id(), Some("app-secret-1"));
    let (_, refresh_token) = signed_in(&okta, &with).await;
    with.revoke(&refresh_token).await.expect("revoked");
    for request in okta.requests() {
        let in_body = request.fields.iter().any(|field| field == "client_secret");
        assert!(!(in_body && request.has_authorization));
    }
    let without = client_with(&issuer, &okta.client_id(), None);
    let refused = failure(without.request_code(&Progress::silent()).await);
    assert_eq!(refused.kind, Kind::Okta, "{refused}");
    let wrong = client_with(&issuer, &okta.client_id(), Some("app-secret-2"));
    let refused = failure(wrong.request_code(&Progress::silent()).await);
    tells(
        &okta,
        &refused,
        Kind::Okta,
        "client secret",
        "AUTH_OKTA_SECRET",
    );
    assert!(!refused.to_string().contains("app-secret-2"));
}

#[tokio::test]
async fn an_issuer_that_is_not_quite_right_is_put_right() {
    let okta = okta::Okta::start();
    let base = okta.issuer(Server::Org);
    for (issuer, what, cure) in [
        (
            format!("{base}/"),
            "calls itself",
            format!("exactly as {base}"),
        ),
        (
            format!("{base}/oauth2/default/"),
            "calls itself",
            format!("exactly as {base}/oauth2/default,"),
        ),
        (
            format!("{base}/oauth2/nothing"),
            "no authorization server",
            format!("try {base} alone"),
        ),
    ] {
        let refused = failure(
            client_with(&issuer, "0oa1", None)
                .request_code(&Progress::silent())
                .await,
        );
        tells(&okta, &refused, Kind::Config, what, &cure);
    }
    for answer in [
        Answer::proxy_page(200),
        Answer::json(200, &json!({"name": "something else"})),
        Answer::http(403, "text/plain", "no"),
    ] {
        okta.script(Endpoint::Discovery, answer);
        let refused = failure(
            client(&okta, Server::Org)
                .request_code(&Progress::silent())
                .await,
        );
        assert!(
            [Kind::Config, Kind::Unreachable].contains(&refused.kind),
            "{refused}"
        );
        assert!(refused.cure.is_some(), "{refused}");
    }
    okta.script(
        Endpoint::Discovery,
        Answer::redirect("https://portal.example/"),
    );
    let refused = failure(
        client(&okta, Server::Org)
            .request_code(&Progress::silent())
            .await,
    );
    tells(
        &okta,
        &refused,
        Kind::Unreachable,
        "redirect",
        "sign in to it",
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_named_for_what_it_is() {
    for (leaf, what, cure) in [
        (
            ca::stranger().leaf(&["localhost"], Validity::Current),
            "not trusted",
            "SSL_CERT_FILE",
        ),
        (
            ca::trusted().leaf(&["elsewhere.example"], Validity::Current),
            "another name",
            "spelling",
        ),
        (
            ca::trusted().leaf(&["localhost"], Validity::Expired),
            "expired",
            "date and time",
        ),
    ] {
        let okta = okta::Okta::start_with(&leaf);
        let refused = failure(
            client(&okta, Server::Org)
                .request_code(&Progress::silent())
                .await,
        );
        tells(&okta, &refused, Kind::Unreachable, what, cure);
        assert_eq!(okta.requests().len(), 0);
    }
    let nobody = client_with("https://localhost:1", "0oa1", None);
    let refused = failure(nobody.request_code(&Progress::silent()).await);
    assert_eq!(refused.kind, Kind::Unreachable);
    let unknown = client_with("https://nothing.invalid", "0oa1", None);
    let refused = failure(unknown.request_code(&Progress::silent()).await);
    assert!(refused.what.contains("cannot be resolved"), "{refused}");
}

#[tokio::test]
async fn the_check_up_names_what_is_wrong() {
    let okta = okta::Okta::start();
    let names = |checks: &[epigraph::failure::Check]| {
        checks.iter().map(|check| check.name).collect::<Vec<_>>()
    };
    let checks = client(&okta, Server::Default).check().await;
    assert_eq!(
        names(&checks),
        [
            "certificates",
            "discovery",
            "device sign-in",
            "signing keys",
            "clock"
        ]
    );
    assert!(
        checks
            .iter()
            .all(|check| matches!(check.verdict, Verdict::Ok(_))),
        "{checks:?}"
    );
    okta.configure(|settings| settings.clock_offset = -3 * 3600);
    let checks = client(&okta, Server::Default).check().await;
    assert!(
        matches!(&checks[4].verdict, Verdict::Failed(failure) if failure.what.contains("3 hours fast")),
        "{checks:?}"
    );
    okta.script(Endpoint::Keys, Answer::json(200, &json!({"keys": []})));
    let checks = client(&okta, Server::Default).check().await;
    assert!(
        matches!(checks[3].verdict, Verdict::Failed(_)),
        "{checks:?}"
    );
    let checks = client_with("https://localhost:1", "0oa1", None)
        .check()
        .await;
    assert!(
        matches!(&checks[..], [_, last] if matches!(last.verdict, Verdict::Failed(_))),
        "{checks:?}"
    );
}
