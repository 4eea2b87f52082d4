//! The terminal opened once more, so that neither reading nor writing waits. The one that the program was given is the shell's too.

use std::fs::File;

#[cfg(unix)]
pub(super) fn for_reading() -> Option<File> {
    unix::open(std::io::stdin(), rustix::fs::OFlags::RDONLY)
}

#[cfg(unix)]
pub(super) fn for_writing() -> Option<File> {
    unix::open(std::io::stdout(), rustix::fs::OFlags::WRONLY)
}

/// A console is not opened a second time.
#[cfg(not(unix))]
pub(super) fn for_writing() -> Option<File> {
    None
}

#[cfg(unix)]
mod unix {
    use std::{ffi::OsStr, fs::File, os::fd::AsFd, os::unix::ffi::OsStrExt};

    use rustix::{
        fs::{Mode, OFlags, fstat},
        termios::ttyname,
    };

    /// `None` where the terminal has no name here, as in a container, or is not to be opened, as after `su`.
    pub(super) fn open(terminal: impl AsFd, access: OFlags) -> Option<File> {
        let name = ttyname(&terminal, Vec::new()).ok()?;
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(OsStr::from_bytes(name.as_bytes()), flags, Mode::empty());
        let opened = opened.ok()?;
        let is_same = fstat(&opened).ok()?.st_rdev == fstat(&terminal).ok()?.st_rdev;
        is_same.then(|| opened.into())
    }
}
