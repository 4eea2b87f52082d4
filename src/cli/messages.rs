//! What a person is told on the command line alone.

use std::{io, path::Path};

use super::*;
use crate::{failure::list, private_file};

fn disk_full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[test]
fn every_message_of_a_command() {
    let broken = || io::Error::other("input/output error");
    let many = || io::Error::other("too many open files");
    let (config, full) = (
        Path::new("config.toml"),
        private_file::Error::Io(disk_full()),
    );
    let said = |words: &str| Failure::new(Kind::Failed, words.to_owned());
    let long = "x".repeat(crate::quote::MAX_BYTES + 1);
    let unfit =
        ["", long.as_str(), "\u{1b}"].map(|text| quote::checked(text).expect_err("refused"));
    let there = crate::app::samples::saved("Yes.");
    let others = [
        quote::no_quote(),
        quote::not_seen(true),
        quote::not_seen(false),
        quote::no_text(true),
        quote::no_text(false),
        quote::conflict(Some(&there)),
        quote::conflict(None),
        quote::nothing_done(account::ended(), "saved"),
        quote::nothing_done(account::ended(), "deleted"),
        quote::nobody_to_ask(),
        quote::kept(),
        quote::still_there(),
        input::unreadable(&broken()),
        input::far_too_long(),
        input::text_of(b"a\xff", "standard input").expect_err("refused"),
        account::not_signed_in(),
        account::ended(),
        secret::unreadable(&broken()),
        output::unwritable(&disk_full()),
        log::no_level(),
        log::unwritable(
            Path::new("/var/log/epigraph"),
            &io::ErrorKind::PermissionDenied.into(),
        ),
        admin::no_okta(&["issuer", "client_id"]).expect("both are missing"),
        admin::no_okta(&["issuer"]).expect("it is missing"),
        admin::no_okta(&["client_id"]).expect("it is missing"),
        admin::no_string(),
        admin::has_access("epigraph_nora"),
        admin::nothing_to_write("epigraph_nora, epigraph_team"),
        admin::nothing_changed(),
        admin::file_is_there(config),
        admin::no_new_file(config, &full),
        admin::not_written(config, &full),
        said(admin::NOT_NOTED),
        said(admin::OLD_PROGRAMS),
        Failure::new(Kind::Failed, admin::unchecked(&no_terminal())),
        Failure::new(Kind::Failed, admin::never_shown("epigraph_nora") + "."),
        Failure::new(Kind::Failed, admin::PUBLIC_IS_OPEN.to_owned() + "."),
        no_terminal(),
        said(ONLY_COPY),
        said(unconfirmed(Order::Save)),
        said(unconfirmed(Order::Delete)),
        said(unconfirmed(Order::SignOut)),
        cannot_start(&many()),
        stopped(&runtime::Error::Lost(broken())),
        stopped(&runtime::Error::NoTerminal),
        stopped(&runtime::Error::Terminal(broken())),
        stopped(&runtime::Error::Setup(many())),
    ];
    insta::assert_snapshot!(list(unfit.into_iter().chain(others)));
}

#[test]
fn a_set_up_says_what_is_left_to_do_by_hand() {
    let left = |issuer: &str| {
        admin::left_to_do(&crate::config::Okta {
            issuer: issuer.into(),
            client_id: "0oa1b2c3d4E5F6g7H8i9".into(),
            client_secret: None,
        })
    };
    let policies = "Access Policies";
    assert!(!left("https://example.okta.com").contains(policies));
    insta::assert_snapshot!(left("https://example.okta.com/oauth2/default"));
}

#[test]
fn every_message_of_using_a_configuration() {
    let (file, place) = (
        Path::new("/home/nora/config.toml"),
        Path::new("/etc/other.toml"),
    );
    let gone = io::ErrorKind::NotFound.into();
    insta::assert_snapshot!(list([
        use_config::unreadable(file, &gone),
        use_config::is_there(place),
        use_config::left_alone(place),
        use_config::not_written(place, &private_file::Error::Io(disk_full())),
    ]));
}

#[test]
fn every_message_of_the_locale() {
    let failure = crate::locale::not_utf8(|_| Some("de_DE.ISO-8859-1".into()));
    insta::assert_snapshot!(list(failure));
}

#[cfg(unix)]
#[test]
fn every_message_of_the_persons_editor() {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    let quote = Path::new("/home/nora/quote.txt");
    let not_found: io::Error = io::ErrorKind::NotFound.into();
    let ended =
        |status| edit::failed_editor(edit::describe("nano -w", ExitStatus::from_raw(status)));
    insta::assert_snapshot!(list([
        edit::editor(|_| None).expect_err("none"),
        draft::no_file(
            Path::new("/home/nora"),
            &private_file::Error::Io(disk_full())
        ),
        Failure::new(Kind::Usage, draft::kept_in(quote)),
        Failure::new(Kind::Usage, draft::still_open(quote)),
        Failure::new(Kind::Usage, edit::may_be_open("code", quote)),
        draft::not_taken_in(&disk_full()),
        edit::failed_editor(edit::not_started("nano -w", &not_found)),
        ended(127 << 8),
        ended(126 << 8),
        ended(1 << 8),
        ended(9),
        edit::no_text_left(quote, &not_found),
    ]));
}
