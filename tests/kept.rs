//! What Okta publishes of itself, kept from one program to the next: how many requests it saves, and how it is found to be out of date.

use std::{fs, path::PathBuf};

use epigraph::{
    failure::{Failure, Kind},
    okta::Okta,
    session::{Identity, Progress, Tokens, finish_background_work},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    faults::okta::sign_in::metadata,
    sign_in::{client_in, failure, quick, refresh, sign_in},
    support::{
        guardian::Scratch,
        okta::{self, Answer, Endpoint, Person, Server},
    },
};

/// A person's state directory, an Okta, and what is left of the last session.
struct Site {
    okta: okta::Okta,
    scratch: Scratch,
}

impl Site {
    fn new() -> Self {
        let okta = quick();
        // A refresh token that is shown twice ends the session.
        okta.refresh_tokens_work_once();
        let scratch = Scratch::new("kept");
        Self { okta, scratch }
    }

    /// With James Joyce signed in.
    async fn signed_in() -> (Self, SecretString) {
        let site = Self::new();
        let tokens = site.sign_in().await.expect("signed in");
        (site, tokens.refresh_token.expect("a refresh token"))
    }

    /// A program that was just started.
    fn program(&self) -> Okta {
        let state = self.scratch.path().join("state");
        let issuer = self.okta.issuer(Server::Default);
        client_in(Some(&state), &issuer, &self.okta.client_id(), None)
    }

    async fn sign_in(&self) -> Result<Tokens, Failure> {
        let signed_in = sign_in(&self.okta, &self.program(), Person::James).await;
        finish_background_work().await;
        signed_in
    }

    /// Renews the session in a program of its own, and returns the requests that it took.
    async fn renew(&self, refresh_token: &mut SecretString) -> Vec<Endpoint> {
        let before = self.requests().len();
        let renewed = refresh(&self.program(), refresh_token).await;
        finish_background_work().await;
        let renewed = renewed.expect("renewed");
        renewed.id_token.expect("accepted");
        *refresh_token = renewed.refresh_token.expect("it rotates");
        self.requests().split_off(before)
    }

    /// Expects the requests of a renewal, those that are sent side by side in any order.
    async fn renewing_asks(&self, refresh_token: &mut SecretString, expected: &[Endpoint]) {
        let mut requests = self.renew(refresh_token).await;
        let place = |endpoint: &Endpoint| expected.iter().position(|it| it == endpoint);
        requests.sort_by_key(place);
        assert_eq!(requests, expected);
    }

    /// The requests so far, but for the person's own.
    fn requests(&self) -> Vec<Endpoint> {
        let all = self.okta.requests().into_iter();
        all.map(|request| request.endpoint)
            .filter(|it| *it != Endpoint::Activate)
            .collect()
    }

    fn file(&self) -> PathBuf {
        let entries = fs::read_dir(self.scratch.path().join("state")).expect("there");
        let mut paths = entries.map(|entry| entry.expect("an entry").path());
        let path = paths.next().expect("a file");
        assert_eq!(paths.next(), None);
        path
    }

    /// Changes what stands in the file of the answer of an endpoint.
    fn edit(&self, endpoint: &str, change: impl Fn(&mut Value)) {
        let path = self.file();
        let kept = fs::read(&path).expect("a file");
        let mut kept: Value = serde_json::from_slice(&kept).expect("JSON");
        let answers = kept["answers"].as_object_mut().expect("answers");
        let found = answers.iter_mut().find(|(url, _)| url.ends_with(endpoint));
        change(found.expect("it is kept").1);
        fs::write(&path, kept.to_string()).expect("written");
    }

    /// The same of what the endpoint answered.
    fn edit_body(&self, endpoint: &str, change: impl Fn(&mut Value)) {
        self.edit(endpoint, |part| {
            let body = part["body"].as_str().expect("text");
            let mut body = serde_json::from_str(body).expect("JSON");
            change(&mut body);
            part["body"] = body.to_string().into();
        });
    }
}

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The requests of a program that knows nothing.
const ALL: [Endpoint; 3] = [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token];
/// Those of one that knows everything.
const ONE: [Endpoint; 1] = [Endpoint::Token];

#[tokio::test]
async fn a_renewal_with_a_warm_file_is_one_request() {
    let (site, mut token) = Site::signed_in().await;
    for _ in 0..2 {
        site.renewing_asks(&mut token, &ONE).await;
    }
    // The first program of all asked for everything, and each once.
    fs::remove_file(site.file()).expect("removed");
    site.renewing_asks(&mut token, &ALL).await;
    site.renewing_asks(&mut token, &ONE).await;
}

#[tokio::test]
async fn a_sign_in_with_a_warm_file_asks_for_its_code_at_once() {
    let (site, _) = Site::signed_in().await;
    let before = site.requests().len();
    site.sign_in().await.expect("signed in");
    let requests = site.requests().split_off(before);
    assert_eq!(requests, [Endpoint::DeviceAuthorize, Endpoint::Token]);
}

#[tokio::test]
async fn what_may_not_be_kept_is_asked_for_each_time() {
    for published_for in ["no-store", "no-cache, max-age=60", "public"] {
        let site = Site::new();
        let okta = &site.okta;
        okta.configure(|settings| settings.published_for = published_for);
        let tokens = site.sign_in().await.expect("signed in");
        let mut token = tokens.refresh_token.expect("a refresh token");
        for _ in 0..2 {
            site.renewing_asks(&mut token, &ALL).await;
        }
        assert!(!site.scratch.path().join("state").exists());
    }
}

#[tokio::test]
async fn what_has_expired_is_asked_for_again() {
    let (site, mut token) = Site::signed_in().await;
    for (endpoint, asked) in [(DISCOVERY, Endpoint::Discovery), ("/keys", Endpoint::Keys)] {
        site.edit(endpoint, |part| {
            part["fresh"]["end"] = (crate::support::token::now() - 1).into();
        });
        site.renewing_asks(&mut token, &[asked, Endpoint::Token])
            .await;
        site.renewing_asks(&mut token, &ONE).await;
    }
}

#[tokio::test]
async fn keys_that_did_not_sign_are_asked_for_once_more() {
    let (site, mut token) = Site::signed_in().await;
    let changes: [fn(&Site); 2] = [
        |site| site.okta.replace_keys(),
        // Two keys that have each other's names.
        |site| {
            site.edit_body("/keys", |set| {
                let kid = set["keys"][0]["kid"].take();
                set["keys"][0]["kid"] = set["keys"][1]["kid"].take();
                set["keys"][1]["kid"] = kid;
            });
        },
    ];
    for change in changes {
        change(&site);
        let requests = site.renew(&mut token).await;
        assert_eq!(requests, [Endpoint::Token, Endpoint::Keys]);
        site.renewing_asks(&mut token, &ONE).await;
    }
}

#[tokio::test]
async fn endpoints_that_have_moved_are_found_again() {
    let (site, mut token) = Site::signed_in().await;
    site.okta.configure(|settings| settings.endpoints = "v2");
    let requests = site.renew(&mut token).await;
    let moved = [Endpoint::Other, Endpoint::Discovery, Endpoint::Token];
    assert_eq!(requests, moved);
    // The keys have another address as well, under which none are kept.
    site.renewing_asks(&mut token, &[Endpoint::Keys, Endpoint::Token])
        .await;
    site.renewing_asks(&mut token, &ONE).await;

    // The same at each other step: the code, the polls, the keys and the end.
    site.okta.configure(|settings| settings.endpoints = "v3");
    let program = site.program();
    let code = program.request_code(&Progress::silent()).await;
    let (code, pending) = code.expect("a code");
    site.okta.configure(|settings| settings.endpoints = "v4");
    site.okta.let_in(&code.user_code);
    let before = site.okta.count(Endpoint::Discovery);
    let tokens = program.await_approval(&pending, &Progress::silent()).await;
    let token = tokens.expect("signed in").refresh_token.expect("a token");
    assert_eq!(site.okta.count(Endpoint::Discovery), before + 1);
    finish_background_work().await;
    site.okta.configure(|settings| settings.endpoints = "v5");
    site.program().revoke(&token).await.expect("revoked");
    finish_background_work().await;
}

#[tokio::test]
async fn a_host_that_is_no_longer_known_is_asked_for_again() {
    let (site, mut token) = Site::signed_in().await;
    site.edit_body(DISCOVERY, |document| {
        document["token_endpoint"] = "https://nowhere.invalid/token".into();
    });
    let requests = site.renew(&mut token).await;
    assert_eq!(requests, [Endpoint::Discovery, Endpoint::Token]);
    // A document that names another server is none of this one's.
    site.edit_body(DISCOVERY, |document| {
        document["issuer"] = "https://evil.example".into();
    });
    let requests = site.renew(&mut token).await;
    assert_eq!(requests, [Endpoint::Discovery, Endpoint::Token]);
}

#[tokio::test]
async fn a_refresh_token_that_may_be_used_up_is_not_sent_again() {
    /// What comes in the place of a token, and how many documents the next renewal asks for.
    type Case = (&'static [fn() -> Answer], usize);
    let (site, mut token) = Site::signed_in().await;
    let answers: [Case; 3] = [
        // Something else answers there: it may have handed the request on.
        (&[|| Answer::proxy_page(200)], 1),
        (&[|| Answer::http(200, "application/json", "{}")], 0),
        // Nothing is there, but something was when the same request was sent before.
        (&[Answer::close, || Answer::http(404, "text/html", "")], 1),
    ];
    for (answers, documents) in answers {
        for answer in answers {
            site.okta.script(Endpoint::Token, answer());
        }
        let before = site.requests().len();
        let refused = refresh(&site.program(), &token).await;
        finish_background_work().await;
        match refused {
            Err(refused) => assert_eq!(refused.kind, Kind::Unreachable, "{refused}"),
            Ok(renewed) => assert_eq!(failure(renewed.id_token).kind, Kind::NotSignedIn),
        }
        let requests = site.requests().split_off(before);
        assert_eq!(requests, vec![Endpoint::Token; answers.len()]);
        // What led there is not kept.
        let requests = site.renew(&mut token).await;
        let asked = requests.iter().filter(|it| **it == Endpoint::Discovery);
        assert_eq!(asked.count(), documents);
    }
    assert_eq!(site.okta.live_refresh_tokens(Person::James), 1);
}

#[tokio::test]
async fn an_outage_leaves_what_is_kept_alone() {
    let (site, mut token) = Site::signed_in().await;
    let busy = || Answer::http(503, "text/html", "");
    let limited = Answer::rate_limited(600);
    for answers in [vec![limited], vec![busy(), busy(), busy()]] {
        for answer in answers {
            site.okta.script(Endpoint::Token, answer);
        }
        failure(refresh(&site.program(), &token).await);
    }
    finish_background_work().await;
    site.renewing_asks(&mut token, &ONE).await;
}

#[tokio::test]
async fn doctor_and_administrators_always_ask() {
    let (site, mut token) = Site::signed_in().await;
    let before = site.requests().len();
    site.program().check().await;
    site.program().signing_keys().await.expect("keys");
    finish_background_work().await;
    let requests = site.requests().split_off(before);
    let both = [Endpoint::Discovery, Endpoint::Keys];
    assert_eq!(requests, [both, both].concat());
    // What doctor finds is kept.
    fs::remove_file(site.file()).expect("removed");
    site.program().check().await;
    finish_background_work().await;
    site.renewing_asks(&mut token, &ONE).await;
}

/// A person who was told to see an administrator has that mended, and tries again.
#[tokio::test]
async fn a_server_that_signs_no_one_in_is_not_kept() {
    let site = Site::new();
    let document = |more: Value| {
        let document = metadata(&site.okta, &more);
        document.header("Cache-Control", "max-age=86400")
    };
    for more in [
        json!({"device_authorization_endpoint": null}),
        json!({"issuer": "https://other.example"}),
        json!({"token_endpoint": "http://other.example/token"}),
    ] {
        site.okta.script(Endpoint::Discovery, document(more));
        failure(site.sign_in().await);
    }
    site.okta.script(Endpoint::Discovery, document(json!({})));
    site.sign_in().await.expect("signed in");
    assert_eq!(site.okta.count(Endpoint::Discovery), 4);
    site.sign_in().await.expect("signed in");
    assert_eq!(site.okta.count(Endpoint::Discovery), 4);
}
