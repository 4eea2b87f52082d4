//! `admin`: what the owner of the database does.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Local};
use clap::{Subcommand, builder::NonEmptyStringValueParser};
use secrecy::{ExposeSecret, SecretString};

use super::{
    input,
    output::{self, Outcome, Stop},
    secret,
    use_config::how_to_use,
};
use crate::{
    admin::{self, Access, Applied, How, KeyReport, Owner, People, Person, Proof, Revoked, Status},
    config::{self, Config},
    failure::{Failure, Kind},
    okta::Okta,
    postgres::Target,
    private_file,
    text::{one_line, time_of_day},
};

/// Who the first access is for, where no one says.
const FIRST: &str = "team";

/// The owner's connection string.
#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(clap::Args)]
pub(super) struct OwnerString {
    /// The owner's connection string, or - to read it from standard input
    ///
    /// Other accounts of this computer can see what stands on a command line. Safer: -, or the variable
    /// EPIGRAPH_ADMIN_DATABASE_URL. Without either, the string of the configuration is used. It is never stored.
    #[arg(long, value_name = "URL", value_parser = secret_text)]
    database_url: Option<SecretString>,
}

// What it is for is said of the command.
#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(clap::Args)]
pub(super) struct SetUp {
    #[command(flatten)]
    owner: OwnerString,
    /// The issuer, for example https://example.okta.com; without it that of the configuration, or it asks
    #[arg(long)]
    issuer: Option<String>,
    /// The client id of the native app; without it that of the configuration, or it asks
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Whom the access is for; without it "team", if no one has access yet
    #[arg(long)]
    name: Option<String>,
    /// Make a new password for an access that exists already
    #[arg(long)]
    new_password: bool,
    /// Write the configuration into this new file, which no one else can read, and not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Register this issuer or client id in the place of another one that the database knows
    #[arg(long)]
    replace: bool,
}

#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(Subcommand)]
pub(super) enum AdminCommand {
    /// Set everything up: tables, Okta's keys, the first access; proves that a role without a token reads no row, and prints the config.toml of the access
    ///
    /// Running it again repairs what someone has changed since, and takes nothing away.
    Setup(SetUp),
    /// Bring the database's tables up to this version; running it again changes nothing
    Migrate {
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Register the signing keys that Okta publishes, and retire those that it no longer publishes; for a weekly job
    ///
    /// It needs the owner's connection string only: the database knows the issuer.
    Keys {
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Hand out access: makes a login role for a person or a team, and prints its config.toml once
    Invite {
        /// Whom it is for: letters, digits and _, as in james_joyce
        name: String,
        /// Make a new password for an access that exists already
        #[arg(long)]
        new_password: bool,
        /// Write the configuration into this new file, which no one else can read, and not to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Take access back: ends open connections and removes the login role, with what it made in the database
    Revoke {
        /// The name it was handed out under
        name: String,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Say who has access, which keys are known, who is blocked, and what is not as it should be
    ///
    /// Ends with exit code 1 when something is not as it should be.
    Status {
        /// Print one JSON object: issuer, audience, keys, access, blocked, administrators, others, migration, problems, notes
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Block one person at once, before their token ends
    Block {
        /// Their id at Okta, which epigraph whoami shows them: 00u...
        #[arg(value_name = "SUB", value_parser = NonEmptyStringValueParser::new())]
        user_id: String,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Let one person in again
    Unblock {
        /// Their id at Okta: 00u...
        #[arg(value_name = "SUB", value_parser = NonEmptyStringValueParser::new())]
        user_id: String,
        #[command(flatten)]
        owner: OwnerString,
    },
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "clap wants a parser that can fail"
)]
fn secret_text(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

impl AdminCommand {
    /// What its arguments say in the place of the configuration.
    pub(super) fn given(&self) -> Vec<(&'static str, String)> {
        let Self::Setup(wish) = self else {
            return Vec::new();
        };
        [("issuer", &wish.issuer), ("client_id", &wish.client_id)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)))
            .collect()
    }

    /// Asks at a terminal for what is missing still.
    pub(super) fn ask(
        &self,
        missing: &[&'static str],
    ) -> Result<Vec<(&'static str, String)>, Stop> {
        if !matches!(self, Self::Setup(_)) || !io::stdin().is_terminal() {
            return Ok(Vec::new());
        }
        let questions = [
            (
                "issuer",
                "Your organization's address at Okta, such as https://example.okta.com.\n\
                 The admin console shows it under your name, at the upper right.\n\
                 issuer: ",
            ),
            (
                "client_id",
                "The client id of the native app, such as 0oa1b2c3d4E5F6g7H8i9.\n\
                 The admin console shows it under Applications, Applications, the app, General.\n\
                 client id: ",
            ),
        ];
        questions
            .into_iter()
            .filter(|(key, _)| missing.contains(key))
            .map(|(key, question)| {
                output::ask(question);
                let mut answer = String::new();
                io::stdin()
                    .read_line(&mut answer)
                    .map_err(|error| secret::unreadable(&error))?;
                Ok((key, answer))
            })
            .collect()
    }

    pub(super) async fn run(self, config: &Config) -> Outcome {
        match self {
            Self::Setup(wish) => setup(config, wish).await,
            Self::Migrate { owner } => migrate(&target(config, owner, false).await?).await,
            Self::Keys { owner } => keys(&mut connect(config, owner).await?).await,
            Self::Invite {
                name,
                new_password,
                output,
                owner,
            } => {
                let destination = Destination::checked(output)?;
                let mut owner = connect(config, owner).await?;
                invite(&mut owner, &name, new_password, &destination).await
            }
            Self::Revoke { name, owner } => revoke(&mut connect(config, owner).await?, &name).await,
            Self::Status { json, owner } => status(&mut connect(config, owner).await?, json).await,
            Self::Block { user_id, owner } => {
                let new = admin::block(&mut connect(config, owner).await?, &user_id).await?;
                output::say(&if new {
                    format!("{user_id} is blocked from now on")
                } else {
                    format!("nothing to do: {user_id} was blocked already")
                });
                Ok(())
            }
            Self::Unblock { user_id, owner } => {
                let new = admin::unblock(&mut connect(config, owner).await?, &user_id).await?;
                output::say(&if new {
                    format!("{user_id} is let in again")
                } else {
                    format!("nothing to do: {user_id} was not blocked")
                });
                Ok(())
            }
        }
    }
}

/// Finds the owner's connection string: the argument, the variable, the configuration, and a question if `ask`.
async fn target(config: &Config, given: OwnerString, ask: bool) -> Result<Target, Stop> {
    let question = "The connection string of the database's owner. Neon's console shows it under Connect.\n\
                    connection string (it is not shown): ";
    let url = match given.database_url {
        Some(url) if url.expose_secret() == "-" => secret::read(question).await?,
        Some(url) => url,
        None => match std::env::var(config::ADMIN_DATABASE_URL) {
            Ok(url) if !url.trim().is_empty() => SecretString::from(url),
            _ => match config.database_url() {
                Ok(url) => url.clone(),
                Err(_) if ask && io::stdin().is_terminal() => secret::read(question).await?,
                Err(_) => {
                    return Err(no_string().into());
                }
            },
        },
    };
    Ok(Target::parse(&url)?)
}

async fn connect(config: &Config, given: OwnerString) -> Result<Owner, Stop> {
    let owner = Owner::connect(&target(config, given, false).await?).await?;
    Ok(owner.telling(output::say))
}

async fn migrate(target: &Target) -> Outcome {
    output::say(&format!("migrating {}", target.summary()));
    let applied = admin::migrate_aloud(target, output::say).await?;
    if applied.names.is_empty() {
        output::say("nothing to do: the database is up to date");
    }
    for name in &applied.names {
        output::line(&format!("applied {name}"))?;
    }
    tell_of_the_move(target, &applied).await
}

/// What is new for the people of a database in which an older version has worked.
async fn tell_of_the_move(target: &Target, applied: &Applied) -> Outcome {
    if !applied.blocks_old_programs {
        return Ok(());
    }
    let people = admin::people(&mut Owner::connect(target).await?).await?;
    output::warn(OLD_PROGRAMS);
    output::say(&if people.all.is_empty() {
        "no one has access".to_owned()
    } else {
        format!("who has access now: {}", roles(&people))
    });
    for warning in in_two_databases(&people) {
        output::warn(&warning);
    }
    Ok(())
}

pub(super) const OLD_PROGRAMS: &str = "From now on, older versions of epigraph are refused: people reach their quote by functions, and no longer by the table itself. Have everyone install this version.";

/// Names those who are let in by the group of this database and by that of another one.
pub(super) fn in_two_databases(people: &People) -> Vec<String> {
    let People { group, all } = people;
    all.iter()
        .filter(|person| !person.elsewhere.is_empty())
        .map(|person| {
            let role = &person.role;
            let how = match role.strip_prefix("epigraph_") {
                Some(name) => format!("epigraph admin revoke {name}"),
                None => format!("revoke {group} from \"{role}\";"),
            };
            format!(
                "{role} has access to another database of this server as well ({}), because one group was for all of them. To take it back here alone, run: {how}",
                person.elsewhere.join(", ")
            )
        })
        .collect()
}

async fn setup(config: &Config, wish: SetUp) -> Outcome {
    let destination = &Destination::checked(wish.output)?;
    let okta = match no_okta(&config.missing) {
        Some(failure) => return Err(failure.into()),
        None => config.okta()?.clone(),
    };
    let target = target(config, wish.owner, true).await?;
    // Okta first: nothing is changed for an issuer that is none.
    let keys = Okta::new(okta.clone(), None)?.signing_keys().await?;
    output::say(&format!("setting up {}", target.summary()));
    let mut owner = Owner::connect(&target).await?.telling(output::say);
    let replace = may_replace(&mut owner, &okta, wish.replace).await?;
    let applied = admin::migrate_aloud(&target, output::say).await?;
    for name in &applied.names {
        output::say(&format!("applied {name}"));
    }
    tell_of_the_move(&target, &applied).await?;
    admin::repair(&mut owner).await?;
    let report = admin::register(&mut owner, &okta, &keys, replace).await?;
    for line in key_lines(&report) {
        output::say(&line);
    }
    comment(&report);
    // Before anything is handed out.
    let proof = admin::verify(&mut owner).await?;
    tell_of_the_proof(&proof);

    let people = admin::people(&mut owner).await?;
    let name = whom(&mut owner, wish.name.as_deref(), &people).await?;
    let access = match &name {
        Some(name) => Some(admin::grant(&mut owner, name, wish.new_password).await?),
        None => None,
    };
    output::say(&match &access {
        Some(access) => outcome_of(access),
        None => format!(
            "these roles already have access: {}; for one more, run `epigraph admin invite NAME`",
            roles(&people)
        ),
    });
    let new = access.as_ref().filter(|access| access.password.is_some());
    if let Some(access) = new {
        hand_over_if_ours(&mut owner, &okta, access, destination).await?;
    }
    for person in &people.all {
        let is_it = |access: &Access| access.role == person.role;
        if person.is_unshown && !access.as_ref().is_some_and(is_it) {
            output::warn(&never_shown(&person.role));
        }
    }
    tell_of_the_state(&admin::status(&mut owner).await?, &proof);
    // Someone who takes the file for a configuration finds out too late.
    if destination.is_a_file() && new.is_none() {
        return Err(nothing_to_write(&roles(&people)).into());
    }
    output::say(&left_to_do(&okta));
    Ok(())
}

/// Whom a set-up gives access: who is named; or who was to have it when a set-up was broken off; or a first one.
async fn whom(
    owner: &mut Owner,
    name: Option<&str>,
    people: &People,
) -> Result<Option<String>, Failure> {
    let is_unshown = |person: &Person| person.is_unshown;
    Ok(match (name, people.all.first()) {
        (Some(name), _) => Some(name.to_owned()),
        (None, None) => Some(admin::free_name(owner, FIRST).await?),
        (None, Some(first)) => people
            .all
            .iter()
            .all(is_unshown)
            .then(|| first.role.clone()),
    })
}

fn roles(people: &People) -> String {
    let roles: Vec<_> = people.all.iter().map(|person| &*person.role).collect();
    roles.join(", ")
}

/// Hands an access over, unless it is on the screen and another set-up has just handed it out: this one is done all the same.
async fn hand_over_if_ours(
    owner: &mut Owner,
    okta: &config::Okta,
    access: &Access,
    destination: &Destination,
) -> Outcome {
    match hand_over(owner, okta, access, destination).await {
        Err(Stop::Failed(failure))
            if !destination.is_a_file() && failure == admin::set_by_another(&access.role) =>
        {
            output::warn(&failure.what);
            Ok(())
        }
        handed => handed,
    }
}

/// What a set-up can neither do nor see, in the order in which it is done.
pub(super) fn left_to_do(okta: &config::Okta) -> String {
    let app = &okta.client_id;
    let policies = if okta.issuer.contains("/oauth2/") {
        "\n    at Okta, Security › API › the server › Access Policies: a rule that has Device Authorization ticked"
    } else {
        ""
    };
    format!(
        "left to do by hand, where it is not done yet:
    for the app {app} at Okta, under General: tick Device Authorization and Refresh Token
    for the app {app} at Okta, under Assignments: assign it to the people or to a group{policies}
    every week, on a computer that may hold the owner's string: `epigraph admin keys`
    as the first person, to try all of it: epigraph use, then epigraph doctor"
    )
}

/// Says what the status finds, but for what the proof has said already.
fn tell_of_the_state(status: &Status, proof: &Proof) {
    let is_public_open = *proof == Proof::HeldButPublic;
    if is_public_open {
        output::warn(PUBLIC_IS_OPEN);
    }
    for note in &status.notes {
        if !(is_public_open && note.contains("schema public. It opens no row")) {
            output::say(&format!("note: {note}"));
        }
    }
    for problem in &status.problems {
        output::warn(problem);
    }
}

/// Says whether what is registered may be replaced. Where it is something else, someone has to have said so.
async fn may_replace(owner: &mut Owner, okta: &config::Okta, replace: bool) -> Result<bool, Stop> {
    let known = admin::registration(owner).await?;
    let Some(difference) = known.and_then(|known| admin::difference(&known, okta)) else {
        return Ok(replace);
    };
    if replace {
        output::warn(&difference);
        return Ok(true);
    }
    if !input::can_ask() {
        return Err(admin::not_replaced(&difference).into());
    }
    output::warn(&difference);
    if input::answer("Register the new one in its place? [y/N] ").await == Some(true) {
        Ok(true)
    } else {
        Err(nothing_changed().into())
    }
}

/// It was the answer to a question: there is nothing to do.
pub(super) fn nothing_changed() -> Failure {
    Failure::new(Kind::Failed, "Nothing was changed.")
}

fn tell_of_the_proof(proof: &Proof) {
    match proof {
        Proof::Held | Proof::HeldButPublic => output::say(
            "checked by signing in: without a token, a role cannot read, write, change, delete or lock a row, ask anything of the table, do the owner's work, or read a key",
        ),
        Proof::Unchecked(why) => output::warn(&unchecked(why)),
    }
}

pub(super) const PUBLIC_IS_OPEN: &str = "Every role that can log in may create objects in the schema public, which belongs to another role. That opens no row. A superuser can close it: revoke create on schema public from public;";

pub(super) fn unchecked(why: &Failure) -> String {
    format!(
        "The set-up is done, but was not checked by signing in: {} Behind a proxy, the access may take some minutes to work.",
        why.what
    )
}

pub(super) fn never_shown(role: &str) -> String {
    format!(
        "The password of {role} was set and never shown. For a new one, run `epigraph admin invite {}`",
        role.trim_start_matches("epigraph_")
    )
}

fn outcome_of(access: &Access) -> String {
    format!(
        "{} {}",
        access.role,
        match access.how {
            How::Made => "has access now",
            How::LetInAgain => "has access again, with a new password",
            How::Renewed =>
                "has a new password; open connections last until they end, and a proxy may accept the old one for some minutes",
            How::NeverShown =>
                "has a new password: the old one was never shown, because a run was broken off",
            How::Kept =>
                "already had access and keeps its password, which cannot be shown again; --new-password makes a new one",
        }
    )
}

async fn keys(owner: &mut Owner) -> Outcome {
    let report = admin::refresh_keys(owner, |okta| Okta::new(okta, None)).await?;
    for line in key_lines(&report) {
        output::line(&line)?;
    }
    comment(&report);
    Ok(())
}

fn key_lines(report: &KeyReport) -> Vec<String> {
    [
        ("registered", &report.registered),
        ("still published", &report.still_published),
        ("replaced by another key of that name", &report.replaced),
        (
            "no longer published; kept until its last token has expired",
            &report.kept,
        ),
        ("retired", &report.retired),
    ]
    .into_iter()
    .flat_map(|(what, keys)| {
        keys.iter()
            .map(move |key| format!("key {}: {what}", one_line(key)))
    })
    .collect()
}

fn comment(report: &KeyReport) {
    for why in &report.left_out {
        output::warn(why);
    }
    if report.registered.is_empty() && report.replaced.is_empty() && report.retired.is_empty() {
        output::say(&format!(
            "nothing to do: the database knows every key of {}",
            report.issuer
        ));
    }
}

/// Says what of Okta `setup` must be told where there is no terminal to ask at.
pub(super) fn no_okta(missing: &[&str]) -> Option<Failure> {
    let what = match ["issuer", "client_id"].map(|key| missing.contains(&key)) {
        [true, true] => "The issuer and the client id are missing.",
        [true, false] => "The issuer is missing.",
        [false, true] => "The client id is missing.",
        [false, false] => return None,
    };
    let cure = "Name what is missing: `epigraph admin setup --issuer https://example.okta.com --client-id 0oa1b2c3d4E5F6g7H8i9`.";
    Some(Failure::new(Kind::Config, what).cure(cure))
}

pub(super) fn no_string() -> Failure {
    Failure::new(
        Kind::Config,
        "There is no connection string of the owner's.",
    )
    .cure(format!(
        "Put it into the variable {}, or pipe it in: --database-url -",
        config::ADMIN_DATABASE_URL
    ))
}

pub(super) fn has_access(role: &str) -> Failure {
    let what = format!("{role} already has access, and keeps its password.");
    Failure::new(Kind::Usage, what)
        .cure("Its password cannot be shown again; --new-password makes a new one.")
}

pub(super) fn nothing_to_write(roles: &str) -> Failure {
    let what = format!(
        "No configuration was written: these roles already have access ({roles}), and a password cannot be shown again."
    );
    Failure::new(Kind::Usage, what)
        .cure("Everything else is done. For one more access, run `epigraph admin invite NAME`; for a new password, run this again with --name NAME --new-password.")
}

async fn invite(
    owner: &mut Owner,
    name: &str,
    new_password: bool,
    destination: &Destination,
) -> Outcome {
    let okta = admin::registered_issuer(owner).await?;
    let access = admin::grant(owner, name, new_password).await?;
    if access.password.is_none() {
        return Err(has_access(&access.role).into());
    }
    output::say(&outcome_of(&access));
    hand_over(owner, &okta, &access, destination).await
}

/// Where a configuration goes.
enum Destination {
    Stdout,
    /// A file that is not there yet.
    File(PathBuf),
}

impl Destination {
    /// Finds out whether it can be written, before anything is changed.
    fn checked(output: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = output.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Stdout);
        };
        match private_file::could_create(&path) {
            Ok(()) => Ok(Self::File(path)),
            Err(private_file::Error::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(file_is_there(&path))
            }
            Err(error) => Err(no_new_file(&path, &error)),
        }
    }

    fn is_a_file(&self) -> bool {
        match self {
            Self::Stdout => is_stdout_a_file(),
            Self::File(_) => true,
        }
    }

    fn introduction(&self) -> String {
        match self {
            Self::Stdout => "this is its config.toml; the password in it is shown only this once, so send it where no one else can read it".to_owned(),
            Self::File(path) => format!(
                "its configuration goes to {}; the password is not stored anywhere else, so send it where no one else can read it",
                path.display()
            ),
        }
    }

    /// What the file is called that a person is sent.
    fn name(&self) -> String {
        let name = match self {
            Self::Stdout => None,
            Self::File(path) => path.file_name(),
        };
        name.map_or_else(
            || "config.toml".into(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    fn write(&self, text: &[u8]) -> Outcome {
        match self {
            Self::Stdout => output::data(text),
            Self::File(path) => {
                private_file::create(path, text).map_err(|error| not_written(path, &error).into())
            }
        }
    }
}

#[cfg(unix)]
fn is_stdout_a_file() -> bool {
    use std::os::fd::AsFd;

    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout
        .and_then(|stdout| std::fs::File::from(stdout).metadata())
        .is_ok_and(|found| found.is_file())
}

#[cfg(not(unix))]
fn is_stdout_a_file() -> bool {
    false
}

pub(super) fn file_is_there(path: &Path) -> Failure {
    let path = path.display();
    let what = format!("{path} already exists, and is not overwritten; nothing was changed.");
    Failure::new(Kind::Usage, what).cure(
        "Name a new file. If that one is the configuration of an access, its password is in it.",
    )
}

pub(super) fn no_new_file(path: &Path, error: &private_file::Error) -> Failure {
    let path = path.display();
    let what = format!("{path} cannot be written ({error}); nothing was changed.");
    Failure::new(Kind::Failed, what)
        .cure("Name a file in an existing directory that you may write to.")
}

pub(super) fn not_written(path: &Path, error: &private_file::Error) -> Failure {
    let path = path.display();
    let what = format!("The configuration could not be written to {path} ({error}).");
    Failure::new(Kind::Failed, what)
        .cure("Run it again with another file: it makes a new password, because this one was never shown.")
}

pub(super) const NOT_NOTED: &str = "The database could not record that this password was shown: the next run for this name makes a new one, and this one stops working.";

/// Shows the configuration of an access, this once.
async fn hand_over(
    owner: &mut Owner,
    okta: &config::Okta,
    access: &Access,
    destination: &Destination,
) -> Outcome {
    let Some(text) = owner.config_toml(okta, access) else {
        return Ok(());
    };
    let write = || {
        output::say(&destination.introduction());
        destination.write(text.expose_secret().as_bytes())?;
        output::say(&how_to_use(&destination.name()));
        Ok(())
    };
    if !admin::show::<Stop>(owner, access, write).await? {
        output::warn(NOT_NOTED);
    }
    Ok(())
}

async fn revoke(owner: &mut Owner, name: &str) -> Outcome {
    let Revoked {
        role,
        ended,
        things,
        rights,
        elsewhere,
        left,
    } = admin::revoke(owner, name).await?;
    for left in &left {
        output::warn(left);
    }
    output::say(&format!(
        "{role} has no access any more; open connections that were ended: {ended}"
    ));
    if !elsewhere.is_empty() {
        output::say(&format!(
            "its role and its password stay, because it has access to another database of this server: {}",
            elsewhere.join(", ")
        ));
    }
    if (things, rights) != (0, 0) {
        output::say(&format!(
            "removed with it: {things} of its own objects in this database, {rights} rights that it had been granted"
        ));
    }
    output::say(
        "people keep their Okta tokens; to block a person who knows another access, run `epigraph admin block SUB`",
    );
    if left.is_empty() {
        Ok(())
    } else {
        Err(Stop::Told(Kind::Database.exit_code()))
    }
}

async fn status(owner: &mut Owner, json: bool) -> Outcome {
    let status = admin::status(owner).await?;
    if json {
        output::json(&status)?;
    } else {
        for line in lines(&status) {
            output::line(&line)?;
        }
        tell_of_the_state(&status, &Proof::Held);
    }
    if status.problems.is_empty() {
        if !json {
            output::say("everything is as it should be");
        }
        Ok(())
    } else {
        Err(Stop::Told(Kind::Failed.exit_code()))
    }
}

fn lines(status: &Status) -> Vec<String> {
    let when = |time: &DateTime<Local>| {
        let day = time.format("%Y-%m-%d");
        format!("{day} {}", time_of_day(&time.fixed_offset()))
    };
    let none = || "none".to_owned();
    let mut lines = vec![
        ("issuer", status.issuer.clone().unwrap_or_else(none)),
        ("client id", status.audience.clone().unwrap_or_else(none)),
        ("migration", status.migration.clone().unwrap_or_else(none)),
    ];
    for key in &status.keys {
        let (added, seen) = (when(&key.added_at), when(&key.last_published_at));
        let known = format!(
            "{} bits, known since {added}, last published {seen}",
            key.bits
        );
        lines.push(("key", format!("{}, {known}", key.kid)));
    }
    for member in &status.access {
        let can = if member.can_login { "can" } else { "cannot" };
        let connections = format!("open connections: {}", member.connections);
        lines.push((
            "access",
            format!("{}, {can} log in, {connections}", member.role),
        ));
    }
    for person in &status.blocked {
        let since = when(&person.blocked_at);
        lines.push(("blocked", format!("{}, since {since}", person.user_id)));
    }
    for one in &status.administrators {
        lines.push(("administrator", format!("{}, {}", one.role, one.why)));
    }
    for other in &status.others {
        let connections = format!("open connections: {}", other.connections);
        lines.push(("other login", format!("{}, {connections}", other.role)));
    }
    // A name may hold what a terminal obeys, and a pipe may end at one.
    lines
        .iter()
        .map(|(what, text)| format!("{what:<15}{}", crate::text::harmless(text)))
        .collect()
}
