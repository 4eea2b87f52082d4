//! What went wrong, or what a check found: in the words that a person needs, with the exit code that a script sees, and with the
//! technical cause for the log.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::text::one_line;

/// The documented exit codes of the program, one per class of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Anything that no other kind names. Exit code 1.
    Failed = 1,
    /// The command line or a text given to it is wrong. Exit code 2.
    Usage = 2,
    /// You are not signed in, or the session has ended. Exit code 3.
    NotSignedIn = 3,
    /// The sign-in was denied, or its code expired. Exit code 4.
    Denied = 4,
    /// There is no quote. Exit code 5.
    NoQuote = 5,
    /// The quote was changed elsewhere since it was read; nothing was overwritten. Exit code 6.
    Conflict = 6,
    /// Okta or Neon cannot be reached (network, name, TLS, outage, time-out). Exit code 7.
    Unreachable = 7,
    /// The configuration is missing or wrong, the connection string included. Exit code 8.
    Config = 8,
    /// The keyring (or the file in its place) is absent, locked, silent, or refuses. Exit code 9.
    Vault = 9,
    /// Okta answered and refuses: client id, grant type, assignment, policy, `DPoP`, clock. Exit code 10.
    Okta = 10,
    /// The database answered and refuses: password, name, missing table, missing right. Exit code 11.
    Database = 11,
}

impl Kind {
    /// Every kind, in the order of its exit code.
    pub(crate) const ALL: [Self; 11] = [
        Self::Failed,
        Self::Usage,
        Self::NotSignedIn,
        Self::Denied,
        Self::NoQuote,
        Self::Conflict,
        Self::Unreachable,
        Self::Config,
        Self::Vault,
        Self::Okta,
        Self::Database,
    ];

    /// Returns the process exit code of this kind.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        self as u8
    }

    /// Says what this kind means, in the words of the exit-code table.
    #[must_use]
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "failed for a reason that no other code names",
            Self::Usage => "wrong command line, or a text that cannot be a quote",
            Self::NotSignedIn => "not signed in, or the session has ended",
            Self::Denied => "the sign-in was denied, or its code expired",
            Self::NoQuote => "there is no quote",
            Self::Conflict => "the quote was changed elsewhere meanwhile; nothing was overwritten",
            Self::Unreachable => "Okta or the database cannot be reached",
            Self::Config => "the configuration is missing or wrong",
            Self::Vault => "the keyring (or the file in its place) is absent, locked or refuses",
            Self::Okta => "Okta answered and refuses",
            Self::Database => "the database answered and refuses",
        }
    }
}

/// A failure as it is shown: a sentence that says what happened, and one that says what to do.
///
/// Neither may ever hold a token, a password, a client secret or a whole connection string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class, which decides the exit code and how the screens go on.
    pub kind: Kind,
    /// What happened: one plain sentence, capital first, full stop last.
    pub what: String,
    /// What to do next, where there is something to do: one plain sentence.
    pub cure: Option<String>,
    /// Whether what was asked may have been done all the same, because no answer came. `what` says so as well.
    pub unconfirmed: bool,
    /// The technical causes, for the log.
    pub cause: Cause,
}

/// The technical causes of a failure, the outermost first: what a library, Okta or PostgreSQL said in its own words.
///
/// They are for the log alone: no one is shown them, and two failures are equal whatever caused them.
#[derive(Clone, Default)]
pub struct Cause(Option<Arc<anyhow::Error>>);

impl Cause {
    /// Takes an error with what lies behind it.
    pub(crate) fn of(error: impl Into<anyhow::Error>) -> Self {
        Self(Some(Arc::new(error.into())))
    }

    /// Takes what someone else said.
    #[must_use]
    pub(crate) fn said(words: String) -> Self {
        Self::of(anyhow::Error::msg(words))
    }

    /// Takes what an error and those behind it say, where the error itself cannot be kept.
    pub(crate) fn told_by(error: &(dyn Error + 'static)) -> Self {
        let said: Vec<_> = causes(error).map(ToString::to_string).collect();
        let mut said = said.into_iter().rev();
        let innermost = anyhow::Error::msg(said.next().unwrap_or_default());
        Self::of(said.fold(innermost, anyhow::Error::context))
    }

    /// The causes in one line, without what could be a secret; `None` where nothing more is known.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let causes = self.0.as_ref()?.chain();
        let lines: Vec<_> = causes
            .map(|cause| without_secrets(&cause.to_string()))
            .collect();
        Some(lines.join(": "))
    }
}

/// An error, and the errors behind it.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl DoubleEndedIterator<Item = &'a (dyn Error + 'static)> {
    anyhow::Chain::new(error)
}

/// A refusal in PostgreSQL's own words.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL says {sqlstate}: {message}")]
pub(crate) struct SaidByPostgres {
    pub(crate) sqlstate: String,
    pub(crate) message: String,
}

impl PartialEq for Cause {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cause {}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Failure {
    /// Makes a failure that says what happened and leaves it at that.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            cure: None,
            unconfirmed: false,
            cause: Cause::default(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Adds its technical causes, for the log.
    #[must_use]
    pub(crate) fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// The SQLSTATE with which PostgreSQL refused (PostgreSQL, appendix A), where it did: functions may raise one of their own.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        let said: &SaidByPostgres = self.cause.0.as_ref()?.downcast_ref()?;
        Some(&said.sqlstate)
    }

    /// Writes it into the log, and its causes at the level `debug`.
    pub(crate) fn log(&self) {
        tracing::error!(target: "epigraph", exit_code = self.kind.exit_code(), "{}", self.what);
        if let Some(cause) = self.cause.line() {
            tracing::debug!(target: "epigraph", "because: {cause}");
        }
    }
}

/// In characters; see [`without_secrets`].
const SHORTEST_SECRET: usize = 32;

/// Puts words of others into one line. A server may repeat what it was sent, and messages are logged: whatever could be a token
/// or a device code is left out. The shortest of them (a UUID) has 36 characters in a row, not all of them small letters, and no
/// word that a person needs has that many. So is what stands before the `@` of an address: a password may be written there as it is.
pub(crate) fn without_secrets(words: &str) -> String {
    let of_a_token = |char: char| char.is_ascii_alphanumeric() || "-._~+/=%".contains(char);
    let words = one_line(words);
    let words: String = words.split_inclusive(' ').map(without_user_info).collect();
    let mut kept = String::with_capacity(words.len());
    for part in words.split_inclusive(|char| !of_a_token(char)) {
        let word = part.trim_end_matches(|char| !of_a_token(char));
        let is_plain = |char: char| char.is_ascii_lowercase() || "-._/".contains(char);
        let is_harmless = word.len() < SHORTEST_SECRET || word.chars().all(is_plain);
        kept.push_str(if is_harmless { word } else { "…" });
        kept.push_str(&part[word.len()..]);
    }
    kept
}

/// Hides what stands before the last `@` of a word, but for the scheme of an address.
fn without_user_info(word: &str) -> String {
    let Some(end) = word.rfind('@') else {
        return word.to_owned();
    };
    let start = word[..end].find("://").map_or(0, |scheme| scheme + 3);
    [&word[..start], "…", &word[end..]].concat()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.cure {
            Some(cure) => write!(f, " {cure}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.0.as_deref().map(AsRef::as_ref)
    }
}

/// One thing that was looked at, and what came of it. `okta`, `keyring` and `postgres` give these to `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in a few lower-case words: `discovery`, `clock`.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be: what was found, in a few words.
    Ok(String),
    /// It works, but someone should do something about it.
    Warning(Failure),
    /// It does not work.
    Failed(Failure),
}

/// Lists messages as a person meets them, each with its exit code: for the snapshots in which they can be read in one piece.
#[cfg(test)]
pub(crate) fn list(failures: impl IntoIterator<Item = Failure>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for failure in failures {
        let cure = failure.cure.as_deref().unwrap_or("(nothing to do)");
        let entry = format!(
            "{:>2}  {}\n    {cure}\n",
            failure.kind.exit_code(),
            failure.what
        );
        assert!(failure.what.ends_with('.'), "no sentence: {}", failure.what);
        if !lines.contains(&entry) {
            lines.push(entry);
        }
    }
    lines.concat()
}

/// Lists messages as [`list`] does, of which the screens show some: there is room for one sentence and one, see `docs/look.md`.
#[cfg(test)]
pub(crate) fn shown(failures: impl IntoIterator<Item = Failure>) -> String {
    let is_one = |part: &str| {
        let mut more = part.split(". ").skip(1);
        !more.any(|next| next.starts_with(char::is_uppercase))
    };
    let fits = |failure: &Failure| {
        let cure = failure.cure.as_deref().unwrap_or_default();
        // No screen comes up with a configuration that is none.
        let fits = failure.kind == Kind::Config || is_one(&failure.what) && is_one(cure);
        assert!(fits, "too many sentences: {failure}");
    };
    list(failures.into_iter().inspect(fits))
}

/// Lists messages as [`list`] does, each below the cases that bring it.
#[cfg(test)]
pub(crate) fn table<C: fmt::Display>(cases: impl IntoIterator<Item = (C, Failure)>) -> String {
    let mut messages: Vec<(String, String)> = Vec::new();
    for (case, failure) in cases {
        let (case, message) = (format!("{case}\n"), shown([failure]));
        match messages.iter_mut().find(|known| known.1 == message) {
            Some((cases, _)) => cases.push_str(&case),
            None => messages.push((case, message)),
        }
    }
    let messages = messages.into_iter();
    messages.map(|(cases, message)| cases + &message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_an_address_password_is_told() {
        for (told, left) in [
            ("at http://jane:secret@proxy:3128", "at http://…@proxy:3128"),
            ("(http://jane:se$c!r@et@proxy/)", "(http://…@proxy/)"),
            (
                "\"postgresql://jane:se\"cret@host/db\".",
                "\"postgresql://…@host/db\".",
            ),
            ("jane@example.com is locked", "…@example.com is locked"),
            ("https://org.okta.com", "https://org.okta.com"),
        ] {
            assert_eq!(without_secrets(told), left);
        }
    }
}
