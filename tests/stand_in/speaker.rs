//! A client of the stand-in that speaks plain HTTP, so that nothing of ours stands between a test and the answers.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::support::{
    ca,
    okta::{Okta, Person, Server},
};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(super) const SCOPE: &str = "openid profile email offline_access";

/// A client that speaks to one server of a stand-in.
pub(super) struct Speaker {
    pub(super) okta: Okta,
    pub(super) issuer: String,
    pub(super) endpoints: String,
    pub(super) http: Client,
}

impl Speaker {
    pub(super) fn new(server: Server) -> Self {
        let okta = Okta::start();
        let issuer = okta.issuer(server);
        let endpoints = match server {
            Server::Org => format!("{issuer}/oauth2/v1"),
            Server::Default => format!("{issuer}/v1"),
        };
        okta.configure(|settings| settings.slow_down = false);
        Self {
            okta,
            issuer,
            endpoints,
            http: ca::http_client(ca::trusted().pem_path()),
        }
    }

    /// Posts a form, with a user and a password before it where there are some.
    pub(super) async fn post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> (u16, Value) {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = self.http.post(format!("{}/{path}", self.endpoints));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.body(body.finish());
        answer(match basic {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        })
        .await
    }

    /// Posts with the client id.
    pub(super) async fn ask(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let id = self.okta.client_id();
        let form = [&[("client_id", &*id)][..], form].concat();
        self.post(path, &form, None).await
    }

    pub(super) async fn device(&self) -> (String, String) {
        let (status, body) = self.ask("device/authorize", &[("scope", SCOPE)]).await;
        assert_eq!(status, 200, "{}", body["error"]);
        (text(&body, "device_code"), text(&body, "user_code"))
    }

    pub(super) async fn poll(&self, device_code: &str) -> (u16, Value) {
        let form = [("grant_type", DEVICE_GRANT), ("device_code", device_code)];
        self.ask("token", &form).await
    }

    pub(super) async fn sign_in(&self, person: Person) -> Value {
        let (device_code, user_code) = self.device().await;
        self.okta.approve(&user_code, person).expect("a fresh code");
        let (status, body) = self.poll(&device_code).await;
        assert_eq!(status, 200, "{}", body["error"]);
        body
    }

    pub(super) async fn refresh(&self, token: &str, scope: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        self.ask("token", &form).await
    }

    pub(super) async fn get(&self, url: &str) -> (u16, Value) {
        answer(self.http.get(url)).await
    }

    pub(super) async fn key_ids(&self) -> Vec<String> {
        let (_, body) = self.get(&format!("{}/keys", self.endpoints)).await;
        let keys = body["keys"].as_array().expect("a list of keys");
        keys.iter().map(|key| text(key, "kid")).collect()
    }
}

/// The status and the JSON of an answer, which may be empty.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the stand-in answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    let json = || serde_json::from_slice(&body).expect("JSON");
    (status, if body.is_empty() { Value::Null } else { json() })
}

pub(super) fn text(body: &Value, name: &str) -> String {
    body[name].as_str().expect(name).to_owned()
}

/// Returns header and claims, unchecked.
pub(super) fn decode(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    });
    let mut next = || parts.next().expect("a part");
    (next(), next())
}

pub(super) fn is_error(answer: &(u16, Value), status: u16, error: &str) {
    assert_eq!(
        (answer.0, answer.1["error"].as_str()),
        (status, Some(error))
    );
}
