//! Who has access, which keys are known, and what is not as it should be.

use chrono::{DateTime, Local, TimeDelta};
use serde::Serialize;
use tokio_postgres::{Row, Transaction};

use super::{Owner, Words, access, bounded, migrate};
use crate::failure::Failure;

/// The keys are to be refreshed every week; after this long the job is not running.
const STALE: TimeDelta = TimeDelta::days(15);

/// The state of the database, as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The issuer whose tokens count.
    pub issuer: Option<String>,
    /// The client id that they must be made for.
    pub audience: Option<String>,
    /// The signing keys that are known.
    pub keys: Vec<RegisteredKey>,
    /// Who may connect.
    pub access: Vec<Member>,
    /// Who is shut out.
    pub blocked: Vec<Blocked>,
    /// The last migration that was applied.
    pub migration: Option<String>,
    /// What is not as it should be, each a sentence.
    pub problems: Vec<String>,
}

/// A signing key.
#[derive(Clone, Debug, Serialize)]
pub struct RegisteredKey {
    /// Its id in tokens and in Okta's key set.
    pub kid: String,
    /// Its length.
    pub bits: i32,
    /// Since when the database knows it.
    pub added_at: DateTime<Local>,
    /// When Okta was last seen to publish it.
    pub last_published_at: DateTime<Local>,
}

/// A role that may connect.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// Its name.
    pub role: String,
    /// Whether it can log in.
    pub can_login: bool,
    /// How many connections it has now.
    pub connections: i64,
}

/// A person who is shut out.
#[derive(Clone, Debug, Serialize)]
pub struct Blocked {
    /// The `sub` of their tokens.
    pub user_id: String,
    /// Since when.
    pub blocked_at: DateTime<Local>,
}

const MEMBERS: &str = "\
select r.rolname::text, r.rolcanlogin,
    (select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid)
from pg_catalog.pg_roles r
join pg_catalog.pg_auth_members m on m.member = r.oid
join pg_catalog.pg_roles g on g.oid = m.roleid
where g.rolname = okta.user_group() and r.rolname <> current_user and r.rolname !~ '^epigraph_check_[0-9a-f]+$'
group by r.oid, r.rolname, r.rolcanlogin
order by 1";

// Each part gives sentences. Roles that pass over row security anyway (the owner, superusers, Neon's own) may hold what they like.
const PROBLEMS: &str = "\
with messages as (
    select c.oid, c.relowner, c.relacl, c.relrowsecurity from pg_catalog.pg_class c
    where c.oid = pg_catalog.to_regclass('public.user_messages')
), members as (
    select r.* from pg_catalog.pg_roles r
    where r.rolname <> current_user and exists (
        select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
        where m.member = r.oid and g.rolname = okta.user_group())
), visitors as (
    select oid, rolname from members
    union all
    select oid, rolname from pg_catalog.pg_roles where rolname = okta.user_group()
)
select 'Row security is off for public.user_messages: everybody with a connection string reads every row.'
from messages where not relrowsecurity
union all
select 'No policy of this program guards public.user_messages.'
from messages where not exists (
    select from pg_catalog.pg_policy p where p.polrelid = messages.oid and p.polpermissive
        and pg_catalog.pg_get_expr(p.polqual, p.polrelid) like '%okta.user_id()%')
union all
select pg_catalog.format('The policy %s opens public.user_messages beyond one''s own row.', p.polname)
from messages join pg_catalog.pg_policy p on p.polrelid = messages.oid
where p.polpermissive and (
    coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'okta.user_id()') not like '%okta.user_id()%'
    or coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), 'okta.user_id()') not like '%okta.user_id()%')
union all
select pg_catalog.format('%s may %s public.user_messages.',
    case when acl.grantee = 0 then 'Everybody' else acl.grantee::pg_catalog.regrole::text end,
    pg_catalog.lower(pg_catalog.string_agg(acl.privilege_type, ', ' order by acl.privilege_type)))
from messages cross join pg_catalog.aclexplode(messages.relacl) acl
left join pg_catalog.pg_roles r on r.oid = acl.grantee
where acl.grantee <> messages.relowner and (
    acl.grantee = 0
    or acl.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') and not r.rolsuper and not r.rolbypassrls)
group by acl.grantee
union all
select pg_catalog.format('%s may %s the table okta.%s, which is the owner''s alone.',
    case when acl.grantee = 0 then 'Everybody' else acl.grantee::pg_catalog.regrole::text end,
    pg_catalog.lower(pg_catalog.string_agg(acl.privilege_type, ', ' order by acl.privilege_type)), c.relname)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join pg_catalog.aclexplode(c.relacl) acl
left join pg_catalog.pg_roles r on r.oid = acl.grantee
where n.nspname = 'okta' and c.relkind = 'r' and acl.grantee <> c.relowner
    and (acl.grantee = 0 or not r.rolsuper and not r.rolbypassrls)
group by acl.grantee, c.relname
union all
select pg_catalog.format('Everybody may make things in the schema public: %s', 'revoke create on schema public from public;')
from pg_catalog.pg_namespace n cross join pg_catalog.aclexplode(n.nspacl) acl
where n.nspname = 'public' and acl.grantee = 0 and acl.privilege_type = 'CREATE'
union all
select pg_catalog.format('%s may make temporary tables: revoke temporary on database %I from public;', v.rolname, pg_catalog.current_database())
from visitors v where pg_catalog.has_database_privilege(v.oid, pg_catalog.current_database(), 'temporary')
    and (v.rolname = okta.user_group() or not pg_catalog.has_database_privilege(okta.user_group(), pg_catalog.current_database(), 'temporary'))
union all
select pg_catalog.format('%s may make schemas in this database: revoke create on database %I from it.', v.rolname, pg_catalog.current_database())
from visitors v where pg_catalog.has_database_privilege(v.oid, pg_catalog.current_database(), 'create')
union all
select pg_catalog.format('%s passes over row security, and is in the group of people: it reads every row.', r.rolname)
from members r where r.rolsuper or r.rolbypassrls
union all
select pg_catalog.format('%s may make roles, and is in the group of people.', r.rolname)
from members r where r.rolcreaterole and not r.rolsuper
union all
select pg_catalog.format('%s owns public.user_messages, and is in the group of people: it reads every row.', r.rolname)
from members r join messages on pg_catalog.pg_has_role(r.oid, messages.relowner, 'member')
where not r.rolsuper
union all
select pg_catalog.format('%s is also in %s, which gives it more than its own row.', r.rolname, g.rolname)
from members r
join pg_catalog.pg_auth_members m on m.member = r.oid
join pg_catalog.pg_roles g on g.oid = m.roleid
where g.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'neon_superuser')
    and not r.rolsuper and not r.rolbypassrls";

/// Looks at everything, and changes nothing.
///
/// # Errors
/// When the database cannot be reached or refuses, or was never set up.
pub async fn status(owner: &mut Owner) -> Result<Status, Failure> {
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        look(&transaction)
            .await
            .map_err(|error| explain(&error, words))
    })
    .await
}

fn explain(error: &tokio_postgres::Error, words: Words<'_>) -> Failure {
    words.explain(error)
}

async fn look(transaction: &Transaction<'_>) -> Result<Status, tokio_postgres::Error> {
    let history = format!(
        "select version, name from {} order by version desc limit 1",
        migrate::HISTORY
    );
    let migrated = one(transaction, &history).await?;
    let issuer = one(transaction, "select issuer, audience from okta.issuer").await?;
    let keys = transaction
        .query_typed(
            "select kid, bits, added_at, last_published_at from okta.signing_key order by last_published_at desc, added_at desc, kid",
            &[],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(RegisteredKey {
                kid: row.try_get(0)?,
                bits: row.try_get(1)?,
                added_at: row.try_get(2)?,
                last_published_at: row.try_get(3)?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    let access = transaction
        .query_typed(MEMBERS, &[])
        .await?
        .iter()
        .map(|row| {
            Ok(Member {
                role: row.try_get(0)?,
                can_login: row.try_get(1)?,
                connections: row.try_get(2)?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    let blocked = transaction
        .query_typed(
            "select user_id, blocked_at from okta.blocked order by blocked_at, user_id",
            &[],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Blocked {
                user_id: row.try_get(0)?,
                blocked_at: row.try_get(1)?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    let mut problems = Vec::new();
    let version = match &migrated {
        Some(row) => row.try_get(0)?,
        None => 0,
    };
    if version < migrate::newest() {
        problems.push(OLD_TABLES.into());
    }
    if issuer.is_none() {
        problems.push(NO_ISSUER.into());
    }
    problems.extend(keys_problem(&keys, Local::now()));
    let none = one(
        transaction,
        "select 1 from pg_catalog.pg_roles where rolname = okta.user_group()",
    )
    .await?
    .is_none();
    if none {
        problems.push(no_group(&access::group(transaction).await?));
    } else {
        for row in transaction.query_typed(PROBLEMS, &[]).await? {
            problems.push(row.try_get(0)?);
        }
    }
    Ok(Status {
        issuer: column(issuer.as_ref(), 0)?,
        audience: column(issuer.as_ref(), 1)?,
        keys,
        access,
        blocked,
        migration: match migrated {
            Some(row) => Some(format!(
                "V{}__{}",
                row.try_get::<_, i32>(0)?,
                row.try_get::<_, String>(1)?
            )),
            None => None,
        },
        problems,
    })
}

pub(super) const OLD_TABLES: &str =
    "The tables are of an older version: run `epigraph admin migrate`.";
pub(super) const NO_ISSUER: &str = "No issuer is registered: run `epigraph admin setup`.";

pub(super) fn no_group(group: &str) -> String {
    format!("The group {group} does not exist: run `epigraph admin setup`.")
}

pub(super) fn keys_problem(keys: &[RegisteredKey], now: DateTime<Local>) -> Option<String> {
    let newest = keys.iter().map(|key| key.last_published_at).max();
    match newest {
        None => Some(
            "No signing key is registered, so nobody gets in: run `epigraph admin keys`.".into(),
        ),
        Some(seen) if now - seen > STALE => Some(format!(
            "The keys were last compared with Okta's {} days ago: run `epigraph admin keys` every week.",
            (now - seen).num_days()
        )),
        Some(_) => None,
    }
}

async fn one(
    transaction: &Transaction<'_>,
    query: &str,
) -> Result<Option<Row>, tokio_postgres::Error> {
    let rows = transaction.query_typed(query, &[]).await?;
    Ok(rows.into_iter().next())
}

fn column(row: Option<&Row>, index: usize) -> Result<Option<String>, tokio_postgres::Error> {
    row.map(|row| row.try_get(index)).transpose()
}
