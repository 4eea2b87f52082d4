use super::*;

pub(super) fn target() -> Target {
    Target::parse(
        &"postgresql://alex:pw@ep-x.eu.aws.neon.tech/neondb"
            .to_owned()
            .into(),
    )
    .expect("a good connection string")
}

/// Code and message as the server sends them; whether to try again; the kind; words of the failure.
pub(super) const REFUSALS: &[(&str, &str, bool, Kind, &str)] = &[
    // PostgreSQL.
    (
        "28P01",
        "password authentication failed for user \"alex\"",
        false,
        Kind::Database,
        "does not accept the user alex",
    ),
    (
        "28000",
        "role \"alex\" does not exist",
        false,
        Kind::Database,
        "has no user alex",
    ),
    (
        "28000",
        "no pg_hba.conf entry for host \"1.2.3.4\", user \"alex\", database \"neondb\", SSL encryption",
        false,
        Kind::Database,
        "pg_hba.conf",
    ),
    (
        "3D000",
        "database \"neondb\" does not exist",
        false,
        Kind::Database,
        "no database neondb",
    ),
    (
        "42P01",
        "relation \"public.user_messages\" does not exist",
        false,
        Kind::Database,
        "epigraph admin migrate",
    ),
    (
        "3F000",
        "schema \"epigraph\" does not exist",
        false,
        Kind::Database,
        "epigraph admin setup",
    ),
    (
        "42703",
        "column \"message\" does not exist",
        false,
        Kind::Database,
        "does not have the columns",
    ),
    (
        "42804",
        "column \"message\" is of type integer but expression is of type text",
        false,
        Kind::Database,
        "does not have the columns",
    ),
    (
        "42883",
        "operator does not exist: integer = text",
        false,
        Kind::Database,
        "does not have the columns",
    ),
    (
        "42883",
        "function epigraph.load_quote() does not exist",
        false,
        Kind::Database,
        "epigraph admin setup",
    ),
    (
        "42501",
        "permission denied for schema epigraph",
        false,
        Kind::Database,
        "epigraph admin invite",
    ),
    (
        "42501",
        "permission denied for database \"neondb\"",
        false,
        Kind::Database,
        "may not log in",
    ),
    (
        "25006",
        "cannot execute INSERT in a read-only transaction",
        false,
        Kind::Database,
        "read replica",
    ),
    (
        "0A000",
        "cannot set transaction read-write mode during recovery",
        false,
        Kind::Database,
        "read replica",
    ),
    (
        "08P01",
        "transaction blocks not allowed in statement pooling mode",
        false,
        Kind::Database,
        "pool_mode = transaction",
    ),
    (
        "XX000",
        "SCRAM authentication failed",
        false,
        Kind::Database,
        "does not accept this user name with this password",
    ),
    (
        "53300",
        "sorry, too many clients already",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "53100",
        "could not extend file: No space left on device",
        false,
        Kind::Database,
        "out of space",
    ),
    (
        "53200",
        "out of memory",
        false,
        Kind::Database,
        "out of memory",
    ),
    (
        "57014",
        "canceling statement due to statement timeout",
        false,
        Kind::Unreachable,
        "took too long",
    ),
    (
        "57P01",
        "terminating connection due to administrator command",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "57P03",
        "the database system is starting up",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "40001",
        "could not serialize access due to concurrent update",
        true,
        Kind::Unreachable,
        "Try again",
    ),
    (
        "40P01",
        "deadlock detected",
        true,
        Kind::Unreachable,
        "Try again",
    ),
    (
        "22P05",
        "character with byte sequence 0xe2 0x80 0x9c has no equivalent in encoding \"LATIN2\"",
        false,
        Kind::Database,
        "UTF8",
    ),
    (
        "23514",
        "new row for relation \"user_messages\" violates check constraint \"short\"",
        false,
        Kind::Database,
        "check constraint \"short\" (SQLSTATE 23514)",
    ),
    // Neon's proxy: all of them XX000.
    (
        "XX000",
        "password authentication failed for user 'alex'",
        false,
        Kind::Database,
        "this password",
    ),
    (
        "XX000",
        "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support",
        false,
        Kind::Database,
        "which database is meant",
    ),
    (
        "XX000",
        "The requested endpoint could not be found, or you don't have access to it.",
        false,
        Kind::Database,
        "no endpoint of this name",
    ),
    (
        "XX000",
        "The endpoint cannot be found",
        false,
        Kind::Database,
        "no endpoint of this name",
    ),
    (
        "XX000",
        "endpoint is disabled",
        false,
        Kind::Database,
        "disabled in Neon",
    ),
    (
        "XX000",
        "endpoint is temporarily unavailable. Check your quotas and/or contact our support",
        false,
        Kind::Database,
        "quota",
    ),
    (
        "XX000",
        "This IP address 1.2.3.4 is not allowed to connect to this endpoint.",
        false,
        Kind::Database,
        "IP Allow",
    ),
    (
        "XX000",
        "Inconsistent project name inferred from SNI ('a') and project option ('b').",
        false,
        Kind::Database,
        "two different endpoints",
    ),
    (
        "XX000",
        "connection is insecure (try using `sslmode=require`)",
        false,
        Kind::Database,
        "sslmode=require",
    ),
    (
        "XX000",
        "database \"neondb\" does not exist",
        false,
        Kind::Database,
        "no database neondb",
    ),
    (
        "XX000",
        "Couldn't connect to compute node",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "XX000",
        "Control plane request failed",
        true,
        Kind::Unreachable,
        "outage",
    ),
    (
        "XX000",
        "Too many connections attempts",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "XX000",
        "Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "XX000",
        "Too many connections to this endpoint. Please try again later.",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "XX000",
        "Authentication timed out",
        true,
        Kind::Unreachable,
        "took too long",
    ),
    (
        "XX000",
        "early eof",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "XX000",
        "something new",
        false,
        Kind::Database,
        "something new (SQLSTATE XX000)",
    ),
    // PgBouncer.
    (
        "08P01",
        "SASL authentication failed",
        false,
        Kind::Database,
        "this password",
    ),
    (
        "08P01",
        "unsupported startup parameter in options: search_path",
        false,
        Kind::Database,
        "Leave options",
    ),
    (
        "08P01",
        "no such user: alex",
        false,
        Kind::Database,
        "no user of this name",
    ),
    (
        "08P01",
        "no such database: neondb",
        false,
        Kind::Database,
        "no database of this name",
    ),
    (
        "08P01",
        "query_wait_timeout",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "08P01",
        "server login has been failing, cached error: connect failed (server_login_retry)",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "08P01",
        "query_wait_timeout",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "XX000",
        "The endpoint has been disabled. Enable it using Neon API and retry.",
        false,
        Kind::Database,
        "enable it in Neon's console",
    ),
    (
        "XX000",
        "You have exceeded the limit of concurrently active endpoints. Please suspend some endpoints and try again.",
        false,
        Kind::Database,
        "suspend one",
    ),
    (
        "XX000",
        "Your project already has running operations. Please wait until they complete, and then try again.",
        true,
        Kind::Unreachable,
        "busy with a change",
    ),
    (
        "08P01",
        "no more connections allowed (max_client_conn)",
        true,
        Kind::Unreachable,
        "no free connections",
    ),
    (
        "08P01",
        "server conn crashed?",
        true,
        Kind::Unreachable,
        "being restarted",
    ),
    (
        "08P01",
        "something new",
        false,
        Kind::Database,
        "something new (SQLSTATE 08P01)",
    ),
    // The check of the ID token.
    (
        "28E01",
        "There is no ID token.",
        false,
        Kind::Database,
        "received no token",
    ),
    (
        "28E02",
        "The ID token is not three parts with dots between.",
        false,
        Kind::Database,
        "dots between (SQLSTATE 28E02). Sign out and in again",
    ),
    (
        "28E04",
        "The ID token is signed with a key that this database does not know.",
        false,
        Kind::Database,
        "does not know yet. Ask the owner of the database to run `epigraph admin keys`.",
    ),
    (
        "28E06",
        "The ID token is of another issuer.",
        false,
        Kind::Database,
        "another Okta issuer",
    ),
    (
        "28E07",
        "The ID token is for another client.",
        false,
        Kind::Database,
        "Compare the client id",
    ),
    (
        "28E08",
        "The ID token has expired.",
        false,
        Kind::NotSignedIn,
        "your session expired",
    ),
    (
        "28E09",
        "The ID token is not valid yet.",
        false,
        Kind::Database,
        "one of the clocks is wrong",
    ),
    (
        "28E11",
        "This person is blocked.",
        false,
        Kind::Database,
        "blocked you.",
    ),
    (
        "28E12",
        "This database knows no issuer of ID tokens.",
        false,
        Kind::Database,
        "`epigraph admin setup`",
    ),
    (
        "28E13",
        "The ID token is longer than 16384 bytes.",
        false,
        Kind::Database,
        "too long",
    ),
    (
        "28E14",
        "ID tokens are taken at the isolation level read committed only.",
        false,
        Kind::Database,
        "`begin isolation level read committed`",
    ),
    (
        "28E99",
        "Something \u{1b}new.",
        false,
        Kind::Database,
        "Something new (SQLSTATE 28E99)",
    ),
];

#[test]
fn every_refusal_says_what_it_means_and_whether_to_try_again() {
    let target = target();
    for (code, message, transient, kind, words) in REFUSALS {
        let failure = refusal(code, message, &target);
        let said = failure.to_string();
        assert_eq!(failure.kind, *kind, "{message}: {said}");
        assert!(said.contains(words), "{message}: {said}");
        assert_eq!(is_transient_refusal(code, message), *transient, "{message}");
    }
}

#[test]
fn a_failure_of_tls_says_which_one() {
    for (chain, words) in [
        (
            "error performing tls handshake: the certificate was not trusted.",
            "not trusted",
        ),
        (
            "certificate verify failed (self-signed certificate in certificate chain)",
            "not trusted",
        ),
        (
            "certificate verify failed (unable to get local issuer certificate)",
            "not trusted",
        ),
        (
            "a certificate chain processed, but terminated in a root certificate which is not trusted by the trust provider.",
            "not trusted",
        ),
        (
            "certificate verify failed (certificate has expired)",
            "has expired",
        ),
        (
            "a required certificate is not within its validity period",
            "has expired",
        ),
        (
            "certificate verify failed (certificate is not yet valid)",
            "clock",
        ),
        (
            "certificate verify failed (hostname mismatch)",
            "another name than db.example",
        ),
        (
            "certificate verify failed (ip address mismatch)",
            "another name than db.example",
        ),
        (
            "the target principal name is incorrect.",
            "another name than db.example",
        ),
        (
            "wrong version number",
            "Could not establish a TLS connection",
        ),
    ] {
        let failure = tls(chain, "db.example", false);
        assert_eq!(failure.kind, Kind::Unreachable);
        assert!(failure.to_string().contains(words), "{chain}: {failure}");
    }
    assert!(
        tls("unexpected eof", "db.example", true)
            .to_string()
            .contains("sslnegotiation=direct")
    );
}

#[test]
fn a_reset_is_one_whatever_the_tls_library_calls_it() {
    for (text, is_one) in [
        (
            "unexpected EOF: error:80000068:system library:tls_retry_write_records:reason(2)",
            true,
        ),
        (
            "error:0A000126:SSL routines::unexpected eof while reading",
            true,
        ),
        ("connection closed via error", true),
        ("error:0A00010B:SSL routines::wrong version number", false),
        ("invalid message length: 1", false),
    ] {
        assert_eq!(is_transient_io(&io::Error::other(text)), is_one, "{text}");
    }
}
