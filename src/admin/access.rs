//! Who may connect: a login role per person or team, in the group of this database, which holds the rights.
//!
//! Roles are known to all databases of a server, so a name may be in use for another one. A password that was set counts as
//! not shown to anybody until the configuration with it was written: `okta.unshown_access` keeps that.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use tokio_postgres::{Transaction, error::SqlState, types::Type};

use super::{Owner, Words, bounded, collided};
use crate::{
    failure::{Failure, Kind},
    text::clause,
};

/// What the roles begin with, so that they are told from others of the same server.
const PREFIX: &str = "epigraph_";
/// The longest name of a role that PostgreSQL keeps whole.
const LONGEST_ROLE: usize = 63;
/// 192 bits; Neon asks for 60.
const PASSWORD_BYTES: usize = 24;
/// What follows the prefix in the name of a role that is made for a proof, and goes after it.
const VISITOR: &str = "check_";

// The password travels as a parameter and is put into the statement on the server, because a statement's own text is
// kept in more places: `pg_stat_activity`, `pg_stat_statements`, a log of `ddl`, and the context of an error, which is
// why errors are raised anew. Plain text, because Neon takes no other; only a server that logs the parameters of every
// statement writes it down.
const SET: &str = "select pg_catalog.set_config('epigraph.role', $1, true), pg_catalog.set_config('epigraph.password', $2, true), \
pg_catalog.set_config('epigraph.group', $3, true)";
const FORGET: &str = "select pg_catalog.set_config('epigraph.password', '', true)";
const CREATE: &str = "\
do $$
begin
    execute pg_catalog.format('create role %I login connection limit 20 password %L in role %I',
        pg_catalog.current_setting('epigraph.role'), pg_catalog.current_setting('epigraph.password'),
        pg_catalog.current_setting('epigraph.group'));
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$$";
const ALTER: &str = "\
do $$
begin
    execute pg_catalog.format('alter role %I login password %L',
        pg_catalog.current_setting('epigraph.role'), pg_catalog.current_setting('epigraph.password'));
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$$";

/// Whether a membership `m` gives rights: since PostgreSQL 16 the role that makes a group is put into it, and gains none by that.
macro_rules! gives_rights {
    () => {
        "(coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true) \
         or coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true))"
    };
}

/// The other databases of the server for which a role `r` is a person's. Of the group that all databases shared once, those in
/// which it has rights still.
macro_rules! elsewhere {
    () => {
        concat!(
            "array (
                select distinct d.datname::text
                from pg_catalog.pg_auth_members m
                join pg_catalog.pg_roles g on g.oid = m.roleid
                join pg_catalog.pg_database d on g.rolname = 'epigraph_user_' || d.oid
                    or g.rolname = 'epigraph_user' and exists (
                        select from pg_catalog.pg_shdepend s where s.dbid = d.oid and s.refobjid = g.oid
                            and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass)
                where m.member = r.oid and d.datname <> pg_catalog.current_database() and ",
            gives_rights!(),
            " order by 1)"
        )
    };
}

const FIND: &str = concat!(
    "select
        exists (
            select from pg_catalog.pg_auth_members m
            where m.member = r.oid and m.roleid = pg_catalog.to_regrole($2) and ",
    gives_rights!(),
    "),
        r.rolcanlogin,
        r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication,
        exists (select from okta.unshown_access u where u.role_name = r.rolname), ",
    elsewhere!(),
    " from pg_catalog.pg_roles r where r.rolname = $1"
);

const PEOPLE: &str = concat!(
    "select r.rolname::text, exists (select from okta.unshown_access u where u.role_name = r.rolname), ",
    elsewhere!(),
    " from pg_catalog.pg_roles r
    where r.rolname <> current_user and r.rolname !~ '^epigraph_(check_[0-9a-f]+|setup_check)$' and exists (
        select from pg_catalog.pg_auth_members m
        where m.member = r.oid and m.roleid = pg_catalog.to_regrole($1) and ",
    gives_rights!(),
    ") order by 1"
);

/// Access that was handed out.
#[derive(Debug)]
pub struct Access {
    /// The login role.
    pub role: String,
    /// Its password; `None` where it keeps the one it has.
    pub password: Option<SecretString>,
    /// What was done for it.
    pub how: How,
    /// When its password was set, as the database wrote it down.
    set_at: Option<String>,
}

/// What handing access out came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The role is new.
    Made,
    /// It was there, without access: it has a new password.
    LetInAgain,
    /// It had access, and has a new password because that was asked for.
    Renewed,
    /// It had access with a password that no one was ever shown: it has a new one.
    NeverShown,
    /// It had access and keeps its password.
    Kept,
}

/// Who has access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// The group that they are in.
    pub group: String,
    /// Each of them, in the order of their names.
    pub all: Vec<Person>,
}

/// Someone who has access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The login role.
    pub role: String,
    /// Whether its password was set, and never shown to anybody.
    pub is_unshown: bool,
    /// The other databases of the same server for which it is a person's role.
    pub elsewhere: Vec<String>,
}

/// What taking access back came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The login role.
    pub role: String,
    /// How many open connections of it were ended.
    pub ended: i64,
    /// How many things of its own went with it.
    pub things: i64,
    /// How many rights that someone had given it went with it.
    pub rights: i64,
    /// The other databases of the server for which it is a person's role: there it stays.
    pub elsewhere: Vec<String>,
    /// What could not be done, each a sentence.
    pub left: Vec<String>,
}

struct Role {
    nature: Nature,
    member: bool,
    unshown: bool,
    elsewhere: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// It can log in, and has no right that a person has none of.
    Person,
    /// It cannot log in: a person's that was blocked, or a group.
    Closed,
    /// It has rights that no grant gives.
    Privileged,
}

/// The group of this database, whose members are its people.
pub(super) async fn group(transaction: &Transaction<'_>) -> Result<String, tokio_postgres::Error> {
    transaction
        .query_typed_one("select okta.user_group()::text", &[])
        .await?
        .try_get(0)
}

/// Makes a login role in the group for a person or a team. One that is there keeps its password, unless a new one is asked for
/// or no one was ever shown it. What has a password here has to be [shown](show).
///
/// # Errors
/// When the name cannot be one, belongs to a role of another kind or of another database, or the database refuses.
pub async fn grant(owner: &mut Owner, name: &str, new_password: bool) -> Result<Access, Failure> {
    let role = role_named(name)?;
    let password = password()?;
    bounded(
        owner.persist(async |owner: &mut Owner| {
            grant_once(owner, &role, &password, new_password).await
        }),
    )
    .await
}

async fn grant_once(
    owner: &mut Owner,
    role: &str,
    password: &SecretString,
    new_password: bool,
) -> Result<Access, Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let look = async {
        let group = group(&transaction).await?;
        let found = find(&transaction, role, &group).await?;
        Ok((group, found))
    };
    let (group, found) = look
        .await
        .map_err(|error: tokio_postgres::Error| words.explain(&error))?;
    let how = match &found {
        None => How::Made,
        Some(found) if found.nature == Nature::Privileged => return Err(no_person(role)),
        Some(found) if !found.member && !found.elsewhere.is_empty() => {
            return Err(of_another_database(role, &found.elsewhere.join(", ")));
        }
        // It may be a group of someone else's.
        Some(found) if found.nature == Nature::Closed && !found.member && !found.unshown => {
            return Err(no_person(role));
        }
        Some(found) if found.nature == Nature::Closed => How::LetInAgain,
        Some(_) if new_password => How::Renewed,
        Some(found) if found.unshown => How::NeverShown,
        Some(_) => How::Kept,
    };
    let work = async {
        let mut set_at = None;
        if how != How::Kept {
            set(&transaction, role, password, &group).await?;
            transaction
                .batch_execute(if how == How::Made { CREATE } else { ALTER })
                .await?;
            transaction.query_typed(FORGET, &[]).await?;
            set_at = Some(note_unshown(&transaction, role).await?);
        }
        if found.is_some_and(|found| !found.member) {
            transaction
                .batch_execute(&format!("grant {group} to \"{role}\""))
                .await?;
        }
        if how == How::LetInAgain {
            give_rights_back(&transaction, role).await?;
        }
        transaction.commit().await?;
        Ok(set_at)
    };
    let set_at = work
        .await
        .map_err(|error| refused(&error, words, role, &group))?;
    Ok(Access {
        role: role.to_owned(),
        password: set_at.is_some().then(|| password.clone()),
        how,
        set_at,
    })
}

/// Shows what was set to the person it is for, by writing it down, and takes note of that. Says whether the note was taken:
/// without it the next run sets another password, but this one is set already, and shown whatever the database says meanwhile.
///
/// # Errors
/// When someone else has set another password since, or it cannot be written.
pub async fn show<E: From<Failure>>(
    owner: &mut Owner,
    access: &Access,
    write: impl FnOnce() -> Result<(), E>,
) -> Result<bool, E> {
    let begun = bounded(async {
        let (transaction, words) = owner.begin_alone().await?;
        let rows = transaction
            .query_typed(
                "delete from okta.unshown_access where role_name = $1::text and made_at::text = $2 returning 1",
                &[(&access.role, Type::TEXT), (&access.set_at, Type::TEXT)],
            )
            .await
            .map_err(|error| words.explain(&error))?;
        if rows.is_empty() {
            return Err(set_by_another(&access.role));
        }
        Ok(transaction)
    });
    match begun.await {
        Ok(transaction) => {
            // No one sets another password meanwhile.
            write()?;
            Ok(transaction.commit().await.is_ok())
        }
        Err(failure) if failure == set_by_another(&access.role) => Err(failure.into()),
        Err(failure) => {
            failure.log();
            write()?;
            Ok(false)
        }
    }
}

/// Says who has access.
///
/// # Errors
/// When the database cannot be reached or refuses, or was never set up.
pub async fn people(owner: &mut Owner) -> Result<People, Failure> {
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let work = async {
            let group = group(&transaction).await?;
            let rows = transaction
                .query_typed(PEOPLE, &[(&group, Type::TEXT)])
                .await?;
            let all = rows
                .iter()
                .map(|row| {
                    Ok(Person {
                        role: row.try_get(0)?,
                        is_unshown: row.try_get(1)?,
                        elsewhere: row.try_get(2)?,
                    })
                })
                .collect::<Result<_, _>>()?;
            Ok(People { group, all })
        };
        work.await
            .map_err(|error: tokio_postgres::Error| words.explain(&error))
    })
    .await
}

/// The first of `name`, `name_2`, `name_3`, ... that is not in use for anybody else, on the whole server.
///
/// # Errors
/// When the database cannot be reached or refuses, or was never set up.
pub async fn free_name(owner: &mut Owner, name: &str) -> Result<String, Failure> {
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let work = async {
            let group = group(&transaction).await?;
            let mut number = 1;
            loop {
                let free = match number {
                    1 => name.to_owned(),
                    _ => format!("{name}_{number}"),
                };
                let found = find(&transaction, &format!("{PREFIX}{free}"), &group).await?;
                if found.is_none_or(|found| found.member) {
                    return Ok(free);
                }
                number += 1;
            }
        };
        work.await
            .map_err(|error: tokio_postgres::Error| words.explain(&error))
    })
    .await
}

/// A role for a proof, made with a name that no cache can know, and its password. What proofs left behind that were broken off
/// goes before. It is to be dropped again.
pub(super) async fn make_visitor(
    transaction: &Transaction<'_>,
    words: Words<'_>,
) -> Result<(String, SecretString), Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| no_random_numbers())?;
    let role = format!("{PREFIX}{VISITOR}{:016x}", u64::from_be_bytes(random));
    let password = password()?;
    let group = group(transaction)
        .await
        .map_err(|error| words.explain(&error))?;
    let work = async {
        transaction
            .batch_execute(
                "do $$
                declare
                    visitor name;
                begin
                    for visitor in
                        select r.rolname from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member
                        where m.roleid = pg_catalog.to_regrole(okta.user_group()::text)
                            and (r.rolname ~ '^epigraph_check_[0-9a-f]+$' or r.rolname = 'epigraph_setup_check')
                    loop
                        begin
                            execute pg_catalog.format('drop role %I', visitor);
                        exception when others then null;
                        end;
                    end loop;
                end
                $$",
            )
            .await?;
        set(transaction, &role, &password, &group).await?;
        transaction.batch_execute(CREATE).await?;
        transaction.query_typed(FORGET, &[]).await?;
        Ok(())
    };
    work.await
        .map_err(|error| refused(&error, words, &role, &group))?;
    Ok((role, password))
}

/// Takes access back: the role can connect no more, its open connections end, and it goes, with what it made in this database.
/// Nothing of it becomes the owner's: a function could hold a trap. A role that is a person's for another database as well
/// only leaves this one.
///
/// # Errors
/// When there is no such access, or the database refuses.
pub async fn revoke(owner: &mut Owner, name: &str) -> Result<Revoked, Failure> {
    let role = role_named(name)?;
    // First of all and for itself: whatever follows, no one comes in any more.
    let mut revoked =
        bounded(owner.persist(async |owner: &mut Owner| shut_out(owner, &role).await)).await?;
    let stays = !revoked.elsewhere.is_empty() || !revoked.left.is_empty();
    match bounded(owner.persist(async |owner: &mut Owner| end_connections(owner, &role).await))
        .await
    {
        Ok(ended) => revoked.ended = ended,
        Err(why) => revoked.left.push(still_connected(&why)),
    }
    if stays {
        return Ok(revoked);
    }
    let dropped = bounded(owner.persist(async |owner: &mut Owner| drop_things(owner, &role).await));
    match dropped.await {
        Ok((things, rights)) => (revoked.things, revoked.rights) = (things, rights),
        Err(why) => {
            revoked.left.push(still_there(&why));
            return Ok(revoked);
        }
    }
    let gone = bounded(owner.persist(async |owner: &mut Owner| drop_role(owner, &role).await));
    match gone.await {
        Ok(None) => {}
        Ok(Some(left)) => revoked.left.push(left),
        Err(why) => revoked.left.push(still_there(&why)),
    }
    Ok(revoked)
}

async fn shut_out(owner: &mut Owner, role: &str) -> Result<Revoked, Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let failed = |error: tokio_postgres::Error| words.explain(&error);
    let group = group(&transaction).await.map_err(failed)?;
    let found = find(&transaction, role, &group).await.map_err(failed)?;
    let found = found
        .filter(|found| found.member && found.nature != Nature::Privileged)
        .ok_or_else(|| no_access(role))?;
    let mut revoked = Revoked {
        role: role.to_owned(),
        elsewhere: found.elsewhere,
        ..Revoked::default()
    };
    if revoked.elsewhere.is_empty() {
        transaction
            .batch_execute("savepoint lock")
            .await
            .map_err(failed)?;
        let lock = format!("alter role \"{role}\" nologin");
        match transaction.batch_execute(&lock).await {
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                // Someone else's, who made it: out of this database it goes all the same.
                transaction
                    .batch_execute("rollback to lock")
                    .await
                    .map_err(failed)?;
                leave(&transaction, words, role, &group).await?;
                revoked.left.push(somebody_elses(role));
            }
            locked => locked.map_err(failed)?,
        }
    } else {
        leave(&transaction, words, role, &group).await?;
    }
    let end = async {
        forget_unshown(&transaction, role).await?;
        transaction.commit().await
    };
    end.await.map_err(failed)?;
    Ok(revoked)
}

/// Takes the role out of the group.
async fn leave(
    transaction: &Transaction<'_>,
    words: Words<'_>,
    role: &str,
    group: &str,
) -> Result<(), Failure> {
    transaction
        .batch_execute(&format!("revoke {group} from \"{role}\""))
        .await
        .map_err(|error| refused(&error, words, role, group))?;
    // Since PostgreSQL 16 only the role that put it there can do that, and for anybody else it is no error.
    let found = find(transaction, role, group)
        .await
        .map_err(|error| words.explain(&error))?;
    if found.is_some_and(|found| found.member) {
        return Err(put_there_by_another(role, group));
    }
    Ok(())
}

async fn end_connections(owner: &mut Owner, role: &str) -> Result<i64, Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let work = async {
        let others: i64 = transaction
            .query_typed_one(
                "select pg_catalog.count(*) from pg_catalog.pg_stat_activity
                 where usename = $1 and datname = pg_catalog.current_database()",
                &[(&role, Type::TEXT)],
            )
            .await?
            .try_get(0)?;
        if others == 0 {
            return Ok(0);
        }
        take_rights(&transaction, role).await?;
        let ended = transaction
            .query_typed_one(
                "select pg_catalog.count(*) filter (where pg_catalog.pg_terminate_backend(pid, 5000))
                 from pg_catalog.pg_stat_activity where usename = $1 and datname = pg_catalog.current_database()",
                &[(&role, Type::TEXT)],
            )
            .await?
            .try_get(0)?;
        give_rights_back(&transaction, role).await?;
        transaction.commit().await?;
        Ok(ended)
    };
    work.await
        .map_err(|error: tokio_postgres::Error| words.explain(&error))
}

/// Drops what the role owns in this database, and the rights that it was given. Returns how many of each there were.
async fn drop_things(owner: &mut Owner, role: &str) -> Result<(i64, i64), Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let work = async {
        let (things, rights) = count(&transaction, role).await?;
        if (things, rights) == (0, 0) {
            return Ok((0, 0));
        }
        take_rights(&transaction, role).await?;
        transaction
            .batch_execute(&format!("drop owned by \"{role}\""))
            .await?;
        give_rights_back(&transaction, role).await?;
        // Rights that someone else granted stay.
        let left = count(&transaction, role).await?;
        transaction.commit().await?;
        Ok((things - left.0, rights - left.1))
    };
    work.await
        .map_err(|error: tokio_postgres::Error| match error.as_db_error() {
            Some(refusal) if *refusal.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
                needed(role, refusal.detail().unwrap_or_default())
            }
            _ => words.explain(&error),
        })
}

/// How many things in this database are the role's own, and how many rights it was given.
async fn count(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<(i64, i64), tokio_postgres::Error> {
    let row = transaction
        .query_typed_one(
            "select pg_catalog.count(*) filter (where s.deptype = 'o'), pg_catalog.count(*) filter (where s.deptype <> 'o')
             from pg_catalog.pg_shdepend s
             where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and s.refobjid = pg_catalog.to_regrole($1)
                 and (s.dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
                     or s.dbid = 0 and s.deptype = 'a')",
            &[(&role, Type::TEXT)],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Drops the role, or says why it has to stay.
async fn drop_role(owner: &mut Owner, role: &str) -> Result<Option<String>, Failure> {
    let (transaction, words) = owner.begin_alone().await?;
    let work = async {
        forget_unshown(&transaction, role).await?;
        transaction
            .batch_execute(&format!("drop role if exists \"{role}\""))
            .await?;
        transaction.commit().await
    };
    match work.await {
        Ok(()) => Ok(None),
        Err(error) => match error.as_db_error() {
            Some(refusal) if *refusal.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
                Ok(Some(owns_things(refusal.detail().unwrap_or_default())))
            }
            _ => Err(words.explain(&error)),
        },
    }
}

// Ending a session and dropping what a role owns take the rights of that role, which the role that made it may give to itself.
// They are given back in the same transaction: what the role makes later must not count as the owner's own.
async fn take_rights(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .batch_execute(&format!("grant \"{role}\" to current_user"))
        .await
}

async fn give_rights_back(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<(), tokio_postgres::Error> {
    let rows = transaction
        .query_typed(
            concat!(
                "select from pg_catalog.pg_auth_members m
                 where m.roleid = pg_catalog.to_regrole($1) and m.member = pg_catalog.to_regrole(pg_catalog.quote_ident(current_user)) and ",
                gives_rights!()
            ),
            &[(&role, Type::TEXT)],
        )
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    transaction
        .batch_execute(&format!("revoke \"{role}\" from current_user"))
        .await
}

async fn set(
    transaction: &Transaction<'_>,
    role: &str,
    password: &SecretString,
    group: &str,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .query_typed(
            SET,
            &[
                (&role, Type::TEXT),
                (&password.expose_secret(), Type::TEXT),
                (&group, Type::TEXT),
            ],
        )
        .await
        .map(drop)
}

/// Writes down that no one was shown the password of this role, and returns the time that says which one.
async fn note_unshown(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<String, tokio_postgres::Error> {
    transaction
        .query_typed_one(
            "insert into okta.unshown_access (role_name, made_at) values ($1::text, pg_catalog.clock_timestamp())
             on conflict (role_name) do update set made_at = excluded.made_at
             returning made_at::text",
            &[(&role, Type::TEXT)],
        )
        .await?
        .try_get(0)
}

async fn forget_unshown(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .query_typed(
            "delete from okta.unshown_access where role_name = $1::text",
            &[(&role, Type::TEXT)],
        )
        .await
        .map(drop)
}

async fn find(
    transaction: &Transaction<'_>,
    role: &str,
    group: &str,
) -> Result<Option<Role>, tokio_postgres::Error> {
    let row = transaction
        .query_typed(FIND, &[(&role, Type::TEXT), (&group, Type::TEXT)])
        .await?
        .into_iter()
        .next();
    row.map(|row| {
        Ok(Role {
            nature: match (row.try_get(2)?, row.try_get(1)?) {
                (true, _) => Nature::Privileged,
                (false, true) => Nature::Person,
                (false, false) => Nature::Closed,
            },
            member: row.try_get(0)?,
            unshown: row.try_get(3)?,
            elsewhere: row.try_get(4)?,
        })
    })
    .transpose()
}

fn refused(error: &tokio_postgres::Error, words: Words<'_>, role: &str, group: &str) -> Failure {
    match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            makes_no_roles(&words.0.user, role, group)
        }
        Some(code) if *code == SqlState::UNDEFINED_OBJECT => match words.explain(error) {
            failure if failure == collided() => failure,
            _ => no_group(group),
        },
        _ => words.explain(error),
    }
}

/// What PostgreSQL names on a line each.
fn each(detail: &str) -> String {
    let lines: Vec<_> = detail.lines().map(clause).collect();
    lines.join(", ")
}

pub(super) fn owns_things(detail: &str) -> String {
    format!(
        "The role is still there, but can no longer connect: it has rights or objects of its own that others have to remove, or that are in another database ({}).",
        each(detail)
    )
}

pub(super) fn needed(role: &str, detail: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!(
            "Objects of other roles depend on what {role} made ({}).",
            each(detail)
        ),
    )
}

pub(super) fn still_there(failure: &Failure) -> String {
    format!(
        "The role is still there, but can no longer connect: {}",
        failure.what
    )
}

pub(super) fn still_connected(failure: &Failure) -> String {
    format!("Its open connections could not be ended: {}", failure.what)
}

pub(super) fn somebody_elses(role: &str) -> String {
    format!(
        "The role {role} was made by another role, and is still there: it can no longer do anything in this database."
    )
}

pub(super) fn put_there_by_another(role: &str, group: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!(
            "The role {role} still has access: another role put it into the group {group}, and only that role can take it out."
        ),
    )
    .cure(format!(
        "Have them, or a superuser, run: drop role {role}; or: revoke {group} from {role};"
    ))
}

pub(super) fn no_person(role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The role {role} exists, and is not for a person."),
    )
    .cure("Choose another name.")
}

pub(super) fn of_another_database(role: &str, databases: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!(
            "The name {role} is taken by another database of this server ({}): roles are shared by all of them.",
            clause(databases)
        ),
    )
    .cure("Choose another name.")
}

/// Why nothing is handed out where two administrators give one name access at the same moment.
pub(crate) fn set_by_another(role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!(
            "Another administrator has just given {role} a new password, or revoked its access; no configuration was written."
        ),
    )
    .cure("Ask them, or run this again with --new-password.")
}

pub(super) fn no_access(role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("There is no access under the name {role}."),
    )
    .cure("Run `epigraph admin status` to see who has access.")
}

pub(super) fn makes_no_roles(user: &str, role: &str, group: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The role {user} may not make roles, or the role {role} was made by another role."),
    )
    .cure(format!(
        "Use the connection string of the role that made the group {group}: Neon's console shows the owner's."
    ))
}

pub(super) fn no_group(group: &str) -> Failure {
    Failure::new(Kind::Database, format!("The group {group} does not exist."))
        .cure("Run `epigraph admin setup` first.")
}

pub(super) fn no_random_numbers() -> Failure {
    Failure::new(Kind::Failed, "The system gave no random numbers.")
        .cure("Without them no password can be made. Run this on another machine.")
}

/// Whether this is the name of a role that the proof of a set-up signs in as.
pub(super) fn is_for_a_check(role: &str) -> bool {
    role == "epigraph_setup_check"
        || role.strip_prefix("epigraph_check_").is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Makes the name of a role of a person's or a team's name.
pub(super) fn role_named(name: &str) -> Result<String, Failure> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix(PREFIX).unwrap_or(&name);
    // Those of the groups, and of the roles that are made for a proof.
    let is_taken = name == "user"
        || name == "setup_check"
        || name.starts_with(VISITOR)
        || name
            .strip_prefix("user_")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() + PREFIX.len() <= LONGEST_ROLE;
    if fits && !is_taken {
        return Ok(format!("{PREFIX}{name}"));
    }
    Err(Failure::new(
        Kind::Usage,
        format!("“{}” cannot be the name of an access.", clause(name)),
    )
    .cure("Begin with a letter, and write letters, digits and _ only, as in james_joyce; names like user_1, check_1 and setup_check are taken."))
}

/// A password no one can guess, with characters of every class that Neon wants.
fn password() -> Result<SecretString, Failure> {
    let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
    loop {
        getrandom::fill(&mut bytes[..]).map_err(|_| no_random_numbers())?;
        let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(&bytes[..]));
        let has = |class: fn(&char) -> bool| text.chars().any(|c| class(&c));
        if has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_digit)
        {
            return Ok(SecretString::from(text.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_becomes_a_role_that_needs_no_quotes() {
        for (name, role) in [
            ("james", "epigraph_james"),
            ("James", "epigraph_james"),
            ("epigraph_james", "epigraph_james"),
            ("team_2", "epigraph_team_2"),
            ("user_one", "epigraph_user_one"),
            ("checker", "epigraph_checker"),
        ] {
            assert_eq!(role_named(name), Ok(role.to_owned()));
        }
        let long = "a".repeat(55);
        for name in [
            "",
            "user",
            "epigraph_user",
            "user_16384",
            "check_0f",
            "setup_check",
            "epigraph_",
            "a b",
            "a;b",
            "a\"b",
            "1a",
            "é",
            "a-b",
            "a.b",
            &long,
        ] {
            let failure = role_named(name).expect_err(name);
            assert_eq!(failure.kind, Kind::Usage, "{name}");
        }
        assert!(role_named(&"a".repeat(54)).is_ok());
    }

    #[test]
    fn passwords_are_long_mixed_and_never_the_same() {
        let made: BTreeSet<String> = (0..200)
            .map(|_| {
                password()
                    .expect("random numbers")
                    .expose_secret()
                    .to_owned()
            })
            .collect();
        assert_eq!(made.len(), 200);
        for password in made {
            assert_eq!(password.len(), 32);
            assert!(password.contains(|c: char| c.is_ascii_lowercase()));
            assert!(password.contains(|c: char| c.is_ascii_uppercase()));
            assert!(password.contains(|c: char| c.is_ascii_digit()));
            assert!(!password.contains(|c: char| "'\\%/@:?# ".contains(c)));
        }
    }
}
