//! What a person is told of the place where the session is kept.

use keyring_core::Error;

use super::*;
use crate::{failure::list, private_file};

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
    insta::assert_snapshot!(list(failures.chain([was_open(), file::ending()])));
}

#[cfg(target_os = "linux")]
#[test]
fn every_message_of_the_keyring() {
    let cause = |text: &str| text.to_owned().into();
    let errors = [
        Error::TooLong(String::new(), 2560),
        Error::BadEncoding(Vec::new()),
        Error::Ambiguous(Vec::new()),
        Error::PlatformFailure(cause("prompt dismissed")),
        Error::PlatformFailure(cause("the disk is full")),
    ];
    let failures = errors.iter().map(system::failure);
    let more = [
        system::waiting(),
        system::absent(),
        system::no_thread(),
        system::unopened(
            "zbus error: org.freedesktop.DBus.Error.NotSupported: The algorithm is not supported",
        ),
    ];
    insta::assert_snapshot!(list(failures.chain(more)));
}
