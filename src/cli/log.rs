//! The log file of `--log`: what the program does, never a token, a password or a quote.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::Mutex,
};

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::failure::{Failure, Kind};
#[cfg(unix)]
use crate::private_file;

/// The variable that says how much is logged.
pub(super) const LEVEL: &str = "EPIGRAPH_LOG";

/// Starts to log into a file.
///
/// Only this program's own events: libraries log what is not theirs to show, such as the parameters of a statement.
pub(super) fn start(path: &Path, level: Option<&str>) -> Result<(), Failure> {
    let level = match level {
        None | Some("") => LevelFilter::INFO,
        Some(word) => match word.to_lowercase().as_str() {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => {
                return Err(no_level());
            }
        },
    };
    let file = open(path).map_err(|error| unwritable(path, &error))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        // Where the disk is full: its complaint would go over the screen, and panic where no one takes it.
        .log_internal_errors(false)
        .with_writer(Mutex::new(file))
        .with_filter(Targets::new().with_target("epigraph", level));
    // A second call in one process (a test) keeps the first log.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // No link that someone put there is followed, and no pipe is waited at.
    #[cfg(unix)]
    private_file::no_follow(&mut options);
    options
        .open(path)
        .map_err(|error| match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => io::Error::other("it is a symbolic link"),
            _ => error,
        })
}

pub(super) fn no_level() -> Failure {
    let what = format!("The variable {LEVEL} is not a log level.");
    Failure::new(Kind::Config, what).cure("The levels are error, warn, info, debug and trace.")
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    let what = format!("The log {path} cannot be written: {error}.");
    Failure::new(Kind::Config, what).cure("Name another file after --log.")
}
