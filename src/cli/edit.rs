//! `set --edit`: the quote in the person's own editor. What was written is never lost.

use std::{
    io,
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use super::{draft::DraftFile, input, output, signals::HoldInterrupts};
use crate::{
    config::{Config, hide_secrets},
    failure::{Failure, Kind},
    platform::Platform,
};

/// Lets the person edit. `None` where nothing was changed.
pub(super) async fn edit(
    config: &Config,
    current: Option<&str>,
) -> Result<Option<(String, DraftFile)>, Failure> {
    let editor = editor(|name| std::env::var(name).ok())?;
    let text = current.map_or(String::new(), |current| format!("{current}\n"));
    let mut draft = DraftFile::new(&config.state_dir, &text)?;
    draft.lend(true);
    let started = Instant::now();
    let ended = run(&editor, draft.path()).await;
    draft.lend(false);
    let changed = draft.changed();
    let failed = match &ended {
        Ok(status) if status.success() => None,
        Ok(status) => Some(describe(&editor, *status)),
        Err(error) => Some(not_started(&editor, error)),
    };
    if let Some(what) = failed {
        return Err(draft.keep(failed_editor(what)));
    }
    let after = match changed {
        Ok(Some(after)) => after,
        Ok(None) => {
            if started.elapsed() < AT_ONCE || does_not_wait(&editor) {
                output::say(&may_be_open(&editor, draft.path()));
                draft.leave();
            } else {
                draft.remove();
            }
            return Ok(None);
        }
        Err(error) => {
            let failure = no_text_left(draft.path(), &error);
            draft.leave();
            return Err(failure);
        }
    };
    let text = match input::text_of(after, "the editor") {
        Ok(text) => input::without_last_line_break(&text).to_owned(),
        Err(failure) => return Err(draft.keep(failure)),
    };
    if Some(text.as_str()) == current {
        draft.remove();
        return Ok(None);
    }
    Ok(Some((text, draft)))
}

/// An editor that ends sooner, and changes nothing, has opened a window and gone.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Editors that hand a file to a window and end, and what makes them wait.
const WINDOWS: &[(&str, &str)] = &[
    ("atom", "--wait"),
    ("code", "--wait"),
    ("code-insiders", "--wait"),
    ("codium", "--wait"),
    ("cursor", "--wait"),
    ("gvim", "-f"),
    ("kate", "--block"),
    ("mate", "--wait"),
    ("mvim", "-f"),
    ("subl", "--wait"),
    ("windsurf", "--wait"),
    ("zed", "--wait"),
];

/// Says what makes an editor wait that does not by itself.
fn waits_with(editor: &str) -> Option<&'static str> {
    let editor = editor.trim_start();
    let path = match editor.chars().next()? {
        quote @ ('"' | '\'') => editor[1..].split(quote).next()?,
        _ => editor.split_whitespace().next()?,
    };
    let file = path.rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    let endings = [".exe", ".cmd", ".bat"];
    let ending = endings.iter().find_map(|ending| file.strip_suffix(ending));
    let program = ending.unwrap_or(&file);
    let known = WINDOWS.iter().find(|(name, _)| *name == program);
    known.map(|(_, option)| *option)
}

fn does_not_wait(editor: &str) -> bool {
    let told_to = |option: &str| {
        let also = option.trim_start_matches('-').get(..1).unwrap_or_default();
        editor
            .split_whitespace()
            .any(|word| word == option || word == format!("-{also}") || word == "--nofork")
    };
    waits_with(editor).is_some_and(|option| !told_to(option))
}

pub(super) fn may_be_open(editor: &str, path: &Path) -> String {
    let option = waits_with(editor).unwrap_or("--wait");
    format!(
        "The editor `{editor}` changed nothing before it ended. If its window is still open: what you save there is kept in {}. \
         With EDITOR=\"{editor} {option}\" it waits.",
        path.display()
    )
}

pub(super) fn not_started(editor: &str, error: &io::Error) -> String {
    format!("The editor `{editor}` cannot be started: {error}.")
}

pub(super) fn failed_editor(what: String) -> Failure {
    Failure::new(Kind::Failed, what)
        .cure("Set VISUAL or EDITOR to an editor that works, for example: EDITOR=nano epigraph set --edit")
}

pub(super) fn no_text_left(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    let what = format!("The editor left no text at {path}: {error}.");
    Failure::new(Kind::Failed, what).cure(
        "Nothing was saved, and the quote is as it was: see where the editor keeps what you wrote.",
    )
}

/// Finds the editor, as `git` and its like do.
pub(super) fn editor(variable: impl Fn(&str) -> Option<String>) -> Result<String, Failure> {
    ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.trim().is_empty())
        .ok_or_else(|| {
            Failure::new(Kind::Usage, "No editor is set.").cure(Platform::HERE.name_editor())
        })
}

/// Runs the editor on the terminal. The variable is a command line, with options and quotes as the shell reads them.
async fn run(editor: &str, path: &Path) -> io::Result<ExitStatus> {
    #[cfg(unix)]
    let mut command = {
        let mut command = tokio::process::Command::new("/bin/sh");
        // The shell itself must outlive a Ctrl-C that the editor handles; what it starts does not inherit the trap.
        command
            .arg("-c")
            .arg(format!("trap : INT; {editor} \"$1\""))
            .arg("sh");
        command
    };
    #[cfg(unix)]
    command.arg(path);
    #[cfg(windows)]
    let mut command = {
        let mut command = tokio::process::Command::new("cmd.exe");
        command.raw_arg(for_cmd(editor, path));
        command
    };
    hide_secrets(command.as_std_mut());
    // Ctrl-C belongs to the editor while it runs.
    let _held = HoldInterrupts::new();
    command.status().await
}

/// What the shell of Windows is started with. It finds `code` as code.cmd (PATHEXT), reads quotes, and takes the outer pair off.
#[cfg(any(windows, test))]
fn for_cmd(editor: &str, path: &Path) -> String {
    format!("/d /s /c \"{editor} \"{}\"\"", path.display())
}

pub(super) fn describe(editor: &str, status: ExitStatus) -> String {
    match status.code() {
        // 9009 is what the shell of Windows says.
        Some(127 | 9009) => format!("The editor `{editor}` was not found."),
        Some(126) => format!("The editor `{editor}` is not a program that may be run."),
        Some(code) => {
            format!("The editor `{editor}` ended with exit code {code}, so nothing was saved.")
        }
        None => format!("The editor `{editor}` was killed, so nothing was saved."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visual_comes_before_editor_and_blank_is_not_set() {
        let with = |visual: Option<&str>, plain: Option<&str>| {
            editor(|name| if name == "VISUAL" { visual } else { plain }.map(str::to_owned))
                .map_err(|failure| failure.kind)
        };
        assert_eq!(with(Some("v"), Some("e")), Ok("v".into()));
        assert_eq!(with(Some(" "), Some("e -w")), Ok("e -w".into()));
        assert_eq!(with(None, None), Err(Kind::Usage));
    }

    #[test]
    fn the_shell_of_windows_gets_a_command_line_in_quotes() {
        let path = Path::new(r"C:\Users\Nora Barnacle\quote.txt");
        for (editor, line) in [
            (
                "code --wait",
                r#"/d /s /c "code --wait "C:\Users\Nora Barnacle\quote.txt"""#,
            ),
            (
                r#""C:\Program Files\Vim\gvim.exe" -f"#,
                r#"/d /s /c ""C:\Program Files\Vim\gvim.exe" -f "C:\Users\Nora Barnacle\quote.txt"""#,
            ),
        ] {
            assert_eq!(for_cmd(editor, path), line);
        }
    }

    #[test]
    fn an_editor_that_opens_a_window_is_known_by_its_name() {
        for (editor, waits) in [
            ("code", false),
            ("/usr/bin/code -n", false),
            ("subl", false),
            ("gvim", false),
            ("code --wait", true),
            ("code -w", true),
            ("gvim --nofork", true),
            ("gvim -f", true),
            ("kate -b", true),
            ("vim", true),
            ("nano -w", true),
            (r#""C:\Program Files\VS Code\bin\code.cmd""#, false),
            (r#""C:\Program Files\VS Code\bin\Code.CMD" --wait"#, true),
            (r"C:\vim\GVIM.EXE", false),
            ("'/opt/my editors/subl' -n", false),
            ("", true),
        ] {
            assert_eq!(does_not_wait(editor), !waits, "{editor}");
        }
    }
}
