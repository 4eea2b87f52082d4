//! The proxy that the environment names, as the HTTP client finds it.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use url::Url;

use crate::failure::{Failure, Kind};

/// The variables that count for https; the first one that is set does.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What is read of a proxy's answer, in bytes, and how long.
const MOST_BYTES: u64 = 16 * 1024;
const LIMIT: Duration = Duration::from_secs(5);

/// Returns the proxy before an address, without the user and the password that it may be given.
pub(super) fn before(url: &Url) -> Option<String> {
    through(&Matcher::from_system(), url)
}

fn through(matcher: &Matcher, url: &Url) -> Option<String> {
    let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
    let (scheme, host) = (proxy.uri().scheme_str()?, proxy.uri().host()?);
    let (_, behind) = proxy.uri().authority()?.as_str().rsplit_once(host)?;
    match proxy.uri().port_u16() {
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => behind.is_empty().then(|| format!("{scheme}://{host}")),
    }
}

/// Asks the proxy before an address how one can sign in to it, which the HTTP client keeps to itself. `None` where a user name and
/// a password will do, or nothing is known.
pub(super) async fn other_sign_ins(url: &Url) -> Option<String> {
    let proxy = Url::parse(&before(url)?).ok()?;
    let ways = timeout(LIMIT, offered(&proxy, url)).await.ok()??;
    let is_basic = |way: &String| way.eq_ignore_ascii_case("basic");
    (!ways.is_empty() && !ways.iter().any(is_basic)).then(|| ways.join(", "))
}

async fn offered(proxy: &Url, url: &Url) -> Option<Vec<String>> {
    if proxy.scheme() != "http" {
        return None;
    }
    let address = (
        proxy.host_str()?.trim_matches(['[', ']']),
        proxy.port_or_known_default()?,
    );
    let mut stream = TcpStream::connect(address).await.ok()?;
    let host = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
    let question = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut lines = BufReader::new(stream.take(MOST_BYTES)).lines();
    let mut ways = Vec::new();
    while let Some(line) = lines
        .next_line()
        .await
        .ok()?
        .filter(|line| !line.is_empty())
    {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("proxy-authenticate")
        {
            let first_words = value
                .split(',')
                .filter_map(|way| way.split_whitespace().next());
            let is_name =
                |word: &&str| word.len() <= 20 && word.chars().all(|c| c.is_ascii_alphanumeric());
            ways.extend(first_words.filter(is_name).map(str::to_owned));
        }
    }
    Some(ways)
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
            ("proxy:80a", false),
            ("http://proxy:99999", false),
            ("http://[::1]:3128", true),
            ("“http://proxy:3128”", false),
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
