//! What the authorization server publishes of itself, in a private file for as long as HTTP allows (RFC 9111): a renewal needs one
//! request then.

use std::{
    collections::BTreeMap,
    io, mem,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::Utc;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{Answer, LONGEST_KEPT};
use crate::{
    background::{begin, on_a_thread},
    private_file::{self, Privacy},
};

/// The form of the file that this program writes.
const VERSION: u32 = 1;

/// In bytes. Okta's discovery document and key set are a few KiB each.
const MOST_BYTES: u64 = 256 * 1024;

/// What stands in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// By their addresses.
    answers: BTreeMap<String, Part>,
}

/// An answer as it came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    body: String,
    /// In seconds since 1970.
    fresh: Range<i64>,
}

/// The answers that are kept for one issuer and client. Without a place, none are.
#[derive(Clone)]
pub(super) struct Kept {
    path: Option<PathBuf>,
    changes: Arc<Mutex<Changes>>,
    writing: Arc<Mutex<()>>,
}

/// What is yet to be written, in its order: an answer of an address, or that there is none.
type Changes = Vec<(String, Option<Part>)>;

impl Kept {
    /// In a file of the state directory, one for each issuer and client.
    pub(super) fn of(key: &str, state: Option<&Path>) -> Self {
        let name = format!("server-{}", private_file::short_hash(key));
        Self {
            path: state.map(|state| state.join(name)),
            changes: Arc::default(),
            writing: Arc::default(),
        }
    }

    /// Reads what an address last answered, if that may still be used. What cannot be read is not there.
    pub(super) async fn get(&self, url: &Url) -> Option<Answer> {
        let (path, url) = (self.path.clone()?, url.to_string());
        let reading = move || read(&path)?.answers.remove(&url);
        let part = on_a_thread(reading).await.ok()??;
        Some(Answer {
            fresh: part.fresh,
            ..Answer::of(200, part.body)
        })
    }

    /// Keeps an answer that was found good, where it may be kept. No one waits for it but the end of the program.
    pub(super) fn put(&self, url: &Url, answer: &Answer) {
        let body = String::from_utf8(answer.body.to_vec());
        let part = body.ok().map(|body| Part {
            body,
            fresh: answer.fresh.clone(),
        });
        self.change(url, part);
    }

    /// Drops the answer of an address.
    pub(super) fn forget(&self, url: &Url) {
        self.change(url, None);
    }

    fn change(&self, url: &Url, part: Option<Part>) {
        let Some(path) = self.path.clone() else {
            return;
        };
        self.changes.lock().push((url.to_string(), part));
        let (changes, writing) = (self.changes.clone(), self.writing.clone());
        begin(on_a_thread(move || {
            let _turn = writing.lock();
            let changes = mem::take(&mut *changes.lock());
            if let Err(error) = write(&path, changes) {
                tracing::debug!(target: "epigraph", "what Okta publishes cannot be kept: {error}");
            }
        }));
    }
}

/// Reads the file, and leaves out what may not be used now: its time is over, or has not come, because the clock was set back.
fn read(path: &Path) -> Option<File> {
    let contents = private_file::read(path, MOST_BYTES).ok()??;
    if contents.privacy != Privacy::Private {
        // Others may have written into it, and the next look would find its mode put right.
        private_file::remove(path).ok();
        return None;
    }
    let mut file: File = serde_json::from_slice(&contents.bytes).ok()?;
    if file.version != VERSION {
        return None;
    }
    file.answers.retain(|_, part| part.is_fresh());
    Some(file)
}

fn write(path: &Path, changes: Changes) -> Result<(), private_file::Error> {
    let mut file = read(path).unwrap_or_default();
    let before = file.answers.clone();
    for (url, part) in changes {
        match part.filter(Part::is_fresh) {
            Some(part) => file.answers.insert(url, part),
            None => file.answers.remove(&url),
        };
    }
    if file.answers == before {
        return Ok(());
    }
    if file.answers.is_empty() {
        return private_file::remove(path);
    }
    file.version = VERSION;
    let bytes = serde_json::to_vec(&file).map_err(io::Error::from)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(private_file::Error::TooLarge);
    }
    private_file::write(path, &bytes).map(drop)
}

impl Part {
    fn is_fresh(&self) -> bool {
        self.fresh.contains(&Utc::now().timestamp())
            && self.fresh.end.saturating_sub(self.fresh.start) <= LONGEST_KEPT
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::background::finish_background_work;

    fn url(path: &str) -> Url {
        Url::parse("https://o.example")
            .and_then(|base| base.join(path))
            .expect("an address")
    }

    /// What Okta answers, kept from this many seconds ago until then.
    fn answer(body: &str, ago: i64, left: i64) -> Answer {
        let now = Utc::now().timestamp();
        Answer {
            fresh: now - ago..now + left,
            ..Answer::of(200, body)
        }
    }

    fn kept_in(state: &tempfile::TempDir) -> Kept {
        Kept::of("issuer\nclient", Some(state.path()))
    }

    /// Keeps it, and waits until it is on the disk.
    async fn put(kept: &Kept, answer: &Answer) {
        kept.put(&url("/a"), answer);
        finish_background_work().await;
    }

    async fn body(kept: &Kept, path: &str) -> Option<String> {
        let answer = kept.get(&url(path)).await?;
        assert_eq!(answer.status, 200);
        Some(String::from_utf8(answer.body.to_vec()).expect("text"))
    }

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_came_until_it_is_forgotten() {
        let state = scratch();
        let kept = kept_in(&state);
        assert_eq!(body(&kept, "/a").await, None);
        for (path, text) in [("/a", "old"), ("/b", "{\"é\": \"\u{1}\"}"), ("/a", "new")] {
            kept.put(&url(path), &answer(text, 0, 60));
        }
        finish_background_work().await;
        let later = kept_in(&state);
        assert_eq!(body(&later, "/a").await.as_deref(), Some("new"));
        let other = body(&later, "/b").await;
        assert_eq!(other.as_deref(), Some("{\"é\": \"\u{1}\"}"));
        let other = Kept::of("issuer\nother", Some(state.path()));
        assert_eq!(body(&other, "/a").await, None);
        later.forget(&url("/a"));
        // It may not be kept any longer.
        later.put(&url("/b"), &answer("x", 0, 0));
        finish_background_work().await;
        for path in ["/a", "/b"] {
            assert_eq!(body(&later, path).await, None, "{path}");
        }
        assert_eq!(fs::read_dir(state.path()).expect("there").count(), 0);
    }

    #[tokio::test]
    async fn only_what_is_fresh_now_is_used() {
        let state = scratch();
        let day = LONGEST_KEPT;
        for (ago, left, is_used) in [
            (0, 60, true),
            (day - 60, 60, true),
            (60, 0, false),
            (60, -60, false),
            // The clock was set back, or someone wrote it.
            (-60, 120, false),
            (day, 60, false),
            (0, i64::MAX / 2, false),
        ] {
            let part = Part {
                body: "x".into(),
                fresh: answer("", ago, left).fresh,
            };
            let file = File {
                version: VERSION,
                answers: [(url("/a").to_string(), part)].into(),
            };
            let kept = kept_in(&state);
            let path = kept.path.clone().expect("a place");
            let bytes = serde_json::to_vec(&file).expect("JSON");
            private_file::write(&path, &bytes).expect("written");
            let found = body(&kept, "/a").await;
            assert_eq!(found.is_some(), is_used, "{ago} {left}");
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_as_good_as_none() {
        let state = scratch();
        let kept = kept_in(&state);
        let path = kept.path.clone().expect("a place");
        let long = "x".repeat(usize::try_from(MOST_BYTES).expect("it fits"));
        put(&kept, &answer(&long, 0, 60)).await;
        assert!(!path.exists());
        for rubbish in [
            "",
            "{",
            "\u{0}",
            "{\"version\":2,\"answers\":{}}",
            "{\"version\":1,\"answers\":{},\"more\":1}",
            "{\"version\":1,\"answers\":{\"https://o.example/a\":{\"body\":\"x\",\"fresh\":9}}}",
            &long,
        ] {
            private_file::write(&path, rubbish.as_bytes()).expect("written");
            assert_eq!(body(&kept, "/a").await, None);
            put(&kept, &answer("good", 0, 60)).await;
            assert_eq!(body(&kept, "/a").await.as_deref(), Some("good"));
        }
        // A directory in its place is an error to no one.
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("made");
        put(&kept, &answer("good", 0, 60)).await;
        assert_eq!(body(&kept, "/a").await, None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_others_could_write_is_never_used() {
        use std::os::unix::fs::PermissionsExt;

        let state = scratch();
        let kept = kept_in(&state);
        let path = kept.path.clone().expect("a place");
        put(&kept, &answer("x", 0, 60)).await;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("opened up");
        for look in ["the first", "the second"] {
            assert_eq!(body(&kept, "/a").await, None, "{look}");
        }
    }
}
