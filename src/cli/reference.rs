//! What the program says about itself: exit codes, variables and files, for `--help` and the manual page from one place.

use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Arguments, log, output};
use crate::{
    config,
    failure::{Failure, Kind},
};

/// Every exit code with its meaning.
pub(super) fn exit_codes() -> Vec<(u8, &'static str)> {
    let mut codes = vec![(0, "done")];
    codes.extend(Kind::ALL.map(|kind| (kind.exit_code(), kind.meaning())));
    codes.extend([
        (129, "ended because the terminal went away (SIGHUP)"),
        (130, "interrupted with Ctrl-C (SIGINT)"),
        (output::BROKEN_PIPE, "whoever read the output stopped reading"),
        (143, "asked to end (SIGTERM)"),
    ]);
    codes
}

/// Every variable that is read, with its meaning.
const VARIABLES: [(&str, &str); 8] = [
    ("AUTH_OKTA_ISSUER", "the issuer; wins over `issuer` of the configuration file, and so on for the next three"),
    ("AUTH_OKTA_ID", "the client id"),
    ("AUTH_OKTA_SECRET", "the client secret, for the rare app that has one"),
    ("DATABASE_URL", "the connection string"),
    (config::ADMIN_DATABASE_URL, "the owner's connection string, for `admin`"),
    (log::LEVEL, "how much --log writes: error, warn, info (default), debug or trace"),
    ("VISUAL, EDITOR", "the editor of `set --edit`"),
    ("SSL_CERT_FILE, HTTPS_PROXY, NO_PROXY, NO_COLOR", "as elsewhere"),
];

/// What follows the options in `epigraph --help`.
pub(super) fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in exit_codes() {
        text.push_str(&format!("  {code:>3}  {meaning}\n"));
    }
    text.push_str("\nVariables:\n");
    for (name, meaning) in VARIABLES {
        text.push_str(&format!("  {name}\n      {meaning}\n"));
    }
    text.push_str(&format!("\nThe configuration file: {}", configuration_file()));
    text
}

fn configuration_file() -> String {
    config::Places::of_this_platform().map_or_else(
        || "config.toml in the directory of this platform".into(),
        |places| places.config_file.display().to_string(),
    )
}
