//! What the authorization server says about itself, and why it is not the one of the configuration.

use serde::Deserialize;
use url::Url;

use super::{
    http::{Answer, Http},
    refusal,
};
use crate::{
    failure::{Failure, Kind},
    session::Progress,
    text::one_line,
};

/// The parts of the discovery document that are used. What else it says, or leaves out, is the server's own affair.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
    token_endpoint: Option<Url>,
    device_authorization_endpoint: Option<Url>,
    revocation_endpoint: Option<Url>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is used of the authorization server.
#[derive(Debug)]
pub(super) struct Server {
    /// Where a device code is asked for.
    pub(super) device: Option<Url>,
    /// Where codes and refresh tokens become tokens.
    pub(super) token: Url,
    /// Where a refresh token is revoked.
    pub(super) revocation: Option<Url>,
    /// Where the signing keys are.
    pub(super) keys: Url,
    /// Whether a client secret goes into the body.
    pub(super) secret_in_body: bool,
}

const SHOW_IT: &str = "Show this message to an administrator of your Okta organization.";

/// Takes an issuer apart and refuses what cannot be one, before any request.
pub(super) fn parse_issuer(issuer: &str) -> Result<Url, Failure> {
    let wrong = |what: String, cure: &str| Err(Failure::new(Kind::Config, what).cure(cure));
    let form = "Write it as https://ORG.okta.com, or https://ORG.okta.com/oauth2/default for a custom authorization server.";
    let Ok(url) = Url::parse(issuer) else {
        return wrong(
            format!("The issuer “{}” is not an address.", one_line(issuer)),
            form,
        );
    };
    if url.scheme() != "https" || url.host_str().is_none() {
        return wrong(
            format!(
                "The issuer “{}” does not begin with https://.",
                one_line(issuer)
            ),
            form,
        );
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return wrong("The issuer holds a user name, a `?` or a `#`.".into(), form);
    }
    Ok(url)
}

/// Fetches the discovery document.
pub(super) async fn fetch(
    http: &Http,
    issuer: &Url,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let mut address = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    address.set_path(&format!("{path}/.well-known/openid-configuration"));
    http.get(&address, progress)
        .await
        .map_err(|error| error.failure(host(issuer)))
}

/// Reads the discovery document and holds it against the configured issuer, exactly.
pub(super) fn read(answer: &Answer, issuer: &str, url: &Url) -> Result<Server, Failure> {
    if answer.is_busy() || (300..400).contains(&answer.status) {
        return Err(refusal::strange(answer, host(url)));
    }
    if answer.status == 404 {
        return Err(not_found(issuer, url));
    }
    let metadata: Option<Metadata> = (answer.status == 200).then(|| answer.json()).flatten();
    let Some(metadata) = metadata else {
        return Err(Failure::new(
            Kind::Config,
            format!("What answers at {issuer} is not an Okta authorization server."),
        )
        .cure("Check the issuer; if it is right, a proxy or the sign-in page of a network may be in between."));
    };
    let reported = metadata.issuer.as_str();
    if reported != issuer {
        return Err(mismatch(issuer, url, reported));
    }
    let https = |url: Url| {
        if url.scheme() == "https" {
            Ok(url)
        } else {
            Err(Failure::new(
                Kind::Okta,
                format!("The authorization server {issuer} reports an address that is not https."),
            )
            .cure(SHOW_IT))
        }
    };
    let Some(token) = metadata.token_endpoint else {
        return Err(Failure::new(
            Kind::Okta,
            format!("The authorization server {issuer} reports no token endpoint."),
        )
        .cure(SHOW_IT));
    };
    Ok(Server {
        device: metadata
            .device_authorization_endpoint
            .map(https)
            .transpose()?,
        token: https(token)?,
        revocation: metadata.revocation_endpoint.map(https).transpose()?,
        keys: https(metadata.jwks_uri)?,
        secret_in_body: metadata
            .token_endpoint_auth_methods_supported
            .is_some_and(|methods| methods.iter().any(|method| method == "client_secret_post")),
    })
}

fn not_found(issuer: &str, url: &Url) -> Failure {
    let origin = url.origin().ascii_serialization();
    let cure = if url.path().trim_end_matches('/').is_empty() {
        format!(
            "Check the spelling; if the organization uses a custom authorization server, the issuer is {origin}/oauth2/default."
        )
    } else {
        format!(
            "Not every organization has a custom authorization server: try {origin} alone, or copy the Issuer URI from Security › API in the Okta admin console."
        )
    };
    Failure::new(
        Kind::Config,
        format!("There is no authorization server at {issuer}."),
    )
    .cure(cure)
}

fn mismatch(issuer: &str, url: &Url, reported: &str) -> Failure {
    let what = format!(
        "The configured issuer is {issuer}, but the server there calls itself {}.",
        one_line(reported)
    );
    let same_host = Url::parse(reported).is_ok_and(|reported| reported.origin() == url.origin());
    let cure = if same_host {
        format!(
            "Write the issuer exactly as {}, slash and path included.",
            one_line(reported)
        )
    } else {
        "Ask an administrator which is right: the organization may use a domain of its own, and the issuer must be written as the server reports it.".into()
    };
    Failure::new(Kind::Config, what).cure(cure)
}

/// Names the server to a person.
pub(super) fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use secrecy::zeroize::Zeroizing;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: Zeroizing::new(body.as_bytes().to_vec()),
            retry_after: None,
            clock_ahead: None,
            one_was_lost: false,
        }
    }

    fn document(issuer: &str, more: &str) -> String {
        format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"https://o.example/a","token_endpoint":"https://o.example/t",
                "jwks_uri":"https://o.example/k","response_types_supported":["code"],"subject_types_supported":["public"],
                "id_token_signing_alg_values_supported":["RS256"]{more}}}"#
        )
    }

    fn read_as(issuer: &str, answer: &Answer) -> Result<Server, Failure> {
        read(answer, issuer, &parse_issuer(issuer)?)
    }

    #[test]
    fn an_issuer_that_cannot_be_one_is_refused_before_any_request() {
        for issuer in [
            "",
            "org.okta.com",
            "http://org.okta.com",
            "ftp://org.okta.com",
            "https://user@org.okta.com",
            "https://org.okta.com?x=1",
            "https://org.okta.com/#x",
        ] {
            let failure = parse_issuer(issuer).expect_err(issuer);
            assert_eq!(failure.kind, Kind::Config, "{issuer}");
        }
        assert!(parse_issuer("https://org.okta.com/oauth2/default").is_ok());
    }

    #[test]
    fn the_two_optional_endpoints_may_be_missing() {
        let issuer = "https://o.example";
        let server = read_as(issuer, &answer(200, &document(issuer, ""))).expect("read");
        assert!(server.device.is_none() && server.revocation.is_none());
        assert!(!server.secret_in_body);
        let more = r#","device_authorization_endpoint":"https://o.example/d","revocation_endpoint":"https://o.example/r",
            "grant_types_supported":["authorization_code"],
            "token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post","none"]"#;
        let server = read_as(issuer, &answer(200, &document(issuer, more))).expect("read");
        assert_eq!(server.device.as_ref().map(Url::path), Some("/d"));
        assert_eq!(server.revocation.as_ref().map(Url::path), Some("/r"));
        assert!(server.secret_in_body);
    }

    #[test]
    fn what_a_server_says_beside_is_its_own_affair() {
        let issuer = "https://o.example";
        let bare = format!(
            r#"{{"issuer":"{issuer}","token_endpoint":"https://o.example/t","jwks_uri":"https://o.example/k",
                "device_authorization_endpoint":null}}"#
        );
        let server = read_as(issuer, &answer(200, &bare)).expect("read");
        assert!(server.device.is_none());
        let odd = r#","registration_endpoint":"","service_documentation":5,"scopes_supported":"openid","op_policy_uri":null,
            "ui_locales_supported":["no locale!"],"claims_parameter_supported":"yes","userinfo_endpoint":"/relative""#;
        assert!(read_as(issuer, &answer(200, &document(issuer, odd))).is_ok());
    }

    #[test]
    fn an_issuer_of_another_form_is_told_both_ways() {
        for (issuer, reported) in [
            ("https://o.example/", "https://o.example"),
            ("https://o.example", "https://o.example/"),
            (
                "https://o.example/oauth2/default/",
                "https://o.example/oauth2/default",
            ),
            ("https://O.example", "https://o.example"),
        ] {
            let failure = read_as(issuer, &answer(200, &document(reported, ""))).expect_err(issuer);
            assert_eq!(failure.kind, Kind::Config);
            assert!(
                failure.what.contains(issuer) && failure.what.contains(reported),
                "{failure}"
            );
            assert!(
                failure
                    .cure
                    .as_ref()
                    .is_some_and(|cure| cure.contains(reported)),
                "{failure}"
            );
        }
        let failure = read_as(
            "https://login.example",
            &answer(200, &document("https://o.example", "")),
        )
        .expect_err("another host");
        assert!(
            failure
                .cure
                .is_some_and(|cure| cure.contains("administrator"))
        );
    }

    #[test]
    fn what_is_no_authorization_server_says_what_to_try() {
        let okta_404 =
            r#"{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: x"}"#;
        for (issuer, status, body, kind, words) in [
            (
                "https://o.example/oauth2/default",
                404,
                okta_404,
                Kind::Config,
                "try https://o.example alone",
            ),
            (
                "https://o.example",
                404,
                "<html>",
                Kind::Config,
                "https://o.example/oauth2/default",
            ),
            (
                "https://o.example",
                200,
                "<html>",
                Kind::Config,
                "Check the issuer",
            ),
            (
                "https://o.example",
                200,
                "{}",
                Kind::Config,
                "Check the issuer",
            ),
            (
                "https://o.example",
                403,
                "",
                Kind::Config,
                "Check the issuer",
            ),
            ("https://o.example", 302, "", Kind::Unreachable, "network"),
            (
                "https://o.example",
                503,
                "<html>",
                Kind::Unreachable,
                "Try again",
            ),
            (
                "https://o.example",
                429,
                okta_404,
                Kind::Unreachable,
                "Try again",
            ),
        ] {
            let failure = read_as(issuer, &answer(status, body)).expect_err(body);
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert!(
                failure
                    .cure
                    .as_ref()
                    .is_some_and(|cure| cure.contains(words)),
                "{failure}"
            );
        }
    }

    #[test]
    fn an_endpoint_that_is_not_https_is_refused() {
        let issuer = "https://o.example";
        let more = r#","device_authorization_endpoint":"http://o.example/d""#;
        let failure = read_as(issuer, &answer(200, &document(issuer, more))).expect_err("refused");
        assert_eq!(failure.kind, Kind::Okta);
    }
}
