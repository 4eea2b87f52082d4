//! HTTPS on loopback: takes requests to the organisation, and its answers, true or queued, back.

use std::{
    net::Ipv6Addr,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use http_body_util::BodyExt;
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, USER_AGENT},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::base64::decode_block;
use tokio::net::{TcpListener, TcpStream};
use tokio_native_tls::TlsAcceptor;

use super::{
    Endpoint, Form, Request, Server,
    answer::{Answer, Closed, Sent, Then},
    endpoints::{self, Call},
    org::Org,
    page,
};

/// What the servers and the handle share.
pub(super) struct Shared {
    /// `https://localhost:PORT`.
    pub(super) base: String,
    pub(super) org: Mutex<Org>,
    /// Wakes whoever waits for a request to have been handled.
    pub(super) changed: Condvar,
}

impl Shared {
    pub(super) fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().expect("no panic while the lock is held")
    }
}

/// Accepts connections for ever.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let port = listener
        .local_addr()
        .expect("a bound listener has an address")
        .port();
    // Some clients try `::1` first for `localhost`. Where it cannot be had they go on to 127.0.0.1.
    let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
    loop {
        let accepted = match &ipv6 {
            None => listener.accept().await,
            Some(ipv6) => tokio::select! {
                accepted = listener.accept() => accepted,
                accepted = ipv6.accept() => accepted,
            },
        };
        if let Ok((stream, _)) = accepted {
            tokio::spawn(connection(stream, acceptor.clone(), shared.clone()));
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    stream.set_nodelay(true).ok();
    // A client that does not trust the certificate ends here, and that is its good right.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| respond(&shared, request));
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn respond(
    shared: &Shared,
    request: hyper::Request<Incoming>,
) -> Result<Response<Sent>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let sent = if head.method == Method::POST {
        &body[..]
    } else {
        head.uri.query().unwrap_or_default().as_bytes()
    };
    let form = parse(sent);
    let path = head.uri.path();
    let (endpoint, server, script) = {
        let mut org = shared.org();
        let (endpoint, server) = route(path, org.settings.endpoints);
        org.requests.push(Request {
            at: Instant::now(),
            endpoint,
            fields: names(sent),
            scope: form.get("scope").cloned(),
            grant_type: form.get("grant_type").cloned(),
            has_authorization: head.headers.contains_key(AUTHORIZATION),
            user_agent: text(&head.headers, &USER_AGENT),
        });
        let script = org
            .scripts
            .get_mut(&endpoint)
            .and_then(std::collections::VecDeque::pop_front);
        (endpoint, server, script)
    };
    let script = script.unwrap_or_else(Answer::handle);
    if script.after > Duration::ZERO {
        tokio::time::sleep(script.after).await;
    }
    let handle = || {
        let mut org = shared.org();
        let call = Call {
            base: &shared.base,
            server,
            form: &form,
            basic: basic(&head.headers),
            has_dpop_proof: head.headers.contains_key("dpop"),
        };
        let wants_html = text(&head.headers, &ACCEPT).is_some_and(|accept| accept.contains("html"));
        handle(&mut org, endpoint, &head.method, path, &call, wants_html)
    };
    let handled = script.handles.then(handle);
    shared.changed.notify_all();
    let answer = match script.then {
        Then::True => handled.expect("it is handled"),
        Then::This => script,
        Then::Close => return Err(Closed),
        Then::Silence => std::future::pending().await,
    };
    let date = httpdate(shared.org().now());
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).expect("a status that exists"))
        .header("Date", date)
        .header("Content-Length", answer.body.len())
        .header("X-Okta-Request-Id", super::keys::identifier("req"));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    Ok(response
        .body(answer.into_body())
        .expect("headers that HTTP allows"))
}

/// Finds the endpoint that a path names, and on which server.
fn route(path: &str, endpoints: &str) -> (Endpoint, Server) {
    let (server, rest) = match path.strip_prefix("/oauth2/default/") {
        Some(rest) => (Server::Default, rest),
        None => (Server::Org, path.strip_prefix("/oauth2/").unwrap_or(path)),
    };
    let below = rest.strip_prefix(endpoints).unwrap_or_default();
    let endpoint = match below {
        "/device/authorize" => Endpoint::DeviceAuthorize,
        "/token" => Endpoint::Token,
        "/revoke" => Endpoint::Revoke,
        "/keys" => Endpoint::Keys,
        _ if ["/", "/activate"].contains(&rest) => Endpoint::Activate,
        _ if path.contains("/.well-known/") => Endpoint::Discovery,
        _ => Endpoint::Other,
    };
    (endpoint, server)
}

fn handle(
    org: &mut Org,
    endpoint: Endpoint,
    method: &Method,
    path: &str,
    call: &Call<'_>,
    wants_html: bool,
) -> Answer {
    let post = method == Method::POST;
    match endpoint {
        Endpoint::Discovery => discovery(org, path, call.base),
        Endpoint::Keys => org.key_set(),
        Endpoint::Activate => page::activate(org, post, call.form, wants_html),
        Endpoint::DeviceAuthorize | Endpoint::Token | Endpoint::Revoke if !post => {
            let summary = "The endpoint does not support the provided HTTP method";
            Answer::api_error(405, "E0000022", summary)
        }
        Endpoint::DeviceAuthorize => org.device_authorize(call).unwrap_or_else(|error| error),
        Endpoint::Token => org.token(call).unwrap_or_else(|error| error),
        Endpoint::Revoke => org.revoke(call).unwrap_or_else(|error| error),
        Endpoint::Other => {
            let summary = "Not found: Resource not found: null (null)";
            let unknown = unknown_server(path).map(endpoints::no_such_server);
            unknown.unwrap_or_else(|| Answer::api_error(404, "E0000007", summary))
        }
    }
}

fn discovery(org: &Org, path: &str, base: &str) -> Answer {
    match path {
        "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
            endpoints::metadata(org, base, Server::Org)
        }
        "/oauth2/default/.well-known/openid-configuration"
        | "/.well-known/oauth-authorization-server/oauth2/default" => {
            endpoints::metadata(org, base, Server::Default)
        }
        "/.well-known/okta-organization" => Answer::json(
            200,
            &serde_json::json!({ "id": "00o1epigraph0org5d7", "pipeline": "idx", "settings": {} }),
        ),
        _ => endpoints::no_such_server(unknown_server(path).unwrap_or("null")),
    }
}

/// Names the authorization server of a path such as `/oauth2/aus123/...`.
fn unknown_server(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/oauth2/")?;
    rest.split('/').next().filter(|id| *id != "v1")
}

/// The names of its fields, one that is there twice included.
fn names(form: &[u8]) -> Vec<String> {
    let fields = url::form_urlencoded::parse(form);
    fields.map(|(name, _)| name.into_owned()).collect()
}

fn parse(form: &[u8]) -> Form {
    url::form_urlencoded::parse(form).into_owned().collect()
}

fn text(headers: &HeaderMap, name: &hyper::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Reads `Authorization: Basic`. Both halves are form-encoded (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let header = text(headers, &AUTHORIZATION)?;
    let decoded = decode_block(header.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let decode = |text: &str| parse(format!("x={text}").as_bytes()).remove("x");
    Some((decode(id)?, decode(secret)?))
}

/// Writes a time as the `Date` header wants it.
fn httpdate(unix: i64) -> String {
    chrono::DateTime::from_timestamp(unix, 0)
        .expect("a time within reach")
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}
