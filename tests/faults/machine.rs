//! What fails on the machine itself: its disk, its clock, its processes.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::Signal;

#[cfg(target_os = "linux")]
use super::okta::clocks::{set_clock, with_clock};
use super::{ends_at_once, rounds, terminal::send};
#[cfg(target_os = "linux")]
use crate::support::okta::{Person, Server};
use crate::support::{
    okta::Endpoint,
    program::{Home, Ran},
    pty::{Key, Pty},
    stage::{Stage, ends},
    wait_for, wait_until,
};

/// A command that the shell starts after this has prepared the process.
pub(super) fn after(preparation: &str, command: &Command) -> Command {
    in_a_shell(&format!("{preparation}; exec \"$0\" \"$@\""), command)
}

/// A shell's script, to which a command is given as its own name and arguments, in the command's surroundings.
pub(super) fn in_a_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell
}

pub(super) fn run(command: &mut Command) -> Ran {
    command.output().expect("the program starts").into()
}

/// Every write to a file fails from now on, whoever the user is.
pub(super) const FULL: &str = "trap '' XFSZ; ulimit -f 0";

#[tokio::test]
async fn a_full_disk_costs_neither_text_nor_session() {
    let mut stage = Stage::new().await;
    let full =
        |stage: &Stage, arguments: &[&str]| run(&mut after(FULL, &stage.home.command(arguments)));
    // No one is sent to the browser for a session that cannot be kept.
    let says = ["the session file", "File too large", "disk is not full"];
    full(&stage, &["login"]).fails(9, &says);
    assert_eq!(stage.okta.count(Endpoint::DeviceAuthorize), 0);

    stage.okta.tokens_end_at_once();
    stage.log_in();
    let kept = || -> Vec<_> {
        let paths = stage.kept().into_iter();
        paths
            .map(|path| (fs::read(&path).expect("a file"), path))
            .collect()
    };
    let before = kept();
    let saved = full(&stage, &["--log", "log", "set", "Saved all the same."]);
    for (word, told) in [
        ("lasts only as long", true),
        ("disk is not full", true),
        ("tracing", false),
    ] {
        assert_eq!(saved.stderr.contains(word), told, "{saved:?}");
    }
    saved.data();
    assert_eq!(stage.quote(), "Saved all the same.");
    assert!(kept() == before, "nothing is left half written");

    stage.okta.tokens_last(3600);
    stage.log_in();
    stage.home.set("EDITOR", "touch started;");
    let says = ["no file to keep your text in", "disk is not full"];
    full(&stage, &["set", "--edit"]).fails(1, &says);
    assert!(!stage.home.path().join("started").exists());

    // No log, no word of it: it would go over the screen.
    let mut screen = Pty::spawn(&after(FULL, &stage.home.command(&["--log", "log"])), 80, 24);
    screen.reads("Saved all the same.");
    screen.writes(" And this.");
    screen.sees("The draft file");
    screen.sees("on the screen only");
    screen.saves();
    assert_eq!(stage.quote(), "Saved all the same. And this.");
    let written = String::from_utf8_lossy(&screen.raw()).into_owned();
    assert!(!written.contains("tracing"), "{}", screen.screen());
    ends_at_once(screen, Key::Char('q'));
}

#[tokio::test]
async fn a_bad_home_is_named_and_xdg_variables_replace_it() {
    let mut stage = Stage::new().await;
    let config = stage.home.path().join(".config/epigraph/config.toml");
    let config = config.display().to_string();
    let file = stage.home.write("file", b"precious");
    for home in [file.display().to_string(), "/proc/none".into()] {
        stage.home.set("HOME", home);
        let run = |command| stage.run(&["--config", &config, command]);
        run("whoami").fails(3, &["epigraph login"]);
        run("login").fails(9, &["the session file", "cannot be used"]);
        stage.run(&["whoami"]).fails(8, &["is not set up"]);
    }
    assert_eq!(stage.okta.count(Endpoint::DeviceAuthorize), 0);
    assert_eq!(fs::read(file).ok().as_deref(), Some(&b"precious"[..]));
    stage.home.unset("HOME");
    for (name, directory) in [("XDG_CONFIG_HOME", ".config"), ("XDG_STATE_HOME", "state")] {
        let path = stage.home.path().join(directory).display().to_string();
        stage.home.set(name, path);
    }
    stage.log_in();
    stage.run(&["set", "Mistakes."]).data();
    assert!(stage.home.path().join("state/epigraph").is_dir());
}

/// Opens a window and writes there, until that is in a draft file.
fn writing(stage: &Stage, text: &str) -> Pty {
    let mut screen = stage.open_without_quote();
    screen.writes(text);
    stage.keeps(text);
    screen
}

/// The same window, killed.
fn killed_while_writing(stage: &Stage, text: &str) {
    let mut screen = writing(stage, text);
    screen.signal(Signal::KILL);
    screen.exit_status();
}

#[tokio::test]
async fn two_windows_at_once_keep_what_is_typed_in_each() {
    let stage = Stage::signed_in().await;
    // Both are killed, and each text comes back in a window.
    let windows = ["Of the first.", "Of the second."].map(|text| writing(&stage, text));
    for screen in windows {
        screen.signal(Signal::KILL);
    }
    let mut one = stage.open();
    one.sees("You have another unsaved text.");
    let mut two = stage.open();
    two.sees("Here is your unsaved text.");
    one.sees("Of the first.");
    two.sees("Of the second.");
    // One saves, and takes only its own draft away.
    one.saves();
    wait_for("the draft of the first goes", || {
        !stage.drafts().contains("first")
    });
    assert!(stage.drafts().contains("Of the second."));
    // The other is told, and may still choose.
    two.key(Key::Enter);
    two.sees("Which one do you want to keep?");
    assert_eq!(stage.quote(), "Of the first.");
    // Nor does a sign-out, which the other notices as soon as it needs a new token.
    one.key(Key::Char('s'));
    one.sees("text of another window");
    one.decides('y');
    one.sees("You are signed out.");
    assert!(stage.drafts().contains("Of the second."));
    two.signal(Signal::KILL);
    stage.log_in();
    let mut two = stage.open();
    two.sees("Of the second.");
    ends_at_once(one, Key::Char('q'));
}

#[tokio::test]
async fn a_garbled_file_is_told_and_what_is_left_of_it_stays() {
    let stage = Stage::signed_in().await;
    killed_while_writing(&stage, "Half");
    let [draft, session] = &stage.kept()[..] else {
        panic!("{:?}", stage.kept())
    };
    fs::write(draft, "{\"version\":1,\"text\":\"Ha").expect("written");
    let mut screen = stage.open();
    screen.sees("Your draft cannot be read.");
    screen.sees("What is left of your text is in");
    ends_at_once(screen, Key::Char('q'));
    let aside = PathBuf::from(format!("{}.aside-1", draft.display()));
    assert!(fs::read_to_string(aside).is_ok_and(|text| text.ends_with("Ha")));

    fs::write(session, "Mistakes").expect("written");
    let says = ["the stored session cannot be read", "sign in again"];
    stage.run(&["show"]).fails(9, &says);
    assert!(fs::read_to_string(session).is_ok_and(|kept| kept == "Mistakes"));
    let mut screen = stage.open();
    screen.sees("The stored session cannot be read.");
    stage.sign_in(&mut screen);
    ends_at_once(screen, Key::Char('q'));
    stage.run(&["show"]).fails(5, &["no quote"]);
}

#[tokio::test]
async fn no_symbolic_link_is_followed() {
    let stage = Stage::signed_in().await;
    stage.okta.tokens_end_at_once();
    let target = stage.home.write("target", b"precious");
    killed_while_writing(&stage, "Mistakes.");
    let names: Vec<_> = fs::read_dir(stage.state())
        .expect("there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(
        names.len(),
        5,
        "session, draft, a lock for each, and what Okta publishes: {names:?}"
    );
    for path in &names {
        fs::remove_file(path).expect("removed");
        symlink(&target, path).expect("linked");
    }
    stage.run(&["show"]).fails(9, &["it is a symbolic link"]);
    stage.run(&["login"]).fails(9, &["it is a symbolic link"]);
    for path in &names {
        fs::remove_file(path).expect("removed");
    }
    stage.log_in();
    for path in names.iter().filter(|path| !path.exists()) {
        symlink(&target, path).expect("linked");
    }
    // A draft is kept beside what is no draft.
    let mut screen = stage.open_without_quote();
    screen.writes("Beside it.");
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
    let link = stage.home.path().join("log");
    symlink(&target, &link).expect("linked");
    let whoami = stage.run(&["--log", "log", "whoami"]);
    whoami.fails(8, &["it is a symbolic link"]);

    let elsewhere = stage.home.path().join("elsewhere");
    fs::rename(stage.state(), &elsewhere).expect("moved");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink(&elsewhere, stage.state()).expect("linked");
    for command in ["show", "login", "logout"] {
        let ran = stage.run(&[command]);
        ran.fails(9, &["its directory is a symbolic link"]);
    }
    assert_eq!(mode(&elsewhere), 0o755);
    assert_eq!(fs::read(&target).ok().as_deref(), Some(&b"precious"[..]));
    assert_eq!(mode(&target), 0o600);
}

fn mode(path: &Path) -> u32 {
    let found = fs::symlink_metadata(path).expect("it is there");
    found.permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_removed_state_directory_is_made_again() {
    let stage = Stage::signed_in().await;
    let mut screen = writing(&stage, "Mistakes");
    // The draft may be written in this very moment.
    wait_until("it is removed", || fs::remove_dir_all(stage.state()).ok());
    screen.type_(" are the portals");
    stage.keeps("Mistakes are the portals");
    screen.signal(Signal::TERM);
    screen.exit_status();
    // The session went with it, the text did not.
    stage.log_in();
    let mut screen = stage.open();
    screen.sees("Mistakes are the portals");
    ends_at_once(screen, Key::Ctrl('c'));
}

#[tokio::test]
async fn a_lock_held_for_ever_blocks_neither_screen_nor_quit() {
    let stage = Stage::new().await;
    stage.okta.tokens_end_at_once();
    let mut screen = stage.open_with_quote("Mistakes.");
    let lock = stage.home.file_of("lock-").expect("a lock file");
    let lock = fs::File::open(lock).expect("opened");
    lock.lock().expect("nobody else renews");
    let asked = stage.okta.count(Endpoint::Token);
    screen.key(Key::Char('r'));
    screen.sees("Reading your quote…");
    #[cfg(target_os = "linux")]
    super::is_idle(&screen);
    assert_eq!(stage.okta.count(Endpoint::Token), asked);
    ends_at_once(screen, Key::Char('q'));
    if rounds(0, 1) == 1 {
        let held = "another epigraph has held the session";
        stage
            .run(&["show"])
            .fails(1, &[held, "close the other one"]);
        // Who signs out waits for no one.
        stage.run(&["logout"]).data();
        return;
    }
    lock.unlock().expect("unlocked");
    stage.run(&["show"]).data();
}

#[tokio::test]
async fn whatever_the_umask_nothing_is_open_to_others_at_any_time() {
    let mut stage = Stage::new().await;
    stage.home.set("EDITOR", "printf Edited >");
    let home = stage.home.path().to_owned();
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = thread::spawn({
        let (directory, ended) = (stage.state(), Arc::clone(&ended));
        let log = home.join("log");
        move || {
            let mut seen = 0;
            let mut open = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
                let paths = entries.map(|entry| entry.path());
                for path in paths.chain([directory.clone(), log.clone()]) {
                    if let Ok(found) = fs::symlink_metadata(&path) {
                        seen += 1;
                        if found.permissions().mode() & 0o077 != 0 {
                            open.push(path);
                        }
                    }
                }
            }
            (seen, open)
        }
    });
    let command = |arguments: &[&str]| {
        let mut all = vec!["--log", "log"];
        all.extend(arguments);
        after("umask 000", &stage.home.command(&all))
    };
    let login = Home::start(&mut command(&["login"]));
    stage.approve();
    Home::end_of(login).data();
    run(&mut command(&["set", "--edit"])).data();
    assert_eq!(stage.quote(), "Edited");
    let mut screen = Pty::spawn(&command(&[]), 80, 24);
    screen.reads("Edited");
    screen.writes(" again");
    stage.keeps("Edited again");
    ends_at_once(screen, Key::Ctrl('c'));
    ended.store(true, Ordering::Relaxed);
    let (seen, open) = watcher.join().expect("no panic");
    assert!(seen > 0);
    assert!(open.is_empty(), "{open:?}");
    for directory in [".local", ".local/state", ".local/state/epigraph"] {
        assert_eq!(mode(&home.join(directory)), 0o700, "{directory}");
    }
}

/// A program in the person's own directory that writes down with what it was started, and what started it.
#[cfg(target_os = "linux")]
fn spy(stage: &Stage, name: &str) -> PathBuf {
    let script =
        "#!/bin/sh\n{ env; echo \"$0 $*\"; tr '\\0' ' ' </proc/$PPID/cmdline; } >>seen-$$\n";
    let path = stage.home.write(name, script.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a mode");
    path
}

#[cfg(target_os = "linux")]
fn seen(stage: &Stage) -> String {
    let entries = fs::read_dir(stage.home.path()).expect("there").flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("seen-"))
        .map(|entry| fs::read_to_string(entry.path()).expect("a text"))
        .collect()
}

/// What the spies write is looked through for secrets as every file of the home is.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_child_process_gets_a_secret() {
    const SECRET: &str = "a-client-secret-of-a-test";
    let mut stage = Stage::new().await;
    let url = stage.database.user_url();
    stage.home.configure(&format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\nstore = \"file\"\n",
        stage.okta.issuer(Server::Default),
        stage.okta.client_id()
    ));
    stage.home.set("DATABASE_URL", &url);
    stage.home.set("EPIGRAPH_ADMIN_DATABASE_URL", &url);
    let editor = spy(&stage, "editor").display().to_string();
    stage.home.set("EDITOR", editor);
    spy(&stage, "xdg-open");
    stage.home.search_here_first();

    let login = stage.login(&["login", "--open"]);
    stage.approve();
    login.end().data();
    stage.home.set("AUTH_OKTA_SECRET", SECRET);
    stage.run(&["set", "--edit"]).data();
    let seen = seen(&stage);
    assert!(seen.contains("xdg-open https://"), "{seen}");
    assert!(seen.contains("editor /"), "{seen}");
    for hidden in ["DATABASE_URL", "AUTH_OKTA_SECRET", SECRET, "postgresql://"] {
        assert!(!seen.contains(hidden), "{hidden} was handed on");
    }
}

#[tokio::test]
async fn a_crash_writes_no_memory_to_the_disk() {
    let stage = Stage::signed_in().await;
    stage.okta_network.hold_answers(true);
    stage.okta_network.forget();
    let mut command = after("ulimit -c unlimited", &stage.home.command(&["login"]));
    let child = Home::start(&mut command);
    // It has begun, and holds the session that it found.
    wait_for("it asks Okta", || stage.okta_network.counts().requested > 0);
    send(child.id(), Signal::ABORT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(6));
    assert!(!output.status.core_dumped());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_clock_that_jumps_by_hours_loses_neither_text_nor_session() {
    let mut stage = Stage::new().await;
    stage.okta.refresh_tokens_work_once();
    stage.log_in();
    with_clock(&mut stage.home, 0);
    let mut screen = stage.open_without_quote();
    screen.key(Key::Char('e'));
    screen.sees("Enter Save Quote");
    for (offset, says) in [(18_000, "5 hours fast"), (-18_000, "Saved.")] {
        let text = format!("Typed before {offset:+}.");
        screen.type_(&text);
        screen.sees(&text);
        // The draft, which waits for a rest, follows whatever the clock says.
        set_clock(&stage.home, offset);
        stage.keeps(&text);
        screen.key(Key::Enter);
        screen.sees(says);
        if says != "Saved." {
            screen.sees("so Okta's tokens cannot be checked.");
            screen.sees("Not saved, but kept.");
            screen.sees(&text);
            assert_eq!(stage.rows(), "");
        }
        super::is_idle(&screen);
    }
    assert_eq!(stage.quote(), "Typed before +18000.Typed before -18000.");
    // What was rotated under the wrong clock is the one token that Okta takes.
    set_clock(&stage.home, 59 * 60);
    for command in ["show", "whoami"] {
        stage.run(&[command]).data();
    }
    set_clock(&stage.home, 0);
    screen.key(Key::Char('r'));
    screen.sees("Up to date.");
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    ends_at_once(screen, Key::Char('q'));
}
