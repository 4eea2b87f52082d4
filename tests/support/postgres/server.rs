//! Where PostgreSQL's programs are.

use std::{
    env, fs, mem,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::super::{
    guardian::{self, Scratch},
    privilege,
};

/// Names the directory of PostgreSQL's server programs, for a machine where they are not found.
const BIN_VARIABLE: &str = "EPIGRAPH_TEST_POSTGRES_BIN";

/// Finds one of the programs of the version that is tested.
pub(crate) fn program(name: &str) -> PathBuf {
    // A ready-made server comes without the client, whose version matters little. What is on the path may be Debian's script.
    [Some(installed()), newest()]
        .into_iter()
        .flatten()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| name.into())
}

/// The directory of the version that is tested: the newest on this machine, unless another is named.
pub(super) fn installed() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| match env::var_os(BIN_VARIABLE) {
        Some(directory) => reachable(Path::new(&directory)),
        None => newest()
            .unwrap_or_else(|| {
                panic!(
                    "no PostgreSQL server found: install one, or set {BIN_VARIABLE} to the directory of `initdb` and `postgres`"
                )
            })
            .to_owned(),
    })
}

/// The directory of PostgreSQL 18, where there is one for this system. `scripts/setup test` puts it there.
pub(crate) fn eighteen() -> Option<&'static Path> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        // Cargo says it to tests and benches alone.
        let place = Path::new(option_env!("CARGO_TARGET_TMPDIR")?).join("postgresql_18");
        let installed = fs::read_to_string(place.join("installed.json"));
        assert_eq!(
            installed.ok().as_deref(),
            Some(include_str!("../postgresql_18/package-lock.json")),
            "PostgreSQL 18 is not installed, or in another version: run `scripts/setup test`"
        );
        fs::read_dir(place.join("node_modules/@postgresql-18"))
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|package| package.path().join("native/bin"))
            .find(|bin| bin.join("postgres").is_file())
            .map(|bin| reachable(&bin))
    };
    DIRECTORY.get_or_init(find).as_deref()
}

/// The directory, or one in a copy of the whole installation where the user that root starts servers as cannot get at it.
fn reachable(bin: &Path) -> PathBuf {
    let bin = fs::canonicalize(bin)
        .unwrap_or_else(|error| panic!("{} cannot be opened: {error}", bin.display()));
    let (Some(installation), Some(name)) = (bin.parent(), bin.file_name()) else {
        return bin;
    };
    if !privilege::is_root() || guardian::is_open_to_all(&bin) {
        return bin;
    }
    let copy = Scratch::new("postgresql");
    let place = copy.path().join("copy");
    let mut command = Command::new("cp");
    command.arg("-R").arg(installation).arg(&place);
    copy.done(command);
    // It goes with our process.
    mem::forget(copy);
    place.join(name)
}

/// The directory of the newest version on this machine.
fn newest() -> Option<&'static Path> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIRECTORY.get_or_init(find_newest).as_deref()
}

fn find_newest() -> Option<PathBuf> {
    candidates()
        .into_iter()
        // Where a link leads, its other programs are: those on the path may be a script that looks for them, ten times as slow.
        .filter_map(|directory| fs::canonicalize(directory.join("initdb")).ok())
        .filter_map(|initdb| Some(initdb.parent()?.to_owned()))
        .filter_map(|directory| {
            let output = Command::new(directory.join("postgres"))
                .arg("--version")
                .output()
                .ok()?;
            let printed = String::from_utf8(output.stdout).ok()?;
            // For example "postgres (PostgreSQL) 15.18 (Debian …)" or "18beta1".
            let version = printed.split_whitespace().nth(2)?;
            let major: u32 = version
                .split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()?;
            Some((major, directory))
        })
        .max()
        .map(|(_, directory)| directory)
}

/// Debian and Ubuntu, Fedora with the packages of postgresql.org, Homebrew on its three places, and wherever `PATH` leads.
fn candidates() -> Vec<PathBuf> {
    let versioned = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
    ];
    versioned
        .iter()
        .flat_map(|(parent, prefix)| {
            fs::read_dir(parent)
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join("bin"))
        })
        .chain(
            env::var_os("PATH")
                .iter()
                .flat_map(env::split_paths)
                .collect::<Vec<_>>(),
        )
        .chain([PathBuf::from("/usr/bin")])
        .collect()
}
