//! What the program says about itself: exit codes, variables and files, for `--help` and the manual page from one place.

use std::fmt::Write;

use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Arguments, log, output};
use crate::{
    config,
    failure::{Failure, Kind},
    keymap::Section,
};

/// Every exit code with its meaning.
pub(super) fn exit_codes() -> Vec<(u8, &'static str)> {
    let mut codes = vec![(0, "done")];
    codes.extend(Kind::ALL.map(|kind| (kind.exit_code(), kind.meaning())));
    codes.extend([
        (129, "ended because the terminal went away (SIGHUP)"),
        (130, "interrupted with Ctrl-C (SIGINT)"),
        (131, "quit with Ctrl-\\ (SIGQUIT)"),
        (
            output::BROKEN_PIPE,
            "the reader of the output stopped reading",
        ),
        (143, "asked to end (SIGTERM)"),
        (149, "ended with Ctrl-Break, on Windows"),
    ]);
    codes
}

/// Every variable that is read, with its meaning.
const VARIABLES: [(&str, &str); 8] = [
    (
        "AUTH_OKTA_ISSUER",
        "the issuer; wins over `issuer` of the configuration file, and so on for the next three",
    ),
    ("AUTH_OKTA_ID", "the client id"),
    (
        "AUTH_OKTA_SECRET",
        "the client secret, for the rare app that has one",
    ),
    ("DATABASE_URL", "the connection string"),
    (
        config::ADMIN_DATABASE_URL,
        "the owner's connection string, for `admin`",
    ),
    (
        log::LEVEL,
        "how much --log writes: error, warn, info (default), debug or trace",
    ),
    ("VISUAL, EDITOR", "the editor of `set --edit`"),
    (
        "SSL_CERT_FILE, HTTPS_PROXY, ALL_PROXY, NO_PROXY, NO_COLOR",
        "as elsewhere",
    ),
];

/// Where the configuration file is.
const FILES: [(&str, &str); 3] = [
    (
        "Linux; follows XDG_CONFIG_HOME",
        "~/.config/epigraph/config.toml",
    ),
    (
        "macOS",
        "~/Library/Application Support/epigraph/config.toml",
    ),
    ("Windows", "%APPDATA%\\epigraph\\config\\config.toml"),
];

/// What follows the options in `epigraph --help`.
pub(super) fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in exit_codes() {
        let _ = writeln!(text, "  {code:>3}  {meaning}");
    }
    text.push_str("\nVariables:\n");
    for (name, meaning) in VARIABLES {
        let _ = writeln!(text, "  {name}\n      {meaning}");
    }
    text.push_str("\nConfiguration file:\n");
    for (system, path) in FILES {
        let _ = writeln!(text, "  {path}  ({system})");
    }
    text
}

/// Writes the manual page of the whole program, subcommands included, as one page.
pub(super) fn manual() -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    write_manual(&mut page).map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("The manual page cannot be made: {error}."),
        )
    })?;
    Ok(page)
}

fn write_manual(page: &mut Vec<u8>) -> std::io::Result<()> {
    // The long help's tables become sections of their own.
    let command = Arguments::command()
        .after_long_help(None::<&str>)
        .disable_help_subcommand(true);
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;

    Roff::new().control("SH", ["COMMANDS"]).to_writer(page)?;
    let mut command = command;
    command.build();
    for leaf in leaves(&command) {
        write_command(leaf, page)?;
    }

    let mut end = Roff::new();
    end.control("SH", ["KEYS"]);
    for section in Section::ALL {
        end.control("SS", [section.title()]);
        for binding in section.bindings() {
            let keys: Vec<_> = binding.keys.iter().map(ToString::to_string).collect();
            explain(&mut end, keys.join(", "), binding.help);
        }
    }
    end.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit_codes() {
        explain(&mut end, code.to_string(), meaning);
    }
    end.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in VARIABLES {
        explain(&mut end, name, meaning);
    }
    end.control("SH", ["FILES"]);
    for (system, path) in FILES {
        explain(&mut end, path, system);
    }
    end.to_writer(page)
}

/// Adds a paragraph about something.
fn explain(page: &mut Roff, what: impl Into<String>, meaning: impl Into<String>) {
    page.control("TP", [])
        .text([bold(what)])
        .text([roman(meaning)]);
}

/// The commands that do something: those without commands of their own.
fn leaves(command: &Command) -> Vec<&Command> {
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .flat_map(|sub| {
            if sub.has_subcommands() {
                leaves(sub)
            } else {
                vec![sub]
            }
        })
        .collect()
}

fn write_command(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let arguments: Vec<_> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !argument.is_hide_set())
        .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
        .collect();
    let mut roff = Roff::new();
    roff.control("SS", [name]);
    let about = command.get_long_about().or_else(|| command.get_about());
    roff.text([roman(about.map(ToString::to_string).unwrap_or_default())]);
    for argument in arguments {
        let help = argument.get_long_help().or_else(|| argument.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        explain(&mut roff, argument.to_string(), help);
    }
    roff.to_writer(page)
}
