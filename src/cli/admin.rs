//! `admin`: what the owner of the database does.

use std::io::{self, IsTerminal};

use chrono::{DateTime, Local};
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};

use super::{
    output::{self, Outcome, Stop},
    secret,
};
use crate::{
    admin::{self, Access, KeyReport, Owner, Status},
    config::{self, Config},
    failure::{Failure, Kind},
    okta::Okta,
    postgres::Target,
};

/// Who the first access is for, where nobody says.
const FIRST: &str = "team";
/// The access for the proof after a set-up, where the password of the real one is not known.
const CHECK: &str = "setup_check";

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

#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(Subcommand)]
pub(super) enum AdminCommand {
    /// Set everything up: tables, Okta's keys, the first access; prints its config.toml and proves that it sees no other's row
    ///
    /// Running it again repairs what somebody has changed since, and takes nothing away from anybody.
    Setup {
        #[command(flatten)]
        owner: OwnerString,
        /// The issuer, for example https://example.okta.com; without it that of the configuration, or it asks
        #[arg(long)]
        issuer: Option<String>,
        /// The client id of the native app; without it that of the configuration, or it asks
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        /// Whom the access is for; without it "team", if nobody has access yet
        #[arg(long)]
        name: Option<String>,
        /// Give an access that is there already a new password
        #[arg(long)]
        new_password: bool,
    },
    /// Bring the database's tables up to this version; running it again changes nothing
    Migrate {
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Register the signing keys that Okta publishes, and retire those that are over; for a weekly job
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
        /// Give an access that is there already a new password
        #[arg(long)]
        new_password: bool,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Take access back: ends open connections and removes the login role
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
        /// Print one JSON object: issuer, audience, keys, access, blocked, migration, problems
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Shut one person out at once, before their token ends
    Block {
        /// Their id at Okta, which epigraph whoami shows them: 00u...
        #[arg(value_name = "SUB")]
        user_id: String,
        #[command(flatten)]
        owner: OwnerString,
    },
    /// Let one person in again
    Unblock {
        /// Their id at Okta: 00u...
        #[arg(value_name = "SUB")]
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
        match self {
            Self::Setup {
                issuer, client_id, ..
            } => [("issuer", issuer), ("client_id", client_id)]
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.clone()?)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Asks at a terminal for what is missing still.
    pub(super) fn ask(
        &self,
        missing: &[&'static str],
    ) -> Result<Vec<(&'static str, String)>, Stop> {
        if !matches!(self, Self::Setup { .. }) || !io::stdin().is_terminal() {
            return Ok(Vec::new());
        }
        let questions = [
            ("issuer", "the issuer (https://ORG.okta.com): "),
            ("client_id", "the client id of the native app (0oa...): "),
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
            Self::Setup {
                owner,
                name,
                new_password,
                ..
            } => setup(config, owner, name.as_deref(), new_password).await,
            Self::Migrate { owner } => migrate(&target(config, owner, false).await?).await,
            Self::Keys { owner } => keys(&mut connect(config, owner).await?).await,
            Self::Invite {
                name,
                new_password,
                owner,
            } => invite(&mut connect(config, owner).await?, &name, new_password).await,
            Self::Revoke { name, owner } => revoke(&mut connect(config, owner).await?, &name).await,
            Self::Status { json, owner } => status(&mut connect(config, owner).await?, json).await,
            Self::Block { user_id, owner } => {
                let new = admin::block(&mut connect(config, owner).await?, &user_id).await?;
                output::say(&if new {
                    format!("{user_id} is shut out from now on")
                } else {
                    format!("nothing to do: {user_id} was shut out already")
                });
                Ok(())
            }
            Self::Unblock { user_id, owner } => {
                let new = admin::unblock(&mut connect(config, owner).await?, &user_id).await?;
                output::say(&if new {
                    format!("{user_id} is let in again")
                } else {
                    format!("nothing to do: {user_id} was not shut out")
                });
                Ok(())
            }
        }
    }
}

/// Finds the owner's connection string: the argument, the variable, the configuration, and a question if `ask`.
async fn target(config: &Config, given: OwnerString, ask: bool) -> Result<Target, Stop> {
    let question = "the owner's connection string (it is not shown): ";
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
    Ok(Owner::connect(&target(config, given, false).await?).await?)
}

async fn migrate(target: &Target) -> Outcome {
    output::say(&format!("migrating {}", target.summary()));
    let applied = admin::migrate(target).await?;
    if applied.is_empty() {
        output::say("nothing to do: the database is up to date");
    }
    for name in applied {
        output::line(&format!("applied {name}"))?;
    }
    Ok(())
}

async fn setup(
    config: &Config,
    owner: OwnerString,
    name: Option<&str>,
    new_password: bool,
) -> Outcome {
    let okta = config.okta()?.clone();
    let target = target(config, owner, true).await?;
    // Okta first: nothing is changed for an issuer that is none.
    let keys = Okta::new(okta.clone())?.signing_keys().await?;
    output::say(&format!("setting up {}", target.summary()));
    for name in admin::migrate(&target).await? {
        output::say(&format!("applied {name}"));
    }
    let mut owner = Owner::connect(&target).await?;
    admin::repair(&mut owner).await?;
    let report = admin::register(&mut owner, &okta, &keys).await?;
    for line in key_lines(&report) {
        output::say(&line);
    }
    comment(&report);

    let there = admin::status(&mut owner).await?.access;
    let name = match (name, there.is_empty()) {
        (Some(name), _) => Some(name),
        (None, true) => Some(FIRST),
        (None, false) => None,
    };
    let access = match name {
        Some(name) => Some(admin::grant(&mut owner, name, new_password).await?),
        None => None,
    };
    if let Some(access) = &access {
        output::say(&format!(
            "{} {}",
            access.role,
            match (access.made, &access.password) {
                (true, _) => "has access now",
                (false, Some(_)) => "has a new password",
                (false, None) =>
                    "had access before and keeps its password, which cannot be shown again; --new-password makes a new one",
            }
        ));
    } else {
        let roles: Vec<_> = there.iter().map(|member| member.role.as_str()).collect();
        output::say(&format!(
            "there is access already: {}; epigraph admin invite NAME hands out more",
            roles.join(", ")
        ));
    }
    prove(&mut owner, access.as_ref()).await?;
    output::say(
        "checked by signing in: without a token this access reads, writes, changes and deletes no row, makes nothing, and reads no key",
    );
    for problem in admin::status(&mut owner).await?.problems {
        output::warn(&problem);
    }
    match access.and_then(|access| owner.config_toml(&okta, &access)) {
        Some(text) => hand_over(&text),
        None => Ok(()),
    }
}

/// Signs in as the role that was handed out, or as one that is made for this and goes again, and is refused.
async fn prove(owner: &mut Owner, access: Option<&Access>) -> Result<(), Failure> {
    if let Some(url) = access.and_then(|access| owner.url_of(access)) {
        return admin::verify(owner, &url).await;
    }
    let visitor = admin::grant(owner, CHECK, true).await?;
    let proof = match owner.url_of(&visitor) {
        Some(url) => admin::verify(owner, &url).await,
        None => Ok(()),
    };
    admin::revoke(owner, CHECK).await?;
    proof
}

async fn keys(owner: &mut Owner) -> Outcome {
    let report = admin::refresh_keys(owner, Okta::new).await?;
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
        (
            "not published any more, kept until its last token is over",
            &report.kept,
        ),
        ("retired", &report.retired),
    ]
    .into_iter()
    .flat_map(|(what, keys)| keys.iter().map(move |key| format!("key {key}: {what}")))
    .collect()
}

fn comment(report: &KeyReport) {
    for why in &report.left_out {
        output::warn(why);
    }
    if report.registered.is_empty() && report.retired.is_empty() {
        output::say(&format!(
            "nothing to do: the database knows every key of {}",
            report.issuer
        ));
    }
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
    Failure::new(
        Kind::Usage,
        format!("{role} has access already, and keeps its password."),
    )
    .cure("Its password cannot be shown again; --new-password makes a new one.")
}

async fn invite(owner: &mut Owner, name: &str, new_password: bool) -> Outcome {
    let okta = admin::registered_issuer(owner).await?;
    let access = admin::grant(owner, name, new_password).await?;
    let Some(text) = owner.config_toml(&okta, &access) else {
        return Err(has_access(&access.role).into());
    };
    output::say(&format!(
        "{} {}",
        access.role,
        if access.made {
            "has access now"
        } else {
            "has a new password; open connections stay until they end"
        }
    ));
    hand_over(&text)
}

/// Prints the configuration of an access.
fn hand_over(text: &SecretString) -> Outcome {
    output::say(
        "this is the config.toml for it; the password in it is shown this once, so send it on a way that nobody else reads",
    );
    output::data(text.expose_secret().as_bytes())
}

async fn revoke(owner: &mut Owner, name: &str) -> Outcome {
    let revoked = admin::revoke(owner, name).await?;
    for left in &revoked.left {
        output::warn(left);
    }
    output::say(&format!(
        "{} has no access any more; open connections that were ended: {}",
        revoked.role, revoked.ended
    ));
    output::say(
        "whoever signs in at Okta keeps their tokens; to shut a person out who knows another access, run: epigraph admin block SUB",
    );
    if revoked.left.is_empty() {
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
        for note in &status.notes {
            output::say(&format!("note: {note}"));
        }
        for problem in &status.problems {
            output::warn(problem);
        }
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
    let day = |time: &DateTime<Local>| time.format("%Y-%m-%d %H:%M").to_string();
    let none = || "none".to_owned();
    let mut lines = vec![
        ("issuer", status.issuer.clone().unwrap_or_else(none)),
        ("client id", status.audience.clone().unwrap_or_else(none)),
        ("migration", status.migration.clone().unwrap_or_else(none)),
    ];
    lines.extend(status.keys.iter().map(|key| {
        let known = format!(
            "{}, {} bits, known since {}, last published {}",
            key.kid,
            key.bits,
            day(&key.added_at),
            day(&key.last_published_at)
        );
        ("key", known)
    }));
    lines.extend(status.access.iter().map(|member| {
        let can = if member.can_login {
            "can log in"
        } else {
            "cannot log in"
        };
        let access = format!(
            "{}, {can}, open connections: {}",
            member.role, member.connections
        );
        ("access", access)
    }));
    lines.extend(status.blocked.iter().map(|person| {
        (
            "blocked",
            format!("{}, since {}", person.user_id, day(&person.blocked_at)),
        )
    }));
    lines.extend(
        status
            .administrators
            .iter()
            .map(|one| ("administrator", format!("{}, {}", one.role, one.why))),
    );
    lines.extend(status.others.iter().map(|other| {
        (
            "other login",
            format!("{}, open connections: {}", other.role, other.connections),
        )
    }));
    // A name may hold what a terminal obeys, and a pipe may end at one.
    lines
        .iter()
        .map(|(what, text)| format!("{what:<15}{}", crate::text::harmless(text)))
        .collect()
}
