//! What was typed and never saved, in a file per person, so that no crash takes it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    failure::{Failure, Kind},
    keyring::short_hash,
    private_file,
};

/// More than a quote may have: a text that is too long to be saved is not lost either.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

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

    /// Reads the draft of a person; `None` where there is none or it is empty.
    pub(super) async fn read(&self, user_id: &str) -> Result<Option<String>, Failure> {
        let path = self.path(user_id);
        let contents = at_work(path, |path| private_file::read(path, MOST_BYTES)).await?;
        Ok(contents
            .map(|contents| String::from_utf8_lossy(&contents.bytes).into_owned())
            .filter(|text| !text.is_empty()))
    }

    pub(super) async fn keep(&self, user_id: &str, text: &str) -> Result<(), Failure> {
        let text = text.to_owned();
        self.in_turn(user_id, move |path| {
            private_file::write(path, text.as_bytes())
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
        self.directory.join(format!("draft-{name}.txt"))
    }
}

async fn at_work<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> Result<T, private_file::Error> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(move || {
        work(&path).map_err(|error| {
            Failure::new(
                Kind::Failed,
                format!("The draft file {} cannot be used: {error}.", path.display()),
            )
            .cure("Until it can, what you type is on the screen only.")
        })
    })
    .await;
    match done {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::new(Kind::Failed, "The program is ending.")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_person_has_a_draft_of_their_own_and_it_goes_without_a_trace() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = Drafts::new(scratch.path().join("state"), "issuer client");
        assert_eq!(drafts.read("00u1").await, Ok(None));
        drafts
            .drop("00u1")
            .await
            .expect("no error where there is none");
        drafts.keep("00u1", "Mistakes\nare é").await.expect("kept");
        drafts.keep("00u2", "other").await.expect("kept");
        drafts
            .keep("00u1", "Mistakes\nare the é")
            .await
            .expect("kept");
        assert_eq!(
            drafts.read("00u1").await,
            Ok(Some("Mistakes\nare the é".into()))
        );
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
        drafts.keep("00u1", "late").await.expect("no error");
        assert_eq!(drafts.read("00u1").await, Ok(None));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_draft_file_that_leads_elsewhere_is_named() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let drafts = Drafts::new(scratch.path().to_owned(), "key");
        let path = drafts.path("00u1");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("linked");
        for outcome in [
            drafts.keep("00u1", "x").await,
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
