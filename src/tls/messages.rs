//! What a person is told of certificates.

use super::*;
use crate::failure::list;

#[test]
fn every_message_of_tls() {
    let absent = certificates(OsStr::new("/nowhere/ca.pem")).expect_err("absent");
    insta::assert_snapshot!(list([
        absent,
        unusable(OsStr::new("/home/nora/ca.pem")),
        refused_settings(),
        failed(),
    ]));
}
