//! The quote as it was last seen, in a private file: the first frame shows it, and a greeting needs no network.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use crate::{
    private_file::{self, short_hash},
    quote::{self, Saved},
};

/// The form of the file that this program writes.
const VERSION: u32 = 1;

/// In bytes: a quote of the most bytes, each of which JSON may have to write as six.
const MOST_BYTES: u64 = 6 * quote::MAX_BYTES as u64 + 1024;

/// What stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    user_id: String,
    text: String,
    /// As RFC 3339 has it.
    saved_at: String,
}

/// The quote that was last seen of one issuer and client.
#[derive(Clone)]
pub(crate) struct LastSeen {
    path: PathBuf,
    is_kept: bool,
}

impl LastSeen {
    pub(crate) fn new(state_dir: &Path, key: &str, is_kept: bool) -> Self {
        let path = state_dir.join(format!("seen-{}", short_hash(key)));
        Self { path, is_kept }
    }

    /// Reads what is kept, for a person or for the one who is signed in. What cannot be read was not seen, and what another
    /// person saw is removed.
    pub(crate) fn read(&self, user_id: Option<&str>) -> Option<Saved> {
        let contents = private_file::read(&self.path, MOST_BYTES).ok()??;
        let file: File = serde_json::from_slice(&contents.bytes).ok()?;
        let is_theirs = user_id.is_none_or(|user_id| user_id == file.user_id);
        if !self.is_kept || !is_theirs {
            self.forget().ok();
            return None;
        }
        if file.version != VERSION {
            return None;
        }
        Some(Saved {
            text: file.text,
            saved_at: DateTime::parse_from_rfc3339(&file.saved_at).ok()?,
        })
    }

    /// Says whether a quote is kept, whosesoever.
    pub(super) fn is_there(&self) -> bool {
        self.is_kept && self.path.exists()
    }

    /// Keeps what a person has seen, or that there is nothing. A failure costs the next start its picture, and no more.
    pub(crate) fn note(&self, user_id: &str, seen: Option<&Saved>) {
        let noted = match seen {
            Some(saved) if self.is_kept => {
                if self.read(Some(user_id)).as_ref() == Some(saved) {
                    return;
                }
                let file = File {
                    version: VERSION,
                    user_id: user_id.to_owned(),
                    text: saved.text.clone(),
                    saved_at: saved.saved_at.to_rfc3339(),
                };
                serde_json::to_vec(&file)
                    .map_err(|error| io::Error::from(error).into())
                    .and_then(|bytes| private_file::write(&self.path, &bytes).map(drop))
            }
            _ => self.forget(),
        };
        if let Err(error) = noted {
            tracing::debug!(target: "epigraph", "the last seen quote cannot be kept: {error}");
        }
    }

    /// Removes it.
    pub(crate) fn forget(&self) -> Result<(), private_file::Error> {
        private_file::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(text: &str) -> Saved {
        let at = "2026-05-03T14:02:00.123456+02:00";
        Saved {
            text: text.into(),
            saved_at: DateTime::parse_from_rfc3339(at).expect("a time"),
        }
    }

    #[test]
    fn only_the_person_who_saw_a_quote_sees_it_again() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = || LastSeen::new(state.path(), "issuer client", true);
        assert_eq!(seen().read(None), None);
        let quote = saved("\u{1}Mistakes\n\"are\" é");
        seen().note("00u1", Some(&quote));
        assert_eq!(seen().read(Some("00u1")), Some(quote.clone()));
        assert_eq!(seen().read(None), Some(quote));
        assert_eq!(seen().read(Some("00u2")), None);
        assert_eq!(seen().read(None), None, "it was removed");
        seen().note("00u1", Some(&saved("Yes.")));
        let other = LastSeen::new(state.path(), "issuer other", true);
        assert_eq!(other.read(None), None);
        seen().note("00u1", None);
        assert_eq!(seen().read(None), None);
        assert_eq!(std::fs::read_dir(state.path()).expect("there").count(), 0);
    }

    #[test]
    fn the_longest_quote_is_kept_and_rubbish_is_none() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = LastSeen::new(state.path(), "issuer client", true);
        let longest = saved(&"\u{1}".repeat(quote::MAX_BYTES));
        seen.note("00u1", Some(&longest));
        assert_eq!(seen.read(None), Some(longest));
        for rubbish in [
            "",
            "{",
            "{\"version\":2,\"user_id\":\"00u1\",\"text\":\"x\",\"saved_at\":\"2026-05-03T14:02:00Z\"}",
            "\u{0}",
        ] {
            std::fs::write(&seen.path, rubbish).expect("written");
            assert_eq!(seen.read(None), None, "{rubbish:?}");
        }
    }

    #[test]
    fn where_it_is_switched_off_nothing_is_kept() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = |is_kept| LastSeen::new(state.path(), "issuer client", is_kept);
        seen(true).note("00u1", Some(&saved("Yes.")));
        assert_eq!(seen(false).read(None), None);
        seen(false).note("00u1", Some(&saved("Yes.")));
        assert_eq!(seen(true).read(None), None, "it was removed");
    }
}
