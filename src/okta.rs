//! The identity provider: discovery, device grant, refresh, revocation, and the check of the ID token.

mod device;
mod discovery;
mod http;
mod id_token;
mod proxy;
mod refusal;

use std::sync::Arc;

use chrono::Utc;
use native_tls::Certificate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::IgnoredAny};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use self::{
    discovery::Server,
    http::{Answer, Form, Http},
    id_token::{Expected, Keys, Rejected},
    refusal::{Asked, Refusal},
};
use crate::{
    account::DeviceCode,
    config,
    failure::{Check, Failure, Kind, Verdict},
    session::{self, IdToken, Identity, NotRenewed, Progress, Refreshed, Tokens},
    tls,
};

pub use self::device::Pending;

/// `openid` brings the ID token, also at a refresh; `offline_access` the refresh token; the other two the name.
/// The longest ID token that the database takes, in bytes (migration V4).
const MOST_TOKEN_BYTES: usize = 16_384;

const SCOPES: &str = "openid profile email offline_access";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The Okta authorization server of the configuration. Makes no request before it is asked something.
pub struct Okta {
    config: config::Okta,
    issuer: Url,
    http: Http,
    server: Mutex<Option<Arc<Server>>>,
    keys: Mutex<Option<Arc<Keys>>>,
}

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
    /// Makes the client. No network.
    ///
    /// # Errors
    /// When the issuer has the wrong form.
    pub fn new(config: config::Okta) -> Result<Self, Failure> {
        Self::with_roots(config, Vec::new())
    }

    /// Makes the client and trusts further root certificates, for a test that cannot set `SSL_CERT_FILE` for its own process.
    ///
    /// # Errors
    /// When the issuer has the wrong form.
    #[doc(hidden)]
    pub fn with_roots(config: config::Okta, roots: Vec<Certificate>) -> Result<Self, Failure> {
        Ok(Self {
            issuer: discovery::parse_issuer(&config.issuer)?,
            config,
            http: Http::new(roots),
            server: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    /// Looks at every part of the authorization server that a sign-in needs: reachable, issuer, device endpoint, keys, clock.
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
        match found.and_then(|answer| discovery::read(&answer, &self.config.issuer, &self.issuer)) {
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
                let keys = self.fetch_keys(&server, &silent).await;
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

    async fn server(&self, progress: &Progress) -> Result<Arc<Server>, Failure> {
        let mut known = self.server.lock().await;
        if let Some(server) = &*known {
            return Ok(Arc::clone(server));
        }
        let answer = discovery::fetch(&self.http, &self.issuer, progress).await?;
        let server = discovery::read(&answer, &self.config.issuer, &self.issuer)?;
        let server = Arc::new(server);
        // A person who is told that it signs no one in has that changed, and tries again.
        if server.device.is_some() {
            *known = Some(Arc::clone(&server));
        }
        Ok(server)
    }

    async fn fetch_keys(&self, server: &Server, progress: &Progress) -> Result<Arc<Keys>, Failure> {
        self.fetch_key_set(server, progress).await.map(Arc::new)
    }

    async fn fetch_key_set<T: serde::de::DeserializeOwned>(
        &self,
        server: &Server,
        progress: &Progress,
    ) -> Result<T, Failure> {
        let answer = self
            .http
            .get(&server.keys, progress)
            .await
            .map_err(|error| error.failure(discovery::host(&server.keys)))?;
        (answer.status == 200)
            .then(|| answer.json())
            .flatten()
            .ok_or_else(|| refusal::strange(&answer, discovery::host(&server.keys)))
    }

    /// The names (`kid`) of the keys that may have signed ID tokens, as they were published when last asked for.
    pub async fn known_key_names(&self) -> Vec<String> {
        let keys = self.keys.lock().await.clone();
        keys.map_or_else(Vec::new, |keys| id_token::names(&keys))
    }

    /// Fetches the keys that the authorization server publishes, each as it stands there (a JWK).
    ///
    /// # Errors
    /// When the server cannot be reached, is not the one of the configuration, or publishes no key set.
    pub async fn signing_keys(&self) -> Result<Vec<serde_json::Value>, Failure> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<serde_json::Value>,
        }
        let silent = Progress::silent();
        let server = self.server(&silent).await?;
        let set: KeySet = self.fetch_key_set(&server, &silent).await?;
        Ok(set.keys)
    }

    async fn keys(&self, server: &Server, progress: &Progress) -> Result<Arc<Keys>, Failure> {
        let mut known = self.keys.lock().await;
        if let Some(keys) = &*known {
            return Ok(Arc::clone(keys));
        }
        let keys = self.fetch_keys(server, progress).await?;
        *known = Some(Arc::clone(&keys));
        Ok(keys)
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

    /// Posts a form. Okta's answer is a 200 or a refusal; everything else is a failure.
    async fn ask(
        &self,
        form: Form<'_>,
        progress: &Progress,
    ) -> Result<Result<Answer, Refusal>, Failure> {
        let host = discovery::host(form.url);
        let answer = self.http.post(&form, progress).await;
        let answer = answer.map_err(|lost| lost.failure(host))?;
        // A gateway in between may say that all is well, whatever Okta says.
        match Refusal::read(&answer).filter(|_| !answer.is_busy()) {
            Some(refusal) => Ok(Err(refusal)),
            None if answer.status == 200 => Ok(Ok(answer)),
            None => Err(refusal::strange(&answer, host)),
        }
    }

    fn refused(&self, asked: Asked) -> impl Fn(Refusal) -> Failure {
        let with_secret = self.secret().is_some();
        move |refusal| refusal.failure(asked, with_secret)
    }

    /// Checks the ID token of a token answer, with newer keys where the known ones did not sign it.
    async fn accept(
        &self,
        id_token: String,
        keys: Result<Arc<Keys>, Failure>,
        clock_ahead: Option<i64>,
        progress: &Progress,
    ) -> Result<IdToken, Failure> {
        let id_token = SecretString::from(id_token);
        if id_token.expose_secret().len() > MOST_TOKEN_BYTES {
            return Err(too_long());
        }
        let server = self.server(progress).await?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            now: Utc::now(),
            clock_ahead,
        };
        match id_token::check(&id_token, &*keys?, &expected) {
            Ok(token) => return Ok(token),
            Err(Rejected::For(failure)) => return Err(failure),
            Err(Rejected::UnknownKey) => {}
        }
        let newer = self.fetch_keys(&server, progress).await?;
        *self.keys.lock().await = Some(Arc::clone(&newer));
        id_token::check(&id_token, &newer, &expected).map_err(|rejected| match rejected {
            Rejected::For(failure) => failure,
            Rejected::UnknownKey => unpublished_key(),
        })
    }
}

impl Granted {
    fn read(answer: &Answer, host: &str) -> Result<Self, Failure> {
        let granted: Self = answer
            .json()
            .ok_or_else(|| refusal::strange(answer, host))?;
        if granted.token_type.eq_ignore_ascii_case("dpop") {
            return Err(refusal::demands_dpop());
        }
        Ok(granted)
    }

    fn take_refresh_token(&mut self) -> Option<SecretString> {
        let token = self.refresh_token.take()?;
        (!token.is_empty()).then(|| token.into())
    }
}

impl Identity for Okta {
    type Pending = Pending;

    async fn request_code(&self, progress: &Progress) -> Result<(DeviceCode, Pending), Failure> {
        let server = self.server(progress).await?;
        let Some(url) = &server.device else {
            return Err(no_device_endpoint(&self.config.issuer));
        };
        let fields = [("scope", SCOPES)];
        let form = self.form(&server, url, &fields);
        let answer = self.ask(form, progress).await?;
        let answer = answer.map_err(self.refused(Asked::Code))?;
        let issued: device::Issued = answer
            .json()
            .ok_or_else(|| refusal::strange(&answer, discovery::host(url)))?;
        issued.accept()
    }

    async fn await_approval(
        &self,
        pending: &Pending,
        progress: &Progress,
    ) -> Result<Tokens, Failure> {
        let server = self.server(progress).await?;
        let fields = [
            ("grant_type", DEVICE_GRANT),
            ("device_code", pending.device_code.expose_secret()),
        ];
        let form = self.form(&server, &server.token, &fields);
        let ask = || async { self.http.post_once(&form).await.map_err(|lost| lost.error) };
        let polling = pending.poll(ask, self.secret().is_some(), progress);
        // The keys are fetched meanwhile: once the person has approved, as little as possible may go wrong.
        let silent = Progress::silent();
        let (answer, keys) = tokio::join!(polling, self.keys(&server, &silent));
        let answer = answer?;
        let mut granted = Granted::read(&answer, discovery::host(&server.token))?;
        let refresh_token = granted.take_refresh_token();
        let scope = granted.scope.take().filter(|scope| !scope.is_empty());
        let keys = match keys {
            Ok(keys) => Ok(keys),
            Err(_) => self.keys(&server, progress).await,
        };
        let accepted = match granted.id_token.take() {
            Some(id_token) => {
                self.accept(id_token, keys, answer.clock_ahead, progress)
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
        let server = self.server(progress).await?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("scope", scope.unwrap_or(SCOPES)),
        ];
        let form = self.form(&server, &server.token, &fields);
        // The keys are fetched meanwhile; a failure to do so shows when they are needed.
        let silent = Progress::silent();
        let (answer, keys) = tokio::join!(self.ask(form, progress), self.keys(&server, &silent));
        let answer = answer?.map_err(|refusal| {
            let failure = self.refused(Asked::Refresh)(refusal.clone());
            match refusal.ends_a_session() {
                true if refusal.one_was_lost => {
                    NotRenewed::Ended(session::after_a_lost_answer(failure))
                }
                true => NotRenewed::Ended(failure),
                false => NotRenewed::Failed(failure),
            }
        })?;
        let mut granted = Granted::read(&answer, discovery::host(&server.token))?;
        let rotated = granted.take_refresh_token();
        let id_token = match granted.id_token.take() {
            Some(id_token) => self
                .accept(id_token, keys, answer.clock_ahead, progress)
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
        let server = self.server(&silent).await?;
        let Some(url) = &server.revocation else {
            return Err(no_revocation());
        };
        let fields = [
            ("token", refresh_token.expose_secret()),
            ("token_type_hint", "refresh_token"),
        ];
        let form = self.form(&server, url, &fields);
        let answer = self.ask(form, &silent).await?;
        let answer = answer.map_err(self.refused(Asked::Revocation))?;
        // Okta says nothing, or something in JSON; the page of something in between revokes nothing.
        if answer.body.is_empty() || answer.json::<IgnoredAny>().is_some() {
            Ok(())
        } else {
            Err(refusal::strange(&answer, discovery::host(url)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_the_client_sends_nothing_and_refuses_plain_http() {
        let config = |issuer: &str| config::Okta {
            issuer: issuer.into(),
            client_id: "0oa1".into(),
            client_secret: None,
        };
        assert!(Okta::new(config("https://org.okta.com")).is_ok());
        let failure = Okta::new(config("http://org.okta.com")).err();
        assert_eq!(failure.map(|it| it.kind), Some(Kind::Config));
    }
}
