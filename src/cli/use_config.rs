//! `use FILE`: installs the configuration file that a person was sent.

use std::{fs, io, path::Path};

use secrecy::zeroize::Zeroizing;

use super::{
    input::{answer, can_ask},
    output::{self, Outcome},
};
use crate::{
    config::{Config, Sources},
    failure::{Failure, Kind},
    postgres::Target,
    private_file,
};

/// Checks a configuration file, and copies it to where it is looked for. Another one is replaced only where the person says so.
/// Returns whether they want to log in at once.
async fn put_in_place(file: &Path, place: Option<&Path>, yes: bool) -> Result<bool, Failure> {
    let cannot_read = |error: io::Error| unreadable(file, &error);
    fs::metadata(file).map_err(cannot_read)?;
    let sources = Sources {
        file: Some(file),
        // What is set here now may be gone tomorrow: the file must do.
        variable: &|_| None,
        ..Sources::of_this_process()
    };
    let config = Config::load(&sources)?;
    config.okta()?;
    Target::parse(config.database_url()?)?;
    let places = sources.places.expect("nothing is read without a home");
    let place = place.unwrap_or(&places.config_file);

    let text = Zeroizing::new(fs::read(file).map_err(cannot_read)?);
    let there = fs::read(place).ok().map(Zeroizing::new);
    if there.is_some_and(|there| there != text) && !yes && !may_replace(place).await? {
        return Err(left_alone(place));
    }
    private_file::write(place, &text).map_err(|error| not_written(place, &error))?;
    output::say(&format!("the configuration is in {}", place.display()));
    if fs::canonicalize(file).ok() != fs::canonicalize(place).ok() {
        output::say(&format!(
            "{} is not needed any more; delete it, because it may contain a password",
            file.display()
        ));
    }
    if !can_ask() {
        output::say("next: epigraph login");
        return Ok(false);
    }
    Ok(answer("Log in now? [Y/n] ").await != Some(false))
}

async fn may_replace(place: &Path) -> Result<bool, Failure> {
    if !can_ask() {
        return Err(is_there(place));
    }
    let question = format!(
        "Replace the other configuration in {}? [y/N] ",
        place.display()
    );
    Ok(answer(&question).await == Some(true))
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let file = file.display();
    let what = format!("The configuration {file} cannot be read: {error}.");
    Failure::new(Kind::Usage, what)
        .cure("Name the file that you were sent, for example: epigraph use ~/Downloads/config.toml")
}

pub(super) fn is_there(place: &Path) -> Failure {
    let place = place.display();
    let what = format!("Another configuration is in {place}.");
    Failure::new(Kind::Usage, what).cure("Add --yes to replace it.")
}

pub(super) fn left_alone(place: &Path) -> Failure {
    let place = place.display();
    let what = format!("The configuration in {place} stays as it was.");
    Failure::new(Kind::Failed, what)
}

pub(super) fn not_written(place: &Path, error: &private_file::Error) -> Failure {
    let place = place.display();
    let what = format!("The configuration cannot be written to {place}: {error}.");
    Failure::new(Kind::Failed, what).cure("See that the directory is yours and can be written to.")
}

/// What an administrator sends along with a configuration, on two lines.
pub(super) fn how_to_use(name: &str) -> String {
    format!("send these two lines with it:\n    epigraph use {name}\n    epigraph")
}

/// Installs the configuration, and signs in where the person wants to.
pub(super) async fn set_up(file: &Path, place: Option<&Path>, yes: bool) -> Outcome {
    if !put_in_place(file, place, yes).await? {
        return Ok(());
    }
    let config = Config::load(&Sources {
        file: place,
        ..Sources::of_this_process()
    })?;
    super::account::login(&config, false, false).await
}
