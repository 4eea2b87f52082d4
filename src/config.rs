//! File and environment become one checked configuration.
//!
//! What wins, from the strongest: the command line (`--store`, and what `admin setup` is given), the environment, the file of `--env-file`, the configuration file.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    failure::{Failure, Kind},
    platform::Platform,
    private_file,
    text::enumerated,
};

mod env_file;
mod environment;
mod file;
mod issuer;

/// Where the session's secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The keyring of the operating system.
    Keyring,
    /// A file of the person's own (0600 in a 0700 directory), chosen explicitly.
    File,
}

impl Store {
    /// Returns the word for it in the configuration file and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::File => "file",
        }
    }

    /// Finds the one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Keyring, Self::File];
        all.into_iter().find(|store| store.name() == name)
    }
}

/// What is needed to talk to Okta.
#[derive(Clone, Debug)]
pub struct Okta {
    /// The issuer, compared exactly with what discovery reports.
    pub issuer: String,
    /// The client id of the native app.
    pub client_id: String,
    /// The client secret, for the rare app that has one.
    pub client_secret: Option<SecretString>,
}

impl Okta {
    /// What tells issuer and client apart in the names of files.
    pub(crate) fn key(&self) -> String {
        format!("{}\n{}", self.issuer, self.client_id)
    }
}

/// The whole configuration. Parts that a command does not need may be absent.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Things worth saying that are not errors, each a sentence.
    pub warnings: Vec<String>,
    /// Where the session's secret is kept.
    pub store: Store,
    /// Whether the command line chose that place against the configuration, for this run alone.
    pub(crate) store_for_now: bool,
    /// Whether the screens have frames: a screen reader may read them aloud.
    pub(crate) frames: bool,
    /// Whether the quote that was last seen is kept for the next start.
    pub last_seen: bool,
    /// Where state is kept: the lock, the draft, the file that replaces the keyring.
    pub state_dir: PathBuf,
    /// The keys of the settings that are missing.
    pub(crate) missing: Vec<&'static str>,
    okta: Result<Okta, Failure>,
    database_url: Result<SecretString, Failure>,
}

/// The platform's directories for this program.
#[derive(Clone, Debug)]
pub struct Places {
    /// The configuration file that is read when none is named.
    pub config_file: PathBuf,
    /// Where state is kept.
    pub state_dir: PathBuf,
}

impl Places {
    /// Finds the platform's directories; `None` where the account has no home directory.
    #[must_use]
    pub fn of_this_platform() -> Option<Self> {
        let directories = directories::ProjectDirs::from("", "", "epigraph")?;
        let config = directories.config_dir();
        let state = directories
            .state_dir()
            .unwrap_or_else(|| directories.data_local_dir());
        Some(Self {
            config_file: config.join("config.toml"),
            state_dir: apart(state, config),
        })
    }
}

/// The state's own directory, also where the platform has one for both (macOS): the configuration's may be a link to where a person
/// keeps such files, and the state's must not be.
fn apart(state: &Path, config: &Path) -> PathBuf {
    if state == config {
        state.join("state")
    } else {
        state.to_path_buf()
    }
}

/// Where a configuration is read from.
pub struct Sources<'a> {
    /// The file that `--config` names.
    pub file: Option<&'a Path>,
    /// The file that `--env-file` names.
    pub env_file: Option<&'a Path>,
    /// What `--store` says.
    pub store: Option<Store>,
    /// What the command line says beside: keys of the configuration file, and their values.
    pub given: &'a [(&'static str, String)],
    /// Looks an environment variable up.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The platform's directories.
    pub places: Option<Places>,
}

impl Sources<'_> {
    /// Where it is read from without being told: the platform's file, and the environment.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            file: None,
            env_file: None,
            store: None,
            given: &[],
            variable: &|name| std::env::var_os(name),
            places: Places::of_this_platform(),
        }
    }
}

/// A setting that a file or a variable can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    /// Its key in the configuration file.
    key: &'static str,
    /// Its variable in the environment, by the name that the guide's web app uses.
    variable: Option<&'static str>,
    /// What a value of it looks like.
    example: &'static str,
}

const ISSUER: Setting = Setting {
    key: "issuer",
    variable: Some("AUTH_OKTA_ISSUER"),
    example: "https://example.okta.com",
};
const CLIENT_ID: Setting = Setting {
    key: "client_id",
    variable: Some("AUTH_OKTA_ID"),
    example: "0oa1b2c3d4E5F6g7H8i9",
};
const CLIENT_SECRET: Setting = Setting {
    key: "client_secret",
    variable: Some("AUTH_OKTA_SECRET"),
    example: "only where the app has one",
};
const DATABASE_URL: Setting = Setting {
    key: "database_url",
    variable: Some("DATABASE_URL"),
    example: "postgresql://USER:PASSWORD@HOST/DATABASE?sslmode=require",
};
const STORE: Setting = Setting {
    key: "store",
    variable: None,
    example: "keyring",
};
const FRAMES: Setting = Setting {
    key: "frames",
    variable: None,
    example: "on",
};
const LAST_SEEN: Setting = Setting {
    key: "last_seen",
    variable: None,
    example: "on",
};
const SETTINGS: [Setting; 7] = [
    ISSUER,
    CLIENT_ID,
    CLIENT_SECRET,
    DATABASE_URL,
    STORE,
    FRAMES,
    LAST_SEEN,
];

/// The file in the state directory that holds what the person chose on the screens: a [`Store`] by its name. The setting wins.
pub(crate) const CHOSEN_STORE: &str = "store";

/// The variable that gives an administrator's connection string to `admin`.
pub const ADMIN_DATABASE_URL: &str = "EPIGRAPH_ADMIN_DATABASE_URL";

/// The variables that hold a secret: no child process may inherit them.
pub(crate) const SECRET_VARIABLES: [&str; 3] =
    ["AUTH_OKTA_SECRET", "DATABASE_URL", ADMIN_DATABASE_URL];

/// Keeps the secrets of this program out of the environment of another.
pub(crate) fn hide_secrets(command: &mut Command) {
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
}

/// A setting's text and where it came from. Every one is handled as a secret, so that no message can show the wrong one.
#[derive(Clone, Debug)]
struct Value {
    text: SecretString,
    /// In the words of a message.
    origin: String,
}

impl Value {
    fn new(text: &str, origin: String) -> Self {
        Self {
            text: SecretString::from(text.trim()),
            origin,
        }
    }

    fn text(&self) -> &str {
        self.text.expose_secret()
    }
}

impl Config {
    /// Reads the configuration that `epigraph` finds without being told: the platform's file, and the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn found() -> Result<Self, Failure> {
        Self::load(&Sources::of_this_process())
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// When a file cannot be read or understood, or there is no place to keep state. A setting that is missing or wrong
    /// is reported by the method that hands it out, because not every command needs it.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Failure> {
        let places = sources.places.clone().ok_or_else(|| {
            misconfigured("This account has no home directory, so there is no place for the configuration and the session.")
            .cure(Platform::HERE.needs_home())
        })?;
        let mut warnings = Vec::new();
        let path = sources.file.unwrap_or(&places.config_file);
        let kept = file::read(path, sources.file.is_some(), &mut warnings)?;
        let borrowed = match sources.env_file {
            Some(path) => environment::read(path, sources.variable, &mut warnings)?,
            None => Vec::new(),
        };

        let read = Read {
            sources,
            borrowed,
            kept,
        };
        let issuer = read.find(ISSUER)?;
        let client_id = read.find(CLIENT_ID)?;
        let client_secret = read.find(CLIENT_SECRET)?;
        let database_url = read.find(DATABASE_URL)?;
        let stores = [Store::Keyring, Store::File].map(|store| (store.name(), store));
        let lasting = match read.find(STORE)? {
            Some(value) => either(
                &value,
                stores,
                "Write store = \"keyring\" (the default), or store = \"file\" where there is no keyring.",
            )?,
            None => chosen_store(&places.state_dir),
        };
        let store = sources.store.unwrap_or(lasting);
        let frames = read.is_on(FRAMES, "frames = \"off\" for a screen reader")?;
        let last_seen = read.is_on(
            LAST_SEEN,
            "last_seen = \"off\" to keep no quote on this computer",
        )?;

        let missing: Vec<Setting> = [
            (ISSUER, issuer.is_none()),
            (CLIENT_ID, client_id.is_none()),
            (DATABASE_URL, database_url.is_none()),
        ]
        .into_iter()
        .filter_map(|(setting, missing)| missing.then_some(setting))
        .collect();
        let lacks = || {
            if missing.len() == 3 && read.kept.is_none() && sources.file.is_none() {
                not_set_up(path)
            } else {
                not_set(&missing, path)
            }
        };
        let okta = match (issuer, client_id) {
            (Some(issuer), Some(client_id)) => checked_okta(&issuer, &client_id, client_secret),
            _ => Err(lacks()),
        };
        Ok(Self {
            file: read.kept.as_ref().map(|_| path.to_path_buf()),
            warnings,
            store,
            store_for_now: store != lasting,
            frames,
            last_seen,
            state_dir: places.state_dir,
            missing: missing.iter().map(|setting| setting.key).collect(),
            okta,
            database_url: database_url.map(|value| value.text).ok_or_else(lacks),
        })
    }

    /// Returns what is needed to talk to Okta.
    ///
    /// # Errors
    /// Says which setting is missing or wrong, and where to put it.
    pub fn okta(&self) -> Result<&Okta, Failure> {
        self.okta.as_ref().map_err(Clone::clone)
    }

    /// Returns the connection string of the database, as it was given.
    ///
    /// # Errors
    /// Says that it is missing, and where to put it.
    pub fn database_url(&self) -> Result<&SecretString, Failure> {
        self.database_url.as_ref().map_err(Clone::clone)
    }
}

fn checked_okta(
    issuer: &Value,
    client_id: &Value,
    client_secret: Option<Value>,
) -> Result<Okta, Failure> {
    issuer::check(issuer)?;
    if client_id.text() == CLIENT_ID.example {
        return Err(misconfigured(format!(
            "The client id ({}) is still the one of the example.",
            client_id.origin
        ))
        .cure("Use the configuration that your administrator sent you: epigraph use config.toml"));
    }
    let unfit = |c: char| c.is_whitespace() || c.is_control();
    if client_id.text().contains("://") || client_id.text().contains(unfit) {
        return Err(misconfigured(format!(
            "The client id ({}) is not a client id.",
            client_id.origin
        ))
        .cure(format!(
            "Copy it from the General tab of the app in Okta's admin console; it looks like {}.",
            CLIENT_ID.example
        )));
    }
    Ok(Okta {
        issuer: issuer.text().to_owned(),
        client_id: client_id.text().to_owned(),
        client_secret: client_secret.map(|value| value.text),
    })
}

/// What was read, from the strongest to the weakest.
struct Read<'a> {
    sources: &'a Sources<'a>,
    /// Of the file of `--env-file`.
    borrowed: Vec<(Setting, Value)>,
    /// Of the configuration file, where there is one.
    kept: Option<Vec<(Setting, Value)>>,
}

impl Read<'_> {
    fn find(&self, setting: Setting) -> Result<Option<Value>, Failure> {
        let given = self
            .sources
            .given
            .iter()
            .find(|(key, _)| *key == setting.key);
        if let Some((key, text)) = given {
            let option = format!("--{}", key.replace('_', "-"));
            return Ok(Some(Value::new(text, option)));
        }
        if let Some(value) = environment::variable(setting, self.sources.variable)? {
            return Ok(Some(value));
        }
        let mut files = self.borrowed.iter().chain(self.kept.iter().flatten());
        let found = files.find(|(name, value)| *name == setting && !value.text().is_empty());
        Ok(found.map(|(_, value)| value.clone()))
    }

    /// Reads a setting that is on unless it is off, for which the cure says why it may be.
    fn is_on(&self, setting: Setting, off: &str) -> Result<bool, Failure> {
        let cure = format!("Write \"on\", which is the default, or {off}.");
        let value = self.find(setting)?;
        value.map_or(Ok(true), |value| {
            either(&value, [("on", true), ("off", false)], &cure)
        })
    }
}

/// Reads a setting that is one of two words.
fn either<T>(value: &Value, words: [(&str, T); 2], cure: &str) -> Result<T, Failure> {
    let [one, other] = words.each_ref().map(|(word, _)| *word);
    let named = words.into_iter().find(|(word, _)| *word == value.text());
    named.map(|(_, meaning)| meaning).ok_or_else(|| {
        misconfigured(format!(
            "{} is neither \"{one}\" nor \"{other}\".",
            value.origin
        ))
        .cure(cure)
    })
}

/// Returns what the person chose on the screens.
fn chosen_store(state_dir: &Path) -> Store {
    let chosen = private_file::read(&state_dir.join(CHOSEN_STORE), 64);
    let chosen = chosen.ok().flatten().and_then(|contents| {
        let name = std::str::from_utf8(contents.bytes.trim_ascii()).ok()?;
        Store::named(name)
    });
    chosen.unwrap_or(Store::Keyring)
}

/// A setting, or what holds it, is wrong.
fn misconfigured(what: impl Into<String>) -> Failure {
    Failure::new(Kind::Config, what)
}

/// Says whom to turn to where nothing was set up yet.
fn not_set_up(path: &Path) -> Failure {
    misconfigured("epigraph is not set up on this computer.").cure(format!(
        "Were you sent a config.toml? Run `epigraph use config.toml`.\n\
         Do you set it up for others? Run `epigraph admin setup`.\n\
         By hand: write {}, set the variables AUTH_OKTA_ISSUER, AUTH_OKTA_ID and DATABASE_URL, or name the guide's own file with \
         --env-file .env.local.",
        path.display()
    ))
}

/// Says which settings are missing, and shows them all at once as they would be written.
fn not_set(missing: &[Setting], path: &Path) -> Failure {
    let keys: Vec<String> = missing.iter().map(|s| format!("`{}`", s.key)).collect();
    let (what, them) = match keys.as_slice() {
        [key] => (format!("The setting {key} is missing."), "it"),
        keys => (
            format!("The settings {} are missing.", enumerated(keys)),
            "them",
        ),
    };
    let lines: Vec<String> = missing
        .iter()
        .map(|setting| format!("\n    {} = \"{}\"", setting.key, setting.example))
        .collect();
    let variables: Vec<&str> = missing.iter().filter_map(|s| s.variable).collect();
    misconfigured(what).cure(format!(
        "Put {them} into {}:{}\nor into the environment as {}, or name the guide's own file with --env-file .env.local.",
        path.display(),
        lines.concat(),
        variables.join(", "),
    ))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
