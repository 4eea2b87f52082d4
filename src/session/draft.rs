//! What was typed and never saved, in a file per person, so that no crash takes it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use crate::{
    app::KeptDraft,
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

/// The drafts of one issuer and client.
#[derive(Clone)]
pub(super) struct Drafts {
    directory: PathBuf,
    key: String,
    turn: Arc<Turn>,
}

/// The disk may take its time, and orders may overtake each other there: an older one must not undo a newer one.
#[derive(Default)]
struct Turn {
    ordered: AtomicU64,
    done: Mutex<u64>,
}

impl Drafts {
    pub(super) fn new(directory: PathBuf, key: &str) -> Self {
        Self {
            directory,
            key: key.to_owned(),
            turn: Arc::default(),
        }
    }

    /// Reads the draft of a person; `None` where there is none or it is empty. A file that is not what this program
    /// writes is kept under another name, which the failure says.
    pub(super) async fn read(&self, user_id: &str) -> Result<Option<KeptDraft>, Failure> {
        let path = self.path(user_id);
        let read = at_work(path, |path| {
            let bytes = match private_file::read(path, MOST_BYTES) {
                Ok(None) => return Ok(Ok(None)),
                Ok(Some(contents)) => contents.bytes,
                Err(private_file::Error::TooLarge) => Vec::new(),
                Err(error) => return Err(error),
            };
            match parse(&bytes) {
                Some(draft) => Ok(Ok(Some(draft))),
                None => private_file::set_aside(path).map(Err),
            }
        });
        match read.await? {
            Ok(draft) => Ok(draft.filter(|draft| !draft.text.is_empty())),
            Err(aside) => Err(garbled(&aside)),
        }
    }

    pub(super) async fn keep(&self, user_id: &str, draft: KeptDraft) -> Result<(), Failure> {
        self.in_turn(user_id, move |path| {
            let bytes = encode(draft).map_err(std::io::Error::from)?;
            private_file::write(path, &bytes)
        })
        .await
    }

    pub(super) async fn drop(&self, user_id: &str) -> Result<(), Failure> {
        self.in_turn(user_id, private_file::remove).await
    }

    async fn in_turn(
        &self,
        user_id: &str,
        work: impl FnOnce(&Path) -> Result<(), private_file::Error> + Send + 'static,
    ) -> Result<(), Failure> {
        let turn = Arc::clone(&self.turn);
        let number = turn.ordered.fetch_add(1, Ordering::Relaxed) + 1;
        at_work(self.path(user_id), move |path| {
            let mut done = turn.done.lock().unwrap_or_else(PoisonError::into_inner);
            if *done > number {
                return Ok(());
            }
            *done = number;
            work(path)
        })
        .await
    }

    fn path(&self, user_id: &str) -> PathBuf {
        let name = short_hash(&format!("{} {user_id}", self.key));
        self.directory.join(format!("draft-{name}.json"))
    }
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

async fn at_work<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> Result<T, private_file::Error> + Send + 'static,
) -> Result<T, Failure> {
    let done =
        tokio::task::spawn_blocking(move || work(&path).map_err(|error| unusable(&path, &error)))
            .await;
    match done {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ending()),
        },
    }
}

pub(super) fn garbled(aside: &Path) -> Failure {
    Failure::new(
        Kind::Failed,
        format!(
            "What you had not saved cannot be read. The file is now {}.",
            aside.display()
        ),
    )
    .cure("What is left of your text is in it.")
}

pub(super) fn unusable(path: &Path, error: &private_file::Error) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("The draft file {} cannot be used: {error}.", path.display()),
    )
    .cure("Until it can, what you type is on the screen only.")
}

/// Nobody is there any more to hear it.
pub(super) fn ending() -> Failure {
    Failure::new(Kind::Failed, "The program is ending.").cure("Start it again.")
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

    #[tokio::test]
    async fn each_person_has_a_draft_of_their_own_and_it_goes_without_a_trace() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = Drafts::new(scratch.path().join("state"), "issuer client");
        assert_eq!(drafts.read("00u1").await, Ok(None));
        drafts
            .drop("00u1")
            .await
            .expect("no error where there is none");
        for (user_id, draft) in [
            ("00u1", draft("Mistakes\nare é", None)),
            ("00u2", draft("other", None)),
            ("00u1", draft("Mistakes\nare the é", Some("a\r\nb"))),
        ] {
            drafts.keep(user_id, draft).await.expect("kept");
        }
        assert_eq!(
            drafts.read("00u1").await,
            Ok(Some(draft("Mistakes\nare the é", Some("a\r\nb"))))
        );
        assert_eq!(drafts.read("00u2").await, Ok(Some(draft("other", None))));
        let other_app = Drafts::new(scratch.path().join("state"), "issuer client2");
        assert_eq!(other_app.read("00u1").await, Ok(None));
        drafts.drop("00u1").await.expect("dropped");
        drafts.drop("00u2").await.expect("dropped");
        let left = std::fs::read_dir(scratch.path().join("state")).expect("listed");
        assert_eq!(left.count(), 0);
    }

    #[tokio::test]
    async fn an_order_that_was_overtaken_changes_nothing() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = Drafts::new(scratch.path().to_owned(), "key");
        // As if a later order, the removal, had come to the disk first.
        *drafts.turn.done.lock().expect("free") = 5;
        drafts
            .keep("00u1", draft("late", None))
            .await
            .expect("no error");
        assert_eq!(drafts.read("00u1").await, Ok(None));
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
            let drafts = Drafts::new(scratch.path().to_owned(), "key");
            let path = drafts.path("00u1");
            std::fs::write(&path, garbled).expect("written");
            let failure = drafts.read("00u1").await.expect_err(garbled);
            let aside = path.with_extension("json.aside-1");
            assert!(failure.what.contains(&aside.display().to_string()));
            drafts
                .keep("00u1", draft("new", None))
                .await
                .expect("its place is free");
            assert_eq!(drafts.read("00u1").await, Ok(Some(draft("new", None))));
            drafts.drop("00u1").await.expect("dropped");
            assert_eq!(
                std::fs::read_to_string(&aside).ok().as_deref(),
                Some(garbled)
            );
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_draft_file_that_leads_elsewhere_is_named() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = Drafts::new(scratch.path().to_owned(), "key");
        let path = drafts.path("00u1");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("linked");
        for outcome in [
            drafts.keep("00u1", draft("x", None)).await,
            drafts.read("00u1").await.map(drop),
        ] {
            let failure = outcome.expect_err("refused");
            assert!(
                failure.what.contains(&path.display().to_string()),
                "{failure}"
            );
        }
    }
}
