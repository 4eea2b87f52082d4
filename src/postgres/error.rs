//! What a database error means: whether trying again may help, and what a person is told.
//!
//! Neon's proxy reports its own errors, and every error of a compute at connect time, as XX000: there the message decides.

mod identity;

use std::io;

use tokio_postgres::error::{DbError, SqlState};

use super::{
    early::{Asks, AsksDifferently},
    target::{Target, Tls},
};
use crate::{
    failure::{Cause, Failure, Kind, SaidByPostgres, causes},
    text::clause,
    tls::{self, Fault},
};

/// Why the database could not be asked, or what it answered instead of rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The TLS library could not be set up.
    #[error("TLS could not be set up")]
    Setup(Failure),
    /// The host has no address.
    #[error("the host was not found")]
    Resolve(#[source] io::Error),
    /// No address of the host takes a TCP connection.
    #[error("the host cannot be reached")]
    Dial(#[source] io::Error),
    /// TLS, the password or the start of the session failed.
    #[error("no session could be started")]
    Start(#[source] tokio_postgres::Error),
    /// A session could not be started in time.
    #[error("no session was started in time")]
    StartTimedOut,
    /// The statement failed.
    #[error("the statement failed")]
    Statement(#[source] tokio_postgres::Error),
    /// The statement was not answered in time.
    #[error("the statement was not answered in time")]
    StatementTimedOut,
}

/// What a refusal means, known by any of these parts of its message (in lower case).
struct Meaning {
    messages: Parts,
    what: &'static str,
    /// `None` where it passes by itself.
    cure: Option<&'static str>,
}

type Parts = &'static [&'static str];

const fn passing(messages: Parts, what: &'static str) -> Meaning {
    Meaning {
        messages,
        what,
        cure: None,
    }
}

const fn lasting(messages: Parts, what: &'static str, cure: &'static str) -> Meaning {
    Meaning {
        messages,
        what,
        cure: Some(cure),
    }
}

const BUSY: &str = "The database has no free connections.";
const RESTARTING: &str = "The database is being restarted.";
const PRIVATE_NETWORK: &str = "Connect from a network that the database's owner allows: it stands in Neon's console, under Network Security.";
const COPY_AGAIN: &str = "Copy the connection string again from the person who gave it to you, or from Neon's console, under Connect.";

/// Messages of Neon's proxy and of the poolers. The first that fits counts.
const MEANINGS: &[Meaning] = &[
    lasting(
        &["authentication failed"],
        "The database rejected this user name with this password.",
        COPY_AGAIN,
    ),
    lasting(
        &["transaction blocks not allowed"],
        "The pooler before the database gives every statement another connection, so nothing can be done as a whole.",
        "Use the direct connection string, or have the pooler set to pool_mode = transaction.",
    ),
    lasting(
        &["vpc endpoint id is not specified"],
        "Neon takes connections to this database from a private network only, and this one is not from there.",
        PRIVATE_NETWORK,
    ),
    lasting(
        &["this vpc endpoint"],
        "Neon does not let the VPC endpoint of this network connect to this database.",
        "The database's owner can add it in Neon's console, under Network Security.",
    ),
    lasting(
        &["blocked network"],
        "Neon takes no connections to this database from this network.",
        PRIVATE_NETWORK,
    ),
    lasting(
        &["endpoint id is not specified"],
        "Neon cannot tell from the connection string which database is meant.",
        COPY_AGAIN,
    ),
    lasting(
        &["inconsistent project name"],
        "The connection string names two different endpoints of Neon: one in the host and one in options.",
        COPY_AGAIN,
    ),
    lasting(
        &["endpoint cannot be found", "endpoint could not be found"],
        "Neon has no endpoint of this name (any more).",
        COPY_AGAIN,
    ),
    lasting(
        &["endpoint has been disabled", "endpoint is disabled"],
        "The database's endpoint is disabled in Neon.",
        "Its owner can enable it in Neon's console.",
    ),
    passing(
        &["endpoint is temporarily unavailable"],
        "Neon's endpoint is temporarily unavailable, for maintenance or because a quota is used up.",
    ),
    lasting(
        &["quota"],
        "The Neon project has used up its quota.",
        "Its owner sees it in Neon's console, under Billing.",
    ),
    lasting(
        &["active endpoints"],
        "Neon already runs as many databases of this account at once as its plan allows.",
        "Its owner can suspend one, or raise the limit, in Neon's console.",
    ),
    lasting(
        &["ip address"],
        "Neon's list of allowed addresses does not have this machine's network.",
        "The database's owner can add it in Neon's console, under IP Allow.",
    ),
    lasting(
        &["connection is insecure"],
        "Neon refuses a connection without TLS.",
        "Write sslmode=require in the connection string.",
    ),
    lasting(
        &["unsupported startup parameter"],
        "The pooler refuses the options in the connection string.",
        "Leave options=... out, or use the direct connection string.",
    ),
    lasting(
        &["no pg_hba.conf entry"],
        "The database does not let this user in from here.",
        "Its owner has to allow the user and this machine's address (pg_hba.conf).",
    ),
    lasting(&["no such user"], WRONG_USER, COPY_AGAIN),
    lasting(&["no such database"], NO_DATABASE, COPY_AGAIN),
    passing(&["couldn't connect to compute node"], RESTARTING),
    passing(
        &["control plane request failed"],
        "Neon has an outage of its own for the moment.",
    ),
    passing(
        &["running conflicting operations", "running operations"],
        "Neon is busy with a change of the project.",
    ),
    passing(
        &[
            "too many connections attempts",
            "failed to acquire permit",
            "too many connections",
            "no more connections allowed",
            "remaining connection slots",
            "sorry, too many clients",
            "query_wait_timeout",
        ],
        BUSY,
    ),
    passing(
        &["authentication timed out"],
        "Neon took too long to check the password.",
    ),
    passing(
        &[
            "terminating connection due to",
            "early eof",
            "connection terminated unexpectedly",
            "server conn crashed",
            "server closed the connection",
            "cannot connect to server",
            "server login has been failing",
            "the database system is",
        ],
        RESTARTING,
    ),
];

const WRONG_USER: &str = "The database has no user of this name.";
const NO_DATABASE: &str = "The server has no database of this name.";

impl Error {
    /// Says whether the same may work in a moment.
    pub(crate) fn is_transient(&self, target: &Target) -> bool {
        match self {
            Self::Setup(_) => false,
            Self::Resolve(error) => {
                let text = error.to_string().to_lowercase();
                text.contains("temporary") || text.contains("try again")
            }
            // Who waited for a silent host once need not wait for it again.
            Self::Dial(error) => error.kind() != io::ErrorKind::TimedOut && is_transient_io(error),
            Self::StartTimedOut | Self::StatementTimedOut => true,
            Self::Start(error) | Self::Statement(error) => match error.as_db_error() {
                Some(error) => is_transient_refusal(error.code().code(), error.message()),
                None => hung_up(error) || tls_was_cut(error, target),
            },
        }
    }

    /// Says whether the server answered, and refused.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Start(error) | Self::Statement(error) if error.as_db_error().is_some())
    }

    /// Says whether the session is gone, so that it is not known how far the server got.
    pub(crate) fn lost_session(&self) -> bool {
        match self {
            Self::StatementTimedOut => true,
            Self::Statement(error) => match error.as_db_error() {
                Some(error) => is_shutdown(error),
                None => was_cut(error),
            },
            _ => false,
        }
    }

    /// Says whether the server does not understand TLS that begins at once (as opposed to: its certificate is bad).
    pub(crate) fn refuses_direct_tls(&self) -> bool {
        matches!(self, Self::Start(error) if is_tls(error) && tls::fault(error).is_none())
    }

    /// Returns how the server asks for a password, where that was assumed wrongly: the connection is to be made anew.
    pub(crate) fn asks_differently(&self) -> Option<Asks> {
        let Self::Start(error) = self else {
            return None;
        };
        let AsksDifferently(asks) = io_cause(error)?.get_ref()?.downcast_ref()?;
        Some(*asks)
    }

    /// Says whether no session came about for a reason that may be what was sent before it was asked for: silence, or a hang-up.
    pub(crate) fn may_be_confused(&self) -> bool {
        match self {
            Self::StartTimedOut => true,
            Self::Start(error) => error.as_db_error().is_none() && hung_up(error),
            _ => false,
        }
    }

    /// Says whether the server says that it was spoken to in the wrong way, and means nothing else by it that is known.
    pub(crate) fn is_about_the_protocol(&self) -> bool {
        let is_it =
            |error: &DbError| error.code().code() == "08P01" && meaning(error.message()).is_none();
        matches!(self, Self::Start(error) if error.as_db_error().is_some_and(is_it))
    }

    /// Says whether the ID token has expired for the database, so that nothing was done (migration V4).
    pub(crate) fn is_expired_token(&self) -> bool {
        let has_expired = |code: &SqlState| code.code() == "28E08";
        matches!(self, Self::Statement(error) if error.code().is_some_and(has_expired))
    }

    /// Its technical causes. `hidden` is what the server was sent and the log must not hold.
    pub(crate) fn cause(&self, hidden: &[&str]) -> Cause {
        match self {
            Self::Setup(failure) => failure.cause.clone(),
            Self::Resolve(error) | Self::Dial(error) => Cause::told_by(error),
            Self::Start(error) | Self::Statement(error) => cause(error, hidden),
            Self::StartTimedOut | Self::StatementTimedOut => Cause::told_by(self),
        }
    }

    /// Returns with which SQLSTATE and in which words a statement was refused.
    pub(crate) fn refusal(&self) -> Option<(&str, &str)> {
        let Self::Statement(error) = self else {
            return None;
        };
        let error = error.as_db_error()?;
        Some((error.code().code(), error.message()))
    }

    /// Puts it into words. `hidden` is what the server was sent and no message must repeat.
    pub(crate) fn failure(&self, target: &Target, hidden: &[&str]) -> Failure {
        self.words(target, hidden).because(self.cause(hidden))
    }

    fn words(&self, target: &Target, hidden: &[&str]) -> Failure {
        let host = &target.host;
        match self {
            Self::Setup(failure) => failure.clone(),
            Self::Resolve(_) => unreachable(format!(
                "No address was found for the database's host {host}."
            ))
            .cure("Check the network, and the host in the connection string."),
            Self::Dial(error) => dial(error, target),
            Self::StartTimedOut => unreachable(format!(
                "The database at {host} took too long to open a connection."
            ))
            .cure("Try again in a moment: a database that slept may be awake by then."),
            Self::StatementTimedOut => unreachable("The database took too long to answer.")
                .cure("Check the network, and try again."),
            Self::Start(error) if hung_up(error) => unreachable(format!(
                "The server at {host} hung up before a connection was open."
            ))
            .cure("Try again in a moment; if this keeps happening, check that the connection string points to PostgreSQL."),
            Self::Start(error) | Self::Statement(error) => explain(error, target, hidden),
        }
    }
}

/// Puts the driver's error into words. `hidden` is what the server was sent and no message must repeat.
pub(crate) fn explain(error: &tokio_postgres::Error, target: &Target, hidden: &[&str]) -> Failure {
    let words = match error.as_db_error() {
        Some(error) => {
            let message = without(error.message(), hidden);
            refusal(error.code().code(), &message, target)
        }
        None => broken(error, target),
    };
    words.because(cause(error, hidden))
}

/// The technical causes of the driver's error. Of what the server says, the details stay out: they hold rows.
pub(super) fn cause(error: &tokio_postgres::Error, hidden: &[&str]) -> Cause {
    match error.as_db_error() {
        Some(error) => Cause::of(SaidByPostgres {
            sqlstate: error.code().code().to_owned(),
            message: without(error.message(), hidden),
        }),
        None => Cause::told_by(error),
    }
}

/// Leaves out what was sent, but for texts so short that words would be torn apart.
fn without(message: &str, hidden: &[&str]) -> String {
    let long = hidden.iter().filter(|text| text.len() > 3);
    long.fold(message.to_owned(), |message, text| {
        message.replace(text, "…")
    })
}

fn unreachable(what: impl Into<String>) -> Failure {
    Failure::new(Kind::Unreachable, what)
}

fn passes(what: impl Into<String>) -> Failure {
    unreachable(what).cure("Try again in a moment.")
}

/// The database says no.
pub(crate) fn refused(what: impl Into<String>) -> Failure {
    Failure::new(Kind::Database, what)
}

/// The texts of an error and its causes, in lower case: the error types of the TLS libraries tell nothing apart.
fn chain(error: &tokio_postgres::Error) -> String {
    let texts: Vec<_> = causes(error).map(ToString::to_string).collect();
    texts.join(": ").to_lowercase()
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

fn is_authentication(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("authentication")
}

fn io_cause(error: &tokio_postgres::Error) -> Option<&io::Error> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn is_transient_io(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Interrupted
    ) || error.kind() == io::ErrorKind::Other && tls::was_cut(&error.to_string())
}

fn was_cut(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || io_cause(error).is_some_and(is_transient_io)
}

/// A connection that was cut, and neither by TLS nor because of the password.
fn hung_up(error: &tokio_postgres::Error) -> bool {
    !is_tls(error) && !is_authentication(error) && was_cut(error)
}

/// A connection that was cut during the handshake, which says nothing about the server's TLS. A server that does not take TLS
/// at once hangs up in the same way.
fn tls_was_cut(error: &tokio_postgres::Error, target: &Target) -> bool {
    let was_reset = || {
        io_cause(error).is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        })
    };
    let was_closed = || target.tls != Tls::Direct && tls::was_cut(&chain(error));
    is_tls(error) && (was_reset() || was_closed())
}

fn is_shutdown(error: &DbError) -> bool {
    let code = error.code().code();
    code.starts_with("57P0") || code.starts_with("08")
}

fn meaning(message: &str) -> Option<&'static Meaning> {
    let message = message.to_lowercase();
    let is_it = |part: &&str| message.contains(*part);
    MEANINGS
        .iter()
        .find(|meaning| meaning.messages.iter().any(is_it))
}

fn is_transient_refusal(code: &str, message: &str) -> bool {
    match code {
        "57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01" | "55P03" | "08006" | "08003"
        | "08001" | "08004" => true,
        "XX000" | "08P01" | "08000" => {
            meaning(message).is_some_and(|meaning| meaning.cure.is_none())
        }
        _ => false,
    }
}

fn refusal(code: &str, message: &str, target: &Target) -> Failure {
    let Target { database, user, .. } = target;
    let lower = message.to_lowercase();
    let is_unknown = |what| lower.starts_with(what) && lower.contains("does not exist");
    if let Some(number) = code.strip_prefix("28E") {
        return identity::refusal(number, message);
    }
    match code {
        "28P01" => refused(format!("The database rejected the role {user} with this password."))
            .cure(COPY_AGAIN),
        "3F000" | "42883" if is_of_the_program(&lower) => lacks_functions(database),
        "42501" if lower.contains("for database") => {
            refused(format!("The role {user} may not log in to the database {database}."))
                .cure("Check the last part of the connection string's address; if it is right, ask the owner of the database for a connection string of your own (`epigraph admin invite`).")
        }
        "25006" => read_only(),
        "0A000" if lower.contains("during recovery") => read_only(),
        "57014" => passes("The database cancelled the statement because it took too long."),
        "53100" => refused("The database is out of space.")
            .cure("Its owner has to make room or raise its limit."),
        "53200" => refused("The database is out of memory.")
            .cure("Try again in a moment; if this keeps happening, tell the owner of the database."),
        "53300" => passes(BUSY),
        "22P05" | "22021" => refused("The database's encoding does not have a character of this text.")
            .cure("Its owner can make a database with the encoding UTF8, as Neon's are."),
        _ if code == "3D000" || is_unknown("database ") => {
            refused(format!("There is no database {database} on this server."))
                .cure("Check the last part of the connection string's address; Neon's first database is neondb.")
        }
        _ if is_unknown("role ") => {
            refused(format!("The database has no user {user}.")).cure(COPY_AGAIN)
        }
        _ => match meaning(message) {
            Some(Meaning { what, cure: Some(cure), .. }) => refused(*what).cure(*cure),
            Some(Meaning { what, cure: None, .. }) => passes(*what),
            None if is_transient_refusal(code, message) => passes(RESTARTING),
            None => refused(format!(
                "The database refused: {} (SQLSTATE {code}).",
                clause(message)
            ))
            .cure("Try again; if this keeps happening, show this message to the owner of the database."),
        },
    }
}

/// Says whether it is a schema of this program that is missing, or a function in one: other programs have names of their own.
fn is_of_the_program(message: &str) -> bool {
    ["okta", "epigraph"].iter().any(|schema| {
        message.starts_with(&format!("function {schema}."))
            || message.starts_with(&format!("schema \"{schema}\""))
    })
}

pub(super) fn lacks_functions(database: &str) -> Failure {
    refused(format!("The database {database} lacks functions that this version of epigraph calls."))
    .cure("Ask the owner of the database to run `epigraph admin setup` with this version or a later one.")
}

/// What a read replica is as well.
pub(super) fn read_only() -> Failure {
    refused("The database is read-only.")
        .cure("Use the connection string of the primary, not that of a read replica.")
}

fn dial(error: &io::Error, target: &Target) -> Failure {
    let (host, port) = (&target.host, target.port);
    let place = format!("{host}, port {port}");
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            unreachable(format!("Nothing is listening on {place}."))
                .cure("Check the host and the port in the connection string, and that the database is running.")
        }
        io::ErrorKind::TimedOut => unreachable(format!("The database's host does not answer ({place})."))
            .cure("Check the network: a firewall may block the port, or a VPN may be needed."),
        _ => unreachable(format!("The database's host cannot be reached ({place})."))
            .cure("Check the network."),
    }
}

fn broken(error: &tokio_postgres::Error, target: &Target) -> Failure {
    let host = &target.host;
    let chain = chain(error);
    if chain.contains("server does not support tls") {
        return unreachable(format!(
            "The server at {host} does not offer TLS, so nothing was sent to it."
        ))
        .cure("A server on this machine can be used with sslmode=disable; any other needs TLS.");
    }
    if chain.contains("channel binding") {
        return refused(format!(
            "The connection to {host} has no channel binding, which the connection string requires: the server does not offer it, or this machine's TLS library does not know it for the server's certificate."
        ))
        .cure("If a pooler of your own stands before the database, leave channel_binding=require out of the connection string; otherwise ask the owner of the database, for the connection may be intercepted.");
    }
    if is_authentication(error) {
        return refused(format!("The server at {host} asks for another kind of sign-in than a password, or could not prove that it knows the password."))
            .cure("The role needs a SCRAM-SHA-256 password.");
    }
    if is_tls(error) {
        return handshake(tls::fault(error), host, target.tls == Tls::Direct);
    }
    if was_cut(error) {
        return passes(format!(
            "The connection to the database at {host} was lost."
        ));
    }
    refused(format!(
        "The server at {host} answers in a way that is not understood."
    ))
    .cure("Check that the connection string points to PostgreSQL.")
}

/// The TLS handshake failed.
fn handshake(fault: Option<Fault>, host: &str, direct: bool) -> Failure {
    const CLOCK: &str =
        "Check the clock of this machine; if it is right, tell the database's owner.";
    match fault {
        Some(Fault::OtherName) => unreachable(format!("The certificate of the database's server is for another name than {host}."))
            .cure("Check the host in the connection string; do not go on from a network that you do not trust."),
        Some(Fault::NotYetValid) => {
            unreachable("The certificate of the database's server is not valid yet.")
                .cure("Check the clock of this machine.")
        }
        Some(Fault::Expired) => {
            unreachable("The certificate of the database's server has expired.").cure(CLOCK)
        }
        Some(Fault::Time) => {
            unreachable("The certificate of the database's server has expired, or is not valid yet.")
                .cure(CLOCK)
        }
        Some(Fault::Untrusted) => unreachable("The certificate of the database's server is not trusted by this machine.")
            .cure("If your company inspects TLS or runs its own authority, its certificate has to be in the system's trust store, in the file that SSL_CERT_FILE names together with the system's roots, or in sslrootcert=FILE of the connection string."),
        Some(Fault::Weak) => unreachable("The certificate of the database's server has a key or a signature that is too weak for this machine.")
            .cure("The server, or what inspects TLS on the way to it, needs a certificate with an RSA key of 2,048 bits or more, signed with SHA-256."),
        Some(Fault::OtherUse) => unreachable("The certificate of the database's server is not made for a server.")
            .cure("The server, or what inspects TLS on the way to it, needs a certificate for server authentication."),
        None if direct => unreachable(format!("Could not establish a TLS connection to the server at {host}."))
            .cure("The server may require negotiated TLS: leave sslnegotiation=direct out of the connection string."),
        None => unreachable(format!("Could not establish a TLS connection to the server at {host}."))
            .cure("Try again in a moment; if this keeps happening, check that the connection string points to PostgreSQL, and that nothing on the way tampers with TLS."),
    }
}

#[cfg(test)]
mod messages;
