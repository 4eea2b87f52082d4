//! What can be told about an issuer without asking anybody. The rest is for discovery to say.

use url::Url;

use super::{ISSUER, Value, misconfigured};
use crate::failure::Failure;

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
    match fault(issuer.text()) {
        None => Ok(()),
        Some((what, cure)) => {
            let what = format!("The issuer ({}) {what}.", issuer.origin);
            Err(misconfigured(what).cure(cure))
        }
    }
}

/// What is wrong with it, and how it is to be written.
type Fault = (&'static str, String);

fn fault(text: &str) -> Option<Fault> {
    let like = || format!("Write it like {}.", ISSUER.example);
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let cure = format!("Write it without, for example {}.", ISSUER.example);
        return Some(("has a space in it", cure));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let cure = match address(text) {
            Some(address) => format!("Write https://{address} if that is your Okta address."),
            None => like(),
        };
        return Some(("does not start with https://", cure));
    };
    match scheme {
        "https" => match Url::parse(text) {
            Ok(url) => fault_in_address(text, &url),
            Err(_) => Some(("is not an address", like())),
        },
        "http" => {
            let written = address(rest).map_or_else(
                || "https:// in its place".to_owned(),
                |address| format!("https://{address}"),
            );
            let cure =
                format!("Write {written}: sign-in never goes over an unencrypted connection.");
            Some(("starts with http://", cure))
        }
        _ => Some(("does not start with https://", like())),
    }
}

fn fault_in_address(text: &str, url: &Url) -> Option<Fault> {
    let host = url.host_str().unwrap_or_default();
    let server = match url.port() {
        Some(port) => format!("https://{host}:{port}"),
        None => format!("https://{host}"),
    };
    let without = || format!("Write {server}{}.", url.path().trim_end_matches('/'));
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("has a user name in it", without()));
    }
    if let Some((before, _)) = url.path().split_once("/.well-known/") {
        let cure = format!("Write the part before it: {server}{before}.");
        return Some(("is the address of a discovery document", cure));
    }
    if let Some((before, _)) = url.path().split_once("/v1/") {
        let before = if before == "/oauth2" { "" } else { before };
        let cure = format!("Write the issuer alone: {server}{before}.");
        return Some(("is the address of one of Okta's endpoints", cure));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some(("has a ? or # in it", without()));
    }
    let (name, domain) = OKTA_DOMAINS
        .into_iter()
        .find_map(|domain| Some((host.strip_suffix(domain)?, domain)))?;
    // Under one of Okta's own domains more is known.
    if let Some(name) = name.strip_suffix("-admin") {
        let cure = format!("Write https://{name}{domain}, without -admin.");
        return Some(("is the address of the admin console", cure));
    }
    if text.ends_with('/') {
        let text = text.trim_end_matches('/');
        let cure = format!("Write {text}: Okta compares it letter by letter.");
        return Some(("ends with a slash", cure));
    }
    let segments: Vec<&str> = url.path().split('/').skip(1).collect();
    let what = match segments.as_slice() {
        [""] | ["oauth2", _] => return None,
        ["oauth2"] => "ends with /oauth2",
        _ => "has a path that no Okta server has",
    };
    let cure =
        format!("Write {server} for the org server, or {server}/oauth2/default for a custom one.");
    Some((what, cure))
}
