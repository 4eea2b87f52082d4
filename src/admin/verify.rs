//! The proof after the set-up: a person's role, without a token, reaches nothing.

use secrecy::SecretString;
use tokio::time::{Duration, sleep};
use tokio_postgres::error::SqlState;

use super::{Halt, Owner, Step, access, bounded, explain};
use crate::{
    failure::Failure,
    postgres::{Target, refused},
};

/// The row of no one: no user id of Okta's has blanks. One that an interrupted set-up left behind is taken away by the next.
const NOBODY: &str = "epigraph admin setup";
/// A new role may take a moment to be known at Neon's proxy.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How often a role for the proof is made anew, because another administrator took it for one that was left behind: as many as are
/// at it at the same moment, one after the other, get their turn.
const VISITORS: u32 = 20;

/// What refuses something to a role without a right to it.
const NO_RIGHT: &str = "42501";
/// What refuses something to a role without a token.
const NO_TOKEN: &str = "28E01";

// What compares a caller's conditions before a policy's, and so tells of rows that it does not show.
const PLAIN_SCANS: &str = "set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off";
const MAKE_A_TABLE: &str = "make a table";
const FUNCTIONS: &str = "have a function answer without a token";

/// What a role must not be able to do, and how each is tried.
const FORBIDDEN: [(&str, &[&str]); 12] = [
    (
        "read rows",
        &[
            "table public.user_messages",
            "select from public.user_messages limit 1",
            "select from public.user_messages where user_id = 'epigraph admin setup'",
            "select count(*) from public.user_messages",
        ],
    ),
    (
        "ask which rows there are",
        &[
            "select from public.user_messages where user_id in ('epigraph admin setup', 'x')",
            "select from public.user_messages where message >= '' and message < 'x'",
            "explain (analyze) select from public.user_messages where user_id in ('epigraph admin setup', 'x')",
            "insert into public.user_messages (user_id, message) values ('epigraph admin setup', '')",
        ],
    ),
    (
        "write a row for another person",
        &[
            "insert into public.user_messages (user_id, message) values ('epigraph admin setup 2', '')",
        ],
    ),
    (
        "change the row of another person",
        &[
            "update public.user_messages set message = '' where user_id in ('epigraph admin setup', 'x')",
        ],
    ),
    (
        "delete the row of another person",
        &[
            "delete from public.user_messages where user_id in ('epigraph admin setup', 'x')",
            "truncate public.user_messages",
        ],
    ),
    (
        "hold up everybody by a lock",
        &[
            "select from public.user_messages where user_id in ('epigraph admin setup', 'x') for update",
            "lock table public.user_messages in access share mode",
            "lock table public.epigraph_schema_history in access share mode",
        ],
    ),
    (
        FUNCTIONS,
        &[
            "select epigraph.load_quote()",
            "select epigraph.save_quote('', null)",
            "select epigraph.delete_quote(null)",
            "select okta.user_id()",
        ],
    ),
    (
        "read what is the owner's alone",
        &[
            "select from okta.issuer limit 1",
            "select from okta.signing_key limit 1",
            "select 1 union all select 1 from okta.blocked",
            "select from okta.unshown_access limit 1",
            "select from public.epigraph_schema_history limit 1",
        ],
    ),
    (
        "do the owner's work",
        &[
            "select okta.add_issuer('x', 'x')",
            "select okta.add_signing_key('', '{}')",
            "select okta.unblock('x')",
            "select okta.protect('public.user_messages', 'user_id')",
            "select epigraph.grant_access('x')",
            "select epigraph.close_database()",
        ],
    ),
    (
        MAKE_A_TABLE,
        &["create table public.epigraph_admin_setup ()"],
    ),
    (
        "make a temporary table",
        &["create temporary table epigraph_admin_setup ()"],
    ),
    ("make a schema", &["create schema epigraph_admin_setup"]),
];

/// What the proof came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// All that must be refused was refused.
    Held,
    /// All but this: everybody may create objects in the schema public, which belongs to someone else than the owner.
    HeldButPublic,
    /// No one could sign in to try it.
    Unchecked(Failure),
}

/// Signs in as a role that is made for this and goes again, and tries what must be refused. Its name is a new one each time,
/// because a proxy may remember the password that another of the same name had.
///
/// # Errors
/// Names everything that was not refused.
pub async fn verify(owner: &mut Owner) -> Result<Proof, Failure> {
    for _ in 0..VISITORS {
        let (role, password) = owner.step_alone(prepare).await?;
        let url = owner.target.url_of(&role, &password);
        let target = Target::parse(&url)?;
        if let Some(proof) = bounded(prove(owner, &role, &target)).await? {
            return Ok(proof);
        }
    }
    Err(super::collided())
}

/// Makes the role, and a row that it must not get at.
async fn prepare(step: &Step<'_>) -> Result<(String, SecretString), Halt> {
    let visitor = access::make_visitor(step).await?;
    let insert = "insert into public.user_messages (user_id, message) values ($1, '') on conflict do nothing";
    step.rows(insert, &[NOBODY]).await?;
    Ok(visitor)
}

/// Tries it, while no other administrator is at work, and takes the role and the row away. `None` where the role is gone.
async fn prove(owner: &mut Owner, role: &str, target: &Target) -> Result<Option<Proof>, Failure> {
    let work = async |step: &Step<'_>| {
        let is_there = "select from pg_catalog.pg_roles where rolname = $1";
        if step.rows(is_there, &[role]).await?.is_empty() {
            return Ok(None);
        }
        let found = trespass(target).await;
        // Whatever came of it, the role and the row go.
        let delete = "delete from public.user_messages where user_id = $1";
        step.rows(delete, &[NOBODY]).await?;
        step.batch_execute(&format!("drop role if exists \"{role}\""))
            .await?;
        Ok(Some((found, step.value(IS_PUBLIC_OPEN, &[]).await?)))
    };
    let Some((found, is_public_open)) = owner.begin_alone().await?.end_with(work).await? else {
        return Ok(None);
    };
    let mut allowed = match found {
        Ok(allowed) => allowed,
        Err(Trouble::Silent(failure)) => return Ok(Some(Proof::Unchecked(failure))),
        Err(Trouble::Odd(failure)) => return Err(failure),
    };
    let mut proof = Proof::Held;
    if is_public_open && allowed.contains(&MAKE_A_TABLE) {
        allowed.retain(|what| *what != MAKE_A_TABLE);
        proof = Proof::HeldButPublic;
    }
    if allowed.is_empty() {
        return Ok(Some(proof));
    }
    Err(does_not_hold(&allowed.join(", ")))
}

/// Whether everybody may create objects in the schema public, and the owner cannot change that.
const IS_PUBLIC_OPEN: &str = "\
select exists (
    select from pg_catalog.pg_namespace n cross join pg_catalog.aclexplode(n.nspacl) a
    where n.nspname = 'public' and a.grantee = 0 and a.privilege_type = 'CREATE'
        and not pg_catalog.pg_has_role(n.nspowner, 'usage'))";

pub(super) fn does_not_hold(allowed: &str) -> Failure {
    refused(format!(
        "The set-up is not safe: without a token, a role with access can {allowed}."
    ))
    .cure("Look at `epigraph admin status`, and give no one access until this is settled.")
}

/// Why nothing can be said.
enum Trouble {
    /// No one could sign in, or the connection was lost.
    Silent(Failure),
    /// The database answered something else.
    Odd(Failure),
}

async fn trespass(target: &Target) -> Result<Vec<&'static str>, Trouble> {
    let mut tries = 1;
    let mut visitor = loop {
        match Owner::connect(target).await {
            Ok(visitor) => break visitor,
            Err(failure) if tries == TRIES => return Err(Trouble::Silent(failure)),
            Err(_) => {}
        }
        tries += 1;
        sleep(PAUSE).await;
    };
    let mut allowed = Vec::new();
    let step = visitor.begin().await.map_err(Trouble::Silent)?;
    step.batch_execute(&format!("{PLAIN_SCANS}; savepoint question"))
        .await
        .map_err(|error| Trouble::Silent(explain(&error, target)))?;
    for (what, statements) in FORBIDDEN {
        let by = if what == FUNCTIONS {
            NO_TOKEN
        } else {
            NO_RIGHT
        };
        for statement in statements {
            if !is_refused(&step, statement, by).await? && !allowed.contains(&what) {
                allowed.push(what);
            }
        }
    }
    // Not committed, so that nothing is left even of what should have been refused.
    Ok(allowed)
}

async fn is_refused(step: &Step<'_>, statement: &str, by: &str) -> Result<bool, Trouble> {
    let tried = step
        .batch_execute(&format!("rollback to question; {statement}"))
        .await;
    let Err(error) = tried else {
        return Ok(false);
    };
    match error.code().map(SqlState::code) {
        None => Err(Trouble::Silent(explain(&error, step.target))),
        Some(code) if code == by => Ok(true),
        // Refused, but by what stands behind that which should have refused it.
        Some(code) if code == NO_RIGHT || code.starts_with("28") => Ok(false),
        Some(_) => Err(Trouble::Odd(explain(&error, step.target))),
    }
}
