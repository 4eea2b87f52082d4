//! What is printed: data to stdout, talk to stderr, and how a command ends.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

use crate::{
    failure::{Failure, Kind},
    text,
};

/// Why a command stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It failed.
    Failed(Failure),
    /// It failed with this exit code and has said why.
    Told(u8),
    /// The reader of its output has gone.
    BrokenPipe,
    /// A signal of this number asked it to stop.
    Signal(u8),
}

impl Stop {
    /// Returns the exit code; for a signal the one that shells use.
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(failure) => failure.kind.exit_code(),
            Self::Told(code) => *code,
            Self::BrokenPipe => BROKEN_PIPE,
            Self::Signal(number) => 128 + *number,
        }
    }
}

/// The exit code of a program that SIGPIPE ended.
pub(super) const BROKEN_PIPE: u8 = 128 + 13;

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a command ends.
pub(super) type Outcome = Result<(), Stop>;

/// How `--json` shows a failure.
#[derive(Clone, Copy)]
pub(super) enum JsonShape {
    /// As an object like the others of the command.
    Object,
    /// As an event among others.
    Event,
}

/// A failure as `--json` shows it.
#[derive(Serialize)]
pub(super) struct JsonFailure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    error: &'a str,
    hint: Option<&'a str>,
    exit_code: u8,
}

impl<'a> JsonFailure<'a> {
    pub(super) fn new(failure: &'a Failure, shape: JsonShape) -> Self {
        Self {
            event: match shape {
                JsonShape::Object => None,
                JsonShape::Event => Some("failed"),
            },
            error: &failure.what,
            hint: failure.cure.as_deref(),
            exit_code: failure.kind.exit_code(),
        }
    }
}

/// Writes data to stdout as it is.
pub(super) fn data(bytes: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stop::BrokenPipe),
        Err(error) => Err(unwritable(&error).into()),
    }
}

pub(super) fn unwritable(error: &io::Error) -> Failure {
    let what = format!("The output cannot be written: {error}.");
    Failure::new(Kind::Failed, what)
        .cure("See that what it goes to can be written to, and that the disk is not full.")
}

/// Writes one line of data; what a terminal would obey is made harmless if there is one.
pub(super) fn line(text: &str) -> Outcome {
    if io::stdout().is_terminal() {
        data(format!("{}\n", harmless(text)).as_bytes())
    } else {
        data(format!("{text}\n").as_bytes())
    }
}

/// Writes one JSON object on a line of its own.
pub(super) fn json(value: &impl Serialize) -> Outcome {
    let mut text =
        serde_json::to_string(value).map_err(|error| unwritable(&io::Error::from(error)))?;
    text.push('\n');
    data(escaped(&text).as_bytes())
}

/// Escapes what JSON may hold as it is and a terminal would obey, so that the same bytes are good for both.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let is_obeyed = c.is_control() && c != '\n'
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if is_obeyed {
            // All of them are below U+10000, where one escape is one character.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Says something to the person. No one may be listening, and that is no failure.
pub(super) fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}", harmless(text)).and_then(|()| stderr.flush());
}

/// Asks something: the answer is typed on the same line.
pub(super) fn ask(question: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{}", harmless(question)).and_then(|()| stderr.flush());
}

/// Draws on the terminal what this program has made itself, colours included.
pub(super) fn drawing(lines: &str) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{lines}").and_then(|()| stderr.flush());
}

/// Warns of something.
pub(super) fn warn(sentence: &str) {
    say(&format!("warning: {}", as_clause(sentence)));
}

/// Says what happened, and what to do next.
pub(super) fn report(failure: &Failure) {
    say(&format!("error: {}", as_clause(&failure.what)));
    if let Some(cure) = &failure.cure {
        say(&format!("hint: {}", as_clause(cure)));
    }
}

/// Words that keep their capital in the middle of a line.
const NAMES: [&str; 6] = ["Okta", "Okta's", "Neon", "Neon's", "Windows", "Debian"];

/// Turns sentences into what follows `error:` and the like: no capital but a name's, no full stop.
fn as_clause(sentence: &str) -> String {
    let sentence = sentence.trim();
    let sentence = match sentence.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest,
        _ => sentence,
    };
    let first_word = sentence.split(' ').next().unwrap_or_default();
    // With a dot, a colon or a slash in it, it is a path.
    let first_word = first_word.trim_end_matches([',', ':', '.']);
    let mut letters = first_word.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stays = NAMES.contains(&first_word) || letters.any(|c| !c.is_lowercase() && c != '\'');
    if stays || !first.is_uppercase() {
        return sentence.to_owned();
    }
    first
        .to_lowercase()
        .chain(sentence.chars().skip(1))
        .collect()
}

/// Makes a text safe to show on a terminal, line by line; line breaks and tabs stay.
pub(super) fn harmless(text: &str) -> String {
    text.split_inclusive(['\n', '\t'])
        .flat_map(|piece| {
            let row = piece.trim_end_matches(['\n', '\t']);
            [text::harmless(row), piece[row.len()..].into()]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_obeyed() {
        for (text, shown) in [
            ("plain\ttext\nline", "plain\ttext\nline"),
            ("\x1b[31mred\x1b[m", "\u{241b}[31mred\u{241b}[m"),
            ("a\rb\x07\0\x7f", "a\u{240d}b\u{2407}\u{2400}\u{2421}"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("abc\u{202e}fdp", "abc\u{fffd}fdp"),
            ("\u{2066}x\u{2069}", "\u{fffd}x\u{fffd}"),
            ("👨‍👩‍👧 日本 é", "👨‍👩‍👧 日本 é"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }

    #[test]
    fn json_stays_what_it_is_and_a_terminal_obeys_none_of_it() {
        let text = "a\u{9b}31m\u{7f}\u{202e}\u{2028}\x1b日本\n";
        let json = serde_json::to_string(text).expect("JSON") + "\n";
        let safe = escaped(&json);
        assert_eq!(safe, "\"a\\u009b31m\\u007f\\u202e\\u2028\\u001b日本\\n\"\n");
        assert_eq!(
            serde_json::from_str::<String>(&safe).ok().as_deref(),
            Some(text)
        );
    }

    #[test]
    fn a_sentence_becomes_a_clause_and_names_stay() {
        for (sentence, clause) in [
            ("The quote is empty.", "the quote is empty"),
            ("Okta cannot be reached.", "Okta cannot be reached"),
            ("TLS failed.", "TLS failed"),
            ("PostgreSQL refuses.", "PostgreSQL refuses"),
            (
                "Put it there. Then try again.",
                "put it there. Then try again",
            ),
            ("Wait...", "wait..."),
            ("DATABASE_URL is empty.", "DATABASE_URL is empty"),
            ("/tmp/x does not exist.", "/tmp/x does not exist"),
            ("My.toml does not exist.", "My.toml does not exist"),
            (
                r"C:\my files\x.toml, line 2: no key.",
                r"C:\my files\x.toml, line 2: no key",
            ),
            ("Okta's answer is odd.", "Okta's answer is odd"),
            ("A b.", "a b"),
            ("", ""),
        ] {
            assert_eq!(as_clause(sentence), clause);
        }
    }
}
