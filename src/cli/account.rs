//! `login`, `logout` and `whoami`.

use std::io::{self, IsTerminal};

use chrono::{DateTime, Local, SecondsFormat};
use parking_lot::Mutex;
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde::Serialize;

use super::output::{self, Outcome};
use crate::{
    account::{Activity, DeviceCode, SignOutOutcome},
    background, browser, client,
    config::Config,
    failure::{Failure, Kind},
    session::Progress,
    text,
};

/// What `login --json` prints, one per line. A failure is the event that `output::JsonFailure` describes.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Code {
        user_code: &'a str,
        verification_uri: &'a str,
        verification_uri_complete: Option<&'a str>,
        expires_at: String,
    },
    Pending,
    SignedIn {
        name: &'a str,
        id: &'a str,
    },
}

/// Signs in with a device code.
pub(super) async fn login(config: &Config, json: bool, open: bool) -> Outcome {
    let session = client::session_with(config, ())?;
    // A session that cannot be read is no obstacle to a new one; whether a new one can be kept is looked at next.
    if let Ok(Some(standing)) = session.standing(&quiet()).await {
        output::say(&format!(
            "{} is signed in; signing in again replaces that session",
            standing.user.name
        ));
    }
    let code = session.request_code(&quiet()).await?;
    if json {
        output::json(&Event::Code {
            user_code: &code.user_code,
            verification_uri: &code.verification_uri,
            verification_uri_complete: code.verification_uri_complete.as_deref(),
            expires_at: code.expires_at.to_rfc3339_opts(SecondsFormat::Secs, false),
        })?;
    } else {
        show(&code);
    }
    if open {
        let address = code
            .verification_uri_complete
            .unwrap_or(code.verification_uri);
        if let Err(failure) = background::on_a_thread(move || browser::open(&address)).await? {
            output::warn(&failure.what);
        }
    }
    let restored = session.await_approval(&waiting(json)).await?;
    for warning in &restored.warnings {
        output::warn(&warning.to_string());
    }
    if json {
        output::json(&Event::SignedIn {
            name: &restored.user.name,
            id: &restored.user.id,
        })
    } else {
        output::say(&format!("signed in as {}", restored.user.name));
        if config.store_for_now {
            let store = config.store.name();
            output::say(&format!(
                "hint: other commands find this session with --store {store}, or with store = \"{store}\" in the configuration"
            ));
        }
        Ok(())
    }
}

/// Shows what is to be done on the other device. The address stands alone on its line, so that it can be copied whole.
fn show(code: &DeviceCode) {
    output::say(&format!(
        "To sign in, open this address on any device:\n\n    {}\n\nand type this code:\n\n    {}\n",
        code.verification_uri, code.user_code
    ));
    if let Some(address) = &code.verification_uri_complete {
        output::say(&format!(
            "or open the address that has the code in it:\n\n    {address}\n"
        ));
        if let Some(drawing) = qr_code(address) {
            output::drawing(&drawing);
        }
    }
    output::say(&format!(
        "The code works until {}. Approve it only if you started this sign-in yourself,\n\
         and give it to no one. Waiting for your approval (Ctrl-C cancels)",
        text::time_of_day(&code.expires_at)
    ));
}

/// Draws a QR code for the terminal; `None` where there is no terminal or it does not fit.
fn qr_code(text: &str) -> Option<String> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let (columns, rows) = crossterm::terminal::size().ok()?;
    let drawing = QrCode::new(text).ok()?.render::<Dense1x2>().build();
    let fits = drawing.lines().count() < usize::from(rows)
        && drawing.lines().next()?.chars().count() <= usize::from(columns);
    // Black on white, whatever the terminal's colours are.
    let coloured = drawing
        .lines()
        .flat_map(|line| ["\x1b[30;107m", line, "\x1b[m\n"]);
    fits.then(|| coloured.collect())
}

/// Reports nothing but what the person must hear.
pub(super) fn quiet() -> Progress {
    reporter(|_| false)
}

/// Reports each poll to a script, and a lost connection to a person.
fn waiting(json: bool) -> Progress {
    reporter(move |activity| {
        let poll = json && *activity == Activity::WaitingForApproval;
        if poll {
            // A reader that has gone is noticed at the end; until then the approval may still come.
            let _ = output::json(&Event::Pending);
        }
        poll
    })
}

/// Tells the person what `handled` leaves, each thing once until there is progress.
fn reporter(handled: impl Fn(&Activity) -> bool + Send + Sync + 'static) -> Progress {
    let told = Mutex::new(Vec::new());
    Progress::new(move |activity| {
        tracing::debug!(?activity, "waiting");
        let mut told = told.lock();
        if activity == Activity::WaitingForApproval {
            told.clear();
        }
        if !handled(&activity) && !told.contains(&activity) {
            tell(&activity);
            told.push(activity);
        }
    })
}

fn tell(activity: &Activity) {
    match activity {
        Activity::SessionNotKept(failure) | Activity::Unguarded(failure) => {
            output::warn(&failure.to_string());
        }
        Activity::KeyringAsks => {
            output::say("your computer asks in a window whether epigraph may use your keyring");
        }
        Activity::RetryingOkta => output::say("Okta does not answer; trying again"),
        Activity::WakingDatabase => output::say("waking the database"),
        Activity::RetryingDatabase => output::say("the database does not answer; trying again"),
        _ => {}
    }
}

/// Ends the session.
pub(super) async fn logout(config: &Config) -> Outcome {
    let session = client::session_with(config, ())?;
    let was_signed_out = matches!(session.standing(&quiet()).await, Ok(None));
    match session.sign_out().await? {
        SignOutOutcome::Revoked if was_signed_out => output::say("you were not signed in"),
        SignOutOutcome::Revoked => output::say("signed out"),
        SignOutOutcome::OnlyLocally(failure) => {
            output::say("signed out on this computer");
            output::warn(&format!(
                "your session at Okta lives on until it expires: {}",
                failure.what
            ));
        }
    }
    Ok(())
}

/// What `whoami --json` prints.
#[derive(Serialize)]
struct WhoAmI<'a> {
    name: &'a str,
    id: &'a str,
    id_token_expires_at: Option<String>,
    renews: bool,
    issuer: &'a str,
    store: &'static str,
    place: String,
}

/// Says who is signed in, without asking Okta.
pub(super) async fn whoami(config: &Config, json: bool) -> Outcome {
    let issuer = &config.okta()?.issuer;
    let session = client::session_with(config, ())?;
    let place = session.location();
    let standing = session
        .standing(&quiet())
        .await?
        .ok_or_else(not_signed_in)?;
    let expires_at = standing
        .id_token_expires_at
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(|time| time.with_timezone(&Local));
    let valid = expires_at.is_some_and(|time| time > Local::now());
    if !valid && !standing.renews {
        return Err(ended().into());
    }
    if json {
        return output::json(&WhoAmI {
            name: &standing.user.name,
            id: &standing.user.id,
            id_token_expires_at: expires_at.map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, false)),
            renews: standing.renews,
            issuer,
            store: config.store.name(),
            place,
        });
    }
    let until = match expires_at {
        Some(time) if valid => {
            let then = if standing.renews {
                "then renewed"
            } else {
                "then the session ends"
            };
            let (day, time) = (
                time.format("%-d %b %Y"),
                text::time_of_day(&time.fixed_offset()),
            );
            format!("valid until {day}, {time}, {then}")
        }
        _ => "expired; renewed at the next use".to_owned(),
    };
    output::line(&format!(
        "{} ({})\nissuer: {issuer}\nID token: {until}\nkept in: {place}",
        standing.user.name, standing.user.id
    ))
}

/// What to do next wherever someone has to sign in.
pub(super) const LOG_IN: &str = "Run `epigraph login`.";

pub(super) fn ended() -> Failure {
    Failure::new(Kind::NotSignedIn, "The session has ended.").cure(LOG_IN)
}

pub(super) fn not_signed_in() -> Failure {
    Failure::new(Kind::NotSignedIn, "You are not signed in.").cure(LOG_IN)
}
