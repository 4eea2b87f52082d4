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
#[derive(Clone, Debug)]
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
        return wrong(
            "The issuer contains a user name, a `?` or a `#`.".into(),
            form,
        );
    }
    Ok(url)
}

/// Fetches the discovery document.
pub(super) async fn fetch(
    http: &Http,
    issuer: &Url,
    progress: &Progress,
) -> Result<Answer, Failure> {
    http.get(&address(issuer), progress)
        .await
        .map_err(|error| error.failure(host(issuer)))
}

/// Where the discovery document is.
pub(super) fn address(issuer: &Url) -> Url {
    let mut address = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    address.set_path(&format!("{path}/.well-known/openid-configuration"));
    address
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
    use super::*;

    const ISSUER: &str = "https://o.example";

    /// What a document with these members more says.
    fn found(more: &str) -> Server {
        let document = format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"https://o.example/t","jwks_uri":"https://o.example/k"{more}}}"#
        );
        let url = parse_issuer(ISSUER).expect("an issuer");
        read(&Answer::of(200, &document), ISSUER, &url).expect("read")
    }

    #[test]
    fn the_two_optional_endpoints_may_be_missing() {
        for none in ["", r#","device_authorization_endpoint":null"#] {
            let server = found(none);
            assert!(server.device.is_none() && server.revocation.is_none());
            assert!(!server.secret_in_body);
        }
        let server = found(
            r#","device_authorization_endpoint":"https://o.example/d","revocation_endpoint":"https://o.example/r",
            "grant_types_supported":["authorization_code"],
            "token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post","none"]"#,
        );
        assert_eq!(server.device.as_ref().map(Url::path), Some("/d"));
        assert_eq!(server.revocation.as_ref().map(Url::path), Some("/r"));
        assert!(server.secret_in_body);
    }

    #[test]
    fn what_a_server_says_beside_is_its_own_affair() {
        found(
            r#","registration_endpoint":"","service_documentation":5,"scopes_supported":"openid","op_policy_uri":null,
            "ui_locales_supported":["no locale!"],"claims_parameter_supported":"yes","userinfo_endpoint":"/relative""#,
        );
    }
}
