//! The identity provider: discovery, device grant, refresh, revocation, and the check of the ID token.

mod device;
mod discovery;
mod http;
mod id_token;
mod kept;
mod proxy;
mod refusal;

use std::{path::Path, sync::Arc};

use chrono::Utc;
use native_tls::Certificate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::IgnoredAny};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use self::{
    discovery::Server,
    http::{Answer, Error, Form, Http, Unanswered},
    id_token::{Expected, Keys, Rejected},
    kept::Kept,
    refusal::{Asked, Refusal},
};
use crate::{
    account::DeviceCode,
    config,
    failure::{Check, Failure, Kind, Verdict},
    session::{IdToken, Identity, NotRenewed, Progress, Refreshed, Tokens},
    tls,
};

pub use self::device::Pending;

/// The longest ID token that the database takes, in bytes (migration V4).
const MOST_TOKEN_BYTES: usize = 16_384;

/// `openid` brings the ID token, also at a refresh; `offline_access` the refresh token; the other two the name.
const SCOPES: &str = "openid profile email offline_access";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The Okta authorization server of the configuration. Makes no request before it is asked something.
pub struct Okta {
    config: config::Okta,
    issuer: Url,
    http: Http,
    server: Mutex<Option<Arc<Server>>>,
    keys: Mutex<Option<Arc<Keys>>>,
    kept: Kept,
}

/// What the authorization server publishes of itself.
#[derive(Clone)]
struct Known<T> {
    it: Arc<T>,
    /// It was known before it was needed now, so that it may be out of date.
    is_kept: bool,
}

impl<T> Known<T> {
    fn kept(it: &Arc<T>) -> Self {
        Self {
            it: Arc::clone(it),
            is_kept: true,
        }
    }

    fn asked(it: Arc<T>) -> Self {
        Self { it, is_kept: false }
    }
}

/// A request to one of the server's endpoints.
#[derive(Clone, Copy)]
enum Request<'a> {
    Get(&'a Progress),
    Post(Fields<'a>, &'a Progress),
    PostOnce(Fields<'a>),
}

type Fields<'a> = &'a [(&'a str, &'a str)];

/// Where one of the server's endpoints is.
type Endpoint = fn(&Server) -> Option<&Url>;

const TOKEN: Endpoint = |server| Some(&server.token);
const KEYS: Endpoint = |server| Some(&server.keys);
const DEVICE: Endpoint = |server| server.device.as_ref();
const REVOCATION: Endpoint = |server| server.revocation.as_ref();

/// What is used of a token answer. The access token is no one's business here.
#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token_type: String,
    id_token: Option<String>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

impl Okta {
    /// Makes the client. What the server publishes of itself is kept in the state directory, if there is one. No network.
    ///
    /// # Errors
    /// When the issuer has the wrong form.
    pub fn new(config: config::Okta, state: Option<&Path>) -> Result<Self, Failure> {
        Self::with_roots(config, state, Vec::new())
    }

    /// Makes the client and trusts further root certificates, for a test that cannot set `SSL_CERT_FILE` for its own process.
    ///
    /// # Errors
    /// When the issuer has the wrong form.
    #[doc(hidden)]
    pub fn with_roots(
        config: config::Okta,
        state: Option<&Path>,
        roots: Vec<Certificate>,
    ) -> Result<Self, Failure> {
        let key = config.key();
        Ok(Self {
            issuer: discovery::parse_issuer(&config.issuer)?,
            kept: Kept::of(&key, state),
            config,
            http: Http::new(roots),
            server: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    /// Looks at every part of the authorization server that a sign-in needs: reachable, issuer, device endpoint, keys, clock. Asks,
    /// whatever is kept.
    pub async fn check(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut start = Instant::now();
        let mut add = |name, verdict| {
            checks.push(Check {
                name,
                took: start.elapsed(),
                verdict,
            });
            start = Instant::now();
        };
        let silent = Progress::silent();
        add("certificates", Verdict::Ok(tls::roots()));
        if let Some(proxy) = proxy::before(&self.issuer) {
            add(
                "proxy",
                Verdict::Ok(format!("requests to Okta go through {proxy}")),
            );
        }
        let found = discovery::fetch(&self.http, &self.issuer, &silent).await;
        let clock_ahead = found.as_ref().ok().and_then(|answer| answer.clock_ahead);
        match found.and_then(|answer| self.take_in(&answer)) {
            Err(failure) => add("discovery", Verdict::Failed(failure)),
            Ok(server) => {
                add(
                    "discovery",
                    Verdict::Ok(format!(
                        "{} is the issuer it says it is",
                        self.config.issuer
                    )),
                );
                add(
                    "device sign-in",
                    match &server.device {
                        Some(_) => Verdict::Ok("the server offers it".into()),
                        None => Verdict::Failed(no_device_endpoint(&self.config.issuer)),
                    },
                );
                let mut server = Known::asked(server);
                let keys = self.fetch_keys(&mut server, &silent).await;
                if let Ok(keys) = &keys {
                    *self.keys.lock().await = Some(Arc::clone(keys));
                }
                add("signing keys", keys_verdict(keys));
            }
        }
        if let Some(ahead) = clock_ahead {
            add(
                "clock",
                match id_token::clock(Some(ahead)) {
                    Some(failure) => Verdict::Failed(failure),
                    None => Verdict::Ok(format!("{} s apart from Okta's", ahead.unsigned_abs())),
                },
            );
        }
        checks
    }

    async fn server(&self, progress: &Progress) -> Result<Known<Server>, Failure> {
        let mut known = self.server.lock().await;
        if known.is_none() {
            *known = self.kept_server().await;
        }
        match &*known {
            Some(server) => Ok(Known::kept(server)),
            None => self.ask_server(&mut known, progress).await,
        }
    }

    async fn kept_server(&self) -> Option<Arc<Server>> {
        let answer = self.kept.get(&discovery::address(&self.issuer)).await?;
        let server = discovery::read(&answer, &self.config.issuer, &self.issuer).ok()?;
        server.device.is_some().then(|| Arc::new(server))
    }

    /// Learns what the server says of itself now, where what was known is out of date. Two that notice it ask once.
    async fn newer_server(
        &self,
        stale: &Arc<Server>,
        progress: &Progress,
    ) -> Result<Known<Server>, Failure> {
        let mut known = self.server.lock().await;
        if let Some(newer) = known.as_ref().filter(|it| !Arc::ptr_eq(it, stale)) {
            return Ok(Known::asked(Arc::clone(newer)));
        }
        self.forget_server(&mut known);
        self.ask_server(&mut known, progress).await
    }

    fn forget_server(&self, known: &mut Option<Arc<Server>>) {
        *known = None;
        self.kept.forget(&discovery::address(&self.issuer));
    }

    async fn ask_server(
        &self,
        known: &mut Option<Arc<Server>>,
        progress: &Progress,
    ) -> Result<Known<Server>, Failure> {
        let answer = discovery::fetch(&self.http, &self.issuer, progress).await?;
        let server = self.take_in(&answer)?;
        if server.device.is_some() {
            *known = Some(Arc::clone(&server));
        }
        Ok(Known::asked(server))
    }

    /// Reads the discovery document, and keeps it. A person who is told that it signs no one in has that changed, and tries again:
    /// that one is not kept.
    fn take_in(&self, answer: &Answer) -> Result<Arc<Server>, Failure> {
        let address = discovery::address(&self.issuer);
        let server = discovery::read(answer, &self.config.issuer, &self.issuer);
        match &server {
            Ok(server) if server.device.is_some() => self.kept.put(&address, answer),
            _ => self.kept.forget(&address),
        }
        server.map(Arc::new)
    }

    async fn fetch_keys(
        &self,
        server: &mut Known<Server>,
        progress: &Progress,
    ) -> Result<Arc<Keys>, Failure> {
        let (answer, keys) = self.fetch_key_set(server, progress).await?;
        self.kept.put(&server.it.keys, &answer);
        Ok(Arc::new(keys))
    }

    async fn fetch_key_set<T: serde::de::DeserializeOwned>(
        &self,
        server: &mut Known<Server>,
        progress: &Progress,
    ) -> Result<(Answer, T), Failure> {
        let url = server.it.keys.clone();
        let answer = self.send(server, &url, KEYS, Request::Get(progress)).await;
        let host = discovery::host(&server.it.keys);
        let answer = answer.map_err(|error| error.failure(host))?;
        match (answer.status == 200).then(|| answer.json()).flatten() {
            Some(keys) => Ok((answer, keys)),
            None => Err(self.strange(&answer, host).await),
        }
    }

    /// The names (`kid`) of the keys that may have signed ID tokens, as they were published when last asked for.
    pub(crate) async fn known_key_names(&self) -> Vec<String> {
        let keys = self.keys.lock().await.clone();
        keys.map_or_else(Vec::new, |keys| id_token::names(&keys))
    }

    /// Fetches the keys that the authorization server publishes, each as it stands there (a JWK), whatever is kept.
    ///
    /// # Errors
    /// When the server cannot be reached, is not the one of the configuration, or publishes no key set.
    pub async fn signing_keys(&self) -> Result<Vec<serde_json::Value>, Failure> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<serde_json::Value>,
        }
        let silent = Progress::silent();
        let mut server = {
            let mut known = self.server.lock().await;
            self.ask_server(&mut known, &silent).await?
        };
        let (_, set) = self.fetch_key_set::<KeySet>(&mut server, &silent).await?;
        Ok(set.keys)
    }

    async fn keys(
        &self,
        server: &mut Known<Server>,
        progress: &Progress,
    ) -> Result<Known<Keys>, Failure> {
        let mut known = self.keys.lock().await;
        if known.is_none() {
            let kept = self.kept.get(&server.it.keys).await;
            *known = kept.and_then(|answer| answer.json()).map(Arc::new);
        }
        if let Some(keys) = &*known {
            return Ok(Known::kept(keys));
        }
        let keys = self.fetch_keys(server, progress).await?;
        *known = Some(Arc::clone(&keys));
        Ok(Known::asked(keys))
    }

    fn form<'a>(
        &'a self,
        server: &Server,
        url: &'a Url,
        fields: &'a [(&'a str, &'a str)],
    ) -> Form<'a> {
        Form {
            url,
            client_id: &self.config.client_id,
            client_secret: self.secret(),
            secret_in_body: server.secret_in_body,
            fields,
        }
    }

    fn secret(&self) -> Option<&str> {
        let secret = self.config.client_secret.as_ref()?;
        Some(secret.expose_secret()).filter(|secret| !secret.is_empty())
    }

    /// Sends a request to an endpoint. Where a kept document turns out to lead to none, the request is sent once more, to where the
    /// server says now that it is.
    async fn send(
        &self,
        server: &mut Known<Server>,
        url: &Url,
        endpoint: Endpoint,
        request: Request<'_>,
    ) -> Result<Answer, Unanswered> {
        let sent = self.send_to(&server.it, url, request).await;
        if !server.is_kept || !self.leads_nowhere(url, &sent) {
            return sent;
        }
        server.is_kept = false;
        let silent = Progress::silent();
        let progress = match request {
            Request::Get(progress) | Request::Post(_, progress) => progress,
            Request::PostOnce(_) => &silent,
        };
        tracing::debug!(target: "epigraph", path = url.path(), "what is known of Okta leads nowhere, and is asked for again");
        let Ok(newer) = self.newer_server(&server.it, progress).await else {
            return sent;
        };
        *server = newer;
        match endpoint(&server.it).filter(|newer| *newer != url) {
            Some(newer) => self.send_to(&server.it, newer, request).await,
            None => sent,
        }
    }

    async fn send_to(
        &self,
        server: &Server,
        url: &Url,
        request: Request<'_>,
    ) -> Result<Answer, Unanswered> {
        match request {
            Request::Get(progress) => self.http.get(url, progress).await,
            Request::Post(fields, progress) => {
                self.http
                    .post(&self.form(server, url, fields), progress)
                    .await
            }
            Request::PostOnce(fields) => self.http.post_once(&self.form(server, url, fields)).await,
        }
    }

    /// Says whether no endpoint was there, so that nothing can have taken the request in: a refresh token that is shown twice may end
    /// a session.
    fn leads_nowhere(&self, url: &Url, sent: &Result<Answer, Unanswered>) -> bool {
        match sent {
            Ok(answer) => {
                !answer.one_was_lost && matches!(answer.status, 300..=399 | 404 | 405 | 410)
            }
            // Where the issuer has the same name, it is not there to be asked either.
            Err(lost) => {
                !lost.one_was_lost
                    && matches!(lost.error, Error::UnknownHost)
                    && url.host() != self.issuer.host()
            }
        }
    }

    /// Posts a form. Okta's answer is a 200 or a refusal; everything else is a failure.
    async fn ask(
        &self,
        server: &mut Known<Server>,
        url: &Url,
        endpoint: Endpoint,
        fields: Fields<'_>,
        progress: &Progress,
    ) -> Result<Result<Answer, Refusal>, Failure> {
        let request = Request::Post(fields, progress);
        let answer = self.send(server, url, endpoint, request).await;
        let host = discovery::host(endpoint(&server.it).unwrap_or(url));
        let answer = answer.map_err(|lost| lost.failure(host))?;
        // A gateway in between may say that all is well, whatever Okta says.
        match Refusal::read(&answer).filter(|_| !answer.is_busy()) {
            Some(refusal) => Ok(Err(refusal)),
            None if answer.status == 200 => Ok(Ok(answer)),
            None => Err(self.strange(&answer, host).await),
        }
    }

    /// Says that an answer is not Okta's. What is known of Okta may have led there, and is forgotten.
    async fn strange(&self, answer: &Answer, host: &str) -> Failure {
        if !answer.is_busy() {
            self.forget_server(&mut *self.server.lock().await);
        }
        refusal::strange(answer, host)
    }

    async fn granted(&self, server: &Known<Server>, answer: &Answer) -> Result<Granted, Failure> {
        match Granted::read(answer) {
            Some(granted) => granted,
            None => Err(self
                .strange(answer, discovery::host(&server.it.token))
                .await),
        }
    }

    fn refused(&self, asked: Asked) -> impl Fn(Refusal) -> Failure {
        let with_secret = self.secret().is_some();
        move |refusal| refusal.failure(asked, with_secret)
    }

    /// Checks the ID token of a token answer, with newer keys where the known ones did not sign it.
    async fn accept(
        &self,
        server: &mut Known<Server>,
        id_token: String,
        keys: Result<Known<Keys>, Failure>,
        clock_ahead: Option<i64>,
        progress: &Progress,
    ) -> Result<IdToken, Failure> {
        let id_token = SecretString::from(id_token);
        if id_token.expose_secret().len() > MOST_TOKEN_BYTES {
            return Err(too_long());
        }
        let keys = keys?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            now: Utc::now(),
            clock_ahead,
        };
        match id_token::check(&id_token, &keys.it, &expected) {
            Ok(token) => return Ok(token),
            Err(Rejected::Signature(_)) if keys.is_kept => {}
            Err(Rejected::For(failure) | Rejected::Signature(failure)) => return Err(failure),
            Err(Rejected::UnknownKey) => {}
        }
        let newer = self.fetch_keys(server, progress).await?;
        *self.keys.lock().await = Some(Arc::clone(&newer));
        id_token::check(&id_token, &newer, &expected).map_err(|rejected| match rejected {
            Rejected::For(failure) | Rejected::Signature(failure) => failure,
            Rejected::UnknownKey => unpublished_key(),
        })
    }
}

impl Granted {
    /// Reads a token answer; `None` where it is none.
    fn read(answer: &Answer) -> Option<Result<Self, Failure>> {
        let granted: Self = answer.json()?;
        Some(if granted.token_type.eq_ignore_ascii_case("dpop") {
            Err(refusal::demands_dpop())
        } else {
            Ok(granted)
        })
    }

    fn take_refresh_token(&mut self) -> Option<SecretString> {
        let token = self.refresh_token.take()?;
        (!token.is_empty()).then(|| token.into())
    }
}

impl Identity for Okta {
    type Pending = Pending;

    async fn request_code(&self, progress: &Progress) -> Result<(DeviceCode, Pending), Failure> {
        let mut server = self.server(progress).await?;
        let Some(url) = server.it.device.clone() else {
            return Err(no_device_endpoint(&self.config.issuer));
        };
        let fields = [("scope", SCOPES)];
        let answer = self
            .ask(&mut server, &url, DEVICE, &fields, progress)
            .await?;
        let answer = answer.map_err(self.refused(Asked::Code))?;
        let issued: device::Issued = answer
            .json()
            .ok_or_else(|| refusal::strange(&answer, discovery::host(&url)))?;
        issued.accept()
    }

    async fn await_approval(
        &self,
        pending: &Pending,
        progress: &Progress,
    ) -> Result<Tokens, Failure> {
        let mut server = self.server(progress).await?;
        let fields = [
            ("grant_type", DEVICE_GRANT),
            ("device_code", pending.device_code.expose_secret()),
        ];
        let polled = Mutex::new(server.clone());
        let ask = || async {
            let mut server = polled.lock().await;
            let url = server.it.token.clone();
            let sent = self.send(&mut server, &url, TOKEN, Request::PostOnce(&fields));
            sent.await.map_err(|lost| lost.error)
        };
        let polling = pending.poll(ask, self.secret().is_some(), progress);
        // The keys are fetched meanwhile: once the person has approved, as little as possible may go wrong.
        let silent = Progress::silent();
        let (answer, keys) = tokio::join!(polling, self.keys(&mut server, &silent));
        let answer = answer?;
        let mut server = polled.into_inner();
        let mut granted = self.granted(&server, &answer).await?;
        let refresh_token = granted.take_refresh_token();
        let scope = granted.scope.take().filter(|scope| !scope.is_empty());
        let keys = match keys {
            Ok(keys) => Ok(keys),
            Err(_) => self.keys(&mut server, progress).await,
        };
        let ahead = answer.clock_ahead;
        let accepted = match granted.id_token.take() {
            Some(id_token) => {
                self.accept(&mut server, id_token, keys, ahead, progress)
                    .await
            }
            None => Err(no_id_token()),
        };
        match (accepted, refresh_token) {
            (Ok(id_token), refresh_token) => Ok(Tokens {
                id_token,
                refresh_token,
                scope,
            }),
            (Err(failure), Some(unwanted)) => {
                // No one would ever use it again.
                let _ = self.revoke(&unwanted).await;
                Err(failure)
            }
            (Err(failure), None) => Err(failure),
        }
    }

    async fn refresh(
        &self,
        refresh_token: &SecretString,
        scope: Option<&str>,
        user_id: &str,
        progress: &Progress,
    ) -> Result<Refreshed, NotRenewed> {
        let mut server = self.server(progress).await?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("scope", scope.unwrap_or(SCOPES)),
        ];
        let url = server.it.token.clone();
        // The keys are fetched meanwhile; a failure to do so shows when they are needed.
        let (silent, mut publisher) = (Progress::silent(), server.clone());
        let (answer, keys) = tokio::join!(
            self.ask(&mut server, &url, TOKEN, &fields, progress),
            self.keys(&mut publisher, &silent)
        );
        let answer = answer?.map_err(|refusal| {
            let failure = self.refused(Asked::Refresh)(refusal.clone());
            let one_was_lost = refusal.one_was_lost;
            if refusal.ends_a_session() {
                NotRenewed::Ended {
                    failure,
                    one_was_lost,
                }
            } else {
                NotRenewed::Failed(failure)
            }
        })?;
        let mut granted = self.granted(&server, &answer).await?;
        let rotated = granted.take_refresh_token();
        let ahead = answer.clock_ahead;
        let id_token = match granted.id_token.take() {
            Some(id_token) => self
                .accept(&mut server, id_token, keys, ahead, progress)
                .await
                .and_then(|token| {
                    if token.user.id == user_id {
                        Ok(token)
                    } else {
                        Err(another_person())
                    }
                }),
            None => Err(renewed_without_id_token()),
        };
        Ok(Refreshed {
            refresh_token: rotated,
            id_token,
        })
    }

    async fn revoke(&self, refresh_token: &SecretString) -> Result<(), Failure> {
        let silent = Progress::silent();
        let mut server = self.server(&silent).await?;
        let Some(url) = server.it.revocation.clone() else {
            return Err(no_revocation());
        };
        let fields = [
            ("token", refresh_token.expose_secret()),
            ("token_type_hint", "refresh_token"),
        ];
        let answer = self
            .ask(&mut server, &url, REVOCATION, &fields, &silent)
            .await?;
        let answer = answer.map_err(self.refused(Asked::Revocation))?;
        // Okta says nothing, or something in JSON; the page of something in between revokes nothing.
        if answer.body.is_empty() || answer.json::<IgnoredAny>().is_some() {
            Ok(())
        } else {
            Err(refusal::strange(&answer, discovery::host(&url)))
        }
    }
}

fn no_id_token() -> Failure {
    Failure::new(Kind::Okta, "Okta answered without an ID token.").cure(
        "Ask an administrator whether the scope openid is allowed for this app and authorization server.",
    )
}

/// A provider may do so (OpenID Connect Core section 12.2).
fn renewed_without_id_token() -> Failure {
    Failure::new(
        Kind::NotSignedIn,
        "Your session has ended: Okta renewed it without an ID token.",
    )
    .cure("Sign in again.")
}

fn too_long() -> Failure {
    Failure::new(
        Kind::Okta,
        "The token that Okta issues for you is too long for the database.",
    )
    .cure("An administrator can take claims that are not needed out of it, for example the groups: Applications › the app › Sign On.")
}

fn unpublished_key() -> Failure {
    Failure::new(
        Kind::Okta,
        "The ID token is signed with a key that the authorization server does not publish.",
    )
    .cure("Try again in a few minutes; if this keeps happening, show this message to an administrator of your Okta organization.")
}

fn another_person() -> Failure {
    Failure::new(
        Kind::Okta,
        "Okta renewed the session with another person's ID token.",
    )
    .cure("Sign out, and sign in again.")
}

fn no_revocation() -> Failure {
    Failure::new(
        Kind::Okta,
        "The authorization server offers no way to revoke a session.",
    )
    .cure("An administrator can end it: Directory › People › the person › Clear sessions and revoke tokens.")
}

fn no_device_endpoint(issuer: &str) -> Failure {
    Failure::new(
        Kind::Okta,
        format!("The authorization server {issuer} does not offer device sign-in."),
    )
    .cure(
        "Ask an administrator whether device authorization is available in this Okta organization.",
    )
}

fn keys_verdict(keys: Result<Arc<Keys>, Failure>) -> Verdict {
    match keys.map(|keys| keys.keys().len()) {
        Ok(0) => Verdict::Failed(
            Failure::new(
                Kind::Okta,
                "The authorization server publishes no signing key that this program can use.",
            )
            .cure("Show this message to an administrator of your Okta organization."),
        ),
        Ok(count) => Verdict::Ok(format!("{count} published")),
        Err(failure) => Verdict::Failed(failure),
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
