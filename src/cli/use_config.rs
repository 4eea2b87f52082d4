//! `use FILE`: puts a configuration that a person was sent in its place.

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
};

use super::{
    input::{on_a_thread, text_of},
    output::{self, Outcome},
};
use crate::{
    config::{Config, Places, Sources},
    failure::{Failure, Kind},
    postgres::Target,
    private_file,
};

/// More than any configuration has.
const LONGEST: u64 = 1 << 20;

/// Checks a configuration file, and copies it to where it is looked for. Another one is replaced only where the person says so.
/// Returns whether they want to log in at once.
async fn put_in_place(file: &Path, place: Option<&Path>, yes: bool) -> Result<bool, Failure> {
    let places = Places::of_this_platform().ok_or_else(no_home)?;
    let place = place.unwrap_or(&places.config_file);
    let text = fs::read(file).map_err(|error| unreadable(file, &error))?;
    if text.len() as u64 > LONGEST {
        return Err(unreadable(file, &io::Error::other("it is too long")));
    }
    let text = text_of(text, &file.display().to_string())?;
    let config = Config::load(&Sources {
        file: Some(file),
        env_file: None,
        store: None,
        given: &[],
        // What is set here now may be gone tomorrow: the file must do.
        variable: &|_| None,
        places: Some(places.clone()),
    })?;
    config.okta()?;
    Target::parse(config.database_url()?)?;

    let there = fs::read(place).ok();
    if there.as_deref() != Some(text.as_bytes()) {
        if there.is_some() && !yes && !may_replace(place).await? {
            return Err(left_alone(place));
        }
        private_file::write(place, text.as_bytes()).map_err(|error| not_written(place, &error))?;
    }
    output::say(&format!("the configuration is in {}", place.display()));
    if fs::canonicalize(file).ok() != fs::canonicalize(place).ok() {
        output::say(&format!(
            "{} is not needed any more; delete it, for it may hold a password",
            file.display()
        ));
    }
    if !has_person() {
        output::say("next: epigraph login");
        return Ok(false);
    }
    Ok(answer("Log in now? [Y/n] ").await? != Some(false))
}

fn has_person() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

async fn may_replace(place: &Path) -> Result<bool, Failure> {
    if !has_person() {
        return Err(is_there(place));
    }
    let question = format!(
        "Replace the other configuration in {}? [y/N] ",
        place.display()
    );
    Ok(answer(&question).await? == Some(true))
}

/// Asks, and returns the answer; `None` where there was none.
async fn answer(question: &str) -> Result<Option<bool>, Failure> {
    output::ask(question);
    let line = on_a_thread(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    })
    .await
    .map_err(|error| super::secret::unreadable(&error))?;
    Ok(match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    })
}

pub(super) fn no_home() -> Failure {
    Failure::new(
        Kind::Config,
        "This account has no home directory, so there is no place for a configuration.",
    )
    .cure("Name the file with --config wherever you run epigraph.")
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Usage,
        format!(
            "The configuration {} cannot be read: {error}.",
            file.display()
        ),
    )
    .cure("Name the file that you were sent, for example: epigraph use ~/Downloads/config.toml")
}

pub(super) fn is_there(place: &Path) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("Another configuration is in {}.", place.display()),
    )
    .cure("Add --yes to replace it.")
}

pub(super) fn left_alone(place: &Path) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("The configuration in {} stays as it was.", place.display()),
    )
}

pub(super) fn not_written(place: &Path, error: &private_file::Error) -> Failure {
    Failure::new(
        Kind::Failed,
        format!(
            "The configuration cannot be written to {}: {error}.",
            place.display()
        ),
    )
    .cure("See that the directory is yours and can be written to.")
}

/// What an administrator sends along with a configuration, on two lines.
pub(super) fn how_to_use(name: &str) -> String {
    format!("send these two lines with it:\n    epigraph use {name}\n    epigraph")
}

/// Puts the configuration in its place, and signs in where the person wants to.
pub(super) async fn set_up(file: &Path, place: Option<&Path>, yes: bool) -> Outcome {
    if !put_in_place(file, place, yes).await? {
        return Ok(());
    }
    let config = Config::load(&Sources {
        file: place,
        env_file: None,
        store: None,
        given: &[],
        variable: &|name| std::env::var_os(name),
        places: Places::of_this_platform(),
    })?;
    super::account::login(&config, false, false).await
}
