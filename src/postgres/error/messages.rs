//! What a person is told of the database, in one piece.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_postgres::{
    NoTls,
    config::{ChannelBinding, Config, SslMode},
};

use super::{
    super::{
        check,
        connection::unusable_roots,
        operation::unconfirmed,
        quotes::{bypasses, not_guarded, other_shape, restless},
    },
    tests::{REFUSALS, target},
    *,
};
use crate::failure::list;

#[test]
fn every_refusal_of_the_database() {
    let target = target();
    let more = [
        ("42P99", "something new"),
        ("57014", "canceling statement due to statement timeout"),
        ("53100", "could not extend file: No space left on device"),
        ("53300", "too many connections for role \"alex\""),
        ("22021", "invalid byte sequence"),
        ("57P03", "not yet accepting connections"),
        (
            "28E02",
            "The ID token is not three parts with dots between.",
        ),
    ];
    let known = REFUSALS.iter().map(|(code, message, ..)| (*code, *message));
    let refusals = known
        .chain(more)
        .map(|(code, message)| refusal(code, message, &target));
    let meanings = MEANINGS
        .iter()
        .map(|meaning| refusal("XX000", meaning.message, &target));
    insta::assert_snapshot!(list(refusals.chain(meanings)));
}

/// The driver's error where a server gives this answer and hangs up.
async fn answered(answer: &[u8], binding: ChannelBinding, tls: SslMode) -> tokio_postgres::Error {
    let (ours, mut theirs) = duplex(1024);
    let mut config = Config::new();
    config
        .user("alex")
        .password("pw")
        .ssl_mode(tls)
        .channel_binding(binding);
    let server = async {
        let mut greeting = [0; 8];
        theirs.read_exact(&mut greeting).await.expect("a greeting");
        theirs.write_all(answer).await.expect("sent");
        drop(theirs);
    };
    let (outcome, ()) = tokio::join!(config.connect_raw(ours, NoTls), server);
    outcome.err().expect("no session")
}

#[tokio::test]
async fn every_reason_why_the_database_cannot_be_reached() {
    let target = target();
    let io = |kind: io::ErrorKind| io::Error::from(kind);
    let start = [
        (&b"N"[..], ChannelBinding::Prefer, SslMode::Require),
        (
            b"R\0\0\0\x08\0\0\0\0",
            ChannelBinding::Require,
            SslMode::Disable,
        ),
        (
            b"R\0\0\0\x08\0\0\0\x02",
            ChannelBinding::Prefer,
            SslMode::Disable,
        ),
        (b"", ChannelBinding::Prefer, SslMode::Disable),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            ChannelBinding::Prefer,
            SslMode::Disable,
        ),
    ];
    let mut failures = vec![
        Error::Resolve(io(io::ErrorKind::Other)).failure(&target, &[]),
        Error::Dial(io(io::ErrorKind::ConnectionRefused)).failure(&target, &[]),
        Error::Dial(io(io::ErrorKind::TimedOut)).failure(&target, &[]),
        Error::Dial(io(io::ErrorKind::NetworkUnreachable)).failure(&target, &[]),
        Error::StartTimedOut.failure(&target, &[]),
        Error::StatementTimedOut.failure(&target, &[]),
    ];
    for (answer, binding, tls) in start {
        failures.push(Error::Start(answered(answer, binding, tls).await).failure(&target, &[]));
    }
    let cut = answered(b"", ChannelBinding::Prefer, SslMode::Disable).await;
    failures.push(Error::Statement(cut).failure(&target, &[]));
    let host = &target.host;
    failures.extend([
        tls("hostname mismatch", host, false),
        tls("not yet valid", host, false),
        tls("expired", host, false),
        tls("self-signed", host, false),
        tls("unexpected eof", host, true),
        tls("unexpected eof", host, false),
    ]);
    insta::assert_snapshot!(list(failures));
}

#[test]
fn everything_else_about_the_database() {
    insta::assert_snapshot!(list([
        bypasses(),
        not_guarded(),
        restless(),
        read_only(),
        other_shape(),
        unconfirmed(
            Error::StatementTimedOut.failure(&target(), &[]),
            "the quote was saved"
        ),
        check::knows_no_key(),
        check::lacks_keys(1, 2),
        check::no_table("neondb"),
        check::lacks_columns(&["message (text)".into(), "user_id (text)".into()]),
        lacks_functions("neondb"),
        check::lacks_rights(
            "alex",
            &["epigraph.load_quote".into(), "epigraph.save_quote".into()],
            "epigraph_user_16384",
        ),
        check::open_table("alex", &["select".into(), "update".into()]),
        unusable_roots(Path::new("/home/nora/ca.pem"), "holds no certificates"),
    ]));
}
