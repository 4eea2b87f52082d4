//! The proxy that the environment names, as the HTTP client finds it.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::failure::{Failure, Kind};

/// The variables that count for https; the first one that is set does.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Returns the proxy before an address, without the user and the password that it may be given.
pub(super) fn before(url: &Url) -> Option<String> {
    through(&Matcher::from_system(), url)
}

fn through(matcher: &Matcher, url: &Url) -> Option<String> {
    let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
    let (scheme, host) = (proxy.uri().scheme_str()?, proxy.uri().host()?);
    Some(match proxy.uri().port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Sees to it that a proxy that someone wants is not passed over: the HTTP client takes a value that it cannot read for none.
pub(super) fn check(look_up: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<(), Failure> {
    let set = |name: &&str| look_up(name).filter(|value| !value.is_empty());
    let Some((name, value)) = VARIABLES.iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(());
    };
    let anywhere = Url::parse("https://host").expect("an address");
    let is_proxy = value.to_str().is_some_and(|value| {
        let matcher = Matcher::builder().all(value.to_owned()).build();
        !value.starts_with(['\'', '"']) && through(&matcher, &anywhere).is_some()
    });
    if is_proxy {
        Ok(())
    } else {
        Err(unreadable(name))
    }
}

pub(super) fn unreadable(name: &str) -> Failure {
    Failure::new(
        Kind::Config,
        format!("The variable {name} names no proxy that can be used."),
    )
    .cure("Write it as http://HOST:PORT or socks5h://HOST:PORT, without quotes, and a user as http://USER:PASSWORD@HOST:PORT with special characters as %5C, %40 and the like.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proxy_is_named_without_its_value() {
        for (value, is_proxy) in [
            ("http://proxy:3128", true),
            ("proxy:3128", true),
            ("https://proxy", true),
            ("socks5h://127.0.0.1:1080", true),
            ("http://joe:secret@proxy:3128/", true),
            ("http://CORP%5Cjoe:secret@proxy:3128", true),
            ("http://CORP\\joe:secret@proxy:3128", false),
            ("socks://127.0.0.1:1080/", false),
            ("\"http://proxy:3128\"", false),
            ("'proxy:3128'", false),
            ("http://joe:se cret@proxy:3128", false),
            ("http://", false),
            ("none", true),
        ] {
            for name in VARIABLES {
                let found = check(|asked| (asked == name).then(|| value.into()));
                assert_eq!(found.is_ok(), is_proxy, "{name}={value}");
                if let Err(failure) = found {
                    let told = failure.to_string();
                    assert!(told.contains(name) && !told.contains("joe"), "{told}");
                }
            }
        }
        let both = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://proxy:3128".into()),
            "ALL_PROXY" => Some("socks://127.0.0.1/".into()),
            _ => None,
        };
        assert_eq!(check(both), Ok(()), "the other one does not count");
        assert_eq!(check(|_| Some("".into())), Ok(()));
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        let matcher = Matcher::builder()
            .all("http://joe:secret@proxy.corp:3128")
            .no("direct.example")
            .build();
        let shown = |host: &str| through(&matcher, &Url::parse(host).expect("an address"));
        assert_eq!(
            shown("https://org.okta.com/x").as_deref(),
            Some("http://proxy.corp:3128")
        );
        assert_eq!(shown("https://direct.example/x"), None);
    }
}
