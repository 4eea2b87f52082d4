//! What can be told about an issuer without asking anybody. The rest is for discovery to say.

use url::Url;

use super::{ISSUER, Value};
use crate::failure::{Failure, Kind};

/// The domains under which Okta itself serves organizations. Others are custom domains, of which nothing is assumed.
const OKTA_DOMAINS: [&str; 6] = [
    ".okta.com",
    ".oktapreview.com",
    ".okta-emea.com",
    ".okta-gov.com",
    ".okta.mil",
    ".okta-miltest.com",
];

/// Returns a text that has the form of a host and a path. Anything else is not repeated: it may be a password, or a connection
/// string that came to the wrong place.
fn address(text: &str) -> Option<&str> {
    let of_an_address = |c: char| c.is_ascii_alphanumeric() || ".-_/:".contains(c);
    (text.contains('.') && text.chars().all(of_an_address)).then_some(text)
}

/// Checks the form of an issuer.
pub(super) fn check(issuer: &Value) -> Result<(), Failure> {
    let text = issuer.text();
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong(
            issuer,
            "has a space in it",
            format!("Write it without, for example {}.", ISSUER.example),
        );
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong(
            issuer,
            "does not start with https://",
            match address(text) {
                Some(address) => format!("Write https://{address} if that is your Okta address."),
                None => format!("Write it like {}.", ISSUER.example),
            },
        );
    };
    if scheme == "http" {
        let written = address(rest).map_or_else(
            || "https:// in its place".to_owned(),
            |address| format!("https://{address}"),
        );
        return wrong(
            issuer,
            "starts with http://",
            format!("Write {written}: sign-in never goes over an unencrypted connection."),
        );
    }
    if scheme != "https" {
        return wrong(
            issuer,
            "does not start with https://",
            format!("Write it like {}.", ISSUER.example),
        );
    }
    let Ok(url) = Url::parse(text) else {
        return wrong(
            issuer,
            "is not an address",
            format!("Write it like {}.", ISSUER.example),
        );
    };
    check_address(issuer, &url)
}

fn wrong(issuer: &Value, what: &str, cure: String) -> Result<(), Failure> {
    Err(Failure::new(
        Kind::Config,
        format!("The issuer ({}) {what}.", issuer.origin),
    )
    .cure(cure))
}

fn check_address(issuer: &Value, url: &Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let server = match url.port() {
        Some(port) => format!("https://{host}:{port}"),
        None => format!("https://{host}"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            issuer,
            "has a user name in it",
            format!("Write {server}{}.", url.path().trim_end_matches('/')),
        );
    }
    if let Some((before, _)) = url.path().split_once("/.well-known/") {
        return wrong(
            issuer,
            "is the address of a discovery document",
            format!("Write the part before it: {server}{before}."),
        );
    }
    if let Some((before, _)) = url.path().split_once("/v1/") {
        let before = if before == "/oauth2" { "" } else { before };
        return wrong(
            issuer,
            "is the address of one of Okta's endpoints",
            format!("Write the issuer alone: {server}{before}."),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(
            issuer,
            "has a ? or # in it",
            format!("Write {server}{}.", url.path().trim_end_matches('/')),
        );
    }
    let organization = OKTA_DOMAINS
        .into_iter()
        .find_map(|domain| Some((host.strip_suffix(domain)?, domain)));
    match organization {
        Some((name, domain)) => check_okta_address(issuer, url, &server, name, domain),
        None => Ok(()),
    }
}

/// Says what is wrong with an address under one of Okta's own domains.
fn check_okta_address(
    issuer: &Value,
    url: &Url,
    server: &str,
    name: &str,
    domain: &str,
) -> Result<(), Failure> {
    let text = issuer.text();
    if let Some(name) = name.strip_suffix("-admin") {
        return wrong(
            issuer,
            "is the address of the admin console",
            format!("Write https://{name}{domain}, without -admin."),
        );
    }
    if text.ends_with('/') {
        return wrong(
            issuer,
            "ends with a slash",
            format!(
                "Write {}: Okta compares it letter by letter.",
                text.trim_end_matches('/')
            ),
        );
    }
    let segments: Vec<&str> = url.path().split('/').skip(1).collect();
    match segments.as_slice() {
        [""] | ["oauth2", _] => Ok(()),
        ["oauth2"] => wrong(
            issuer,
            "ends with /oauth2",
            format!(
                "Write {server} for the org server, or {server}/oauth2/default for a custom one."
            ),
        ),
        _ => wrong(
            issuer,
            "has a path that no Okta server has",
            format!(
                "Write {server} for the org server, or {server}/oauth2/default for a custom one."
            ),
        ),
    }
}
