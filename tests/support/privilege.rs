//! Servers that refuse to run as root run as an unprivileged user; for everybody else nothing changes.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// Says whether we are root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes the command run as an unprivileged user if we are root, in a directory and with a `HOME` that are not root's.
pub(crate) fn as_unprivileged(mut command: Command) -> Command {
    if is_root() {
        let (uid, gid) = unprivileged_user();
        command.uid(uid).gid(gid);
        if !command.get_envs().any(|(name, _)| name == "HOME") {
            command.env("HOME", "/nonexistent");
        }
        if command.get_current_dir().is_none() {
            command.current_dir("/");
        }
    }
    command
}

/// Gives a file or directory to the user of [`as_unprivileged`].
pub(crate) fn give_away(path: &Path) {
    if is_root() {
        let (uid, gid) = unprivileged_user();
        chown(path, Some(uid), Some(gid)).expect("root gives a file away");
    }
}

/// Makes a directory that belongs to the user of [`as_unprivileged`] and is closed to everybody else.
pub(crate) fn private_dir(path: &Path) {
    own_dir(path);
    give_away(path);
}

/// Makes a directory that belongs to us and is closed to everybody else.
pub(crate) fn own_dir(path: &Path) {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .expect("a new directory");
}

fn unprivileged_user() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
    ["postgres", "nobody"]
        .iter()
        .find_map(|wanted| {
            let mut fields = passwd
                .lines()
                .map(|line| line.split(':'))
                .find(|fields| fields.clone().next() == Some(wanted))?
                .skip(2);
            // macOS writes no one's id as -2.
            let mut id = || {
                let field = fields.next()?;
                let negative = || Some(field.parse::<i32>().ok()?.cast_unsigned());
                field.parse().ok().or_else(negative)
            };
            Some((id()?, id()?))
        })
        .expect("a user `postgres` or `nobody`")
}
