//! The endpoints of an authorization server: requests in, answers in Okta's words out.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    Form, Server,
    answer::Answer,
    keys,
    org::{Decision, Device, Grant, Org, Rotation},
};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPES: [&str; 8] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "groups",
    "offline_access",
    "device_sso",
];

// What Okta says when it refuses: the error, and its description.
const NO_SCOPE: &str = "invalid_request: The request must contain the following parameters: scope.";
const UNKNOWN_SCOPE: &str =
    "invalid_scope: One or more scopes are not configured for the authorization server resource.";
const UNKNOWN_GRANT_TYPE: &str = "unsupported_grant_type: The authorization grant type is not supported by the authorization server.";
const NO_GRANT_TYPE: &str =
    "invalid_request: The token endpoint requires a 'grant_type' parameter.";
const NO_TOKEN: &str =
    "invalid_request: The revocation request must contain the 'token' parameter.";
const NO_DEVICE_CODE: &str =
    "invalid_request: The token request must contain the 'device_code' parameter.";
const UNKNOWN_CODE: &str = "invalid_grant: The device code is invalid or expired.";
const EXPIRED_CODE: &str = "expired_token: The device code has expired.";
const TOO_FAST: &str = "slow_down: The device is polling too frequently. Please slow down.";
const PENDING: &str =
    "authorization_pending: The device authorization is pending. Please try again later.";
const DENIED: &str = "access_denied: The resource owner denied the request.";
const NOT_ASSIGNED: &str = "access_denied: User is not assigned to the client application.";
const UNKNOWN_TOKEN: &str = "invalid_grant: The refresh token is invalid or expired.";
const NO_REFRESH_TOKEN: &str =
    "invalid_request: The token request must contain the 'refresh_token' parameter.";
const MORE_SCOPES: &str = "invalid_scope: The requested scopes exceed those of the original grant.";
const TWO_CREDENTIALS: &str = "invalid_request: Cannot supply multiple client credentials. Use one of the following: credentials in the Authorization header, credentials in the post body, or a client_assertion in the post body.";
const WRONG_SECRET: &str = "The client secret supplied for a confidential client is invalid.";
const NO_PROOF: &str = "invalid_dpop_proof: The DPoP proof JWT header is missing.";
const POLICY: &str = "access_denied: Policy evaluation failed for this request, please check the policy configurations.";

/// What a request to a server carries.
pub(super) struct Call<'a> {
    /// Where the stand-in is reached: `https://localhost:PORT`.
    pub(super) base: &'a str,
    pub(super) server: Server,
    pub(super) form: &'a Form,
    /// User and password of an `Authorization: Basic` header.
    pub(super) basic: Option<(String, String)>,
    pub(super) has_dpop_proof: bool,
}

impl Call<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let value = self.form.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn issuer(&self) -> String {
        self.server.issuer(self.base)
    }
}

/// The metadata of a server.
pub(super) fn metadata(org: &Org, base: &str, server: Server) -> Answer {
    let issuer = server.issuer(base);
    let endpoints = match server {
        Server::Org => format!("{base}/oauth2/{}", org.settings.endpoints),
        Server::Default => format!("{issuer}/{}", org.settings.endpoints),
    };
    let methods = [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
    ];
    Answer::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{endpoints}/authorize"),
            "token_endpoint": format!("{endpoints}/token"),
            "userinfo_endpoint": format!("{endpoints}/userinfo"),
            "registration_endpoint": format!("{base}/oauth2/v1/clients"),
            "jwks_uri": format!("{endpoints}/keys"),
            "response_types_supported": ["code", "id_token", "code id_token", "code token", "id_token token", "code id_token token"],
            "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
            "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "password", DEVICE_GRANT],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": SCOPES,
            "token_endpoint_auth_methods_supported": methods,
            "claims_supported": ["iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp", "nonce", "name", "email", "preferred_username", "at_hash"],
            "code_challenge_methods_supported": ["S256"],
            "introspection_endpoint": format!("{endpoints}/introspect"),
            "introspection_endpoint_auth_methods_supported": methods,
            "revocation_endpoint": format!("{endpoints}/revoke"),
            "revocation_endpoint_auth_methods_supported": methods,
            "end_session_endpoint": format!("{endpoints}/logout"),
            "request_parameter_supported": true,
            "request_object_signing_alg_values_supported": ["HS256", "RS256", "ES256"],
            "device_authorization_endpoint": format!("{endpoints}/device/authorize"),
            "dpop_signing_alg_values_supported": ["RS256", "ES256"],
        }),
    )
    .header("Cache-Control", org.settings.published_for)
}

/// The answer for an authorization server that does not exist.
pub(super) fn no_such_server(id: &str) -> Answer {
    let summary = format!("Not found: Resource not found: {id} (AuthorizationServer)");
    Answer::api_error(404, "E0000007", &summary)
}

impl Org {
    pub(super) fn key_set(&self) -> Answer {
        let keys: Vec<_> = self.keys.iter().map(keys::SigningKey::jwk).collect();
        Answer::json(200, &json!({ "keys": keys }))
            .header("Cache-Control", self.settings.published_for)
    }

    pub(super) fn device_authorize(&mut self, call: &Call<'_>) -> Result<Answer, Answer> {
        self.authenticate(call)?;
        if !self.settings.device_grant {
            return Err(self.grant_not_ticked());
        }
        let scope = call.field("scope").unwrap_or_default();
        refuse_if(scope.is_empty(), NO_SCOPE)?;
        refuse_if(
            scope.len() > 1024 || !scope.split(' ').all(|scope| SCOPES.contains(&scope)),
            UNKNOWN_SCOPE,
        )?;
        let device = Device {
            secret: self.keep_secret(&keys::device_code()),
            user_code: keys::user_code(),
            server: call.server,
            scope: scope.to_owned(),
            expires: Instant::now() + Duration::from_secs(self.settings.expires_in),
            decision: None,
            interval: Duration::from_secs(self.settings.interval.unwrap_or(5)),
            polled: None,
            used: false,
        };
        let page = format!("{}/activate", call.base);
        let mut answer = json!({
            "device_code": device.secret,
            "user_code": device.user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={}", device.user_code),
            "expires_in": self.settings.expires_in,
        });
        if let Some(interval) = self.settings.interval {
            answer["interval"] = interval.into();
        }
        self.devices.push(device);
        Ok(Answer::json(200, &answer))
    }

    pub(super) fn token(&mut self, call: &Call<'_>) -> Result<Answer, Answer> {
        self.authenticate(call)?;
        match call.field("grant_type") {
            Some(DEVICE_GRANT) => self.poll(call),
            Some("refresh_token") => self.refresh(call),
            Some(_) => Err(refuse(UNKNOWN_GRANT_TYPE)),
            None => Err(refuse(NO_GRANT_TYPE)),
        }
    }

    pub(super) fn revoke(&mut self, call: &Call<'_>) -> Result<Answer, Answer> {
        self.authenticate(call)?;
        let token = call.field("token").ok_or_else(|| refuse(NO_TOKEN))?;
        if let Some(token) = self.refresh_tokens.get(token) {
            self.grants[token.grant].revoked = true;
        }
        Ok(Answer::http(200, "application/json;charset=UTF-8", ""))
    }

    fn poll(&mut self, call: &Call<'_>) -> Result<Answer, Answer> {
        if !self.settings.device_grant {
            return Err(self.grant_not_ticked());
        }
        refuse_if(self.settings.dpop && !call.has_dpop_proof, NO_PROOF)?;
        let device_code = call.field("device_code");
        let device_code = device_code.ok_or_else(|| refuse(NO_DEVICE_CODE))?;
        let now = Instant::now();
        let slow_down = self.settings.slow_down;
        let is_it = |device: &&mut Device| {
            device.secret == device_code && device.server == call.server && !device.used
        };
        let device = self.devices.iter_mut().find(is_it);
        let device = device.ok_or_else(|| refuse(UNKNOWN_CODE))?;
        refuse_if(device.expires <= now, EXPIRED_CODE)?;
        // A tenth less than was asked for: a network may bring two polls closer together.
        let enough = device.interval * 9 / 10;
        let too_fast = device.polled.is_some_and(|polled| now - polled < enough);
        device.polled = Some(now);
        if slow_down && too_fast {
            device.interval += Duration::from_secs(5);
            return Err(refuse(TOO_FAST));
        }
        let decision = device.decision.ok_or_else(|| refuse(PENDING))?;
        device.used = true;
        let asked = device.scope.split(' ');
        let granted = asked.filter(|scope| !self.settings.withheld.contains(scope));
        let scope = granted.collect::<Vec<_>>().join(" ");
        let Decision::Approved(person) = decision else {
            return Err(refuse(DENIED));
        };
        refuse_if(self.settings.unassigned.contains(&person), NOT_ASSIGNED)?;
        refuse_if(self.settings.policy_refuses, POLICY)?;
        self.grants.push(Grant {
            person,
            server: call.server,
            scope: scope.clone(),
            auth_time: self.now(),
            revoked: false,
        });
        let grant = self.grants.len() - 1;
        let mut answer = self.tokens(grant, &call.issuer(), &scope);
        if scope.split(' ').any(|scope| scope == "offline_access") {
            answer["refresh_token"] = self.refresh_token(grant).into();
        }
        Ok(Answer::json(200, &answer))
    }

    fn refresh(&mut self, call: &Call<'_>) -> Result<Answer, Answer> {
        if !self.settings.refresh_grant {
            return Err(self.grant_not_ticked());
        }
        refuse_if(self.settings.dpop && !call.has_dpop_proof, NO_PROOF)?;
        let invalid = || refuse(UNKNOWN_TOKEN);
        let presented = call.field("refresh_token");
        let presented = presented.ok_or_else(|| refuse(NO_REFRESH_TOKEN))?;
        let token = *self.refresh_tokens.get(presented).ok_or_else(invalid)?;
        let grace = self.settings.grace;
        let grant = &mut self.grants[token.grant];
        if grant.revoked || grant.server != call.server {
            return Err(invalid());
        }
        let spent = |replaced: Instant| replaced.elapsed() > grace;
        if token.replaced.is_some_and(spent) {
            grant.revoked = true;
            return Err(invalid());
        }
        // Only a scope that is asked for again is granted again: without `openid` there is no ID token.
        let granted = grant.scope.clone();
        let scope = call.field("scope").unwrap_or("offline_access").to_owned();
        let person = grant.person;
        let is_granted = |scope: &str| granted.split(' ').any(|granted| granted == scope);
        refuse_if(!scope.split(' ').all(is_granted), MORE_SCOPES)?;
        if self.settings.unassigned.contains(&person) {
            return Err(invalid());
        }
        refuse_if(self.settings.policy_refuses, POLICY)?;
        let mut answer = self.tokens(token.grant, &call.issuer(), &scope);
        match self.settings.rotation {
            Rotation::Rotate => {
                answer["refresh_token"] = self.refresh_token(token.grant).into();
                if let Some(old) = self.refresh_tokens.get_mut(presented) {
                    old.replaced.get_or_insert_with(Instant::now);
                }
            }
            Rotation::Static => answer["refresh_token"] = presented.into(),
            Rotation::Silent => {}
        }
        Ok(Answer::json(200, &answer))
    }

    /// Checks who is asking: a public client names itself in the form, any other proves itself in one place.
    fn authenticate(&self, call: &Call<'_>) -> Result<(), Answer> {
        let in_form = (call.field("client_id"), call.field("client_secret"));
        let (id, secret) = match (&call.basic, in_form) {
            (Some(_), (Some(_), _) | (_, Some(_))) => {
                return Err(refuse(TWO_CREDENTIALS));
            }
            (Some((id, secret)), _) => (id.as_str(), Some(secret.as_str())),
            (None, (Some(id), secret)) => (id, secret),
            (None, (None, _)) => return Err(no_credentials()),
        };
        if id != self.client_id {
            let summary = "Invalid value for 'client_id' parameter.";
            return Err(Answer::api_error(401, "invalid_client", summary));
        }
        match (&self.settings.client_secret, secret) {
            (None, None) => Ok(()),
            (Some(expected), Some(secret)) if expected == secret => Ok(()),
            (Some(_), None) => Err(no_credentials()),
            (None | Some(_), Some(_)) => Err(Answer::error(401, "invalid_client", WRONG_SECRET)),
        }
    }

    fn grant_not_ticked(&self) -> Answer {
        let mut ticked = vec!["authorization_code"];
        if self.settings.device_grant {
            ticked.push(DEVICE_GRANT);
        }
        if self.settings.refresh_grant {
            ticked.push("refresh_token");
        }
        let description = format!(
            "The client is not authorized to use the provided grant type. Configured grant types: [{}].",
            ticked.join(", ")
        );
        Answer::error(400, "unauthorized_client", &description)
    }
}

fn refuse(words: &str) -> Answer {
    let (error, description) = words.split_once(": ").expect("both");
    Answer::error(400, error, description)
}

fn refuse_if(condition: bool, words: &str) -> Result<(), Answer> {
    (!condition).then_some(()).ok_or_else(|| refuse(words))
}

fn no_credentials() -> Answer {
    Answer::error(401, "invalid_client", "No client credentials found.")
}
