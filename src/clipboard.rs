//! The clipboard of the system, by the programs that systems have for it: where the screen is the person's own, or tmux stands between.
//!
//! What none of them can reach is left to the terminal (OSC 52), which takes it or not, and never says so.

use std::{env, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{app::Clipboard, config::hide_secrets};

/// How long a program may take for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A program that writes a clipboard, and one that reads it.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    clipboard: Clipboard,
    write: &'static [&'static str],
    read: &'static [&'static str],
    /// Whether it takes UTF-16 with a mark at its start.
    wide: bool,
}

const TMUX: Way = Way {
    clipboard: Clipboard::Tmux,
    write: &["tmux", "load-buffer", "-w", "-"],
    read: &["tmux", "save-buffer", "-"],
    wide: false,
};
const WAYLAND: Way = system(&["wl-copy"], &["wl-paste", "--no-newline"]);
const XCLIP: Way = system(
    &["xclip", "-selection", "clipboard", "-in"],
    &["xclip", "-selection", "clipboard", "-out"],
);
const XSEL: Way = system(
    &["xsel", "--clipboard", "--input"],
    &["xsel", "--clipboard", "--output"],
);
const MACOS: Way = system(&["pbcopy"], &["pbpaste"]);
const WINDOWS: Way = Way {
    wide: true,
    ..system(
        &["clip.exe"],
        &[
            "powershell.exe",
            "-NoProfile",
            "-Command",
            "[Console]::OutputEncoding = [Text.Encoding]::UTF8; [Console]::Write((Get-Clipboard -Raw))",
        ],
    )
};

const fn system(write: &'static [&'static str], read: &'static [&'static str]) -> Way {
    Way {
        clipboard: Clipboard::System,
        write,
        read,
        wide: false,
    }
}

/// Puts a text in the first clipboard that takes it, and says which that was.
pub(crate) async fn copy(text: &str) -> Option<Clipboard> {
    for way in ways(env::consts::OS, |name| env::var(name).ok()) {
        let bytes = if way.wide {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        } else {
            text.as_bytes().to_vec()
        };
        if run(way.write, Some(&bytes)).await.is_some() {
            return Some(way.clipboard);
        }
    }
    None
}

/// Returns what is in the first clipboard that can be read.
pub(crate) async fn paste() -> Option<String> {
    for way in ways(env::consts::OS, |name| env::var(name).ok()) {
        if let Some(bytes) = run(way.read, None).await {
            return String::from_utf8(bytes)
                .ok()
                .filter(|text| !text.is_empty());
        }
    }
    None
}

/// Returns the ways that lead to a screen in front of the person, as far as the environment tells.
fn ways(system: &str, variable: impl Fn(&str) -> Option<String>) -> Vec<Way> {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let mut ways = Vec::new();
    if !remote {
        match system {
            "macos" => ways.push(MACOS),
            "windows" => ways.push(WINDOWS),
            _ => {}
        }
        if is_set("WSL_DISTRO_NAME") {
            ways.push(WINDOWS);
        }
        if is_set("WAYLAND_DISPLAY") {
            ways.push(WAYLAND);
        }
    }
    // The display of another machine is the person's own, which SSH leads to.
    let display = variable("DISPLAY").unwrap_or_default();
    if !display.is_empty() && (!remote || !display.starts_with(':')) {
        ways.extend([XCLIP, XSEL]);
    }
    if is_set("TMUX") {
        ways.push(TMUX);
    }
    ways
}

/// Runs a program without this program's secrets, and apart from its terminal. Returns what it said, where it went well.
async fn run(command: &[&str], input: Option<&[u8]>) -> Option<Vec<u8>> {
    let (program, arguments) = command.split_first()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        // One that stays to hand the text out must hold no pipe of ours open.
        .stdout(if input.is_some() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stderr(Stdio::null())
        .kill_on_drop(true);
    hide_secrets(command.as_std_mut());
    #[cfg(unix)]
    command.process_group(0);
    let ended = timeout(PATIENCE, async {
        let mut child = command.spawn()?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input).await?;
            stdin.shutdown().await?;
        }
        child.wait_with_output().await
    });
    let output = ended.await.ok()?.inspect_err(|error| {
        tracing::debug!(program, %error, "no clipboard by this program");
    });
    output
        .ok()
        .filter(|output| output.status.success())
        .map(|output| output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = &'static [(&'static str, &'static str)];

    #[test]
    fn a_clipboard_is_used_where_its_screen_is_in_front() {
        let table: [(&str, Variables, &[Way]); 9] = [
            ("linux", &[], &[]),
            (
                "linux",
                &[("WAYLAND_DISPLAY", "wayland-0"), ("DISPLAY", ":0")],
                &[WAYLAND, XCLIP, XSEL],
            ),
            (
                "linux",
                &[("DISPLAY", ":0"), ("SSH_CONNECTION", "1 2 3 4")],
                &[],
            ),
            (
                "linux",
                &[("DISPLAY", "localhost:10.0"), ("SSH_TTY", "/dev/pts/1")],
                &[XCLIP, XSEL],
            ),
            (
                "linux",
                &[("TMUX", "/tmp/t,1,0"), ("SSH_TTY", "/dev/pts/1")],
                &[TMUX],
            ),
            ("linux", &[("WSL_DISTRO_NAME", "Debian")], &[WINDOWS]),
            ("macos", &[], &[MACOS]),
            ("macos", &[("SSH_TTY", "/dev/ttys1")], &[]),
            ("windows", &[], &[WINDOWS]),
        ];
        for (system, environment, expected) in table {
            let variable = |name: &str| {
                let found = environment.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(
                ways(system, variable),
                *expected,
                "{system} {environment:?}"
            );
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_is_given_the_text_and_believed_when_it_fails() {
        assert_eq!(run(&["cat"], None).await, Some(Vec::new()));
        assert_eq!(
            run(&["sh", "-c", "read line; [ $line = Yes ]"], Some(b"Yes\n")).await,
            Some(Vec::new())
        );
        assert_eq!(run(&["false"], Some(b"Yes")).await, None);
        assert_eq!(run(&["no-such-program"], None).await, None);
    }
}
