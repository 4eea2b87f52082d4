//! The configuration file: flat TOML, every key known.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use secrecy::zeroize::Zeroizing;
use toml::{Spanned, de::DeTable};

use super::{SECRET_VARIABLES, SETTINGS, Setting, Value, misconfigured};
use crate::{failure::Failure, platform::Platform};

/// More than any configuration needs: a device or a wrong file must not fill the memory.
const MAX_BYTES: u64 = 1024 * 1024;

const LONGEST_KEY: usize = 40;

/// Reads the file. `None` where it does not exist and no one named it.
pub(super) fn read(
    path: &Path,
    named: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<(Setting, Value)>>, Failure> {
    let text = match text(path) {
        Ok(text) => Zeroizing::new(text),
        // Below a home that is no directory there is no file either.
        Err(Unreadable::Io(error))
            if !named
                && matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
        {
            return Ok(None);
        }
        Err(unreadable) => {
            return Err(unreadable.failure(
                path,
                "Create it from config.example.toml, or leave --config out.",
            ));
        }
    };
    let table = DeTable::parse(text.trim_start_matches('\u{feff}'))
        .map_err(|error| not_toml(path, &text, &error))?;
    let mut values = Vec::new();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let line = line_and_column(&text, key.span().start).0;
        let Some(setting) = SETTINGS.into_iter().find(|setting| setting.key == name) else {
            return Err(unknown(path, line, key, value.get_ref().is_table()));
        };
        let Some(string) = value.get_ref().as_str() else {
            return Err(misconfigured(format!(
                "{}, line {line}: `{name}` is {}, not a text.",
                path.display(),
                with_article(value.get_ref().type_str()),
            ))
            .cure(format!(
                "Write {name} = \"{}\", with the quotes.",
                setting.example
            )));
        };
        let origin = format!("`{name}` in {}", path.display());
        values.push((setting, Value::new(string, origin)));
    }
    warn_if_exposed(path, &values, warnings);
    Ok(Some(values))
}

/// Warns of a file that others may read and that holds a secret.
pub(super) fn warn_if_exposed(
    path: &Path,
    values: &[(Setting, Value)],
    warnings: &mut Vec<String>,
) {
    let opens = |variable: &str| SECRET_VARIABLES.contains(&variable);
    let holds_secret = values
        .iter()
        .any(|(setting, value)| setting.variable.is_some_and(opens) && !value.text().is_empty());
    if holds_secret && let Some(keeps_modes) = readable_by_others(path) {
        warnings.push(exposed(path, keeps_modes));
    }
}

pub(super) fn exposed(path: &Path, keeps_modes: bool) -> String {
    let path = path.display();
    let what =
        format!("{path} contains a password and other accounts of this computer can read it");
    if keeps_modes {
        format!("{what}; run: chmod 600 '{path}'.")
    } else {
        format!("{what}; its file system keeps no modes, so move it to one that does.")
    }
}

/// Says, where others may read a file, whether its mode can be changed.
#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt;

    use crate::private_file::{directory_of, keeps_modes};

    let found = path.metadata().ok()?;
    if !found.is_file() || found.permissions().mode() & 0o044 == 0 {
        return None;
    }
    // A link may come from another file system.
    let place = path.canonicalize().ok()?;
    Some(keeps_modes(directory_of(&place)))
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> Option<bool> {
    None
}

/// Why there is no text to read.
pub(super) enum Unreadable {
    Io(io::Error),
    Directory,
    TooLong,
    NotUtf8(usize),
}

impl Unreadable {
    pub(super) fn failure(&self, path: &Path, cure_when_absent: &str) -> Failure {
        let inside = path.join("config.toml");
        let path = path.display();
        let (what, cure) = match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => (
                format!("{path} does not exist."),
                cure_when_absent.to_owned(),
            ),
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => (
                format!("{path} cannot be read by this account."),
                Platform::HERE.allow_reading().to_owned(),
            ),
            Self::Io(error) => (
                format!("{path} cannot be read: {error}."),
                "Check the path and the disk.".to_owned(),
            ),
            Self::Directory => (
                format!("{path} is a directory, not a file."),
                format!("Name the file inside it, for example {}.", inside.display()),
            ),
            Self::TooLong => (
                format!(
                    "{path} is longer than {} KiB, so it is no configuration.",
                    MAX_BYTES / 1024
                ),
                "Check the path.".to_owned(),
            ),
            Self::NotUtf8(at) => (
                format!("{path} is not valid UTF-8 at byte {at}."),
                "Save it as UTF-8 in your editor.".to_owned(),
            ),
        };
        misconfigured(what).cure(cure)
    }
}

/// Reads a bounded UTF-8 text.
pub(super) fn text(path: &Path) -> Result<String, Unreadable> {
    String::from_utf8(bytes(path)?)
        .map_err(|error| Unreadable::NotUtf8(error.utf8_error().valid_up_to()))
}

/// Reads a bounded file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    // Before it is opened: Windows says of a directory that access to it is denied.
    if path.is_dir() {
        return Err(Unreadable::Directory);
    }
    let file = File::open(path).map_err(Unreadable::Io)?;
    // Room for all of it: what grows leaves copies behind, and it may hold a password.
    let length = file
        .metadata()
        .map_or(0, |found| found.len().min(MAX_BYTES));
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Unreadable::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    Ok(bytes)
}

/// Counts line and column of a byte, both from 1.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Says where the syntax is wrong. Shows nothing of the line itself, which may hold a password.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
    misconfigured(format!(
            "{}, line {line}, column {column}: {}.",
            path.display(),
            error.message().lines().next().unwrap_or("not valid TOML")
        ))
    .cure("Each line is a key, an equals sign and a text in double quotes: issuer = \"https://example.okta.com\".")
}

fn unknown(
    path: &Path,
    line: usize,
    key: &Spanned<toml::de::DeString<'_>>,
    is_table: bool,
) -> Failure {
    let name: &str = key.get_ref();
    // What does not look like a key may be half of a value, and that may be a password.
    let like_a_key = |c: char| c.is_ascii_alphabetic() || "_-".contains(c);
    let shown = if name.len() <= LONGEST_KEY && name.chars().all(like_a_key) {
        format!("the key `{name}`")
    } else {
        "what stands before the =".to_owned()
    };
    let what = format!("{}, line {line}: {shown} is unknown.", path.display());
    let cure = match nearest(name) {
        Some(setting) => format!("Did you mean `{}`?", setting.key),
        None if is_table => {
            "The file has no tables; write the keys at its top, without [brackets].".to_owned()
        }
        None => {
            let keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
            format!("The keys are {}.", keys.join(", "))
        }
    };
    misconfigured(what).cure(cure)
}

/// Finds the setting that a misspelt key, or the name of its variable, means.
fn nearest(name: &str) -> Option<Setting> {
    let by_variable = SETTINGS.into_iter().find(|setting| {
        setting
            .variable
            .is_some_and(|variable| variable.eq_ignore_ascii_case(name))
    });
    by_variable.or_else(|| {
        let name = name.to_lowercase().replace('-', "_");
        SETTINGS
            .into_iter()
            .map(|setting| (strsim::jaro_winkler(setting.key, &name), setting))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, setting)| setting)
    })
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
