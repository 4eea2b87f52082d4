//! The explicit file in place of a keyring.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};

use crate::{
    background::on_a_thread,
    failure::{Failure, Kind},
    platform::Platform,
    private_file::{self, Privacy},
};

/// Longer than any session that this program writes, groups in the ID token included.
const MOST_BYTES: u64 = 256 * 1024;

pub(super) struct File {
    /// What it is called where it cannot be used.
    name: &'static str,
    path: PathBuf,
    privacy: Arc<Mutex<Privacy>>,
}

impl File {
    pub(super) fn new(name: &'static str, path: PathBuf) -> Self {
        Self {
            name,
            path,
            privacy: Arc::new(Mutex::new(Privacy::Private)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others could read what was last written, or was found there.
    pub(super) fn privacy(&self) -> Privacy {
        *self.privacy.lock()
    }

    pub(super) async fn read(&self) -> Result<Option<SecretString>, Failure> {
        let privacy = Arc::clone(&self.privacy);
        self.at_work(move |path| {
            let Some(mut contents) = private_file::read(path, MOST_BYTES)? else {
                return Ok(None);
            };
            // One that was corrected is private from the next look on.
            if contents.privacy != Privacy::Private {
                *privacy.lock() = contents.privacy;
            }
            // What is not UTF-8 is garbled, and what takes the text apart says so.
            let secret = SecretString::from(String::from_utf8_lossy(&contents.bytes).into_owned());
            contents.bytes.zeroize();
            Ok(Some(secret))
        })
        .await
    }

    pub(super) async fn write(&self, secret: SecretString) -> Result<(), Failure> {
        let privacy = Arc::clone(&self.privacy);
        self.at_work(move |path| {
            let written = private_file::write(path, secret.expose_secret().as_bytes())?;
            *privacy.lock() = written;
            Ok(())
        })
        .await
    }

    pub(super) async fn would_keep(&self) -> Result<(), Failure> {
        self.at_work(private_file::could_write).await
    }

    pub(super) async fn clear(&self) -> Result<(), Failure> {
        self.at_work(private_file::remove).await
    }

    /// A write waits for the disk, which must not hold up the screen.
    async fn at_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, private_file::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let path = self.path.clone();
        let done = on_a_thread(move || work(&path)).await?;
        done.map_err(|error| self.failure(&error))
    }

    pub(super) fn failure(&self, error: &private_file::Error) -> Failure {
        let cure = match error {
            private_file::Error::Foreign => {
                "Run the program as the user who signed in, or remove the file."
            }
            private_file::Error::Io(_) => {
                "See that its directory can be written to and that the disk is not full."
            }
            private_file::Error::NotADirectory => Platform::HERE.needs_home(),
            private_file::Error::LinkedDirectory => "Put a directory in the place of the link.",
            _ => "Move it out of the way and sign in again.",
        };
        Failure::new(
            Kind::Vault,
            format!(
                "The {} {} cannot be used: {error}.",
                self.name,
                self.path.display()
            ),
        )
        .cure(cure)
    }
}
