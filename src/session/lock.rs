//! One change of the session at a time among the processes of a person: a renewal, a sign-in, a sign-out.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    background::on_a_thread,
    failure::{Failure, Kind},
    private_file,
};

/// A renewal takes a second or two; an outage at Okta half a minute.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The lock, held until it is dropped, also by a process that is killed.
pub(super) struct Held {
    file: Option<Arc<File>>,
}

/// What the file holds while a renewal is under way, and after one of which no one knows how it ended.
const UNDER_WAY: &[u8] = b"!";

impl Held {
    /// Notes that a renewal is under way, and says whether one was begun under this lock whose end was never noted. It is for a
    /// better message only, so that nothing hangs on it.
    pub(super) async fn begin(&self) -> bool {
        let Some(file) = self.file.clone() else {
            return false;
        };
        on_a_thread(move || {
            let was_cut_off = file.metadata().is_ok_and(|found| found.len() > 0);
            if !was_cut_off {
                let _ = (&*file).write_all(UNDER_WAY);
            }
            was_cut_off
        })
        .await
        .unwrap_or(false)
    }

    /// Notes that its outcome is known and kept.
    pub(super) async fn end(&self) {
        if let Some(file) = self.file.clone() {
            on_a_thread(move || file.set_len(0)).await.ok();
        }
    }
}

/// Takes the lock, or says that another process does not let go of it. Never goes on without it: two renewals end the session.
pub(super) async fn take(path: &Path, patience: Duration) -> Result<Held, Failure> {
    let place = path.to_owned();
    let file = on_a_thread(move || private_file::open_lock(&place)).await?;
    let file = Arc::new(file.map_err(|error| unusable(path, &error))?);
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let tried = Arc::clone(&file);
        match on_a_thread(move || tried.try_lock()).await? {
            Ok(()) => return Ok(Held { file: Some(file) }),
            Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(taken());
            }
            // Some network file systems have no locks, and no one there could ever renew a session.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                tracing::warn!(target: "epigraph", "the file system of the state directory has no locks");
                return Ok(Held { file: None });
            }
            Err(TryLockError::Error(error)) => {
                return Err(unlockable(path, &error));
            }
        }
    }
}

/// Whether it is the file system that knows no locks, or lacks the service for them (`ENOLCK`, as NFS has it).
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

pub(super) fn unusable(path: &Path, error: &private_file::Error) -> Failure {
    Failure::new(
        Kind::Vault,
        format!("The lock file {} cannot be used: {error}.", path.display()),
    )
    .cure("See that its directory can be written to and is your own.")
}

pub(super) fn taken() -> Failure {
    Failure::new(
        Kind::Failed,
        "Another epigraph has held the session's lock for too long.",
    )
    .cure("Try again; if this keeps happening, close the other one.")
}

pub(super) fn unlockable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Vault,
        format!(
            "The lock file {} cannot be locked: {error}.",
            path.display()
        ),
    )
    .cure("See that the disk is whole, or keep the state on another one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_system_without_locks_is_told_from_a_lock_that_fails() {
        use rustix::io::Errno;

        for (errno, without) in [
            (Errno::NOLCK, true),
            (Errno::NOSYS, true),
            (Errno::OPNOTSUPP, true),
            (Errno::IO, false),
            (Errno::BADF, false),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(has_no_locks(&error), without, "{error}");
        }
    }

    #[tokio::test]
    async fn the_second_holder_waits_until_the_first_releases() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = scratch.path().join("state/lock");
        let first = take(&path, PATIENCE).await.expect("free");
        let failure = take(&path, Duration::ZERO).await.err().expect("held");
        assert_eq!(failure.kind, Kind::Failed);
        let second = tokio::spawn({
            let path = path.clone();
            async move { take(&path, PATIENCE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("no panic").expect("free again");
    }
}
