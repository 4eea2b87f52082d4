//! What a person is told of the session and of the draft.

use std::{io, path::Path};

use super::{draft, entry::Entry, keeper, lock, *};
use crate::{background, failure::shown, private_file};

#[test]
fn every_message_of_the_session() {
    let disk = || io::Error::from(io::ErrorKind::StorageFull);
    let path = Path::new("/home/nora/session.lock");
    let newer = Entry::decode(&r#"{"version":2}"#.into()).expect_err("newer");
    let garbled = Entry::decode(&"garbled".into()).expect_err("garbled");
    let unused = |cure| {
        let error = private_file::Error::Io(disk());
        draft::unusable(Path::new("/home/nora/draft.json"), &error, cure)
    };
    insta::assert_snapshot!(shown([
        keeper::not_signed_in(),
        keeper::ran_out(),
        keeper::signed_out_elsewhere(),
        keeper::somebody_else(),
        keeper::silent(),
        keeper::not_kept(&lock::unusable(path, &private_file::Error::Io(disk()))),
        no_sign_in(),
        wrong_clock(),
        no_refresh_token(),
        another_draft(),
        lock::taken(),
        lock::unusable(path, &private_file::Error::Io(disk())),
        lock::unlockable(path, &disk()),
        newer,
        garbled,
        draft::garbled(Path::new("/home/nora/draft.json.aside-1")),
        unused(draft::NOT_KEPT),
        unused(draft::LEFT_ALONE),
        unused(draft::REMOVE),
        background::ending(),
    ]));
}
