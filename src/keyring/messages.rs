//! What a person is told of the place where the session is kept.

use keyring_core::Error;

use super::*;
use crate::{
    failure::{shown, table},
    platform::Platform,
    private_file,
    text::harmless,
};

#[test]
fn every_message_of_the_file_in_place_of_a_keyring() {
    let file = file::File::new("session file", "/home/nora/session.json".into());
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
    insta::assert_snapshot!(shown(
        failures.chain([was_open(), is_open(Path::new("/mnt/c/session.json")),])
    ));
}

/// As `security_framework::base::Error` is shown.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Apple {
    code: i32,
    message: &'static str,
}

#[test]
fn every_message_of_the_keyring() {
    let reports = [
        "prompt dismissed",
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.AccessDenied",
        "the disk\u{1b}[31m is on fire",
    ];
    let on = Platform::Linux;
    let reports = reports.map(|report| {
        let error = Error::PlatformFailure(report.to_owned().into());
        (report, system::failure(on, &error))
    });
    let no_access = |cause: &str| Error::NoStorageAccess(cause.into());
    let others = [
        ("no access", no_access("SS Error: prompt dismissed")),
        ("locked", no_access("SS Error: object locked")),
        (
            "no collection",
            no_access("SS error: result not returned from SS API"),
        ),
        ("no store", Error::NoDefaultStore),
        ("too long", Error::TooLong("secret".into(), 2560)),
        ("not UTF-8", Error::BadEncoding(b"s3cret".to_vec())),
        ("ambiguous", Error::Ambiguous(Vec::new())),
    ];
    let others = others.map(|(case, error)| (case, system::failure(on, &error)));
    let refusals = [
        "zbus error: I/O error: Permission denied (os error 13)",
        "no secret service provider or dbus session found",
        "zbus error: org.freedesktop.DBus.Error.ServiceUnknown: The name is not activatable",
        "zbus error: org.freedesktop.DBus.Error.Spawn.ChildExited: Process exited with status 1",
        "zbus error: I/O error: Connection refused (os error 111)",
        "zbus error: org.freedesktop.DBus.Error.NotSupported: The algorithm is not supported",
        "zbus serde error: incorrect type",
    ];
    let unopened = [true, false].into_iter().flat_map(|bus_is_named| {
        refusals.map(|cause| (cause, system::unopened(on, cause, bus_is_named)))
    });
    let more = [
        ("waiting", system::waiting(on)),
        ("absent", system::absent(on)),
        ("no thread", system::no_thread(on)),
    ];
    let reports = reports.into_iter().chain(others);
    let cases = reports.chain(unopened).chain(more);
    insta::assert_snapshot!(table(
        cases.map(|(case, failure)| (harmless(case), failure))
    ));
}

#[test]
fn every_message_of_the_keyrings_of_macos_and_windows() {
    let apple = [
        (-25308, "Nicht erlaubt."),
        (-25293, "Falsches Kennwort."),
        (-128, "Vom Benutzer abgebrochen."),
        (-36, "E/A-Fehler."),
    ];
    let apple = apple.map(|(code, message)| {
        let error = Error::PlatformFailure(Box::new(Apple { code, message }));
        let case = format!("macOS {code}");
        (case, system::failure(Platform::MacOs, &error))
    });
    let windows = [
        ("no session", "Windows ERROR_NO_SUCH_LOGON_SESSION"),
        ("other", "Windows ERROR_SOMETHING"),
    ];
    let windows = windows.map(|(case, name)| {
        let error = Error::NoStorageAccess(name.to_owned().into());
        let case = format!("Windows, {case}");
        (case, system::failure(Platform::Windows, &error))
    });
    insta::assert_snapshot!(table(apple.into_iter().chain(windows)));
}
