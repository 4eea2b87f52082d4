//! What a person is told of certificates.

// Windows has words of its own for a file that is not there.
#[cfg(unix)]
#[test]
fn every_message_of_tls() {
    use super::*;
    use crate::failure::list;

    let absent = certificates(OsStr::new("/nowhere/ca.pem")).expect_err("absent");
    insta::assert_snapshot!(list([
        absent,
        unusable(
            OsStr::new("/home/nora/ca.pem"),
            "contains no certificates in PEM form"
        ),
        damaged(OsStr::new("/home/nora/ca.pem")),
        refused_settings(),
    ]));
}
