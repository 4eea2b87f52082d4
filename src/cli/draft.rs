//! What someone types for `set`, in a file until it is saved: whatever ends the program, the text is there.

use std::{
    fs,
    io::{self, BufRead},
    path::{Path, PathBuf},
};

use chrono::Local;

use super::{input, output};
use crate::{
    failure::{Failure, Kind},
    platform::Platform,
    private_file,
};

/// The file. It goes when its text is saved, or when nothing was typed.
pub(super) struct DraftFile {
    path: PathBuf,
    /// What it began with.
    before: Vec<u8>,
    /// An editor has it open.
    lent: bool,
}

impl DraftFile {
    /// Makes a file of the person's own, with what is there to begin with.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub(super) fn new(state_dir: &Path, text: &str) -> Result<Self, Failure> {
        let name = format!(
            "quote-{}-{}.txt",
            Local::now().format("%Y%m%d-%H%M%S"),
            std::process::id()
        );
        let path = state_dir.join(name);
        private_file::write(&path, text.as_bytes()).map_err(|error| no_file(state_dir, &error))?;
        Ok(Self {
            path,
            before: text.into(),
            lent: false,
        })
    }

    /// Says whether an editor has the file open. Until it is closed, what is in the file is not all there is.
    pub(super) const fn lend(&mut self, lent: bool) {
        self.lent = lent;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what is in it now; `None` where nothing was changed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn changed(&self) -> io::Result<Option<Vec<u8>>> {
        // Reading anything else than a file may last for ever.
        if !fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("it is no file any more"));
        }
        let now = fs::read(&self.path)?;
        Ok((now != self.before).then_some(now))
    }

    /// Adds to a failure where the text is, if there is any.
    pub(super) fn keep(self, failure: Failure) -> Failure {
        let Some(place) = self.kept_at() else {
            return failure;
        };
        self.leave();
        Failure {
            what: format!("{} {place}", failure.what),
            ..failure
        }
    }

    /// Removes the file: its text is saved.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
        self.leave();
    }

    fn kept_at(&self) -> Option<String> {
        let is_kept = match self.changed() {
            Ok(now) => now.is_some(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        is_kept.then(|| kept_in(&self.path))
    }

    /// Lets go of the file as it is.
    pub(super) fn leave(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for DraftFile {
    /// A signal ends the command: the person hears where the text is.
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        match self.kept_at() {
            _ if self.lent => output::say(&still_open(&self.path)),
            Some(place) => output::say(&place),
            None => drop(fs::remove_file(&self.path)),
        }
    }
}

/// Reads what a person types at the terminal, up to the end of its input, line by line into the file.
///
/// # Errors
/// When standard input cannot be read or the file not be written; what was typed until then is in the file.
pub(super) async fn typed(draft: &DraftFile) -> Result<Vec<u8>, Failure> {
    output::say(&format!(
        "type the text; end it with {} on a line of its own",
        Platform::HERE.end_of_input()
    ));
    let path = draft.path().to_owned();
    input::on_a_thread_left_behind(move || {
        let mut lines = io::stdin().lock();
        let mut text = Vec::new();
        while lines.read_until(b'\n', &mut text)? > 0 {
            private_file::write(&path, &text).map_err(io::Error::other)?;
        }
        Ok(text)
    })
    .await
    .map_err(|error| not_taken_in(&error))
}

pub(super) fn kept_in(path: &Path) -> String {
    format!("Your text is kept in {}.", path.display())
}

pub(super) fn still_open(path: &Path) -> String {
    format!(
        "Your editor is left open: close it. What you save there is kept in {}.",
        path.display()
    )
}

pub(super) fn no_file(directory: &Path, error: &private_file::Error) -> Failure {
    let directory = directory.display();
    let what = format!("No file to keep your text in can be made in {directory}: {error}.");
    Failure::new(Kind::Failed, what)
        .cure("See that the directory can be written to and that the disk is not full.")
}

pub(super) fn not_taken_in(error: &io::Error) -> Failure {
    let what = format!("What you type cannot be taken in: {error}.");
    Failure::new(Kind::Failed, what).cure(
        "See that the disk is not full; or give the text after the command: `epigraph set \"…\"`.",
    )
}
