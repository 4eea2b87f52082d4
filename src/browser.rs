//! The browser: opened only when asked, and only at an `https` address.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    config::hide_secrets,
    failure::{Failure, Kind},
};

/// How long a launcher may take to say that it cannot; one that still runs then is taken to have opened something.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens an address in the browser and does not wait for it. Blocks for a second at most.
///
/// # Errors
/// When the address is not `https`, or no browser can be started.
pub(crate) fn open(address: &str) -> Result<(), Failure> {
    if !address.starts_with("https://") {
        return Err(Failure::new(
            Kind::Failed,
            "The address does not start with https://, so it was not opened.",
        )
        .cure("Ask an administrator of your Okta organization: codes are typed at an address with https only."));
    }
    if open::commands(address).into_iter().any(starts) {
        return Ok(());
    }
    Err(none())
}

/// No browser came up.
fn none() -> Failure {
    Failure::new(Kind::Failed, "No browser can be started on this computer.")
        .cure("Open the address yourself, on any device.")
}

/// Starts a launcher apart from this terminal, and without this program's secrets in its environment.
fn starts(mut command: Command) -> bool {
    hide_secrets(&mut command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let Ok(mut launcher) = command.spawn() else {
        return false;
    };
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match launcher.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Ok(Some(status)) => return status.success(),
            Err(_) => return false,
        }
    }
    // Reaped when it ends, which may be when the browser is closed.
    thread::spawn(move || launcher.wait());
    true
}

#[cfg(test)]
mod messages;
