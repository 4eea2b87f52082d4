//! What we start must not inherit which signals we ignore: `nohup`, and a shell's background, have theirs ignored, and the
//! programs under test heed that.

use std::{fs, sync::Once, thread};

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Hears the signals that we were told to ignore, and does nothing about them. A child starts with its own way again, because
/// what is heard is not handed on as what is ignored is.
pub(crate) fn hear_what_is_ignored() {
    static ONCE: Once = Once::new();
    // On a thread of its own: a test may have a runtime on this one.
    ONCE.call_once(|| thread::spawn(hear).join().expect("they can be heard"));
}

fn hear() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let runtime = super::served::runtime();
    let _inside = runtime.enter();
    for kind in [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::TSTP,
    ] {
        if mask >> (kind.as_raw() - 1) & 1 == 1 {
            // It stays heard when this is dropped.
            drop(signal(SignalKind::from_raw(kind.as_raw())).expect("it can be heard"));
        }
    }
}
