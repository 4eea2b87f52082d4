//! Signing in, and what keeps a person from it, against the stand-in for Okta.

use std::path::Path;

use epigraph::{
    account::DeviceCode,
    config,
    failure::{Check, Failure, Kind, Verdict},
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

fn client_with(issuer: &str, client_id: &str) -> Okta {
    client_in(None, issuer, client_id, None)
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
    client_with(&okta.issuer(server), &okta.client_id())
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
    let is_cured = failure.cure.as_ref().is_some_and(|it| it.contains(cure));
    assert!(is_cured, "{cure}: {failure}");
    let text = failure.to_string();
    let mut secrets = okta.issued_secrets().into_iter();
    assert!(!secrets.any(|secret| text.contains(&secret)));
}

#[tokio::test]
async fn both_kinds_of_server_sign_in_renew_and_sign_out() {
    for server in [Server::Org, Server::Default] {
        let okta = quick();
        let client = client(&okta, server);
        let (code, pending) = code(&client).await;
        assert_eq!(code.user_code.len(), 8);
        let complete = code.verification_uri_complete.as_deref();
        assert!(complete.is_some_and(|uri| uri.ends_with(&code.user_code)));
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
        let [old, new] = [&tokens.id_token, &renewed].map(|it| it.token.expose_secret());
        assert_ne!(old, new);

        assert!(okta.live_refresh_tokens(Person::James) > 0);
        client.revoke(&second).await.expect("revoked");
        assert_eq!(okta.live_refresh_tokens(Person::James), 0);
        let ended = failure(refresh(&client, &second).await);
        let (says, cure) = ("session has ended", "Sign in again");
        tells(&okta, &ended, Kind::NotSignedIn, says, cure);
        // Signing out of it all the same is no error (RFC 7009 section 2.2).
        client.revoke(&second).await.expect("nothing to revoke");

        // What a public client has to say, in one place, and under a name of its own.
        assert_eq!(okta.count(Endpoint::Discovery), 1);
        assert_eq!(okta.count(Endpoint::Keys), 1);
        for request in okta.requests() {
            let times = |name: &str| request.fields.iter().filter(|it| *it == name).count();
            assert!(!request.has_authorization);
            assert_eq!(times("client_secret"), 0);
            let agent = request.user_agent.as_deref();
            assert_eq!(agent, Some(concat!("epigraph/", env!("CARGO_PKG_VERSION"))));
            let is_public = matches!(request.endpoint, Endpoint::Discovery | Endpoint::Keys);
            assert_eq!(times("client_id"), usize::from(!is_public));
            if request.grant_type.as_deref() == Some("refresh_token") {
                let scope = request.scope.as_deref();
                assert_eq!(scope, Some("openid profile email offline_access"));
            }
        }
    }
}

/// What becomes of a code that is approved then, where it can be; what that is called, and what is to be done.
type Case = (fn(&okta::Okta, &str), Kind, &'static str, &'static str);

const ENDS: [Case; 7] = [
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
        |okta, _| okta.configure(|it| it.unassigned.extend([Person::James])),
        Kind::Okta,
        "not assigned",
        "Assignments",
    ),
    (
        |okta, _| okta.configure(|it| it.policy_refuses = true),
        Kind::Okta,
        "policy",
        "Access Policies",
    ),
    (
        |okta, _| okta.configure(|it| it.dpop = true),
        Kind::Okta,
        "DPoP",
        "untick",
    ),
    (
        |okta, _| okta.configure(|it| it.device_grant = false),
        Kind::Okta,
        "grant type Device Authorization",
        "tick Device Authorization",
    ),
    (
        |okta, _| okta.configure(|it| it.clock_offset = 3600),
        Kind::Okta,
        "60 minutes slow",
        "date and time",
    ),
];

#[tokio::test]
async fn a_sign_in_that_ends_says_why_and_what_to_do() {
    join_all(ENDS.map(|(happens, kind, what, cure)| async move {
        let okta = quick();
        let client = client(&okta, Server::Default);
        let (code, pending) = code(&client).await;
        happens(&okta, &code.user_code);
        okta.approve(&code.user_code, Person::James).ok();
        let failure = failure(client.await_approval(&pending, &Progress::silent()).await);
        tells(&okta, &failure, kind, what, cure);
        // Tokens that are of no use here are of none to anybody.
        assert_eq!(okta.live_refresh_tokens(Person::James), 0, "{what}");
    }))
    .await;
    let okta = okta::Okta::start();
    let unknown = client_with(&okta.issuer(Server::Org), "0oaUnknown");
    let (what, cure) = ("does not know this client id", "General tab");
    tells(&okta, &no_code(&unknown).await, Kind::Okta, what, cure);
    okta.configure(|settings| settings.device_grant = false);
    let (what, cure) = ("grant type Device Authorization", "Grant type");
    let refused = no_code(&client(&okta, Server::Org)).await;
    tells(&okta, &refused, Kind::Okta, what, cure);
}

/// Why no code is issued.
async fn no_code(client: &Okta) -> Failure {
    failure(client.request_code(&Progress::silent()).await)
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_named_for_what_it_is() {
    let leaf = |ca: &ca::Ca, name, validity| ca.leaf(&[name], validity);
    for (leaf, what, cure) in [
        (
            leaf(ca::stranger(), "localhost", Validity::Current),
            "not trusted",
            "SSL_CERT_FILE",
        ),
        (
            leaf(ca::trusted(), "elsewhere.example", Validity::Current),
            "another name",
            "spelling",
        ),
        (
            leaf(ca::trusted(), "localhost", Validity::Expired),
            "expired",
            "date and time",
        ),
    ] {
        let okta = okta::Okta::start_with(&leaf);
        let refused = no_code(&client(&okta, Server::Org)).await;
        tells(&okta, &refused, Kind::Unreachable, what, cure);
        assert_eq!(okta.requests().len(), 0);
    }
}

#[tokio::test]
async fn the_check_up_names_what_is_wrong() {
    let okta = okta::Okta::start();
    let client = client(&okta, Server::Default);
    let checks = client.check().await;
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    let all = "certificates, discovery, device sign-in, signing keys, clock";
    assert_eq!(names.join(", "), all);
    let works = |check: &Check| matches!(check.verdict, Verdict::Ok(_));
    assert!(checks.iter().all(works), "{checks:?}");
    let failed = |checks: &[Check], at: usize| match &checks[at].verdict {
        Verdict::Failed(failure) => failure.to_string(),
        _ => panic!("{checks:?}"),
    };
    okta.configure(|settings| settings.clock_offset = -3 * 3600);
    let said = failed(&client.check().await, 4);
    assert!(said.contains("3 hours fast"), "{said}");
    okta.script(Endpoint::Keys, Answer::json(200, &json!({"keys": []})));
    failed(&client.check().await, 3);
    let nowhere = client_with("https://localhost:1", "0oa1");
    let checks = nowhere.check().await;
    assert_eq!(checks.len(), 2, "{checks:?}");
    failed(&checks, 1);
}
