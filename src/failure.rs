//! What went wrong, in the words a person needs: what happened, what to do next, and the exit code a script sees.

use std::{fmt, time::Duration};

/// The documented exit codes of the program, one per class of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Anything that no other kind names. Exit code 1.
    Failed,
    /// The command line or a text given to it is wrong. Exit code 2.
    Usage,
    /// Nobody is signed in, or the session has ended. Exit code 3.
    NotSignedIn,
    /// The sign-in was denied, or its code expired. Exit code 4.
    Denied,
    /// There is no quote. Exit code 5.
    NoQuote,
    /// The quote was changed elsewhere since it was read; nothing was overwritten. Exit code 6.
    Conflict,
    /// Okta or Neon cannot be reached (network, name, TLS, outage, time-out). Exit code 7.
    Unreachable,
    /// The configuration is missing or wrong, the connection string included. Exit code 8.
    Config,
    /// The keyring (or the file in its place) is absent, locked, silent, or refuses. Exit code 9.
    Vault,
    /// Okta answered and refuses: client id, grant type, assignment, policy, `DPoP`, clock. Exit code 10.
    Okta,
    /// The database answered and refuses: password, name, missing table, missing right. Exit code 11.
    Database,
}

impl Kind {
    /// Every kind, in the order of its exit code.
    pub const ALL: [Self; 11] = [
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
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotSignedIn => 3,
            Self::Denied => 4,
            Self::NoQuote => 5,
            Self::Conflict => 6,
            Self::Unreachable => 7,
            Self::Config => 8,
            Self::Vault => 9,
            Self::Okta => 10,
            Self::Database => 11,
        }
    }

    /// Says what this kind means, in the words of the exit-code table.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "failed for a reason that no other code names",
            Self::Usage => "wrong command line, or a text that cannot be a quote",
            Self::NotSignedIn => "nobody is signed in, or the session has ended",
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
    pub in_question: bool,
}

impl Failure {
    /// Makes a failure that says what happened and leaves it at that.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            cure: None,
            in_question: false,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
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

impl std::error::Error for Failure {}

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
    /// It works, but somebody should do something about it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_exit_code_of_its_own() {
        let codes: std::collections::BTreeSet<u8> =
            Kind::ALL.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        assert!(!codes.contains(&0));
    }
}
