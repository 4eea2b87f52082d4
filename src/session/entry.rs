//! What the vault holds: one small JSON object.

use std::{fmt, io};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    account::User,
    failure::{Failure, Kind},
};

const VERSION: u64 = 1;

/// A session as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) user: User,
    pub(super) refresh_token: Option<SecretString>,
    /// The scopes that were granted, where they are known.
    pub(super) scope: Option<String>,
    /// The ID token and when it expires, where it fits into the vault.
    pub(super) id_token: Option<(SecretString, i64)>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    sub: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
struct Read {
    sub: String,
    name: String,
    refresh_token: Option<Secret>,
    scope: Option<String>,
    id_token: Option<Secret>,
    exp: Option<i64>,
}

/// A text that goes from the parser to where it is wiped, with no copy between.
struct Secret(SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(text.into()))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Entry {
    /// Writes the entry down in at most `capacity` bytes. Where it is too long the ID token stays out: it can be renewed.
    pub(super) fn encode(&self, capacity: Option<usize>) -> SecretString {
        let whole = self.write(true);
        match capacity {
            Some(most) if whole.expose_secret().len() > most => self.write(false),
            _ => whole,
        }
    }

    fn write(&self, with_id_token: bool) -> SecretString {
        let id_token = self.id_token.as_ref().filter(|_| with_id_token);
        let written = Written {
            version: VERSION,
            sub: &self.user.id,
            name: &self.user.name,
            refresh_token: self.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            scope: self.scope.as_deref(),
            id_token: id_token.map(|(token, _)| token.expose_secret()),
            exp: id_token.map(|(_, expires_at)| *expires_at),
        };
        // Measured first: a text that grows leaves copies behind that no one wipes.
        let mut length = Length(0);
        let mut text = Vec::new();
        let done = serde_json::to_writer(&mut length, &written).and_then(|()| {
            text.reserve_exact(length.0);
            serde_json::to_writer(&mut text, &written)
        });
        done.expect("strings and numbers can always be written as JSON");
        String::from_utf8(text).expect("JSON is UTF-8").into()
    }

    /// Reads an entry. What the parser complains about is dropped, because it may quote a token.
    pub(super) fn decode(secret: &SecretString) -> Result<Self, Failure> {
        let text = secret.expose_secret();
        let Ok(Version { version }) = serde_json::from_str(text) else {
            return Err(garbled());
        };
        if version > VERSION {
            return Err(Failure::new(
                Kind::Vault,
                "The session was stored by a newer version of epigraph.",
            )
            .cure("Use the newer version, or sign in again with this one."));
        }
        let read: Read = serde_json::from_str(text).map_err(|_| garbled())?;
        if read.sub.is_empty() {
            return Err(garbled());
        }
        Ok(Self {
            user: User {
                id: read.sub,
                name: read.name,
            },
            refresh_token: read.refresh_token.map(|token| token.0),
            scope: read.scope,
            id_token: read.id_token.map(|token| token.0).zip(read.exp),
        })
    }

    /// Whether two entries hold the same refresh token.
    pub(super) fn same_refresh_token(&self, other: Option<&SecretString>) -> bool {
        self.refresh_token.as_ref().map(ExposeSecret::expose_secret)
            == other.map(ExposeSecret::expose_secret)
    }
}

fn garbled() -> Failure {
    Failure::new(Kind::Vault, "The stored session cannot be read.")
        .cure("Sign in again to replace it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            user: User {
                id: "00u1".into(),
                name: "James \"Jim\" Joyce".into(),
            },
            refresh_token: Some("refresh-secret".into()),
            scope: Some("openid offline_access".into()),
            id_token: Some(("id-secret".into(), 1_700_000_000)),
        }
    }

    #[test]
    fn an_entry_comes_back_as_it_was_written() {
        let back = Entry::decode(&entry().encode(None)).expect("read");
        assert_eq!(back.user, entry().user);
        assert!(back.same_refresh_token(entry().refresh_token.as_ref()));
        assert_eq!(back.scope, entry().scope);
        let (token, expires_at) = back.id_token.expect("an ID token");
        assert_eq!(
            (token.expose_secret(), expires_at),
            ("id-secret", 1_700_000_000)
        );
    }

    #[test]
    fn the_form_of_the_first_version_stays_readable() {
        let kept = r#"{"version":1,"sub":"00u1","name":"Nora","refresh_token":"r","id_token":"i","exp":5,"later":true}"#;
        let entry = Entry::decode(&kept.into()).expect("read");
        assert_eq!((entry.user.name.as_str(), entry.scope), ("Nora", None));
        assert_eq!(entry.id_token.map(|(_, expires_at)| expires_at), Some(5));
    }

    #[test]
    fn an_id_token_that_does_not_fit_stays_out() {
        let whole = entry().encode(None).expose_secret().len();
        assert_eq!(entry().encode(Some(whole)).expose_secret().len(), whole);
        let short = entry().encode(Some(whole - 1));
        assert!(!short.expose_secret().contains("id-secret"));
        let back = Entry::decode(&short).expect("read");
        assert!(back.id_token.is_none() && back.refresh_token.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_said_without_being_repeated() {
        for (kept, words) in [
            ("", "cannot be read"),
            ("secret", "cannot be read"),
            (r#"{"version":1,"sub":"secret"}"#, "cannot be read"),
            (
                r#"{"version":1,"sub":"","name":"secret"}"#,
                "cannot be read",
            ),
            (
                r#"{"version":1,"sub":"a","name":"b","exp":"secret"}"#,
                "cannot be read",
            ),
            (r#"{"version":2,"token":"secret"}"#, "newer version"),
        ] {
            let failure = Entry::decode(&kept.into()).expect_err(kept);
            assert_eq!(failure.kind, Kind::Vault);
            assert!(failure.what.contains(words), "{kept}: {failure}");
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }

    #[test]
    fn no_secret_shows_in_debug() {
        assert!(!format!("{:?}", entry()).contains("secret-"));
        assert!(!format!("{:?}", entry()).contains("refresh-secret"));
    }
}
