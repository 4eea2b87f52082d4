//! What a person is told of the database, in one piece, and after which errors it is tried again.

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
        quotes::{
            bypasses, meaning as meaning_for_quotes, no_table, not_guarded, other_shape, restless,
        },
    },
    *,
};
use crate::{
    failure::{shown, table},
    text::harmless,
};

fn target() -> Target {
    Target::parse(
        &"postgresql://alex:pw@ep-x.eu.aws.neon.tech/neondb"
            .to_owned()
            .into(),
    )
    .expect("a good connection string")
}

/// What PostgreSQL, Neon's proxy (XX000), PgBouncer (08P01) and the check of the ID token (28E) send: a code and a message.
const REFUSALS: &str = r#"
28P01 password authentication failed for user "alex"
28000 role "alex" does not exist
28000 no pg_hba.conf entry for host "1.2.3.4", user "alex", database "neondb", SSL encryption
3D000 database "neondb" does not exist
42P01 relation "public.user_messages" does not exist
3F000 schema "epigraph" does not exist
42703 column "message" does not exist
42804 column "message" is of type integer but expression is of type text
42883 operator does not exist: integer = text
42883 function epigraph.load_quote() does not exist
42501 permission denied for schema epigraph
42501 permission denied for database "neondb"
25006 cannot execute INSERT in a read-only transaction
0A000 cannot set transaction read-write mode during recovery
08P01 transaction blocks not allowed in statement pooling mode
XX000 SCRAM authentication failed
53300 sorry, too many clients already
53100 could not extend file: No space left on device
53200 out of memory
57014 canceling statement due to statement timeout
57P01 terminating connection due to administrator command
57P03 the database system is starting up
40001 could not serialize access due to concurrent update
40P01 deadlock detected
22P05 character with byte sequence 0xe2 0x80 0x9c has no equivalent in encoding "LATIN2"
23514 new row for relation "user_messages" violates check constraint "short"
XX000 password authentication failed for user 'alex'
XX000 Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support
XX000 The requested endpoint could not be found, or you don't have access to it.
XX000 The endpoint cannot be found
XX000 endpoint is disabled
XX000 endpoint is temporarily unavailable. Check your quotas and/or contact our support
XX000 This IP address 1.2.3.4 is not allowed to connect to this endpoint.
XX000 This connection is trying to access this endpoint from a blocked network.
XX000 This VPC endpoint id vpce-0a1b2c3d is not allowed to connect to this endpoint. Please add it to the allowed list in the Neon console.
XX000 VPC endpoint ID is not specified. This endpoint requires a VPC endpoint ID to connect.
XX000 Inconsistent project name inferred from SNI ('a') and project option ('b').
XX000 connection is insecure (try using `sslmode=require`)
XX000 database "neondb" does not exist
XX000 Couldn't connect to compute node
XX000 Control plane request failed
XX000 Too many connections attempts
XX000 Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.
XX000 Too many connections to this endpoint. Please try again later.
XX000 Authentication timed out
XX000 early eof
XX000 something new
08P01 SASL authentication failed
08P01 unsupported startup parameter in options: search_path
08P01 no such user: alex
08P01 no such database: neondb
08P01 query_wait_timeout
08P01 server login has been failing, cached error: connect failed (server_login_retry)
XX000 The endpoint has been disabled. Enable it using Neon API and retry.
XX000 You have exceeded the limit of concurrently active endpoints. Please suspend some endpoints and try again.
XX000 project already has running conflicting operations, scheduling of new ones is prohibited
XX000 Your project already has running operations. Please wait until they complete, and then try again.
08P01 no more connections allowed (max_client_conn)
08P01 server conn crashed?
08P01 something new
28E01 There is no ID token.
28E02 The ID token is not three parts with dots between.
28E04 The ID token is signed with a key that this database does not know.
28E06 The ID token is of another issuer.
28E07 The ID token is for another client.
28E08 The ID token has expired.
28E09 The ID token is not valid yet.
28E11 This person is blocked.
28E12 This database knows no issuer of ID tokens.
28E13 The ID token is longer than 16384 bytes.
28E14 ID tokens are taken at the isolation level read committed only.
42P99 something new
53300 too many connections for role "alex"
22021 invalid byte sequence
57P03 not yet accepting connections
"#;

#[test]
fn every_refusal_says_what_it_means_and_whether_to_try_again() {
    let sent = REFUSALS.lines().filter_map(|line| line.split_once(' '));
    let meanings = MEANINGS.iter().flat_map(|meaning| meaning.messages);
    let meanings = meanings.map(|message| ("XX000", *message));
    let odd = ("28E99", "Something \u{1b}new.");
    let cases = sent.chain(meanings).chain([odd]).map(|(code, message)| {
        let again = is_transient_refusal(code, message);
        let again = if again { " (tried again)" } else { "" };
        let case = format!("{code} {}{again}", harmless(message));
        let target = target();
        let connects = message.contains("database \"neondb\"");
        let special = meaning_for_quotes(code, message, &target).filter(|_| !connects);
        (
            case,
            special.unwrap_or_else(|| refusal(code, message, &target)),
        )
    });
    insta::assert_snapshot!(table(cases));
}

#[test]
fn a_failure_of_tls_says_which_one() {
    let faults = [
        Some(Fault::Untrusted),
        Some(Fault::Expired),
        Some(Fault::NotYetValid),
        Some(Fault::Time),
        Some(Fault::OtherName),
        Some(Fault::Weak),
        Some(Fault::OtherUse),
        None,
    ];
    let told = |fault, at_once| handshake(fault, "db.example", at_once);
    let by_question = faults.map(|fault| (format!("{fault:?}"), told(fault, false)));
    let at_once = ("at once".to_owned(), told(None, true));
    let cases = by_question.into_iter().chain([at_once]);
    insta::assert_snapshot!(table(cases));
}

#[test]
fn a_reset_is_one_whatever_the_tls_library_calls_it() {
    let is_one = |text: &&str| is_transient_io(&io::Error::other(*text));
    let resets = [
        "unexpected EOF: error:80000068:system library:tls_retry_write_records:reason(2)",
        "error:0A000126:SSL routines::unexpected eof while reading",
        "connection closed via error",
    ];
    let others = [
        "error:0A00010B:SSL routines::wrong version number",
        "invalid message length: 1",
    ];
    let all = resets.iter().chain(&others).copied();
    assert_eq!(all.filter(is_one).collect::<Vec<_>>(), resets);
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
    use ChannelBinding::{Prefer, Require};

    let io = |kind: io::ErrorKind| io::Error::from(kind);
    let mut errors = vec![
        Error::Resolve(io(io::ErrorKind::Other)),
        Error::Dial(io(io::ErrorKind::ConnectionRefused)),
        Error::Dial(io(io::ErrorKind::TimedOut)),
        Error::Dial(io(io::ErrorKind::NetworkUnreachable)),
        Error::StartTimedOut,
        Error::StatementTimedOut,
    ];
    for (answer, binding, tls) in [
        (&b"N"[..], Prefer, SslMode::Require),
        (b"R\0\0\0\x08\0\0\0\0", Require, SslMode::Disable),
        (b"R\0\0\0\x08\0\0\0\x02", Prefer, SslMode::Disable),
        (b"", Prefer, SslMode::Disable),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            Prefer,
            SslMode::Disable,
        ),
    ] {
        errors.push(Error::Start(answered(answer, binding, tls).await));
    }
    let cut = answered(b"", Prefer, SslMode::Disable).await;
    errors.push(Error::Statement(cut));
    let target = target();
    let failures = errors.into_iter().map(|error| error.failure(&target, &[]));
    insta::assert_snapshot!(shown(failures));
}

#[test]
fn everything_else_about_the_database() {
    insta::assert_snapshot!(shown([
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
        no_table("neondb"),
        check::lacks_columns(&["message (text)".into(), "user_id (text)".into()]),
        lacks_functions("neondb"),
        check::lacks_rights(
            "alex",
            &["epigraph.load_quote".into(), "epigraph.save_quote".into()],
            "epigraph_user_16384",
        ),
        check::open_table("alex", &["select".into(), "update".into()]),
        unusable_roots(Path::new("/home/nora/ca.pem"), "contains no certificate"),
        unusable_roots(
            Path::new("/home/nora/ca.pem"),
            "contains a damaged certificate"
        ),
    ]));
}
