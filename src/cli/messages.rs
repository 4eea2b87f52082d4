//! What a person is told on the command line alone.

use std::{io, path::Path};

use super::*;
use crate::{failure::list, private_file};

fn disk_full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[test]
fn every_message_of_a_command() {
    let long = "x".repeat(crate::quote::MAX_BYTES + 1);
    let unfit =
        ["", long.as_str(), "\u{1b}"].map(|text| quote::checked(text).expect_err("refused"));
    let there = crate::app::samples::saved("Yes.");
    let others = [
        quote::no_quote(),
        quote::no_text(true),
        quote::no_text(false),
        quote::conflict(Some(&there)),
        quote::conflict(None),
        quote::nothing_done(account::ended(), "saved"),
        quote::nothing_done(account::ended(), "deleted"),
        quote::nobody_to_ask(),
        quote::kept(),
        quote::still_there(),
        input::unreadable(&io::Error::other("input/output error")),
        input::far_too_long(),
        input::text_of(vec![b'a', 0xff], "standard input").expect_err("refused"),
        account::not_signed_in(),
        account::ended(),
        secret::unreadable(&io::Error::other("input/output error")),
        output::unwritable(&disk_full()),
        log::no_level(),
        log::unwritable(
            Path::new("/var/log/epigraph"),
            &io::ErrorKind::PermissionDenied.into(),
        ),
        no_database::none(),
        admin::no_string(),
        admin::has_access("epigraph_nora"),
        admin::nothing_to_write("epigraph_nora, epigraph_team"),
        admin::nothing_changed(),
        admin::file_is_there(Path::new("config.toml")),
        admin::no_new_file(
            Path::new("config.toml"),
            &private_file::Error::Io(disk_full()),
        ),
        admin::not_written(
            Path::new("config.toml"),
            &private_file::Error::Io(disk_full()),
        ),
        Failure::new(Kind::Failed, admin::NOT_NOTED),
        Failure::new(Kind::Failed, admin::OLD_PROGRAMS),
        Failure::new(Kind::Failed, admin::unchecked(&no_terminal())),
        Failure::new(Kind::Failed, admin::never_shown("epigraph_nora") + "."),
        Failure::new(Kind::Failed, admin::PUBLIC_IS_OPEN.to_owned() + "."),
        no_terminal(),
        Failure::new(Kind::Failed, ONLY_COPY),
        Failure::new(Kind::Failed, unconfirmed(Order::Save)),
        Failure::new(Kind::Failed, unconfirmed(Order::Delete)),
        Failure::new(Kind::Failed, unconfirmed(Order::SignOut)),
        cannot_start(&io::Error::other("too many open files")),
        stopped(&runtime::Error::Lost(io::Error::other(
            "input/output error",
        ))),
        stopped(&runtime::Error::NoTerminal),
        stopped(&runtime::Error::Terminal(io::Error::other(
            "input/output error",
        ))),
        stopped(&runtime::Error::Setup(io::Error::other(
            "too many open files",
        ))),
    ];
    insta::assert_snapshot!(list(unfit.into_iter().chain(others)));
}

#[test]
fn every_message_of_using_a_configuration() {
    let (file, place) = (
        Path::new("/home/nora/config.toml"),
        Path::new("/etc/other.toml"),
    );
    let gone = io::ErrorKind::NotFound.into();
    insta::assert_snapshot!(list([
        use_config::no_home(),
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

    let ended =
        |status| edit::failed_editor(edit::describe("nano -w", ExitStatus::from_raw(status)));
    insta::assert_snapshot!(list([
        edit::editor(|_| None).expect_err("none"),
        draft::no_file(
            Path::new("/home/nora"),
            &private_file::Error::Io(disk_full())
        ),
        Failure::new(
            Kind::Usage,
            draft::kept_in(Path::new("/home/nora/quote.txt"))
        ),
        Failure::new(
            Kind::Usage,
            draft::still_open(Path::new("/home/nora/quote.txt"))
        ),
        Failure::new(
            Kind::Usage,
            edit::may_be_open("code", Path::new("/home/nora/quote.txt"))
        ),
        draft::not_taken_in(&disk_full()),
        edit::failed_editor(edit::not_started(
            "nano -w",
            &io::ErrorKind::NotFound.into()
        )),
        ended(127 << 8),
        ended(126 << 8),
        ended(1 << 8),
        ended(9),
        edit::no_text_left(
            Path::new("/home/nora/quote.txt"),
            &io::ErrorKind::NotFound.into()
        ),
    ]));
}
