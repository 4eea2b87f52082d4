//! The quote as it was last seen, in a private file: the first frame shows it, and a greeting needs no network.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::DateTime;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    background::on_a_thread,
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

/// What is to be kept: whose quote, and which; `None` removes what is there.
pub(super) type Note = Option<(String, Saved)>;

/// The quote that was last seen of one issuer and client.
#[derive(Clone)]
pub(crate) struct LastSeen {
    path: PathBuf,
    is_kept: bool,
    /// The newest note that is not carried out: the disk may take its time, and an older one must not come after it.
    next: Arc<Mutex<Option<Note>>>,
    /// Whether the file was there when this process last wrote or read it. Where it has gone since, another process has signed out.
    was_there: Arc<Mutex<bool>>,
}

impl LastSeen {
    pub(crate) fn new(state_dir: &Path, key: &str, is_kept: bool) -> Self {
        Self {
            path: state_dir.join(format!("seen-{}", short_hash(key))),
            is_kept,
            next: Arc::default(),
            was_there: Arc::default(),
        }
    }

    /// Reads what is kept for a person. What cannot be read was not seen, and what another person saw is removed.
    pub(super) async fn read(&self, user_id: &str) -> Option<Saved> {
        let (seen, user_id) = (self.clone(), user_id.to_owned());
        let reading = on_a_thread(move || {
            let mut was_there = seen.was_there.lock();
            let found = seen.read_now(Some(&user_id));
            *was_there = found.is_some();
            found
        });
        reading.await.ok().flatten()
    }

    /// Reads what is kept, for a person or for the one who is signed in, on this thread.
    pub(crate) fn read_now(&self, user_id: Option<&str>) -> Option<Saved> {
        let contents = private_file::read(&self.path, MOST_BYTES).ok()??;
        let file: File = serde_json::from_slice(&contents.bytes).ok()?;
        let is_theirs = user_id.is_none_or(|user_id| user_id == file.user_id);
        if !self.is_kept || !is_theirs {
            private_file::remove(&self.path).ok();
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
    pub(super) async fn is_there(&self) -> bool {
        let path = self.path.clone();
        self.is_kept && on_a_thread(move || path.exists()).await.unwrap_or(false)
    }

    /// Keeps what a person has seen, or removes it: the newest of the notes that were begun counts. A failure costs the next start
    /// its picture, and no more.
    pub(super) fn note(&self, note: Note) -> impl Future<Output = ()> + Send + use<> {
        *self.next.lock() = Some(note.filter(|_| self.is_kept));
        let seen = self.clone();
        async move {
            on_a_thread(move || seen.carry_out()).await.ok();
        }
    }

    fn carry_out(&self) {
        let mut was_there = self.was_there.lock();
        let Some(note) = self.next.lock().take() else {
            return;
        };
        let keeps = note.is_some();
        let is_gone = *was_there && !self.path.exists();
        let done = match note {
            Some(_) if is_gone => return,
            Some((user_id, saved)) if self.read_now(Some(&user_id)).as_ref() == Some(&saved) => {
                Ok(())
            }
            Some((user_id, saved)) => {
                let file = File {
                    version: VERSION,
                    user_id,
                    text: saved.text,
                    saved_at: saved.saved_at.to_rfc3339(),
                };
                serde_json::to_vec(&file)
                    .map_err(|error| io::Error::from(error).into())
                    .and_then(|bytes| private_file::write(&self.path, &bytes).map(drop))
            }
            None => private_file::remove(&self.path),
        };
        match done {
            Ok(()) => *was_there = keeps,
            Err(error) => {
                tracing::debug!(target: "epigraph", "the last seen quote cannot be kept or removed: {error}");
            }
        }
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

    fn seen_by(user_id: &str, saved: &Saved) -> (String, Saved) {
        (user_id.to_owned(), saved.clone())
    }

    /// What one process has over a state directory.
    fn process(state: &tempfile::TempDir) -> LastSeen {
        LastSeen::new(state.path(), "issuer client", true)
    }

    #[tokio::test]
    async fn only_the_person_who_saw_a_quote_sees_it_again() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = || process(&state);
        assert_eq!(seen().read_now(None), None);
        let quote = saved("\u{1}Mistakes\n\"are\" é");
        seen().note(Some(seen_by("00u1", &quote))).await;
        assert_eq!(seen().read("00u1").await, Some(quote.clone()));
        assert_eq!(seen().read_now(None), Some(quote));
        assert_eq!(seen().read("00u2").await, None);
        assert_eq!(seen().read_now(None), None, "it was removed");
        seen().note(Some(seen_by("00u1", &saved("Yes.")))).await;
        let other = LastSeen::new(state.path(), "issuer other", true);
        assert_eq!(other.read_now(None), None);
        seen().note(None).await;
        assert_eq!(seen().read_now(None), None);
        assert_eq!(std::fs::read_dir(state.path()).expect("there").count(), 0);
    }

    #[tokio::test]
    async fn the_longest_quote_is_kept_and_rubbish_is_none() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = process(&state);
        let longest = saved(&"\u{1}".repeat(quote::MAX_BYTES));
        seen.note(Some(seen_by("00u1", &longest))).await;
        assert_eq!(seen.read_now(None), Some(longest));
        for rubbish in [
            "",
            "{",
            "{\"version\":2,\"user_id\":\"00u1\",\"text\":\"x\",\"saved_at\":\"2026-05-03T14:02:00Z\"}",
            "\u{0}",
        ] {
            std::fs::write(&seen.path, rubbish).expect("written");
            assert_eq!(seen.read_now(None), None, "{rubbish:?}");
        }
    }

    #[tokio::test]
    async fn where_it_is_switched_off_nothing_is_kept() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let off = LastSeen::new(state.path(), "issuer client", false);
        process(&state)
            .note(Some(seen_by("00u1", &saved("Yes."))))
            .await;
        assert_eq!(off.read_now(None), None);
        off.note(Some(seen_by("00u1", &saved("Yes.")))).await;
        assert_eq!(process(&state).read_now(None), None, "it was removed");
    }

    #[tokio::test]
    async fn a_sign_out_in_another_process_is_not_undone() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let here = process(&state);
        here.note(Some(seen_by("00u1", &saved("Yes.")))).await;
        process(&state).note(None).await;
        here.note(Some(seen_by("00u1", &saved("No.")))).await;
        assert_eq!(here.read_now(None), None);
        // Whoever signs in again here looks first.
        assert_eq!(here.read("00u1").await, None);
        here.note(Some(seen_by("00u1", &saved("No.")))).await;
        assert_eq!(here.read_now(None), Some(saved("No.")));
    }

    #[tokio::test]
    async fn of_notes_that_overtake_each_other_the_newest_counts() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let seen = process(&state);
        let older = seen.note(Some(seen_by("00u1", &saved("older"))));
        let newer = seen.note(Some(seen_by("00u1", &saved("newer"))));
        newer.await;
        older.await;
        assert_eq!(seen.read_now(None), Some(saved("newer")));
        let noted = seen.note(Some(seen_by("00u1", &saved("late"))));
        seen.note(None).await;
        noted.await;
        assert_eq!(seen.read_now(None), None);
    }
}
