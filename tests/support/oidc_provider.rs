//! An OpenID-certified provider (npm `oidc-provider`): a second opinion on what the standards say, beside our stand-in for Okta.

use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command};

use reqwest::{Client, Response, header};
use serde_json::json;

use super::{
    ca,
    guardian::{Scratch, Started},
};

/// The provider and what it was told. It ends at drop.
pub(crate) struct OidcProvider {
    port: u16,
    process: Started,
    // After the process that runs in it.
    _scratch: Scratch,
}

/// What a person does with the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Signs in and agrees.
    Approve,
    /// Turns it down.
    Deny,
}

impl OidcProvider {
    /// The id of its one client.
    pub(crate) const CLIENT_ID: &str = "epigraph-test-client";
    /// The id (`sub`), name and e-mail address of its one known person.
    pub(crate) const PERSON: (&str, &str, &str) = (
        "00ujjoyce0000000001",
        "James Joyce",
        "james.joyce@example.com",
    );

    /// Starts a provider whose ID tokens are good for so long, with a public client, or one with a secret that it sends in this way
    /// (`client_secret_basic`, `client_secret_post`).
    pub(crate) fn start(id_token_seconds: u32, secret: Option<(&str, &str)>) -> Self {
        // Put there by scripts/setup, which takes it from the lock file.
        let modules = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("oidc_provider");
        assert!(
            modules.join("installed.json").exists(),
            "the OpenID provider is not installed: run `scripts/setup test`"
        );
        let scratch = Scratch::new("oidc-provider");
        let (certificate, key) = ca::localhost().write(scratch.path(), "server");
        let (id, name, email) = Self::PERSON;
        let (secret, authentication) = secret.unzip();
        let file = scratch.path().join("settings.json");
        let told = json!({
            "modules": modules,
            "certificate": certificate,
            "key": key,
            "client_id": Self::CLIENT_ID,
            "client_secret": secret,
            "client_authentication": authentication,
            "id_token_seconds": id_token_seconds,
            "people": { id: { "name": name, "preferred_username": email, "email": email } },
        });
        fs::write(&file, told.to_string()).expect("the scratch directory is writable");
        let mut node = Command::new("node");
        node.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/support/oidc_provider/server.mjs"
        ))
        .arg(file)
        .env_remove("NODE_OPTIONS");
        let mut process = scratch.spawn(node);
        let port = process.wait_until("it listens", |process| {
            let log = process.log();
            let line = log
                .lines()
                .find_map(|line| line.strip_prefix("listening "))?;
            line.parse().ok()
        });
        Self {
            port,
            process,
            _scratch: scratch,
        }
    }

    /// Its issuer, laid out as one of Okta's custom authorization servers.
    pub(crate) fn issuer(&self) -> String {
        format!("https://localhost:{}/oauth2/default", self.port)
    }

    /// The requests it got so far, as `POST /v1/token`, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.process
            .log()
            .lines()
            .filter(|line| line.starts_with("GET ") || line.starts_with("POST "))
            .map(Into::into)
            .collect()
    }

    /// The keys that it publishes.
    pub(crate) async fn published_keys(&self) -> Vec<serde_json::Value> {
        let client = ca::http_client(ca::trusted().pem_path());
        let json = async |address: String| -> serde_json::Value {
            let response = client.get(address).send().await;
            let text = response.expect("the provider answers").text().await;
            serde_json::from_str(&text.expect("a text")).expect("JSON")
        };
        let discovery = json(self.issuer() + "/.well-known/openid-configuration").await;
        let address = discovery["jwks_uri"].as_str().expect("an address");
        let keys = json(address.to_owned()).await["keys"].take();
        keys.as_array().expect("a list").clone()
    }

    /// Plays the person in the browser, from the address in the QR code to the last page.
    pub(crate) async fn decide(&self, verification_uri_complete: &str, decision: Decision) {
        let mut browser = Browser {
            client: ca::http_client(ca::trusted().pem_path()),
            cookies: BTreeMap::new(),
        };
        let address = verification_uri_complete.parse().expect("an address");
        let mut page = browser.follow(address, None).await;
        let end = match decision {
            Decision::Approve => "Sign-in Success",
            Decision::Deny => "The Sign-in request was interrupted",
        };
        for _ in 0..10 {
            if page.text.contains(end) {
                return;
            }
            let Some(mut form) = Form::read(&page) else {
                break;
            };
            if decision == Decision::Deny && form.fields.remove("confirm").is_some() {
                form.fields.insert("abort".into(), "yes".into());
            }
            if form.fields.contains_key("login") {
                form.fields.insert("login".into(), Self::PERSON.0.into());
                form.fields.insert("password".into(), "any".into());
            }
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&form.fields)
                .finish();
            page = browser.follow(form.action, Some(body)).await;
        }
        panic!("no page said {end:?}; the last one was:\n{}", page.text);
    }
}

/// As much of a browser as these pages need: cookies, redirects and forms.
struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

struct Page {
    address: url::Url,
    text: String,
}

/// A form as its page would send it.
struct Form {
    action: url::Url,
    fields: BTreeMap<String, String>,
}

impl Browser {
    /// Sends a form, or asks for a page, and goes where the answers lead.
    async fn follow(&mut self, mut address: url::Url, mut body: Option<String>) -> Page {
        loop {
            let cookies = self.cookies.iter();
            let cookies = cookies.map(|(name, value)| format!("{name}={value}"));
            let cookies = cookies.collect::<Vec<_>>().join("; ");
            let request = match body.take() {
                None => self.client.get(address.clone()),
                Some(body) => self
                    .client
                    .post(address.clone())
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(body),
            };
            let response = request
                .header(header::COOKIE, cookies)
                .send()
                .await
                .expect("the provider answers");
            self.keep_cookies(&response);
            let Some(next) = response.headers().get(header::LOCATION) else {
                let text = response.text().await.expect("a page");
                return Page { address, text };
            };
            let next = next.to_str().expect("an address in ASCII");
            address = address.join(next).expect("an address");
        }
    }

    fn keep_cookies(&mut self, response: &Response) {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie in ASCII");
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.into(), value.into());
            }
        }
    }
}

impl Form {
    fn read(page: &Page) -> Option<Self> {
        let (_, form) = page.text.split_once("<form ")?;
        let (form, _) = form.split_once("</form>")?;
        let action = attribute(form, "action")?;
        let inputs = form.split("<input ").skip(1);
        let fields = inputs.filter_map(|input| {
            let input = input.split('>').next()?;
            let value = attribute(input, "value").unwrap_or_default();
            Some((attribute(input, "name")?, value))
        });
        let action = page.address.join(&action).ok()?;
        Some(Self {
            action,
            fields: fields.collect(),
        })
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    Some(value.split('"').next()?.replace("&amp;", "&"))
}
