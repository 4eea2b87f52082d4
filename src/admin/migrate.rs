//! Brings the database up to this program's schema.

use std::time::Duration;

use refinery_core::{
    Error, Migration, Runner,
    error::Kind as Reason,
    traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction},
};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use super::{
    Owner, PUBLIC_REFUSED, Step, closed_public, collided, explain, has_collided, take_turn,
};
use crate::{
    failure::{Failure, Kind},
    postgres::{Target, refused},
    text::clause,
};

/// A migration's name and text, from its file.
macro_rules! migration {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../migrations/", $name, ".sql")),
        )
    };
}

/// All of them, in their order.
const MIGRATIONS: &[(&str, &str)] = &[
    migration!("V1__user_messages"),
    migration!("V2__okta_identity"),
    migration!("V3__row_security"),
    migration!("V4__token_check"),
    migration!("V5__protection"),
    migration!("V6__quote_functions"),
];

/// Where the database keeps what was applied.
pub(super) const HISTORY: &str = "public.epigraph_schema_history";
/// The most that a migration may take, with the wait for another one.
const LIMIT: Duration = Duration::from_mins(5);

/// The first migration after which each database has a group of its own.
const OWN_GROUP: &str = "V6__";
/// The first one after which people had access.
const FIRST_GROUP: &str = "V3__";

// A role that may create tables in the schema public could have made it, with a trigger that works for the owner. The owner may have
// the rights of a person's role, from when that was to be removed.
const ARE_OURS: &str = "\
select c.relname::text, c.relkind = 'r' and pg_catalog.pg_has_role(c.relowner, 'usage') and not exists (
    select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
    where m.member = c.relowner and c.relowner <> pg_catalog.to_regrole(pg_catalog.quote_ident(current_user))
        and g.rolname ~ '^epigraph_user(_[0-9]+)?$'
        and coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true))
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relname in ('epigraph_schema_history', 'user_messages')";

/// As the library that applies the migrations wants it. Made without `if not exists`: what someone else makes meanwhile is
/// not taken for it.
const MAKE_HISTORY: &str = "\
create table public.epigraph_schema_history (
    version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255));
revoke all on table public.epigraph_schema_history from public";

// The last one to leave it takes it away. It may be in use in ways that no one sees from here: then it stays.
const DROP_OLD_GROUP: &str = "\
set local lock_timeout = '1s';
do $$
begin
    if pg_catalog.to_regrole('epigraph_user') is not null
        and not exists (
            select from pg_catalog.pg_auth_members m where m.roleid = pg_catalog.to_regrole('epigraph_user')
                and (coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true)
                    or coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true)))
        and not exists (
            select from pg_catalog.pg_shdepend s where s.refobjid = pg_catalog.to_regrole('epigraph_user')
                and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                and s.classid <> 'pg_catalog.pg_auth_members'::pg_catalog.regclass)
    then
        drop role epigraph_user;
    end if;
end
$$";

/// What a migration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The names of the migrations that the database lacked.
    pub names: Vec<String>,
    /// Whether people used the database before, whose older programs it refuses from now on.
    pub blocks_old_programs: bool,
}

/// Applies the migrations that the database lacks and returns the names of those it applied. All or nothing.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is left half done.
pub async fn migrate(target: &Target) -> Result<Vec<String>, Failure> {
    Ok(migrate_aloud(target, |_| {}).await?.names)
}

/// The same; `tell` hears what the administrator should know while they wait.
///
/// # Errors
/// As those of [`migrate`].
pub async fn migrate_aloud(target: &Target, tell: fn(&str)) -> Result<Applied, Failure> {
    timeout(LIMIT, async {
        let mut owner = Owner::connect(target).await?.telling(tell);
        let mut names = Vec::new();
        owner
            .persist(async |owner: &mut Owner| apply(owner, &mut names).await)
            .await?;
        let applies = |start: &str| names.iter().any(|name| name.starts_with(start));
        let blocks_old_programs = applies(OWN_GROUP) && !applies(FIRST_GROUP);
        // Also for a run before this one that was broken off.
        drop_old_group(&mut owner).await;
        Ok(Applied {
            names,
            blocks_old_programs,
        })
    })
    .await
    .unwrap_or_else(|_| Err(too_slow()))
}

/// Applies what is missing, and adds the names. One whose end was not answered may have been applied by then: it was named.
async fn apply(owner: &mut Owner, names: &mut Vec<String>) -> Result<(), Failure> {
    let tell = owner.tell;
    let mut step = owner.begin().await?;
    let target = step.target;
    let failed = |error: tokio_postgres::Error| not_applied(&error, target);
    // A migration takes the time that it takes.
    step.batch_execute("set local statement_timeout = 0")
        .await
        .map_err(failed)?;
    let mut is_known = false;
    for row in &step.rows(ARE_OURS, &[]).await.map_err(failed)? {
        let name: &str = row.try_get(0).map_err(failed)?;
        if !row.try_get(1).map_err(failed)? {
            return Err(foreign_table(name));
        }
        is_known |= HISTORY.ends_with(name);
    }
    let turn = if is_known {
        take_turn(&step, tell).await
    } else {
        step.batch_execute(MAKE_HISTORY).await
    };
    turn.map_err(failed)?;
    let report = Runner::new(&migrations())
        .set_grouped(true)
        .set_migration_table_name(HISTORY)
        .run_async(&mut step)
        .await
        .map_err(|error| stopped(&error, target))?;
    let applied = report.applied_migrations().iter().map(ToString::to_string);
    let committed = step.transaction.commit().await;
    if committed
        .as_ref()
        .err()
        .is_none_or(|error| error.as_db_error().is_none())
    {
        names.extend(applied);
    }
    committed.map_err(failed)
}

/// Everybody else may be at work with it: it is dropped now, or by another run, or never.
async fn drop_old_group(owner: &mut Owner) {
    let drop = async |step: &Step<'_>| Ok(step.batch_execute(DROP_OLD_GROUP).await?);
    if let Err(why) = owner.step(drop).await {
        tracing::info!(target: "epigraph", "the old group stays: {}", why.what);
    }
}

// The one transaction in which all of it happens, the table of what was applied included.
impl AsyncTransaction for Step<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            self.batch_execute(query).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Step<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Self::Error> {
        let rows = self.rows(query, &[]).await?;
        rows.iter()
            .map(|row| {
                let checksum: String = row.try_get("checksum")?;
                Ok(Migration::applied(
                    row.try_get("version")?,
                    row.try_get("name")?,
                    // No one asks for it: versions, names and checksums are compared.
                    time::OffsetDateTime::UNIX_EPOCH,
                    // One that is no number differs from every other, which is reported as what it is.
                    checksum.parse().unwrap_or_default(),
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for Step<'_> {
    /// It was made or found, and locked, before.
    fn assert_migrations_table_query(_: &str) -> String {
        "select".into()
    }
}

/// The number of the newest migration of this program.
pub(super) fn newest() -> i32 {
    let migrations = migrations();
    let versions = migrations.iter().map(Migration::version);
    versions.max().unwrap_or_default()
}

/// Their texts, in the order in which they are applied.
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().map(|(_, text)| *text)
}

fn migrations() -> Vec<Migration> {
    let unapplied = |(name, text): &(&str, &str)| {
        Migration::unapplied(name, text).expect("a file's name is of this form")
    };
    MIGRATIONS.iter().map(unapplied).collect()
}

fn stopped(error: &Error, target: &Target) -> Failure {
    match error.kind() {
        Reason::DivergentVersion(..) | Reason::MissingVersion(..) => another_version(),
        Reason::Connection(_, cause) => match cause.downcast_ref() {
            Some(cause) => not_applied(cause, target),
            None => unknown(),
        },
        _ => unknown(),
    }
}

pub(super) fn too_slow() -> Failure {
    Failure::new(
        Kind::Unreachable,
        "The migrations took too long and were undone.",
    )
    .cure("Another connection may hold a lock on the table. Try again in a moment.")
}

pub(super) fn another_version() -> Failure {
    refused("The database was migrated by another version of this program; nothing was changed.")
        .cure("Use the newest version of epigraph that your team has.")
}

pub(super) fn unknown() -> Failure {
    Failure::new(
        Kind::Failed,
        "The migrations could not be applied; nothing was changed.",
    )
    .cure("Try again with --log FILE, and look at the end of the log.")
}

pub(super) fn raised(message: &str, hint: Option<&str>) -> Failure {
    let failure = refused(format!("{}. Nothing was changed.", clause(message)));
    match hint {
        Some(hint) => failure.cure(format!("{}.", clause(hint))),
        None => failure,
    }
}

pub(super) fn not_allowed(user: &str) -> Failure {
    refused(format!(
        "The role {user} may not set up tables in this database; nothing was changed."
    ))
    .cure("Use the connection string of the database's owner.")
}

pub(super) fn foreign_table(name: &str) -> Failure {
    refused(format!(
            "The table public.{name} belongs to another role, which may have set a trap with it; nothing was changed."
        ))
    .cure("Use the connection string of the role that set up this database. After a copy or a restore, have everything in it given to your role. If it was never set up, have that table dropped, and find out who may make tables in the schema public.")
}

pub(super) fn group_not_made(group: &str, user: &str) -> Failure {
    refused(format!("The group role {group} could not be made: the role {user} may not make roles."))
    .cure(format!(
        "Have a role that may run \"create role {group} nologin; grant {group} to {user} with admin option\", then try again."
    ))
}

fn not_applied(error: &tokio_postgres::Error, target: &Target) -> Failure {
    let generally = || crate::postgres::explain(error, target, &[]);
    let Some(refusal) = error.as_db_error() else {
        return generally();
    };
    match *refusal.code() {
        // Raised by a migration, in words for people.
        SqlState::DATATYPE_MISMATCH => raised(refusal.message(), refusal.hint()),
        SqlState::WRONG_OBJECT_TYPE if refusal.hint().is_some() => {
            raised(refusal.message(), refusal.hint())
        }
        SqlState::INSUFFICIENT_PRIVILEGE if refusal.message() == PUBLIC_REFUSED => {
            closed_public(&target.user)
        }
        SqlState::INSUFFICIENT_PRIVILEGE => not_allowed(&target.user),
        // A role that was there a moment ago: that of the last database that used it is dropped.
        SqlState::UNDEFINED_OBJECT => collided(),
        SqlState::LOCK_NOT_AVAILABLE => explain(error, target),
        _ if has_collided(refusal) => explain(error, target),
        _ => generally(),
    }
}
