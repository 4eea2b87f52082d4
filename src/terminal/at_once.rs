//! The terminal opened once more, so that writing to it does not wait. The one that the program was given is the shell's too.

use std::fs::File;

/// Opens the terminal of standard output. `None` where it has no name here, as in a container, or is not to be opened, as after `su`.
#[cfg(unix)]
pub(super) fn open() -> Option<File> {
    use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt};

    use rustix::{
        fs::{Mode, OFlags, fstat, open},
        termios::ttyname,
    };

    let name = ttyname(io::stdout(), Vec::new()).ok()?;
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = open(OsStr::from_bytes(name.as_bytes()), flags, Mode::empty()).ok()?;
    let is_same = fstat(&opened).ok()?.st_rdev == fstat(io::stdout()).ok()?.st_rdev;
    is_same.then(|| opened.into())
}

/// A console is not opened a second time.
#[cfg(not(unix))]
pub(super) fn open() -> Option<File> {
    None
}
