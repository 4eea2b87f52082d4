//! A client of the stand-in that speaks plain HTTP, so that nothing of ours stands between a test and the answers.

use reqwest::{Client, Response};
use serde_json::Value;

use crate::support::{
    ca,
    okta::{Okta, Person, Server},
};

pub(super) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(super) const SCOPE: &str = "openid profile email offline_access";

pub(super) fn client() -> Client {
    ca::http_client(ca::trusted().pem_path())
}

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
            http: client(),
        }
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        self.http
            .post(format!("{}/{path}", self.endpoints))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.finish())
            .send()
            .await
            .expect("the stand-in answers")
    }

    /// Posts with the client id, and returns status and JSON.
    pub(super) async fn ask(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let id = self.okta.client_id();
        let form: Vec<_> = [("client_id", id.as_str())]
            .into_iter()
            .chain(form.iter().copied())
            .collect();
        answer(self.post(path, &form).await).await
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
        answer(self.http.get(url).send().await.expect("an answer")).await
    }

    pub(super) async fn key_ids(&self) -> Vec<String> {
        let (_, body) = self.get(&format!("{}/keys", self.endpoints)).await;
        let keys = body["keys"].as_array().expect("a list of keys");
        keys.iter().map(|key| text(key, "kid")).collect()
    }
}

pub(super) async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

pub(super) fn text(body: &Value, name: &str) -> String {
    body[name].as_str().expect(name).to_owned()
}

/// Returns header and claims, unchecked.
pub(super) fn decode(token: &str) -> (Value, Value) {
    let part = |part: &str| {
        let mut base64 = part.replace('-', "+").replace('_', "/");
        while !base64.len().is_multiple_of(4) {
            base64.push('=');
        }
        let bytes = openssl::base64::decode_block(&base64).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let mut parts = token.split('.');
    (
        part(parts.next().expect("a header")),
        part(parts.next().expect("claims")),
    )
}

pub(super) fn is_error(answer: &(u16, Value), status: u16, error: &str) {
    assert_eq!(
        (answer.0, answer.1["error"].as_str()),
        (status, Some(error))
    );
}
