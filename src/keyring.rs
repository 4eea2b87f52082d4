//! The vault: the keyring of the operating system, or the explicit file in its place.

mod file;
mod system;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use secrecy::SecretString;

use crate::{
    config::{self, Store},
    failure::{Check, Failure, Kind, Verdict},
    platform::Platform,
    private_file::{Privacy, short_hash},
    session::Vault,
};

/// The vault that the configuration chose.
pub struct Keyring {
    /// The keyring of the operating system, until the person chooses the file.
    system: Option<system::System>,
    file: file::File,
    /// Where that choice is kept.
    choice: file::File,
    is_file_chosen: AtomicBool,
}

enum Place<'a> {
    System(&'a system::System),
    File(&'a file::File),
}

impl Keyring {
    /// Makes the vault of one issuer and client. Touches neither keyring nor file.
    #[must_use]
    pub fn new(store: Store, state_dir: &Path, issuer: &str, client_id: &str) -> Self {
        let key = format!("{issuer} {client_id}");
        Self {
            system: (store == Store::Keyring).then(|| system::System::new(&key)),
            file: file::File::new(
                "session file",
                state_dir.join(format!("session-{}.json", short_hash(&key))),
            ),
            choice: file::File::new("file of your choice", state_dir.join(config::CHOSEN_STORE)),
            is_file_chosen: AtomicBool::new(false),
        }
    }

    fn place(&self) -> Place<'_> {
        match &self.system {
            Some(system) if !self.is_file_chosen.load(Ordering::Relaxed) => Place::System(system),
            _ => Place::File(&self.file),
        }
    }

    /// Looks whether the vault answers and could keep a session. Makes the directory of the file, changes nothing else, and keeps nothing of what it reads.
    pub(crate) async fn check(&self) -> Check {
        let start = Instant::now();
        // First, because a read has a person asked to unlock the keyring: a look must not.
        let would_keep = match self.place() {
            Place::System(system) => system.look().await,
            Place::File(file) => file.would_keep().await,
        };
        let found = match would_keep {
            Ok(()) => self.read().await,
            Err(failure) => Err(failure),
        };
        let verdict = match found {
            Ok(found) => {
                let state = if found.is_some() {
                    "contains a session"
                } else {
                    "contains no session"
                };
                match self.warning() {
                    Some(warning) => Verdict::Warning(warning),
                    None => Verdict::Ok(format!("{} answers and {state}", self.location())),
                }
            }
            Err(failure) => Verdict::Failed(failure),
        };
        Check {
            name: "vault",
            took: start.elapsed(),
            verdict,
        }
    }
}

fn is_open(path: &Path) -> Failure {
    Failure::new(
        Kind::Vault,
        format!(
            "Others may read your session: the file system of {} keeps no modes.",
            path.display()
        ),
    )
    .cure("Keep the session in a keyring, or in a state directory on a file system that keeps modes; to end this one, run `epigraph logout`.")
}

fn was_open() -> Failure {
    Failure::new(
        Kind::Vault,
        "Others could read your session.",
    )
    .cure("The mode of its file has been corrected; if you do not trust the other users of this machine, run `epigraph logout` and sign in again.")
}

impl Vault for Keyring {
    async fn read(&self) -> Result<Option<SecretString>, Failure> {
        match self.place() {
            Place::System(system) => system.read().await,
            Place::File(file) => file.read().await,
        }
    }

    async fn write(&self, secret: SecretString) -> Result<(), Failure> {
        match self.place() {
            Place::System(system) => system.write(secret).await,
            Place::File(file) => file.write(secret).await,
        }
    }

    async fn clear(&self) -> Result<(), Failure> {
        match self.place() {
            Place::System(system) => system.clear().await,
            Place::File(file) => file.clear().await,
        }
    }

    async fn withdraw(&self, secret: SecretString) -> Result<(), Failure> {
        match self.place() {
            Place::System(system) => system.withdraw(secret).await,
            // Its write is over when it has failed.
            Place::File(_) => Ok(()),
        }
    }

    async fn would_keep(&self) -> Result<(), Failure> {
        match self.place() {
            Place::System(system) => system.probe().await,
            Place::File(file) => file.would_keep().await,
        }
    }

    async fn choose_file(&self) -> Result<(), Failure> {
        self.choice.write(Store::File.name().into()).await?;
        self.is_file_chosen.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn location(&self) -> String {
        match self.place() {
            Place::System(_) => Platform::HERE.keyring().to_owned(),
            Place::File(file) => format!("the file {}", file.path().display()),
        }
    }

    fn asks_after(&self) -> Option<Duration> {
        let waits = matches!(self.place(), Place::System(_)) && system::PATIENCE > system::LIMIT;
        waits.then_some(system::LIMIT)
    }

    fn capacity(&self) -> Option<usize> {
        match self.place() {
            // CRED_MAX_CREDENTIAL_BLOB_SIZE.
            Place::System(_) if cfg!(windows) => Some(2560),
            _ => None,
        }
    }

    fn warning(&self) -> Option<Failure> {
        let Place::File(file) = self.place() else {
            return None;
        };
        match file.privacy() {
            Privacy::Private => None,
            Privacy::Corrected => Some(was_open()),
            Privacy::Open => Some(is_open(file.path())),
        }
    }
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn vault(directory: &tempfile::TempDir, client: &str) -> Keyring {
        let issuer = "https://issuer.example";
        Keyring::new(Store::File, directory.path(), issuer, client)
    }

    /// What is in a directory.
    fn files(directory: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(directory.path()).expect("listed");
        entries.flatten().map(|entry| entry.path()).collect()
    }

    #[tokio::test]
    async fn the_session_file_keeps_replaces_and_forgets_a_secret() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let (one, other) = (vault(&scratch, "one"), vault(&scratch, "other"));
        assert!(one.read().await.expect("no error").is_none());
        one.write("first".into()).await.expect("written");
        one.write("second".into()).await.expect("written");
        let kept = vault(&scratch, "one")
            .read()
            .await
            .expect("read")
            .expect("there");
        assert_eq!(kept.expose_secret(), "second");
        assert!(other.read().await.expect("no error").is_none());
        other.clear().await.expect("no error where there is none");
        one.clear().await.expect("cleared");
        assert!(one.read().await.expect("no error").is_none());
        assert!(files(&scratch).is_empty());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_session_file_that_others_could_read_is_closed_and_reported() {
        use std::os::unix::fs::PermissionsExt;

        let scratch = tempfile::tempdir().expect("a temporary directory");
        let vault = vault(&scratch, "client");
        vault.write("secret".into()).await.expect("written");
        assert!(matches!(vault.check().await.verdict, Verdict::Ok(_)));
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&files(&scratch)[0], open).expect("opened up");
        let check = vault.check().await;
        let Verdict::Warning(warning) = check.verdict else {
            panic!("{check:?}");
        };
        assert!(!warning.to_string().contains("secret"));
        assert_eq!(vault.warning(), Some(warning));
    }

    #[tokio::test]
    async fn a_session_path_that_is_no_file_is_refused_by_name() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let vault = vault(&scratch, "client");
        vault.write("secret".into()).await.expect("written");
        let path = files(&scratch).remove(0);
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("made");
        for outcome in [vault.read().await.map(drop), vault.would_keep().await] {
            let failure = outcome.expect_err("refused");
            assert_eq!(failure.kind, Kind::Vault);
            assert!(
                failure.what.contains(&path.display().to_string()),
                "{failure}"
            );
        }
    }
}
