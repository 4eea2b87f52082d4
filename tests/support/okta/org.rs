//! The organisation behind the endpoints: people, the app, its codes and its tokens.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Endpoint, Request, Server, answer::Answer, keys, keys::SigningKey};
use crate::support::{secrets, token};

/// A person of the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Person {
    James,
    Nora,
    Sylvia,
}

impl Person {
    /// Everybody.
    pub(crate) const ALL: [Self; 3] = [Self::James, Self::Nora, Self::Sylvia];

    /// The full name.
    pub(crate) const fn name(self) -> &'static str {
        self.known().0
    }

    /// The login, which is an e-mail address.
    pub(crate) const fn login(self) -> &'static str {
        self.known().1
    }

    /// The user id, the `sub` of an ID token.
    pub(crate) const fn id(self) -> &'static str {
        self.known().2
    }

    const fn known(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::James => (
                "James Joyce",
                "james.joyce@example.com",
                "00u1jamesjoyce1882x7",
            ),
            Self::Nora => (
                "Nora Barnacle",
                "nora.barnacle@example.com",
                "00u2norabarnacle84x7",
            ),
            Self::Sylvia => (
                "Sylvia Beach",
                "sylvia.beach@example.com",
                "00u3sylviabeach887x7",
            ),
        }
    }

    /// Finds a person by the first name, in any case.
    pub(crate) fn named(first_name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|person| {
            let first = person.name().split(' ').next().unwrap_or_default();
            first.eq_ignore_ascii_case(first_name)
        })
    }
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Each refresh brings a new one; the old one works for the grace period.
    Rotate,
    /// The same one comes back each time (Okta's default for native apps).
    Static,
    /// The same one stays valid, and none comes back.
    Silent,
}

/// Changes the header and the claims of every ID token before it is signed.
pub(crate) type Forge = Arc<dyn Fn(&mut Value, &mut Value) + Send + Sync>;

/// How the organisation, its app and its servers are set up. Each may be changed at any time.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a box that an administrator ticks"
)]
pub(crate) struct Settings {
    /// Seconds between polls; `None` leaves the member out of the answer.
    pub(crate) interval: Option<u64>,
    /// Whether polls that come too fast get `slow_down`.
    pub(crate) slow_down: bool,
    /// Seconds that a device code works.
    pub(crate) expires_in: u64,
    /// Seconds that ID and access tokens work.
    pub(crate) token_lifetime: i64,
    pub(crate) rotation: Rotation,
    /// How long a rotated refresh token still works.
    pub(crate) grace: Duration,
    /// The client secret, for an app that is not public.
    pub(crate) client_secret: Option<String>,
    /// Whether Device Authorization is ticked.
    pub(crate) device_grant: bool,
    /// Whether Refresh Token is ticked.
    pub(crate) refresh_grant: bool,
    /// Whether Require `DPoP` is ticked.
    pub(crate) dpop: bool,
    /// People to whom the app is not assigned.
    pub(crate) unassigned: BTreeSet<Person>,
    /// Scopes that are not granted, whoever asks for them.
    pub(crate) withheld: Vec<&'static str>,
    /// Whether the access policy refuses everybody.
    pub(crate) policy_refuses: bool,
    /// Seconds by which the servers' clocks are ahead of this machine's.
    pub(crate) clock_offset: i64,
    /// Whether ID tokens are signed with a key that is not in the key set.
    pub(crate) unpublished_key: bool,
    pub(crate) forge: Option<Forge>,
    /// Where the endpoints are, below the issuer. Nothing is left where they were.
    pub(crate) endpoints: &'static str,
    /// How long the discovery document and the keys may be kept, as `Cache-Control` says it.
    pub(crate) published_for: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Some(5),
            slow_down: true,
            expires_in: 600,
            token_lifetime: 3600,
            rotation: Rotation::Rotate,
            grace: Duration::from_secs(30),
            client_secret: None,
            device_grant: true,
            refresh_grant: true,
            dpop: false,
            unassigned: BTreeSet::new(),
            withheld: Vec::new(),
            policy_refuses: false,
            clock_offset: 0,
            unpublished_key: false,
            forge: None,
            endpoints: "v1",
            published_for: "max-age=86400, must-revalidate",
        }
    }
}

/// What a person did with a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Approved(Person),
    Denied,
}

/// A device code and what became of it.
pub(super) struct Device {
    pub(super) secret: String,
    pub(super) user_code: String,
    pub(super) server: Server,
    pub(super) scope: String,
    pub(super) expires: Instant,
    pub(super) decision: Option<Decision>,
    pub(super) interval: Duration,
    pub(super) polled: Option<Instant>,
    pub(super) used: bool,
}

/// A sign-in, and all refresh tokens that come from it.
pub(super) struct Grant {
    pub(super) person: Person,
    pub(super) server: Server,
    pub(super) scope: String,
    pub(super) auth_time: i64,
    pub(super) revoked: bool,
}

/// A refresh token of a grant; `replaced` since a newer one was issued for it.
#[derive(Clone, Copy)]
pub(super) struct RefreshToken {
    pub(super) grant: usize,
    pub(super) replaced: Option<Instant>,
}

/// Why a user code cannot be approved or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodeError {
    #[error("There is no such code. Check the letters that your terminal shows.")]
    Unknown,
    #[error("This code has expired. Ask for a new one in your terminal.")]
    Expired,
    #[error("This code was used already.")]
    Used,
    #[error("User is not assigned to the client application.")]
    NotAssigned,
}

/// Everything that the servers know.
pub(super) struct Org {
    pub(super) client_id: String,
    pub(super) settings: Settings,
    pub(super) keys: VecDeque<SigningKey>,
    pub(super) keys_made: usize,
    pub(super) unpublished: SigningKey,
    pub(super) devices: Vec<Device>,
    pub(super) grants: Vec<Grant>,
    pub(super) refresh_tokens: HashMap<String, RefreshToken>,
    pub(super) secrets: Vec<String>,
    pub(super) requests: Vec<Request>,
    pub(super) scripts: HashMap<Endpoint, VecDeque<Answer>>,
    /// How many codes were handed to a test so far.
    pub(super) codes_seen: usize,
}

impl Org {
    pub(super) fn new() -> Self {
        Self {
            client_id: "0oa4epigraph5native7".into(),
            settings: Settings::default(),
            keys: [SigningKey::nth(0), SigningKey::nth(1)].into(),
            keys_made: 3,
            unpublished: SigningKey::nth(2),
            devices: Vec::new(),
            grants: Vec::new(),
            refresh_tokens: HashMap::new(),
            secrets: Vec::new(),
            requests: Vec::new(),
            scripts: HashMap::new(),
            codes_seen: 0,
        }
    }

    /// Makes one more signing key.
    pub(super) fn new_key(&mut self) -> SigningKey {
        self.keys_made += 1;
        SigningKey::nth(self.keys_made - 1)
    }

    /// What time the servers think it is.
    pub(super) fn now(&self) -> i64 {
        token::now() + self.settings.clock_offset
    }

    /// Signs with the key that is published for longest but one: the last one is for the next rotation.
    fn signing_key(&self) -> &SigningKey {
        if self.settings.unpublished_key {
            return &self.unpublished;
        }
        &self.keys[self.keys.len() - 2]
    }

    pub(super) fn keep_secret(&mut self, secret: &str) -> String {
        secrets::know(secret);
        self.secrets.push(secret.to_owned());
        secret.to_owned()
    }

    /// Records what a person decided about a code.
    pub(super) fn decide(&mut self, user_code: &str, decision: Decision) -> Result<(), CodeError> {
        let letters = user_code.chars().filter(char::is_ascii_alphanumeric);
        let user_code = letters.collect::<String>().to_ascii_uppercase();
        let unassigned = matches!(decision, Decision::Approved(person) if self.settings.unassigned.contains(&person));
        let mut devices = self.devices.iter_mut();
        let device = devices.find(|device| device.user_code == user_code);
        let device = device.ok_or(CodeError::Unknown)?;
        if device.used || device.decision.is_some() {
            return Err(CodeError::Used);
        }
        if device.expires <= Instant::now() {
            return Err(CodeError::Expired);
        }
        device.decision = Some(decision);
        if unassigned {
            return Err(CodeError::NotAssigned);
        }
        Ok(())
    }

    /// Makes the tokens of one answer: an access token, and an ID token where the scope asks for it.
    pub(super) fn tokens(&mut self, grant: usize, issuer: &str, scope: &str) -> Value {
        let now = self.now();
        let grant = &self.grants[grant];
        let person = grant.person;
        let has = |name: &str| scope.split(' ').any(|scope| scope == name);
        let lifetime = self.settings.token_lifetime;
        let key = self.signing_key();
        // An organisation's own server issues access tokens for Okta alone; a custom one's carry the login as their subject.
        let access_token = match grant.server {
            Server::Org => keys::token(),
            Server::Default => key.sign(
                &key.header(),
                &json!({
                    "ver": 1, "jti": keys::identifier("AT."), "iss": issuer, "aud": "api://default",
                    "iat": now, "exp": now + lifetime, "cid": self.client_id, "uid": person.id(),
                    "scp": scope.split(' ').collect::<Vec<_>>(), "auth_time": grant.auth_time, "sub": person.login(),
                }),
            ),
        };
        let mut answer = json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "access_token": access_token,
            "scope": scope,
        });
        if has("openid") {
            let mut claims = json!({
                "sub": person.id(), "ver": 1, "iss": issuer, "aud": self.client_id, "iat": now, "exp": now + lifetime,
                "jti": keys::identifier("ID."), "amr": ["mfa", "otp", "pwd"], "idp": "00o1epigraph0idp5d7",
                "auth_time": grant.auth_time, "at_hash": keys::half_hash(&access_token),
            });
            if has("profile") {
                claims["name"] = person.name().into();
                claims["preferred_username"] = person.login().into();
            }
            if has("email") {
                claims["email"] = person.login().into();
            }
            let mut header = key.header();
            if let Some(forge) = &self.settings.forge {
                forge(&mut header, &mut claims);
            }
            let id_token = key.sign(&header, &claims);
            answer["id_token"] = self.keep_secret(&id_token).into();
        }
        self.keep_secret(&access_token);
        answer
    }

    /// Makes a refresh token of a grant.
    pub(super) fn refresh_token(&mut self, grant: usize) -> String {
        let token = keys::token();
        let replaced = None;
        let issued = RefreshToken { grant, replaced };
        self.refresh_tokens.insert(token.clone(), issued);
        self.keep_secret(&token)
    }
}
