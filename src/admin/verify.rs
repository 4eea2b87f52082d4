//! The proof after the set-up: a person's role, without a token, reaches nothing.

use tokio::time::{Duration, sleep};
use tokio_postgres::{Transaction, error::SqlState, types::Type};

use super::{Owner, Words, access, bounded};
use crate::{
    failure::{Failure, Kind},
    postgres::Target,
};

/// The row of no one: no user id of Okta's has blanks. One that an interrupted set-up left behind is taken away by the next.
const NOBODY: &str = "epigraph admin setup";
/// A new role may take a moment to be known at Neon's proxy.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How often a role for the proof is made anew, because another administrator took it for one that was left behind: as many as are
/// at it at the same moment, one after the other, get their turn.
const VISITORS: u32 = 20;

/// By what something has to be refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// There is no right to it.
    Right,
    /// There is no token.
    Token,
}

impl By {
    fn is(self, code: &SqlState) -> bool {
        match self {
            Self::Right => *code == SqlState::INSUFFICIENT_PRIVILEGE,
            Self::Token => code.code() == "28E01",
        }
    }
}

// What compares a caller's conditions before a policy's, and so tells of rows that it does not show.
const PLAIN_SCANS: &str = "set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off";
const MAKE_A_TABLE: &str = "make a table";
const READ: &str = "read rows";
const ASK: &str = "ask which rows there are";
const WRITE: &str = "write a row for another person";
const CHANGE: &str = "change the row of another person";
const DELETE: &str = "delete the row of another person";
const LOCK: &str = "hold up everybody by a lock";
const OWNERS: &str = "read what is the owner's alone";
const WORK: &str = "do the owner's work";
const FUNCTIONS: &str = "have a function answer without a token";

/// What a role must not be able to do, how each is tried, and what has to refuse it.
const FORBIDDEN: [(&str, &str, By); 33] = [
    (READ, "table public.user_messages", By::Right),
    (READ, "select from public.user_messages limit 1", By::Right),
    (
        READ,
        "select from public.user_messages where user_id = 'epigraph admin setup'",
        By::Right,
    ),
    (READ, "select count(*) from public.user_messages", By::Right),
    (
        ASK,
        "select from public.user_messages where user_id in ('epigraph admin setup', 'x')",
        By::Right,
    ),
    (
        ASK,
        "select from public.user_messages where message >= '' and message < 'x'",
        By::Right,
    ),
    (
        ASK,
        "explain (analyze) select from public.user_messages where user_id in ('epigraph admin setup', 'x')",
        By::Right,
    ),
    (
        ASK,
        "insert into public.user_messages (user_id, message) values ('epigraph admin setup', '')",
        By::Right,
    ),
    (
        WRITE,
        "insert into public.user_messages (user_id, message) values ('epigraph admin setup 2', '')",
        By::Right,
    ),
    (
        CHANGE,
        "update public.user_messages set message = '' where user_id in ('epigraph admin setup', 'x')",
        By::Right,
    ),
    (
        DELETE,
        "delete from public.user_messages where user_id in ('epigraph admin setup', 'x')",
        By::Right,
    ),
    (DELETE, "truncate public.user_messages", By::Right),
    (
        LOCK,
        "select from public.user_messages where user_id in ('epigraph admin setup', 'x') for update",
        By::Right,
    ),
    (
        LOCK,
        "lock table public.user_messages in access share mode",
        By::Right,
    ),
    (
        LOCK,
        "lock table public.epigraph_schema_history in access share mode",
        By::Right,
    ),
    (FUNCTIONS, "select epigraph.load_quote()", By::Token),
    (FUNCTIONS, "select epigraph.save_quote('', null)", By::Token),
    (FUNCTIONS, "select epigraph.delete_quote(null)", By::Token),
    (FUNCTIONS, "select okta.user_id()", By::Token),
    (OWNERS, "select from okta.issuer limit 1", By::Right),
    (OWNERS, "select from okta.signing_key limit 1", By::Right),
    (
        OWNERS,
        "select 1 union all select 1 from okta.blocked",
        By::Right,
    ),
    (OWNERS, "select from okta.unshown_access limit 1", By::Right),
    (
        OWNERS,
        "select from public.epigraph_schema_history limit 1",
        By::Right,
    ),
    (WORK, "select okta.add_issuer('x', 'x')", By::Right),
    (WORK, "select okta.add_signing_key('', '{}')", By::Right),
    (WORK, "select okta.unblock('x')", By::Right),
    (
        WORK,
        "select okta.protect('public.user_messages', 'user_id')",
        By::Right,
    ),
    (WORK, "select epigraph.grant_access('x')", By::Right),
    (WORK, "select epigraph.close_database()", By::Right),
    (
        MAKE_A_TABLE,
        "create table public.epigraph_admin_setup ()",
        By::Right,
    ),
    (
        "make a temporary table",
        "create temporary table epigraph_admin_setup ()",
        By::Right,
    ),
    (
        "make a schema",
        "create schema epigraph_admin_setup",
        By::Right,
    ),
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
        let (role, password) = bounded(owner.persist(prepare)).await?;
        let url = owner.target.url_of(&role, &password);
        let target = Target::parse(&url)?;
        if let Some(proof) = bounded(prove(owner, &role, &target)).await? {
            return Ok(proof);
        }
    }
    Err(super::collided())
}

/// Makes the role, and a row that it must not get at.
async fn prepare(owner: &mut Owner) -> Result<(String, secrecy::SecretString), Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let visitor = access::make_visitor(&transaction, words).await?;
    let work = async {
        transaction
            .query_typed(
                "insert into public.user_messages (user_id, message) values ($1, '') on conflict do nothing",
                &[(&NOBODY, Type::TEXT)],
            )
            .await?;
        transaction.commit().await
    };
    work.await.map_err(|error| words.explain(&error))?;
    Ok(visitor)
}

/// Tries it, while no other administrator is at work, and takes the role and the row away. `None` where the role is gone.
async fn prove(owner: &mut Owner, role: &str, target: &Target) -> Result<Option<Proof>, Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let failed = |error: tokio_postgres::Error| words.explain(&error);
    let rows = transaction
        .query_typed(
            "select from pg_catalog.pg_roles where rolname = $1",
            &[(&role, Type::TEXT)],
        )
        .await
        .map_err(failed)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let found = trespass(target).await;
    // Whatever came of it, the role and the row go.
    let is_public_open = clean_up(transaction, role).await.map_err(failed)?;
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

/// Says as well whether everybody may create objects in the schema public, and the owner cannot change that.
async fn clean_up(transaction: Transaction<'_>, role: &str) -> Result<bool, tokio_postgres::Error> {
    transaction
        .query_typed(
            "delete from public.user_messages where user_id = $1",
            &[(&NOBODY, Type::TEXT)],
        )
        .await?;
    transaction
        .batch_execute(&format!("drop role if exists \"{role}\""))
        .await?;
    let is_public_open = transaction
        .query_typed_one(
            "select exists (
                 select from pg_catalog.pg_namespace n cross join pg_catalog.aclexplode(n.nspacl) a
                 where n.nspname = 'public' and a.grantee = 0 and a.privilege_type = 'CREATE'
                     and not pg_catalog.pg_has_role(n.nspowner, 'usage'))",
            &[],
        )
        .await?
        .try_get(0)?;
    transaction.commit().await?;
    Ok(is_public_open)
}

pub(super) fn does_not_hold(allowed: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The set-up is not safe: without a token, a role with access can {allowed}."),
    )
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
    let (transaction, words) = visitor.begin().await.map_err(Trouble::Silent)?;
    transaction
        .batch_execute(&format!("{PLAIN_SCANS}; savepoint question"))
        .await
        .map_err(|error| Trouble::Silent(words.explain(&error)))?;
    for (what, statement, by) in FORBIDDEN {
        if !is_refused(&transaction, words, statement, by).await? && !allowed.contains(&what) {
            allowed.push(what);
        }
    }
    // Not committed, so that nothing is left even of what should have been refused.
    Ok(allowed)
}

async fn is_refused(
    transaction: &Transaction<'_>,
    words: Words<'_>,
    statement: &str,
    by: By,
) -> Result<bool, Trouble> {
    let tried = transaction
        .batch_execute(&format!("rollback to question; {statement}"))
        .await;
    let Err(error) = tried else {
        return Ok(false);
    };
    match error.code() {
        None => Err(Trouble::Silent(words.explain(&error))),
        Some(code) if by.is(code) => Ok(true),
        // Refused, but by what stands behind that which should have refused it.
        Some(code)
            if *code == SqlState::INSUFFICIENT_PRIVILEGE || code.code().starts_with("28") =>
        {
            Ok(false)
        }
        Some(_) => Err(Trouble::Odd(words.explain(&error))),
    }
}
