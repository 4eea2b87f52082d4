//! What a person is told of the place where the session is kept.

use keyring_core::Error;

use super::*;
use crate::{
    failure::{shown, table},
    private_file,
    text::harmless,
};

#[test]
fn every_message_of_the_file_in_place_of_a_keyring() {
    let file = file::File::new("/home/nora/session.json".into());
    let errors = [
        private_file::Error::SymbolicLink,
        private_file::Error::NotAFile,
        private_file::Error::NotADirectory,
        private_file::Error::LinkedDirectory,
        private_file::Error::Foreign,
        private_file::Error::TooLarge,
        private_file::Error::Io(std::io::ErrorKind::StorageFull.into()),
    ];
    let failures = errors.iter().map(|error| file.failure(error));
    insta::assert_snapshot!(shown(failures.chain([was_open(), file::ending()])));
}

#[cfg(target_os = "linux")]
#[test]
fn every_message_of_the_keyring() {
    let reports = [
        "prompt dismissed",
        "User interaction is not allowed. (-25308)",
        "A specified logon session does not exist (1312)",
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.AccessDenied",
        "the disk\u{1b}[31m is on fire",
    ];
    let reports = reports.map(|report| {
        let error = Error::PlatformFailure(report.to_owned().into());
        (report, system::failure(&error))
    });
    let locked = Error::NoStorageAccess("SS Error: prompt dismissed".to_owned().into());
    let others = [
        ("no access", locked),
        ("no store", Error::NoDefaultStore),
        ("too long", Error::TooLong("secret".into(), 2560)),
        ("not UTF-8", Error::BadEncoding(b"s3cret".to_vec())),
        ("ambiguous", Error::Ambiguous(Vec::new())),
    ];
    let others = others.map(|(case, error)| (case, system::failure(&error)));
    let refusals = [
        "no secret service provider or dbus session found",
        "zbus error: org.freedesktop.DBus.Error.ServiceUnknown: The name is not activatable",
        "zbus error: org.freedesktop.DBus.Error.Spawn.ChildExited: Process exited with status 1",
        "zbus error: I/O error: Connection refused (os error 111)",
        "zbus error: org.freedesktop.DBus.Error.NotSupported: The algorithm is not supported",
        "zbus serde error: incorrect type",
    ];
    let unopened = refusals.map(|cause| (cause, system::unopened(cause)));
    let more = [
        ("waiting", system::waiting()),
        ("absent", system::absent()),
        ("no thread", system::no_thread()),
    ];
    let reports = reports.into_iter().chain(others);
    let cases = reports.chain(unopened).chain(more);
    insta::assert_snapshot!(table(
        cases.map(|(case, failure)| (harmless(case), failure))
    ));
}
