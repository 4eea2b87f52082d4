//! The command line, and the headless commands.

use std::{
    ffi::OsString,
    future::Future,
    io::{self, IsTerminal},
    path::PathBuf,
};

use clap::{
    CommandFactory, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
    error::{ContextKind, ContextValue},
};

use crate::{
    app::{About, Order, Without},
    client,
    config::{Config, Sources, Store},
    failure::{Failure, Kind},
    locale,
    postgres::Target,
    runtime::{self, ExitReason, Last},
    terminal::{self, Terminal},
};
use output::{JsonFailure, JsonShape, Outcome, Stop};

mod account;
mod admin;
mod checkup;
mod draft;
mod edit;
mod input;
mod log;
mod output;
mod quote;
mod reference;
mod secret;
mod signals;
mod use_config;

/// Sign in with Okta and keep your favourite quote in Neon Postgres, with no server in between.
///
/// Without a command it opens the full screen. The commands do the same work in plain lines, for scripts and for
/// screen readers: data goes to stdout, everything else to stderr. With --json, stdout has JSON only, a failure
/// included: {"error": …, "hint": …, "exit_code": …}.
#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(Default, Parser)]
#[command(name = "epigraph", version, after_long_help = reference::after_help())]
struct Arguments {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The options of every command.
#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(Default, clap::Args)]
struct Everywhere {
    /// Read this configuration file instead of the platform's
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also read variables from this file, for example the guide's .env.local
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Keep the session in the system's keyring, or in a file where there is no keyring
    #[arg(long, global = true, value_name = "PLACE", value_parser = store_named())]
    store: Option<Store>,
    /// Write a log to this file; the variable EPIGRAPH_LOG says how much
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn store_named() -> impl TypedValueParser<Value = Store> {
    PossibleValuesParser::new([Store::Keyring, Store::File].map(Store::name))
        .map(|name| Store::named(&name).unwrap_or(Store::Keyring))
}

#[expect(clippy::doc_markdown, reason = "--help prints these lines as they are")]
#[derive(Subcommand)]
enum Command {
    /// Install the configuration file that you were sent
    Use {
        /// The file, for example ~/Downloads/config.toml
        file: PathBuf,
        /// Replace another configuration without asking
        #[arg(long)]
        yes: bool,
    },
    /// Sign in: shows an address and a code to type there on any device
    #[command(alias = "signin")]
    Login {
        /// Print one JSON object per event: code, pending, signed_in, failed
        #[arg(long)]
        json: bool,
        /// Open the address in the browser of this computer
        #[arg(long)]
        open: bool,
    },
    /// Sign out: revokes the session at Okta and removes its traces here
    #[command(alias = "signout")]
    Logout,
    /// Say who is signed in, until when, and where the session is kept
    Whoami {
        /// Print one JSON object: name, id, id_token_expires_at, renews, issuer, store, place
        #[arg(long)]
        json: bool,
    },
    /// Print the quote: byte for byte into a pipe or file, made harmless on a terminal
    #[command(aliases = ["get", "cat"])]
    Show {
        /// Print one JSON object: quote, saved_at
        #[arg(long)]
        json: bool,
        /// Print the quote as it was last seen on this computer, without the network
        #[arg(long)]
        cached: bool,
    },
    /// Save a quote, in place of the one that is there
    Set {
        /// The quote, or - to read it from standard input (one line break at its end is dropped)
        #[arg(value_name = "TEXT")]
        text: Option<String>,
        /// Write it in $VISUAL or $EDITOR, beginning with the quote that is there
        #[arg(long, conflicts_with = "text")]
        edit: bool,
    },
    /// Write the quote in the editor
    #[command(hide = true)]
    Edit,
    /// Delete the quote; asks first
    #[command(alias = "rm")]
    Delete {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Check every part and say what to do: configuration, keyring, Okta, database
    Doctor {
        /// Print one JSON object: ok, checks
        #[arg(long)]
        json: bool,
    },
    /// What the owner of the database does
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page: epigraph man | man -l -
    Man,
}

/// Runs the command line and returns the exit code of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match read(&given) {
        Ok(arguments) => arguments,
        Err(error) => {
            // It repeats what it was given, which a terminal must not obey.
            let harmless = given
                .iter()
                .map(|argument| output::harmless(&argument.to_string_lossy()));
            return usage(&Arguments::try_parse_from(harmless).err().unwrap_or(error));
        }
    };
    let json = arguments
        .command
        .as_ref()
        .and_then(Command::failure_in_json);
    let outcome = match arguments.command {
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Man) => reference::manual()
            .map_err(Stop::from)
            .and_then(|page| output::data(&page)),
        Some(Command::Use { file, yes }) => {
            let place = arguments.everywhere.config.as_deref();
            finish(use_config::set_up(&file, place, yes))
        }
        command => configured(&arguments.everywhere, command),
    };
    let Err(mut stop) = outcome else { return 0 };
    if let Stop::Failed(failure) = &mut stop {
        if failure.kind == Kind::NotSignedIn {
            failure.cure = Some(account::LOG_IN.into());
        }
        failure.log();
        if let Some(shape) = json {
            let _ = output::json(&JsonFailure::new(failure, shape));
        }
        output::report(failure);
    }
    stop.exit_code()
}

/// Reads the command line. Where nothing is given there is nothing to read, and the first frame waits for it.
fn read(given: &[OsString]) -> Result<Arguments, clap::Error> {
    if given.len() <= 1 {
        return Ok(Arguments::default());
    }
    Arguments::try_parse_from(given)
}

/// Prints what clap has to say: help and version are data, anything else is talk.
fn usage(error: &clap::Error) -> u8 {
    let printed = error.print();
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && std::path::Path::new(name).is_file()
    {
        output::say(&format!(
            "hint: to set epigraph up with this file, run `epigraph use {name}`"
        ));
    }
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => output::BROKEN_PIPE,
        Err(_) if !error.use_stderr() => Kind::Failed.exit_code(),
        _ => u8::try_from(error.exit_code()).unwrap_or(Kind::Usage.exit_code()),
    }
}

impl Command {
    /// Says whether a failure is told in JSON as well, and how.
    const fn failure_in_json(&self) -> Option<JsonShape> {
        match self {
            Self::Login { json: true, .. } => Some(JsonShape::Event),
            Self::Whoami { json: true }
            | Self::Show { json: true, .. }
            | Self::Admin(admin::AdminCommand::Status { json: true, .. }) => {
                Some(JsonShape::Object)
            }
            _ => None,
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "epigraph", &mut script);
    output::data(&script)
}

/// Runs what needs the configuration.
fn configured(everywhere: &Everywhere, command: Option<Command>) -> Outcome {
    if let Some(path) = &everywhere.log {
        let level = std::env::var(log::LEVEL).ok();
        log::start(path, level.as_deref())?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    }
    let mut given = match &command {
        Some(Command::Admin(command)) => command.given(),
        _ => Vec::new(),
    };
    let mut loaded = load(everywhere, &given);
    if let (Some(Command::Admin(command)), Ok(config)) = (&command, &loaded) {
        let answers = command.ask(&config.missing)?;
        if !answers.is_empty() {
            given.extend(answers);
            loaded = load(everywhere, &given);
        }
    }
    if let Some(Command::Doctor { json }) = command {
        return finish(checkup::run(loaded, json));
    }
    let config = loaded?;
    for warning in &config.warnings {
        output::warn(warning);
    }
    match command {
        None => screens(&config),
        Some(Command::Login { json, open }) => finish(account::login(&config, json, open)),
        Some(Command::Logout) => finish(account::logout(&config)),
        Some(Command::Whoami { json }) => finish(account::whoami(&config, json)),
        Some(Command::Show { json, cached: true }) => quote::show_cached(&config, json),
        Some(Command::Show { json, .. }) => finish(quote::show(&config, json)),
        Some(Command::Edit) => finish(quote::set(&config, None, true)),
        Some(Command::Set { text, edit }) => finish(quote::set(&config, text, edit)),
        Some(Command::Delete { yes }) => finish(quote::delete(&config, yes)),
        Some(Command::Admin(command)) => finish(command.run(&config)),
        Some(
            Command::Doctor { .. }
            | Command::Completions { .. }
            | Command::Man
            | Command::Use { .. },
        ) => Ok(()),
    }
}

fn load(everywhere: &Everywhere, given: &[(&'static str, String)]) -> Result<Config, Failure> {
    Config::load(&Sources {
        file: everywhere.config.as_deref(),
        env_file: everywhere.env_file.as_deref(),
        store: everywhere.store,
        given,
        ..Sources::of_this_process()
    })
}

/// Runs a headless command to its end, or until a signal ends it.
///
/// Not a part of its callers: with the states of all commands on it, their stack would be new pages at each start.
#[inline(never)]
fn finish(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot_start(&error))?;
    let outcome = runtime.block_on(async {
        let outcome = signals::unless_stopped(command).await;
        signals::let_tasks_finish().await;
        outcome
    });
    // A hung keyring or name look-up must not hold the process.
    runtime.shutdown_background();
    outcome
}

/// Opens the full screen.
fn screens(config: &Config) -> Outcome {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !terminal || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(no_terminal().into());
    }
    let target = Target::parse(config.database_url()?)?;
    let about = About {
        database: target.summary(),
        okta: url::Url::parse(&config.okta()?.issuer)
            .ok()
            .and_then(|issuer| issuer.host_str().map(str::to_owned))
            .unwrap_or_default(),
        can_open_browser: can_open_browser(),
        has_keyring: config.store == Store::Keyring,
        without: Without {
            colours: is_set("NO_COLOR"),
            frames: !config.frames,
            round_corners: std::env::var_os("TERM").is_some_and(|term| term == "linux"),
        },
        warning: locale::not_utf8(|name| std::env::var(name).ok()),
    };
    let session = client::session_at(config, target)?;
    match runtime::run(about, session, Terminal::take) {
        Ok(ExitReason::Quit { last }) => {
            tell(last);
            Ok(())
        }
        Ok(ExitReason::Signal { number, last }) => {
            tell(last);
            Err(Stop::Signal(number))
        }
        Err(runtime::Error::Bug { panic, last }) => {
            if let Some(message) = terminal::untold_panic() {
                output::say(&message);
            }
            tell(last);
            std::panic::resume_unwind(panic);
        }
        Err(error) => Err(stopped(&error).into()),
    }
}

/// Says what became of what was under way.
fn tell(last: Last) {
    match last {
        Last::Nothing => {}
        Last::Done(order) => output::say(done(order)),
        Last::Told(words) => output::warn(&words),
        Last::Unconfirmed(order) => output::warn(unconfirmed(order)),
        Last::Kept => {
            output::say("your unsaved text is kept: it is there when you start again");
        }
        Last::KeptUnconfirmed => output::say(
            "the save was not confirmed; your unsaved text is kept: it is there when you start again, unless it was saved",
        ),
        Last::OnlyCopy(text) => {
            output::warn(ONLY_COPY);
            output::say(&text);
        }
    }
}

fn done(order: Order) -> &'static str {
    match order {
        Order::Save => "your text is saved",
        Order::Delete => "your quote is deleted",
        Order::SignOut => "you are signed out",
    }
}

fn unconfirmed(order: Order) -> &'static str {
    match order {
        Order::Save => "The save was not confirmed. Start epigraph again to see what is saved.",
        Order::Delete => {
            "The delete was not confirmed. Start epigraph again to see whether your quote is still there."
        }
        Order::SignOut => {
            "The sign-out was not confirmed, so the session may live on at Okta. Run `epigraph logout`; if you are no longer signed in, an administrator can end the session at Okta: Directory › People › the person › Clear sessions and revoke tokens."
        }
    }
}

const ONLY_COPY: &str =
    "What you wrote could not be saved or kept as a draft; this is the only copy.";

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("The program cannot start: {error}.")).cure(
        "This machine is short of memory, or has too many files open: end other programs, then try again.",
    )
}

fn no_terminal() -> Failure {
    Failure::new(Kind::Usage, "The full screen needs a terminal.").cure(
        "Use a command instead: `epigraph login`, `show`, `set`, `delete` (see `epigraph --help`).",
    )
}

fn stopped(error: &runtime::Error) -> Failure {
    Failure::new(Kind::Failed, format!("epigraph stopped: {error}."))
        .cure("Start it again in a terminal that works: a draft that was kept is there again.")
}

/// Says whether a browser that is started here shows up where the person is.
fn can_open_browser() -> bool {
    let here = !is_set("SSH_CONNECTION") && !is_set("SSH_TTY");
    let desktop = !cfg!(all(unix, not(target_os = "macos")))
        || is_set("DISPLAY")
        || is_set("WAYLAND_DISPLAY");
    here && desktop
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
