//! A local stand-in for Okta: https on loopback, Okta's paths, shapes and words, and a handle with which a test makes it misbehave.
//!
//! It has two authorization servers, as an Okta organisation has: the organisation's own and the custom one named `default`.

mod answer;
mod endpoints;
pub(super) mod keys;
mod org;
mod page;
mod server;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

pub(crate) use self::{
    answer::Answer,
    org::{CodeError, Person, Rotation, Settings},
};
use self::{
    keys::SigningKey,
    org::{Decision, Org, RefreshToken},
    server::Shared,
};
use super::{
    PATIENCE, ca,
    proxy::Proxy,
    secrets,
    served::{Served, listen},
};

/// The fields of a form by their names.
type Form = HashMap<String, String>;

/// One of the authorization servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Server {
    /// The organisation's own: no path in its issuer.
    Org,
    /// The custom one: `/oauth2/default`.
    Default,
}

impl Server {
    fn issuer(self, base: &str) -> String {
        match self {
            Self::Org => base.to_owned(),
            Self::Default => format!("{base}/oauth2/default"),
        }
    }
}

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Discovery,
    Keys,
    DeviceAuthorize,
    Token,
    Revoke,
    Activate,
    Other,
}

/// A request as it came in. It names the form's fields, and holds none of the values that are secret.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) endpoint: Endpoint,
    pub(crate) fields: Vec<String>,
    pub(crate) scope: Option<String>,
    pub(crate) grant_type: Option<String>,
    pub(crate) has_authorization: bool,
    pub(crate) user_agent: Option<String>,
}

/// A running stand-in; it ends when it is dropped.
pub(crate) struct Okta {
    shared: Arc<Shared>,
    _served: Served,
}

impl Okta {
    /// Starts it with a certificate that clients of [`ca::trusted`] trust.
    pub(crate) fn start() -> Self {
        Self::start_with(ca::localhost())
    }

    /// Starts it behind a network that leads nowhere yet; it is reached through that alone.
    pub(crate) fn start_behind(network: &Proxy) -> Self {
        let (okta, port) = Self::serve(ca::localhost(), Some(network.port()));
        network.lead_to(port);
        okta
    }

    /// Starts it with any certificate.
    pub(crate) fn start_with(certificate: &ca::Leaf) -> Self {
        Self::serve(certificate, None).0
    }

    /// Starts it, with its own port in its addresses or another one. Returns its own.
    fn serve(certificate: &ca::Leaf, port_in_addresses: Option<u16>) -> (Self, u16) {
        let acceptor = certificate.acceptor();
        let (listener, port) = listen();
        let shared = Arc::new(Shared {
            base: format!("https://localhost:{}", port_in_addresses.unwrap_or(port)),
            org: Mutex::new(Org::new()),
            changed: Condvar::new(),
        });
        let served = shared.clone();
        let okta = Self {
            shared,
            _served: Served::on(listener, |listener| {
                server::serve(listener, acceptor, served)
            }),
        };
        (okta, port)
    }

    /// The issuer of a server, exactly as its discovery reports it.
    pub(crate) fn issuer(&self, server: Server) -> String {
        server.issuer(&self.shared.base)
    }

    /// The client id of the one native app.
    pub(crate) fn client_id(&self) -> String {
        self.shared.org().client_id.clone()
    }

    /// The page on which codes are approved.
    pub(crate) fn activate_page(&self) -> String {
        format!("{}/activate", self.shared.base)
    }

    /// Changes the set-up from now on.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Settings)) {
        let mut org = self.shared.org();
        change(&mut org.settings);
        if let Some(secret) = &org.settings.client_secret {
            secrets::know(secret);
        }
    }

    /// Approves a code as a person.
    pub(crate) fn approve(&self, user_code: &str, person: Person) -> Result<(), CodeError> {
        let approved = Decision::Approved(person);
        self.shared.org().decide(user_code, approved)
    }

    /// Approves a code that works as James Joyce.
    #[track_caller]
    pub(crate) fn let_in(&self, user_code: &str) {
        self.approve(user_code, Person::James)
            .expect("the code works");
    }

    /// Has every refresh token work once: whoever shows one again ends the session.
    pub(crate) fn refresh_tokens_work_once(&self) {
        self.configure(|settings| settings.grace = Duration::ZERO);
    }

    /// Has tokens be as good as expired as soon as they come, so that every operation renews the session.
    pub(crate) fn tokens_end_at_once(&self) {
        self.tokens_last(30);
    }

    /// Has tokens work for so many seconds.
    pub(crate) fn tokens_last(&self, seconds: i64) {
        self.configure(|settings| settings.token_lifetime = seconds);
    }

    /// Denies a code.
    pub(crate) fn deny(&self, user_code: &str) -> Result<(), CodeError> {
        self.shared.org().decide(user_code, Decision::Denied)
    }

    /// Ends the ten minutes of every code that was issued so far.
    pub(crate) fn expire_codes(&self) {
        for device in &mut self.shared.org().devices {
            device.expires = Instant::now();
        }
    }

    /// Waits for the next code that this has not returned yet.
    #[track_caller]
    pub(crate) fn next_code(&self) -> String {
        self.next_code_within(PATIENCE)
            .expect("waited in vain for a sign-in to begin")
    }

    /// As [`Okta::next_code`], with a limit of one's own.
    pub(crate) fn next_code_within(&self, limit: Duration) -> Option<String> {
        let org = self.shared.org();
        let changed = &self.shared.changed;
        let waited =
            changed.wait_timeout_while(org, limit, |org| org.devices.len() <= org.codes_seen);
        let (mut org, _) = waited.expect("no panic while the lock is held");
        let code = org.devices.get(org.codes_seen)?.user_code.clone();
        org.codes_seen += 1;
        Some(code)
    }

    /// Queues an answer for the next request to an endpoint, in place of the true one.
    pub(crate) fn script(&self, endpoint: Endpoint, answer: Answer) {
        let mut org = self.shared.org();
        org.scripts.entry(endpoint).or_default().push_back(answer);
    }

    /// Rotates the signing keys as planned: the next one was published before, and the old one stays published.
    pub(crate) fn rotate_keys(&self) {
        let mut org = self.shared.org();
        let key = org.new_key();
        org.keys.push_back(key);
        if org.keys.len() > 3 {
            org.keys.pop_front();
        }
    }

    /// Replaces all signing keys at once, as after a leak.
    pub(crate) fn replace_keys(&self) {
        let mut org = self.shared.org();
        org.keys = [org.new_key(), org.new_key()].into();
    }

    /// The keys that are published now.
    pub(crate) fn published_keys(&self) -> Vec<serde_json::Value> {
        let keys = &self.shared.org().keys;
        keys.iter().map(SigningKey::jwk).collect()
    }

    /// Ends every session of a person, as an administrator can.
    pub(crate) fn revoke_all(&self, person: Person) {
        for grant in &mut self.shared.org().grants {
            grant.revoked |= grant.person == person;
        }
    }

    /// Returns how many refresh tokens of a person still work (two within the grace period of a rotation).
    pub(crate) fn live_refresh_tokens(&self, person: Person) -> usize {
        let org = self.shared.org();
        let works = |token: &&RefreshToken| {
            let grant = &org.grants[token.grant];
            let since = token.replaced.map(|replaced| replaced.elapsed());
            let in_grace = since.is_none_or(|since| since <= org.settings.grace);
            grant.person == person && !grant.revoked && in_grace
        };
        org.refresh_tokens.values().filter(works).count()
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.org().requests.clone()
    }

    /// How many requests an endpoint has had.
    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.requests_to(|it| it == endpoint)
    }

    /// How many requests came from a client, and not from the person's browser.
    pub(crate) fn client_requests(&self) -> usize {
        self.requests_to(|it| it != Endpoint::Activate)
    }

    fn requests_to(&self, is_one: impl Fn(Endpoint) -> bool) -> usize {
        let requests = self.requests();
        let endpoints = requests.iter().map(|request| request.endpoint);
        endpoints.filter(|it| is_one(*it)).count()
    }

    /// Every device code and token that was ever issued, and the client secret: what no output may hold.
    pub(crate) fn issued_secrets(&self) -> Vec<String> {
        let org = self.shared.org();
        let mut secrets = org.secrets.clone();
        secrets.extend(org.settings.client_secret.clone());
        secrets
    }
}

impl fmt::Debug for Okta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Okta({})", self.shared.base)
    }
}
