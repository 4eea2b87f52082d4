//! The one HTTP client: the system's trust store and proxies, no redirects, bounded in time and size.

use std::{ops::Range, time::Duration};

use chrono::{DateTime, Utc};
use native_tls::Certificate;
use reqwest::{Client, RequestBuilder, header::HeaderMap, redirect};
use secrecy::zeroize::Zeroizing;
use serde::de::DeserializeOwned;
use tokio::{sync::OnceCell, time::Instant};
use url::Url;

use super::proxy;
use crate::{
    account::Activity,
    background::on_a_thread,
    failure::{Cause, Failure, Kind},
    session::Progress,
    text::one_line,
    tls::{self, Fault},
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const TOTAL_LIMIT: Duration = Duration::from_secs(20);
/// Discovery, keys and tokens are a few KiB each; a page of a captive portal may be more.
const MOST_BYTES: usize = 1024 * 1024;
const TRIES: u32 = 3;
/// No new try is begun after this long: a person is waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whatever a server asks for: the pause is added to times, which have an end.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);
/// In seconds, whatever a server allows: what it publishes may have to be withdrawn.
pub(super) const LONGEST_KEPT: i64 = 24 * 60 * 60;
/// A connection that was not used for longer may be dead without anybody having been told: the machine slept, or a router forgot it.
const LONGEST_IDLE: Duration = Duration::from_secs(2);

/// The client, made at the first request: parsing the trust store is the slowest part of a start.
pub(super) struct Http {
    client: OnceCell<Client>,
    extra_roots: Vec<Certificate>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("it did not answer in time")]
    TimedOut,
    #[error("its name cannot be resolved")]
    UnknownHost,
    #[error("the connection was refused or cut off")]
    Connection,
    #[error("the proxy does not let the connection through")]
    Proxy,
    #[error("the proxy asks for a user name and a password, or does not take these")]
    ProxyPassword,
    #[error("the proxy takes no user name and password, but only {0}")]
    ProxySignIn(String),
    #[error("the proxy itself cannot be reached")]
    ProxyUnreachable,
    #[error("its certificate is not trusted on this machine")]
    Untrusted,
    #[error("its certificate has a key or a signature that is too weak for this machine")]
    Weak,
    #[error("its certificate is not made for a server")]
    OtherUse,
    #[error("its certificate is for another name")]
    OtherName,
    #[error("its certificate has expired, or is not valid yet")]
    CertificateTime,
    #[error("the TLS connection failed: {0}")]
    Tls(String),
    #[error("its answer is too large")]
    TooLarge,
    #[error("{0}")]
    Setup(Failure),
}

/// A request that was not answered, and what the libraries said of it.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: Error,
    /// See [`Answer::one_was_lost`].
    pub(super) one_was_lost: bool,
    cause: Cause,
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        let cause = match &error {
            Error::Setup(failure) => failure.cause.clone(),
            _ => Cause::default(),
        };
        Self {
            error,
            one_was_lost: false,
            cause,
        }
    }
}

/// An answer, whatever its status. The body may hold tokens.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// How long the server asks to wait before the next request.
    pub(super) retry_after: Option<Duration>,
    /// By how many seconds the server's clock is ahead of this machine's.
    pub(super) clock_ahead: Option<i64>,
    /// The same request was sent before and not answered: the server may have carried it out.
    pub(super) one_was_lost: bool,
    /// When it may be used in place of another answer, in seconds since 1970; never where the server allows none.
    pub(super) fresh: Range<i64>,
}

impl Answer {
    /// One that says no more than this.
    pub(super) fn of(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self {
            status,
            body: Zeroizing::new(body.as_ref().to_vec()),
            retry_after: None,
            clock_ahead: None,
            one_was_lost: false,
            fresh: 0..0,
        }
    }

    /// Reads the body as JSON. The error of the parser is dropped, because it may quote a token.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The same request may succeed a little later.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
    }
}

impl Http {
    pub(super) fn new(extra_roots: Vec<Certificate>) -> Self {
        Self {
            client: OnceCell::new(),
            extra_roots,
        }
    }

    pub(super) async fn get(&self, url: &Url, progress: &Progress) -> Result<Answer, Unanswered> {
        self.patiently(progress, || async {
            self.once(self.client().await?.get(url.clone())).await
        })
        .await
    }

    /// Posts a form, and tries again while the server is busy or cannot be reached.
    pub(super) async fn post(
        &self,
        form: &Form<'_>,
        progress: &Progress,
    ) -> Result<Answer, Unanswered> {
        self.patiently(progress, || self.post_once(form)).await
    }

    pub(super) async fn post_once(&self, form: &Form<'_>) -> Result<Answer, Unanswered> {
        self.once(form.request(self.client().await?)).await
    }

    async fn patiently<F: Future<Output = Result<Answer, Unanswered>>>(
        &self,
        progress: &Progress,
        send: impl Fn() -> F,
    ) -> Result<Answer, Unanswered> {
        progress.report(Activity::AskingOkta);
        let start = Instant::now();
        let mut one_was_lost = false;
        for attempt in 1.. {
            let mut outcome = send().await;
            let pause = match &mut outcome {
                Ok(answer) => {
                    answer.one_was_lost = one_was_lost;
                    if !answer.is_busy() {
                        return outcome;
                    }
                    answer.retry_after
                }
                Err(lost) => {
                    one_was_lost |= matches!(lost.error, Error::TimedOut | Error::Connection);
                    lost.one_was_lost = one_was_lost;
                    match lost.error {
                        Error::TimedOut | Error::Connection | Error::UnknownHost => None,
                        _ => return outcome,
                    }
                }
            };
            let pause = pause.unwrap_or(Duration::from_secs(attempt.into()));
            if attempt >= TRIES || start.elapsed().saturating_add(pause) > PATIENCE {
                return outcome;
            }
            progress.report(Activity::RetryingOkta);
            tokio::time::sleep(pause).await;
        }
        unreachable!("the loop above ends by returning")
    }

    async fn client(&self) -> Result<&Client, Unanswered> {
        self.client
            .get_or_try_init(|| async {
                let extra_roots = self.extra_roots.clone();
                // Parsing the trust store takes tens of milliseconds, which the screen must not miss.
                let made = on_a_thread(move || make_client(extra_roots)).await;
                made.flatten().map_err(Error::Setup)
            })
            .await
            .map_err(Unanswered::from)
    }

    /// Sends a request once, and tells the log how long it took.
    async fn once(&self, request: RequestBuilder) -> Result<Answer, Unanswered> {
        // Without a word about it a server may choose any encoding.
        let request = request
            .header("accept", "application/json")
            .header("accept-encoding", "identity");
        let (client, request) = request.build_split();
        let request = request.map_err(unanswered)?;
        let url = request.url().clone();
        let path = url.path();
        let begun = Instant::now();
        let mut outcome = read(client.execute(request)).await;
        if let Err(lost) = &mut outcome
            && matches!(lost.error, Error::ProxyPassword)
            && let Some(ways) = proxy::other_sign_ins(&url).await
        {
            lost.error = Error::ProxySignIn(ways);
        }
        let ms = begun.elapsed().as_millis();
        match &outcome {
            Ok(answer) => {
                tracing::debug!(target: "epigraph", path, ms, status = answer.status, bytes = answer.body.len(), "Okta answered");
            }
            Err(lost) => {
                let cause = lost.cause.line().unwrap_or_default();
                tracing::debug!(target: "epigraph", path, ms, "Okta did not answer, {}: {cause}", lost.error);
            }
        }
        outcome
    }
}

async fn read(
    sent: impl Future<Output = reqwest::Result<reqwest::Response>>,
) -> Result<Answer, Unanswered> {
    let asked = Utc::now();
    let mut response = sent.await.map_err(unanswered)?;
    let status = response.status().as_u16();
    let now = Utc::now();
    let fresh = fresh(response.headers(), asked);
    let date = date(response.headers());
    let retry_after = retry_after(response.headers(), date.unwrap_or(now));
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Error::TooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        body,
        retry_after,
        clock_ahead: date.map(|date| (date - now).num_seconds()),
        one_was_lost: false,
        fresh,
    })
}

fn make_client(extra_roots: Vec<Certificate>) -> Result<Client, Failure> {
    proxy::check(|name| std::env::var_os(name))?;
    let mut builder = tls::builder()?;
    for root in extra_roots {
        builder.add_root_certificate(root);
    }
    Client::builder()
        .tls_backend_preconfigured(
            builder
                .build()
                .map_err(|error| tls::refused_settings().because(Cause::of(error)))?,
        )
        .https_only(true)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TOTAL_LIMIT)
        .pool_idle_timeout(LONGEST_IDLE)
        .user_agent(concat!("epigraph/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| malformed_proxy().because(Cause::of(error.without_url())))
}

pub(super) fn malformed_proxy() -> Failure {
    Failure::new(
        Kind::Config,
        "The HTTP client cannot be made: a proxy variable may be malformed.",
    )
    .cure("Look at HTTPS_PROXY and ALL_PROXY.")
}

/// A form to post, with the client's name and, where there is one, its secret in exactly one place.
pub(super) struct Form<'a> {
    pub(super) url: &'a Url,
    pub(super) client_id: &'a str,
    pub(super) client_secret: Option<&'a str>,
    /// Whether the secret goes into the body (`client_secret_post`) rather than a header (`client_secret_basic`).
    pub(super) secret_in_body: bool,
    pub(super) fields: &'a [(&'a str, &'a str)],
}

impl Form<'_> {
    fn request(&self, client: &Client) -> RequestBuilder {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(self.fields);
        let mut request = client
            .post(self.url.clone())
            .header("content-type", "application/x-www-form-urlencoded");
        match self.client_secret {
            None => {
                body.append_pair("client_id", self.client_id);
            }
            Some(secret) if self.secret_in_body => {
                body.append_pair("client_id", self.client_id)
                    .append_pair("client_secret", secret);
            }
            // RFC 6749 section 2.3.1 encodes both before they go into the header; Okta refuses an id in both places.
            Some(secret) => {
                request = request.basic_auth(encoded(self.client_id), Some(encoded(secret)));
            }
        }
        request.body(body.finish())
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(super) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get("date")?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc())
}

/// `Retry-After` in seconds or as a date, else Okta's `X-Rate-Limit-Reset` in seconds since 1970, both by the server's clock.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let until = |then: DateTime<Utc>| (then - now).to_std().unwrap_or_default();
    let asked = text("retry-after").and_then(|text| {
        text.parse()
            .map(Duration::from_secs)
            .ok()
            .or_else(|| Some(until(DateTime::parse_from_rfc2822(text).ok()?.to_utc())))
    });
    let pause = asked.or_else(|| {
        if text("x-rate-limit-remaining").is_some_and(|left| left != "0") {
            return None;
        }
        let reset = text("x-rate-limit-reset")?.parse().ok()?;
        Some(until(DateTime::from_timestamp(reset, 0)?))
    });
    pause.map(|pause| pause.min(LONGEST_PAUSE))
}

/// When an answer may be used again, in seconds since 1970, by RFC 9111 as one person's cache reads it. What the server does not say
/// is not guessed, and what is not understood counts as no.
pub(super) fn fresh(headers: &HeaderMap, asked: DateTime<Utc>) -> Range<i64> {
    let lifetime = lifetime(headers).unwrap_or_default();
    // From its making on, which may have been in another cache. A clock of ours that is fast costs some of it.
    let age = match only(headers, "age") {
        Ok(None) => 0,
        Ok(Some(age)) => age.parse().unwrap_or(LONGEST_KEPT),
        Err(_) => LONGEST_KEPT,
    };
    let age = date(headers).map_or(age, |date| age.max((asked - date).num_seconds()));
    let left = lifetime.min(LONGEST_KEPT).saturating_sub(age).max(0);
    asked.timestamp()..asked.timestamp().saturating_add(left)
}

/// For how many seconds after it was made an answer may be kept.
fn lifetime(headers: &HeaderMap) -> Option<i64> {
    if headers.get_all("vary").iter().any(|names| names == "*") {
        return None;
    }
    let mut most: Option<i64> = None;
    for value in headers.get_all("cache-control") {
        let text = value.to_str().ok()?.to_ascii_lowercase();
        for directive in text.split(',').map(str::trim) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name {
                "no-store" | "no-cache" => return None,
                // Of two that differ, neither counts.
                "max-age" => {
                    let seconds = value.parse().ok()?;
                    if most.is_some_and(|other| other != seconds) {
                        return None;
                    }
                    most = Some(seconds);
                }
                // Commas within quotation marks are not worth a parser.
                _ if value.contains('"') => return None,
                _ => {}
            }
        }
    }
    most.or_else(|| {
        let end = DateTime::parse_from_rfc2822(only(headers, "expires").ok()??).ok()?;
        Some((end.to_utc() - date(headers)?).num_seconds())
    })
}

/// The one value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Unclear> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str());
    match (first.transpose(), values.next()) {
        (Ok(text), None) => Ok(text),
        _ => Err(Unclear),
    }
}

/// A header that is there twice, or is no text.
struct Unclear;

fn unanswered(error: reqwest::Error) -> Unanswered {
    Unanswered {
        one_was_lost: false,
        error: classify(&error),
        // The log has the path beside it.
        cause: Cause::of(error.without_url()),
    }
}

fn classify(error: &reqwest::Error) -> Error {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    // Only the causes are looked at: the error itself quotes the address.
    let text = causes.join(": ").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if error.is_timeout() {
        Error::TimedOut
    } else if let Some(fault) = tls::fault(error) {
        match fault {
            Fault::OtherName => Error::OtherName,
            Fault::Expired | Fault::NotYetValid | Fault::Time => Error::CertificateTime,
            Fault::Untrusted => Error::Untrusted,
            Fault::Weak => Error::Weak,
            Fault::OtherUse => Error::OtherUse,
        }
    } else if says(&[
        "proxy authorization required",
        "credentials not accepted",
        "user/pass",
    ]) {
        Error::ProxyPassword
    } else if says(&["failed to create underlying connection"]) {
        Error::ProxyUnreachable
    } else if says(&["dns error", "failed to lookup address"]) {
        Error::UnknownHost
    } else if says(&["tunnel", "proxy", "socks"]) {
        Error::Proxy
    } else if tls::was_cut(&text) {
        Error::Connection
    } else if tls::gave_up(error) || says(&["ssl routines", "tls", "handshake"]) {
        Error::Tls(one_line(causes.last().map_or("", String::as_str)))
    } else {
        Error::Connection
    }
}

impl Unanswered {
    /// Says that `host` cannot be reached, and what to look at.
    pub(super) fn failure(self, host: &str) -> Failure {
        Failure {
            cause: self.cause,
            ..self.error.failure(host)
        }
    }
}

impl Error {
    /// Says that `host` cannot be reached, and what to look at.
    pub(super) fn failure(&self, host: &str) -> Failure {
        let cure = match self {
            Self::Setup(failure) => return failure.clone(),
            Self::TimedOut | Self::Connection => {
                "Check the network, the VPN and the proxy variables, then try again."
            }
            Self::UnknownHost => {
                "Check the network, and the spelling of the issuer; behind a proxy, set HTTPS_PROXY, as socks5h:// where it speaks SOCKS."
            }
            Self::Proxy | Self::ProxyUnreachable => "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
            Self::ProxyPassword => {
                "Write them into HTTPS_PROXY as http://USER:PASSWORD@HOST:PORT, special characters as %40 and the like."
            }
            Self::ProxySignIn(_) => {
                "Run a helper that signs in to the proxy, such as px or cntlm, and name its address in HTTPS_PROXY."
            }
            Self::Untrusted => {
                "Behind a proxy that opens TLS connections, install its root certificate, or name a file of it and the system's roots in SSL_CERT_FILE."
            }
            Self::Weak | Self::OtherUse => {
                "Behind a proxy that opens TLS connections, it is the proxy's, and its administrator can replace it; without such a proxy, do not continue."
            }
            Self::OtherName => "Check the spelling of the issuer; do not go on if it is right.",
            Self::CertificateTime => "Check the date and time of this machine.",
            Self::Tls(_) | Self::TooLarge => {
                "Something between this machine and Okta may be answering in its place: check the network and the proxy."
            }
        };
        Failure::new(
            Kind::Unreachable,
            format!("Okta ({host}) cannot be reached: {self}."),
        )
        .cure(cure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_says_how_long_to_wait() {
        let now = DateTime::from_timestamp(784_111_777, 0).expect("a date");
        let forever = u64::MAX.to_string();
        let [after, reset, left] = [
            "retry-after",
            "x-rate-limit-reset",
            "x-rate-limit-remaining",
        ];
        for (pairs, pause) in [
            (&[(after, "7")][..], Some(Duration::from_secs(7))),
            (
                &[(after, "Sun, 06 Nov 1994 08:49:47 GMT")],
                Some(Duration::from_secs(10)),
            ),
            (&[(reset, "784111780")], Some(Duration::from_secs(3))),
            (&[(reset, "784111000")], Some(Duration::ZERO)),
            (&[(reset, "784111780"), (left, "599")], None),
            (&[(after, "soon")], None),
            (&[(after, &forever)], Some(LONGEST_PAUSE)),
            (&[], None),
        ] {
            let headers = pairs.iter().map(|(name, value)| {
                let name = reqwest::header::HeaderName::from_static(name);
                (name, value.parse().expect("a header value"))
            });
            assert_eq!(retry_after(&headers.collect(), now), pause, "{pairs:?}");
        }
    }

    #[test]
    fn an_answer_is_kept_only_as_long_as_it_says() {
        let asked = DateTime::from_timestamp(784_111_777, 0).expect("a date");
        let [control, date, expires, age] = ["cache-control", "date", "expires", "age"];
        let (now, later) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:50:37 GMT",
        );
        let earlier = "Sun, 06 Nov 1994 08:49:27 GMT";
        let forever = format!("max-age={}", i64::MAX);
        for (pairs, seconds) in [
            (&[(control, "max-age=60, must-revalidate")][..], 60),
            (&[(control, "private"), (control, "Max-Age=60")], 60),
            (&[(control, "max-age=3832304")], LONGEST_KEPT),
            (&[(control, &forever)], LONGEST_KEPT),
            (&[(control, "max-age=60"), (age, "20"), (date, now)], 40),
            (&[(control, "max-age=60"), (date, earlier)], 50),
            (&[(control, "max-age=60"), (date, later)], 60),
            (&[(control, "max-age=60"), (expires, "0")], 60),
            (&[(date, now), (expires, later)], 60),
            (&[], 0),
            (&[("last-modified", earlier), (date, now)], 0),
            (&[(control, "public, immutable")], 0),
            // For caches that many share.
            (&[(control, "s-maxage=60")], 0),
            (&[(control, "NO-STORE, max-age=60")], 0),
            (&[(control, "max-age=60"), (control, "no-cache")], 0),
            (&[(control, "no-cache=\"set-cookie\", max-age=60")], 0),
            (&[(control, "x=\"a, max-age=60, b\"")], 0),
            (&[(control, "max-age=60, max-age=61")], 0),
            (
                &[(control, "max-age=soon"), (date, now), (expires, later)],
                0,
            ),
            (&[(control, "max-age=-1")], 0),
            (&[(control, "max-age=60"), (age, "60")], 0),
            (&[(control, "max-age=60"), (age, "old")], 0),
            (&[(control, "max-age=60"), (age, "1"), (age, "2")], 0),
            (&[(control, "max-age=60"), ("vary", "*")], 0),
            (&[(date, now), (expires, "0")], 0),
            (&[(date, now), (expires, later), (expires, later)], 0),
            (&[(date, later), (expires, now)], 0),
            (&[(expires, later)], 0),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().expect("a header value"));
            }
            let fresh = fresh(&headers, asked);
            assert_eq!(fresh.start, asked.timestamp(), "{pairs:?}");
            assert_eq!(fresh.end - fresh.start, seconds, "{pairs:?}");
        }
    }

    #[test]
    fn a_client_that_cannot_be_made_keeps_its_cause() {
        let setup = malformed_proxy().because(Cause::said("the library's words".into()));
        let failure = Unanswered::from(Error::Setup(setup)).failure("org.okta.com");
        assert_eq!(failure.cause.line().as_deref(), Some("the library's words"));
    }

    #[test]
    fn the_client_names_itself_in_one_place_only() {
        let url = Url::parse("https://org.example/oauth2/v1/token").expect("a URL");
        for (secret, secret_in_body, body, authorization) in [
            (None, false, "&client_id=0oa%3A1", None),
            (
                Some("a b"),
                true,
                "&client_id=0oa%3A1&client_secret=a+b",
                None,
            ),
            // base64("0oa%3A1:a+b")
            (Some("a b"), false, "", Some("Basic MG9hJTNBMTphK2I=")),
        ] {
            let form = Form {
                url: &url,
                client_id: "0oa:1",
                client_secret: secret,
                secret_in_body,
                fields: &[("scope", "openid profile")],
            };
            let request = form.request(&Client::new()).build().expect("well formed");
            let sent = request.body().and_then(|body| body.as_bytes());
            let body = format!("scope=openid+profile{body}");
            assert_eq!(sent, Some(body.as_bytes()));
            let header = request.headers().get("authorization");
            assert_eq!(header.and_then(|it| it.to_str().ok()), authorization);
        }
    }
}
