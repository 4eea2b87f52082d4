//! The proof after the set-up: whoever signs in as a role that was handed out, without a token, gets at nothing.

use secrecy::SecretString;
use tokio::time::{Duration, sleep};
use tokio_postgres::{error::SqlState, types::Type};

use super::{Owner, bounded};
use crate::{
    failure::{Failure, Kind},
    postgres::Target,
};

/// The row of nobody: no user id of Okta's has blanks. One that an interrupted set-up left behind is taken away by the next.
const NOBODY: &str = "epigraph admin setup";
/// A new role may take a moment to be known at Neon's proxy.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What a role must not be able to do, and how each is tried.
const FORBIDDEN: [(&str, &str); 11] = [
    (
        "read the row of another person",
        "select from public.user_messages where user_id = 'epigraph admin setup'",
    ),
    (
        "read rows without a token",
        "select from public.user_messages limit 1",
    ),
    (
        "write a row for another person",
        "insert into public.user_messages (user_id, message) values ('epigraph admin setup 2', '') returning user_id",
    ),
    (
        "change the row of another person",
        "update public.user_messages set message = '' where user_id = 'epigraph admin setup' returning user_id",
    ),
    (
        "delete the row of another person",
        "delete from public.user_messages where user_id = 'epigraph admin setup' returning user_id",
    ),
    (
        "read the signing keys",
        "select from okta.signing_key limit 1",
    ),
    (
        "read who is blocked",
        "select 1 union all select 1 from okta.blocked",
    ),
    (
        "register a signing key",
        "select okta.add_signing_key('', '{}')",
    ),
    (
        "make a table",
        "create table public.epigraph_admin_setup ()",
    ),
    (
        "make a temporary table",
        "create temporary table epigraph_admin_setup ()",
    ),
    ("make a schema", "create schema epigraph_admin_setup"),
];

/// Signs in with this connection string and tries what must be refused.
///
/// # Errors
/// Names everything that was not refused.
pub async fn verify(owner: &mut Owner, url: &SecretString) -> Result<(), Failure> {
    bounded(async {
        plant(owner, true).await?;
        let found = trespass(url).await;
        // Whatever came of it, the row goes.
        plant(owner, false).await?;
        let allowed = found?;
        if allowed.is_empty() {
            return Ok(());
        }
        Err(does_not_hold(&allowed.join(", ")))
    })
    .await
}

pub(super) fn does_not_hold(allowed: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!(
            "The set-up does not hold: without a token, the role that was handed out can {allowed}."
        ),
    )
    .cure("Look at `epigraph admin status`, and hand nothing out until this is settled.")
}

async fn plant(owner: &mut Owner, there: bool) -> Result<(), Failure> {
    let (transaction, words) = owner.begin().await?;
    let work = async {
        let statement = if there {
            "insert into public.user_messages (user_id, message) values ($1, '') on conflict do nothing"
        } else {
            "delete from public.user_messages where user_id = $1"
        };
        transaction
            .query_typed(statement, &[(&NOBODY, Type::TEXT)])
            .await?;
        transaction.commit().await
    };
    work.await.map_err(|error| words.explain(&error))
}

async fn trespass(url: &SecretString) -> Result<Vec<&'static str>, Failure> {
    let target = Target::parse(url)?;
    let mut tries = 1;
    let mut visitor = loop {
        match Owner::connect(&target).await {
            Ok(visitor) => break visitor,
            Err(failure) if tries == TRIES || failure.kind == Kind::Config => return Err(failure),
            Err(_) => {}
        }
        tries += 1;
        sleep(PAUSE).await;
    };
    let mut allowed = Vec::new();
    for (what, statement) in FORBIDDEN {
        let (transaction, _) = visitor.begin().await?;
        // Not committed, so that nothing is left even of what should have been refused.
        match transaction.query_typed(statement, &[]).await {
            Ok(rows) if rows.is_empty() && !is_utility(statement) => {}
            Ok(_) => allowed.push(what),
            Err(error) => {
                let refused = error.as_db_error().is_some_and(|refusal| {
                    *refusal.code() == SqlState::INSUFFICIENT_PRIVILEGE
                        || refusal.code().code().starts_with("28")
                });
                if !refused {
                    return Err(crate::postgres::explain(&error, &target));
                }
            }
        }
    }
    Ok(allowed)
}

/// A statement that returns no rows although it did what it says.
fn is_utility(statement: &str) -> bool {
    statement.starts_with("create ")
}
