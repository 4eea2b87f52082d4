//! A configuration that goes into a file.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
};

use super::{Admin, password};
use crate::support::postgres::{Cluster, Settings, shared};

fn hashes(admin: &Admin) -> String {
    admin.database.query(
        "select string_agg(rolname || coalesce(rolpassword, ''), ' ' order by 1) from pg_authid",
    )
}

#[test]
fn the_configuration_goes_into_a_new_private_file() {
    let cluster = Cluster::start(Settings::default());
    let admin = Admin::of(&cluster);
    let path = admin.home.path().join("config.toml");
    let ran = admin.setup(&["--output", "config.toml"]);
    let said = ran.stderr.clone();
    assert_eq!(ran.says(&["config.toml"]), "");
    let config = fs::read_to_string(&path).expect("it is there");
    assert!(password(&config).len() >= 24, "{config}");
    assert!(!said.contains(password(&config)), "{said}");
    let mode = fs::metadata(&path).map(|found| found.permissions().mode() & 0o7777);
    assert_eq!(mode.ok(), Some(0o600));

    // The same line again, as it stands in the README.
    let before = hashes(&admin);
    let again = admin.setup(&["--output", "config.toml"]);
    again.fails(2, &["config.toml already exists", "nothing was changed"]);
    assert_eq!(fs::read_to_string(&path).ok(), Some(config));
    assert_eq!(hashes(&admin), before);
    // There is nothing to write: that is no success, and makes no file.
    let other = admin.setup(&["--output", "other.toml"]);
    other.fails(2, &["no configuration was written", "--new-password"]);
    assert!(!admin.home.path().join("other.toml").exists());
    assert_eq!(hashes(&admin), before);

    let invited = admin.run(&["invite", "virginia", "--output", "virginia.toml"]);
    assert_eq!((invited.code, invited.stdout.as_str()), (Some(0), ""));
    let text = fs::read_to_string(admin.home.path().join("virginia.toml"));
    assert!(text.is_ok_and(|text| text.contains("epigraph_virginia")));
    // As elsewhere, - is standard output.
    let printed = admin.run(&["invite", "leonard", "--output", "-"]);
    assert!(printed.stdout.contains("epigraph_leonard"), "{printed:?}");
    assert!(!admin.home.path().join("-").exists());

    let left: Vec<_> = fs::read_dir(admin.home.path())
        .expect("listed")
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| {
            name.to_string_lossy().ends_with(".toml")
                || name.to_string_lossy().contains("config.toml")
        })
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn an_unusable_output_file_is_refused_before_any_change() {
    let admin = Admin::of(shared());
    let home = admin.home.path();
    fs::write(home.join("precious"), "precious").expect("written");
    symlink("precious", home.join("link")).expect("linked");
    symlink("nowhere", home.join("dangling")).expect("linked");
    fs::create_dir(home.join("directory")).expect("made");
    for (place, code) in [
        ("precious", 2),
        ("link", 2),
        ("dangling", 2),
        ("directory", 2),
        ("missing/config.toml", 1),
        ("precious/config.toml", 1),
        ("/proc/config.toml", 1),
    ] {
        admin
            .setup(&["--output", place])
            .fails(code, &["nothing was changed", "hint: "]);
        admin
            .run(&["invite", "virginia", "--output", place])
            .fails(code, &["nothing was changed"]);
    }
    assert_eq!(
        fs::read_to_string(home.join("precious")).ok().as_deref(),
        Some("precious")
    );
    assert!(!home.join("nowhere").exists() && !home.join("missing").exists());
    assert!(admin.is_untouched());
}

#[test]
fn an_empty_file_is_no_success_where_the_shell_made_it() {
    let (admin, _) = Admin::set_up(shared());
    let path = admin.home.path().join("config.toml");
    let mut command = admin.home.command(&admin.to_set_up());
    let status = command.stdout(File::create(&path).expect("made")).status();
    assert_eq!(status.expect("it starts").code(), Some(2));
}
