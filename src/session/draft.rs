//! What was typed and never saved, in a file per person and window, so that no crash takes it and no other window overwrites it.
//!
//! A window's file is its own as long as it lives, by a lock beside it. What a window left behind is taken up by the next one.

use std::{
    collections::HashMap,
    fs::{self, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::lock::has_no_locks;
use crate::{
    account::KeptDraft,
    background::on_a_thread,
    failure::{Failure, Kind},
    private_file::{self, short_hash},
};

/// More than a quote may have: a text that is too long to be saved is not lost either.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The form of the file that this program writes.
const VERSION: u32 = 1;

/// What stands in the file: no secret, and nothing but this.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    text: String,
    /// It must be there, also as `null`: a text that replaces nothing says so.
    #[serde(deserialize_with = "Option::deserialize")]
    based_on: Option<String>,
}

pub(super) const NOT_KEPT: &str = "Until it can, what you type is on the screen only.";
pub(super) const LEFT_ALONE: &str =
    "It is left as it is, and what you write is kept in another file: look into it, or remove it.";

pub(super) const REMOVE: &str = "Remove it yourself.";

/// How many windows may be open at once, for one person.
const MOST_WINDOWS: usize = 64;

/// The drafts of one issuer and client.
#[derive(Clone)]
pub(super) struct Drafts {
    directory: PathBuf,
    key: String,
    /// This window's files, by the person's user id.
    own: Arc<Mutex<HashMap<String, Own>>>,
}

/// A file that is this window's.
struct Own {
    path: PathBuf,
    _lock: Option<fs::File>,
}

/// What an earlier window left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// The text that this window goes on with.
    pub(super) draft: Option<KeptDraft>,
    /// Whether there is another one, which no window has taken up yet.
    pub(super) more: bool,
}

impl Drafts {
    pub(super) fn new(directory: PathBuf, key: &str) -> Self {
        Self {
            directory,
            key: key.to_owned(),
            own: Arc::default(),
        }
    }

    /// Reads the draft of a person: this window's, or else one that a window left which is gone. There is none where it is
    /// empty. A file that is not what this program writes is kept under another name, which the failure says.
    pub(super) async fn read(&self, user_id: &str) -> Result<Left, Failure> {
        let read = self.at_work(user_id, LEFT_ALONE, |drafts, user_id| {
            let own = match drafts.own(user_id) {
                Some(own) => Some(own),
                None => drafts.take(user_id, true)?,
            };
            let Some(path) = &own else {
                return Ok(Ok(None));
            };
            let bytes = match private_file::read(path, MOST_BYTES) {
                Ok(None) => return Ok(Ok(None)),
                Ok(Some(contents)) => contents.bytes,
                Err(private_file::Error::TooLarge) => Vec::new(),
                Err(error) => {
                    drafts.own.lock().remove(user_id);
                    return Err(error);
                }
            };
            match parse(&bytes) {
                Some(draft) => Ok(Ok(Some((draft, drafts.is_another_left(path, user_id))))),
                None => private_file::set_aside(path).map(Err),
            }
        });
        match read.await? {
            Ok(None) => Ok(Left {
                draft: None,
                more: false,
            }),
            Ok(Some((draft, more))) => Ok(Left {
                draft: Some(draft).filter(|draft| !draft.text.is_empty()),
                more,
            }),
            Err(aside) => Err(garbled(&aside)),
        }
    }

    /// Writes the draft of a person. The caller waits for one change before it orders the next: two have no order at the disk.
    pub(super) async fn keep(&self, user_id: &str, draft: KeptDraft) -> Result<(), Failure> {
        self.at_work(user_id, NOT_KEPT, move |drafts, user_id| {
            let own = match drafts.own(user_id) {
                Some(own) => Some(own),
                None => drafts.take(user_id, false)?,
            };
            let path = own.ok_or_else(|| io::Error::other("too many windows are open"))?;
            let bytes = encode(draft).map_err(io::Error::from)?;
            private_file::write(&path, &bytes).map(drop)
        })
        .await
    }

    /// Removes this window's draft of a person, with the same care.
    pub(super) async fn drop(&self, user_id: &str) -> Result<(), Failure> {
        self.at_work(user_id, NOT_KEPT, |drafts, user_id| {
            let own = drafts.own(user_id);
            own.map_or(Ok(()), |path| private_file::remove(&path))
        })
        .await
    }

    /// Removes every draft of a person but those of other windows that are open: theirs are still being written.
    pub(super) async fn drop_all(&self, user_id: &str) -> Result<(), Failure> {
        self.drop(user_id).await?;
        self.at_work(user_id, REMOVE, |drafts, user_id| {
            let remove = |number| {
                if drafts.lock(user_id, number)?.is_some() {
                    private_file::remove(&drafts.path(user_id, number))?;
                }
                Ok(())
            };
            // One that cannot be removed keeps none of the others.
            let removed: Vec<_> = drafts.there(user_id).into_iter().map(remove).collect();
            removed.into_iter().collect()
        })
        .await
    }

    /// Does something with files, where waiting for the disk holds no one up.
    async fn at_work<T: Send + 'static>(
        &self,
        user_id: &str,
        cure: &'static str,
        work: impl FnOnce(&Self, &str) -> Result<T, private_file::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let (drafts, user_id) = (self.clone(), user_id.to_owned());
        on_a_thread(move || {
            work(&drafts, &user_id).map_err(|error| {
                let own = drafts.own(&user_id);
                let path = own.unwrap_or_else(|| drafts.path(&user_id, 0));
                unusable(&path, &error, cure)
            })
        })
        .await?
    }

    /// Returns the file that is this window's, if it has one.
    fn own(&self, user_id: &str) -> Option<PathBuf> {
        Some(self.own.lock().get(user_id)?.path.clone())
    }

    /// Makes a file this window's: one that was left behind, or one that no one has.
    fn take(&self, user_id: &str, left: bool) -> Result<Option<PathBuf>, private_file::Error> {
        let mut refused = None;
        let there = self.there(user_id);
        for number in (0..MOST_WINDOWS).filter(|number| there.contains(number) == left) {
            let path = self.path(user_id, number);
            match self.lock(user_id, number) {
                // Looked at again under the lock: its window may have ended in between.
                Ok(Some(lock)) if is_there(&path) == left => {
                    let own = Own {
                        path: path.clone(),
                        _lock: lock,
                    };
                    self.own.lock().insert(user_id.to_owned(), own);
                    return Ok(Some(path));
                }
                Ok(_) => {}
                // Another one will do.
                Err(error) => drop(refused.get_or_insert(error)),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    fn is_another_left(&self, own: &Path, user_id: &str) -> bool {
        self.there(user_id).into_iter().any(|number| {
            self.path(user_id, number) != own && matches!(self.lock(user_id, number), Ok(Some(_)))
        })
    }

    /// The numbers of a person's files that are there, by one look at the directory.
    fn there(&self, user_id: &str) -> Vec<usize> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            let is_there = |number: &usize| is_there(&self.path(user_id, *number));
            return (0..MOST_WINDOWS).filter(is_there).collect();
        };
        let first = self.name(user_id, 0);
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(&first)?.strip_suffix(".json")?;
            match rest.strip_prefix('-') {
                Some(number) => number.parse().ok(),
                None => rest.is_empty().then_some(0),
            }
        };
        let mut numbers: Vec<_> = entries.flatten().filter_map(number).collect();
        numbers.retain(|number| *number < MOST_WINDOWS);
        numbers.sort_unstable();
        numbers
    }

    /// Locks a file for this window; `None` where it is another's. Some file systems have no locks.
    #[expect(clippy::option_option, reason = "a lock, no lock to be had, or taken")]
    fn lock(
        &self,
        user_id: &str,
        number: usize,
    ) -> Result<Option<Option<fs::File>>, private_file::Error> {
        let name = format!("lock-{}", self.name(user_id, number));
        let path = self.directory.join(name);
        let file = private_file::open_lock(&path).map_err(|error| match error {
            // The file itself lies there, too.
            private_file::Error::NotADirectory | private_file::Error::LinkedDirectory => error,
            error => io::Error::other(format!("its lock {}: {error}", path.display())).into(),
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Some(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(Some(None)),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn path(&self, user_id: &str, number: usize) -> PathBuf {
        self.directory
            .join(format!("{}.json", self.name(user_id, number)))
    }

    fn name(&self, user_id: &str, number: usize) -> String {
        let hash = short_hash(&format!("{} {user_id}", self.key));
        match number {
            0 => format!("draft-{hash}"),
            _ => format!("draft-{hash}-{number}"),
        }
    }
}

/// Also where it is no file: what uses it says so.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

pub(super) fn encode(draft: KeptDraft) -> serde_json::Result<Vec<u8>> {
    let KeptDraft { text, based_on } = draft;
    serde_json::to_vec(&File {
        version: VERSION,
        text,
        based_on,
    })
}

pub(super) fn parse(bytes: &[u8]) -> Option<KeptDraft> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    (file.version == VERSION).then_some(KeptDraft {
        text: file.text,
        based_on: file.based_on,
    })
}

pub(super) fn garbled(aside: &Path) -> Failure {
    Failure::new(Kind::Failed, "Your draft cannot be read.").cure(format!(
        "What is left of your text is in {}.",
        aside.display()
    ))
}

pub(super) fn unusable(path: &Path, error: &private_file::Error, cure: &str) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("The draft file {} cannot be used: {error}.", path.display()),
    )
    .cure(cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str, based_on: Option<&str>) -> KeptDraft {
        KeptDraft {
            text: text.into(),
            based_on: based_on.map(str::to_owned),
        }
    }

    fn window(directory: &tempfile::TempDir) -> Drafts {
        Drafts::new(directory.path().to_owned(), "key")
    }

    async fn keep(drafts: &Drafts, text: &str) {
        let draft = draft(text, None);
        drafts.keep("00u1", draft).await.expect("kept");
    }

    /// The text of the draft, where there is one, and that there is no other.
    async fn left(drafts: &Drafts) -> Option<String> {
        let left = drafts.read("00u1").await.expect("read");
        assert!(!left.more);
        left.draft.map(|draft| draft.text)
    }

    #[tokio::test]
    async fn each_person_has_a_draft_that_is_removed_without_a_trace() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let state = || scratch.path().join("state");
        let drafts = Drafts::new(state(), "issuer client");
        assert_eq!(left(&drafts).await, None);
        drafts.drop("00u1").await.expect("none is no error");
        for (user_id, draft) in [
            ("00u1", draft("Mistakes\nare é", None)),
            ("00u2", draft("other", None)),
            ("00u1", draft("Mistakes\nare the é", Some("a\r\nb"))),
        ] {
            drafts.keep(user_id, draft).await.expect("kept");
        }
        for (user_id, draft) in [
            ("00u1", draft("Mistakes\nare the é", Some("a\r\nb"))),
            ("00u2", draft("other", None)),
        ] {
            let left = drafts.read(user_id).await.expect("read");
            assert_eq!((left.draft, left.more), (Some(draft), false), "{user_id}");
        }
        assert_eq!(left(&Drafts::new(state(), "issuer client2")).await, None);
        drafts.drop("00u1").await.expect("dropped");
        drafts.drop("00u2").await.expect("dropped");
        assert_eq!(files(&state()), [""; 0]);
    }

    /// What is in a directory, but for locks.
    fn files(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory)
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("lock-"))
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn each_window_has_its_own_draft_and_leaves_it_to_the_next() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let window = || window(&scratch);
        let (first, second) = (window(), window());
        keep(&first, "one").await;
        keep(&second, "two").await;
        keep(&first, "one and more").await;
        assert_eq!(left(&window()).await, None, "both are being written");
        drop((first, second));

        let third = window();
        let found = third.read("00u1").await.expect("read");
        assert_eq!(found.draft, Some(draft("one and more", None)));
        assert!(found.more);
        let fourth = window();
        assert_eq!(left(&fourth).await.as_deref(), Some("two"));
        // Another sign-in in the same window finds its own again.
        assert_eq!(left(&third).await.as_deref(), Some("one and more"));
        third.drop("00u1").await.expect("dropped");
        assert_eq!(files(scratch.path()).len(), 1);

        // A sign-out takes along what no open window writes.
        third.drop_all("00u1").await.expect("dropped");
        assert_eq!(files(scratch.path()).len(), 1);
        drop(fourth);
        third.drop_all("00u1").await.expect("dropped");
        assert_eq!(files(scratch.path()), [""; 0]);
    }

    /// A run by another user (sudo) leaves locks behind that this one may not open; so may anything that is no file.
    #[tokio::test]
    async fn a_lock_that_cannot_be_opened_costs_no_draft() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let window = || window(&scratch);
        let lock_of = |number| {
            let name = format!("lock-{}", window().name("00u1", number));
            scratch.path().join(name)
        };
        let break_lock = |number| {
            drop(fs::remove_file(lock_of(number)));
            fs::create_dir(lock_of(number)).expect("made");
        };

        // There is no draft yet.
        break_lock(0);
        let first = window();
        keep(&first, "one").await;
        assert_eq!(files(scratch.path()).len(), 1);
        let second = window();
        keep(&second, "two").await;
        drop((first, second));

        // One was left whose lock is broken.
        break_lock(2);
        let third = window();
        assert_eq!(left(&third).await.as_deref(), Some("one"));
        third.drop("00u1").await.expect("dropped");
        let failure = window().read("00u1").await.expect_err("told");
        let lock = lock_of(2).display().to_string();
        assert!(failure.what.contains(&lock), "{failure}");
        assert_eq!(files(scratch.path()).len(), 1, "it is left as it is");

        // A sign-out takes the others along.
        let fourth = window();
        keep(&fourth, "four").await;
        drop(fourth);
        window().drop_all("00u1").await.expect_err("told");
        assert_eq!(files(scratch.path()).len(), 1, "the others are gone");
    }

    #[tokio::test]
    async fn a_draft_file_that_is_garbled_is_kept_aside_and_named() {
        for garbled in [
            "Mistakes",
            "",
            r#"{"version":1,"text":"cut o"#,
            r#"{"version":1,"text":"without what it is based on"}"#,
            r#"{"version":2,"text":"of a later release","based_on":null}"#,
            "{\"version\":1,\"text\":\"\u{fffd}\",\"based_on\":null,\"more\":1}",
        ] {
            let scratch = tempfile::tempdir().expect("a temporary directory");
            let drafts = window(&scratch);
            let path = drafts.path("00u1", 0);
            std::fs::write(&path, garbled).expect("written");
            let failure = drafts.read("00u1").await.expect_err(garbled);
            let aside = path.with_extension("json.aside-1");
            let cure = failure.cure.unwrap_or_default();
            assert!(cure.contains(&aside.display().to_string()));
            keep(&drafts, "new").await;
            assert_eq!(left(&drafts).await.as_deref(), Some("new"));
            drafts.drop("00u1").await.expect("dropped");
            let left = fs::read_to_string(&aside);
            assert_eq!(left.ok().as_deref(), Some(garbled));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_draft_file_that_leads_elsewhere_is_named() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = window(&scratch);
        let path = drafts.path("00u1", 0);
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("linked");
        let failure = drafts.read("00u1").await.expect_err("refused");
        let named = path.display().to_string();
        assert!(failure.what.contains(&named), "{failure}");
        // What is written now is safe all the same.
        keep(&drafts, "x").await;
        let now = drafts.read("00u1").await.expect("its own file");
        assert_eq!(now.draft, Some(draft("x", None)));
    }
}
