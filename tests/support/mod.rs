//! The real parts that the tests and the demo start: each in a scratch directory, gone when we are.

// Every user of these parts (the tests, the demo) leaves some of them unused.
#![allow(dead_code, unused_imports, unused_macros)]

pub(crate) mod ca;
pub(crate) mod guardian;
pub(crate) mod neon;
#[cfg(test)]
pub(crate) mod oidc_provider;
pub(crate) mod okta;
pub(crate) mod person;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod privilege;
pub(crate) mod process;
#[cfg(test)]
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod pty;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod secret_service;
pub(crate) mod secrets;
pub(crate) mod served;
pub(crate) mod signals;
#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
pub(crate) mod svg;
pub(crate) mod tls_front;
pub(crate) mod token;
#[cfg(test)]
pub(crate) mod token_cases;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The binary that is being tested. The demo, which shares these parts, has none and does not ask for it.
pub(crate) const PROGRAM: &str = match option_env!("CARGO_BIN_EXE_epigraph") {
    Some(path) => path,
    None => "epigraph",
};

/// How long a condition may take on a slow and busy machine before the wait for it counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Held while a terminal is opened and while a server is started, which would inherit the terminal in the moment before that is
/// closed to other programs, and keep it open for as long as it runs.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` gives something, and panics with `what` when it never does.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// The same of what is only to become so.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    wait_until(what, || condition().then_some(()));
}

/// Finds a free port on the loopback interface, for a server that cannot choose one by itself.
pub(crate) fn free_port() -> u16 {
    served::listen().1
}
