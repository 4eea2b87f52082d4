//! `set --edit`: the quote in the person's own editor. What was written is never lost.

use std::{io, path::Path, process::ExitStatus};

use super::{draft::DraftFile, input, signals::HoldInterrupts};
use crate::{
    config::{Config, SECRET_VARIABLES},
    failure::{Failure, Kind},
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
    let Some(after) = changed.map_err(|error| no_text_left(draft.path(), &error))? else {
        draft.remove();
        return Ok(None);
    };
    match input::text_of(after, "the editor") {
        Ok(text) => Ok(Some((
            input::without_last_line_break(&text).to_owned(),
            draft,
        ))),
        Err(failure) => Err(draft.keep(failure)),
    }
}

pub(super) fn not_started(editor: &str, error: &io::Error) -> String {
    format!("The editor `{editor}` cannot be started: {error}.")
}

pub(super) fn failed_editor(what: String) -> Failure {
    Failure::new(Kind::Failed, what)
        .cure("Set VISUAL or EDITOR to an editor that works, for example: EDITOR=nano epigraph set --edit")
}

pub(super) fn no_text_left(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("The editor left no text at {}: {error}.", path.display()),
    )
    .cure(
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
            Failure::new(Kind::Usage, "No editor is set.")
                .cure("Name one: EDITOR=nano epigraph set --edit")
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
    #[cfg(not(unix))]
    let mut command = {
        let mut words = editor.split_whitespace();
        let mut command = tokio::process::Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    };
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
    // Ctrl-C belongs to the editor while it runs.
    let _held = HoldInterrupts::new();
    command.arg(path).status().await
}

pub(super) fn describe(editor: &str, status: ExitStatus) -> String {
    match status.code() {
        Some(127) => format!("The editor `{editor}` was not found."),
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
}
