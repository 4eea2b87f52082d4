//! What the database says when the token does not tell it who is asking: the SQLSTATEs of `okta.user_id()`.

use super::refused;
use crate::{
    failure::{Failure, Kind},
    text::clause,
};

/// Puts it into words. The number is an SQLSTATE without its `28E`.
pub(super) fn refusal(number: &str, message: &str) -> Failure {
    match number {
        "01" => refused("The database received no token.")
            .cure("Something between this program and the database may take transactions apart: try another connection string."),
        "04" => refused("Okta signs with a key that this database does not know yet.")
            .cure("Ask the owner of the database to run `epigraph admin keys`."),
        "06" => refused("This database trusts another Okta issuer than the one that you signed in with.")
            .cure("Compare the issuer in your configuration with that of a colleague; its owner sees it with `epigraph admin status`."),
        "07" => refused("This database trusts another app of Okta than the one that you signed in with.")
            .cure("Compare the client id in your configuration with that of a colleague; its owner sees it with `epigraph admin status`."),
        "08" => Failure::new(Kind::NotSignedIn, "The database considers your session expired.")
            .cure("Sign in again."),
        "09" => refused("The database considers your session not yet valid: one of the clocks is wrong.")
            .cure("Try again in a minute; if this keeps happening, tell the owner of the database."),
        "11" => refused("The owner of this database has blocked you.")
            .cure("Ask the owner of the database why."),
        "12" => refused("This database does not know yet which Okta issuer to trust.")
            .cure("Ask the owner of the database to run `epigraph admin setup`."),
        "13" => refused("The token that Okta issues for you is too long for this database.")
            .cure("An administrator can take claims that are not needed out of it, for example the groups: Applications › the app › Sign On."),
        "14" => refused("The database takes your token only in a transaction that sees what others have just committed.")
            .cure("Begin it with `begin isolation level read committed`."),
        _ => refused(format!(
            "The database rejects the token that Okta issued: {} (SQLSTATE 28E{}).",
            clause(message),
            clause(number)
        ))
        .cure("Sign out and in again; if that does not help, tell the owner of the database."),
    }
}
