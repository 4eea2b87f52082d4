//! Who may connect: a login role per person or team, in the group of this database, which holds the rights.
//!
//! Roles are known to all databases of a server, so a name may be in use for another one. A password that was set counts as
//! not shown to anybody until the configuration with it was written: `okta.unshown_access` keeps that.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use tokio_postgres::{Error, Row, error::SqlState};

use super::{Halt, Owner, Step, bounded, collided, explain};
use crate::{
    failure::{Failure, Kind},
    postgres::refused,
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

const NOTE_UNSHOWN: &str = "\
insert into okta.unshown_access (role_name, made_at) values ($1::text, pg_catalog.clock_timestamp())
on conflict (role_name) do update set made_at = excluded.made_at
returning made_at::text";
const FORGET_UNSHOWN: &str = "delete from okta.unshown_access where role_name = $1::text";
const SHOWN: &str =
    "delete from okta.unshown_access where role_name = $1::text and made_at::text = $2 returning 1";

const DROP_VISITORS: &str = "\
do $$
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
$$";

const COUNT: &str = "\
select pg_catalog.count(*) filter (where s.deptype = 'o'), pg_catalog.count(*) filter (where s.deptype <> 'o')
from pg_catalog.pg_shdepend s
where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and s.refobjid = pg_catalog.to_regrole($1)
    and (s.dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
        or s.dbid = 0 and s.deptype = 'a')";

const HAS_RIGHTS: &str = concat!(
    "select from pg_catalog.pg_auth_members m
    where m.roleid = pg_catalog.to_regrole($1) and m.member = pg_catalog.to_regrole(pg_catalog.quote_ident(current_user)) and ",
    gives_rights!()
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
pub(super) async fn group(step: &Step<'_>) -> Result<String, Error> {
    step.value("select okta.user_group()::text", &[]).await
}

/// Makes a login role in the group for a person or a team. One that is there keeps its password, unless a new one is asked for
/// or no one was ever shown it. What has a password here has to be [shown](show).
///
/// # Errors
/// When the name cannot be one, belongs to a role of another kind or of another database, or the database refuses.
pub async fn grant(owner: &mut Owner, name: &str, new_password: bool) -> Result<Access, Failure> {
    let role = role_named(name)?;
    let password = password()?;
    owner
        .step_alone(async |step: &Step<'_>| {
            let group = group(step).await?;
            let found = find(step, &role, &group).await?;
            let how = how(&role, found.as_ref(), new_password)?;
            let is_member = found.is_none_or(|found| found.member);
            let set_at = let_in(step, &role, &group, is_member, how, &password)
                .await
                .map_err(|error| not_done(&error, step, &role, &group))?;
            Ok(Access {
                role: role.clone(),
                password: set_at.is_some().then(|| password.clone()),
                how,
                set_at,
            })
        })
        .await
}

/// Says what handing access out comes to, or why it cannot be.
fn how(role: &str, found: Option<&Role>, new_password: bool) -> Result<How, Failure> {
    let Some(found) = found else {
        return Ok(How::Made);
    };
    match found.nature {
        Nature::Privileged => Err(no_person(role)),
        _ if !found.member && !found.elsewhere.is_empty() => {
            Err(of_another_database(role, &found.elsewhere.join(", ")))
        }
        // It may be a group of someone else's.
        Nature::Closed if !found.member && !found.unshown => Err(no_person(role)),
        Nature::Closed => Ok(How::LetInAgain),
        Nature::Person if new_password => Ok(How::Renewed),
        Nature::Person if found.unshown => Ok(How::NeverShown),
        Nature::Person => Ok(How::Kept),
    }
}

/// Returns when its password was set, if it was.
async fn let_in(
    step: &Step<'_>,
    role: &str,
    group: &str,
    is_member: bool,
    how: How,
    password: &SecretString,
) -> Result<Option<String>, Error> {
    let mut set_at = None;
    if how != How::Kept {
        let statement = if how == How::Made { CREATE } else { ALTER };
        set(step, statement, role, password, group).await?;
        set_at = Some(step.value(NOTE_UNSHOWN, &[role]).await?);
    }
    if !is_member {
        step.batch_execute(&format!("grant {group} to \"{role}\""))
            .await?;
    }
    if how == How::LetInAgain {
        give_rights_back(step, role).await?;
    }
    Ok(set_at)
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
        let step = owner.begin_alone().await?;
        let set_at = access.set_at.as_deref().unwrap_or_default();
        match step.rows(SHOWN, &[&access.role, set_at]).await {
            Ok(rows) if rows.is_empty() => Err(set_by_another(&access.role)),
            Ok(_) => Ok(step),
            Err(error) => Err(explain(&error, step.target)),
        }
    });
    match begun.await {
        Ok(step) => {
            // No one sets another password meanwhile.
            write()?;
            Ok(step.transaction.commit().await.is_ok())
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
    owner
        .step(async |step: &Step<'_>| {
            let group = group(step).await?;
            let mut all = Vec::new();
            for row in step.rows(PEOPLE, &[&group]).await? {
                all.push(Person {
                    role: row.try_get(0)?,
                    is_unshown: row.try_get(1)?,
                    elsewhere: row.try_get(2)?,
                });
            }
            Ok(People { group, all })
        })
        .await
}

/// The first of `name`, `name_2`, `name_3`, ... that is not in use for anybody else, on the whole server.
///
/// # Errors
/// When the database cannot be reached or refuses, or was never set up.
pub async fn free_name(owner: &mut Owner, name: &str) -> Result<String, Failure> {
    owner
        .step(async |step: &Step<'_>| {
            let group = group(step).await?;
            let mut free = name.to_owned();
            for number in 2.. {
                let found = find(step, &format!("{PREFIX}{free}"), &group).await?;
                if found.is_none_or(|found| found.member) {
                    break;
                }
                free = format!("{name}_{number}");
            }
            Ok(free)
        })
        .await
}

/// A role for a proof, made with a name that no cache can know, and its password. What proofs left behind that were broken off
/// goes before. It is to be dropped again.
pub(super) async fn make_visitor(step: &Step<'_>) -> Result<(String, SecretString), Halt> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| no_random_numbers())?;
    let role = format!("{PREFIX}{VISITOR}{:016x}", u64::from_be_bytes(random));
    let password = password()?;
    let group = group(step).await?;
    let work = async {
        step.batch_execute(DROP_VISITORS).await?;
        set(step, CREATE, &role, &password, &group).await
    };
    work.await
        .map_err(|error| not_done(&error, step, &role, &group))?;
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
    let shut_out = async |step: &Step<'_>| shut_out(step, &role).await;
    let mut revoked = owner.step_alone(shut_out).await?;
    let stays = !revoked.elsewhere.is_empty() || !revoked.left.is_empty();
    let end_connections = async |step: &Step<'_>| end_connections(step, &role).await;
    match owner.step_alone(end_connections).await {
        Ok(ended) => revoked.ended = ended,
        Err(why) => revoked.left.push(still_connected(&why)),
    }
    if stays {
        return Ok(revoked);
    }
    let drop_things = async |step: &Step<'_>| drop_things(step, &role).await;
    match owner.step_alone(drop_things).await {
        Ok((things, rights)) => (revoked.things, revoked.rights) = (things, rights),
        Err(why) => {
            revoked.left.push(still_there(&why));
            return Ok(revoked);
        }
    }
    let drop_role = async |step: &Step<'_>| drop_role(step, &role).await;
    match owner.step_alone(drop_role).await {
        Ok(left) => revoked.left.extend(left),
        Err(why) => revoked.left.push(still_there(&why)),
    }
    Ok(revoked)
}

async fn shut_out(step: &Step<'_>, role: &str) -> Result<Revoked, Halt> {
    let group = group(step).await?;
    let found = find(step, role, &group)
        .await?
        .filter(|found| found.member && found.nature != Nature::Privileged)
        .ok_or_else(|| no_access(role))?;
    let mut left = Vec::new();
    if found.elsewhere.is_empty() {
        step.batch_execute("savepoint lock").await?;
        let lock = format!("alter role \"{role}\" nologin");
        match step.batch_execute(&lock).await {
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                // Someone else's, who made it: out of this database it goes all the same.
                step.batch_execute("rollback to lock").await?;
                leave(step, role, &group).await?;
                left.push(somebody_elses(role));
            }
            locked => locked?,
        }
    } else {
        leave(step, role, &group).await?;
    }
    step.rows(FORGET_UNSHOWN, &[role]).await?;
    Ok(Revoked {
        role: role.to_owned(),
        elsewhere: found.elsewhere,
        left,
        ..Revoked::default()
    })
}

/// Takes the role out of the group.
async fn leave(step: &Step<'_>, role: &str, group: &str) -> Result<(), Halt> {
    step.batch_execute(&format!("revoke {group} from \"{role}\""))
        .await
        .map_err(|error| not_done(&error, step, role, group))?;
    // Since PostgreSQL 16 only the role that put it there can do that, and for anybody else it is no error.
    let found = find(step, role, group).await?;
    if found.is_some_and(|found| found.member) {
        return Err(put_there_by_another(role, group).into());
    }
    Ok(())
}

async fn end_connections(step: &Step<'_>, role: &str) -> Result<i64, Halt> {
    const OTHERS: &str = "from pg_catalog.pg_stat_activity where usename = $1 and datname = pg_catalog.current_database()";
    let others = format!("select pg_catalog.count(*) {OTHERS}");
    if step.value::<i64>(&others, &[role]).await? == 0 {
        return Ok(0);
    }
    let end = format!(
        "select pg_catalog.count(*) filter (where pg_catalog.pg_terminate_backend(pid, 5000)) {OTHERS}"
    );
    take_rights(step, role).await?;
    let ended = step.value(&end, &[role]).await?;
    give_rights_back(step, role).await?;
    Ok(ended)
}

/// Drops what the role owns in this database, and the rights that it was given. Returns how many of each there were.
async fn drop_things(step: &Step<'_>, role: &str) -> Result<(i64, i64), Halt> {
    let work = async {
        let (things, rights) = count(step, role).await?;
        if (things, rights) == (0, 0) {
            return Ok((0, 0));
        }
        take_rights(step, role).await?;
        step.batch_execute(&format!("drop owned by \"{role}\""))
            .await?;
        give_rights_back(step, role).await?;
        // Rights that someone else granted stay.
        let left = count(step, role).await?;
        Ok((things - left.0, rights - left.1))
    };
    work.await.map_err(|error: Error| match dependants(&error) {
        Some(them) => needed(role, them).into(),
        None => error.into(),
    })
}

/// How many things in this database are the role's own, and how many rights it was given.
async fn count(step: &Step<'_>, role: &str) -> Result<(i64, i64), Error> {
    let row = step.row(COUNT, &[role]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Drops the role, or says why it has to stay.
async fn drop_role(step: &Step<'_>, role: &str) -> Result<Option<String>, Halt> {
    step.rows(FORGET_UNSHOWN, &[role]).await?;
    let drop = format!("drop role if exists \"{role}\"");
    match step.batch_execute(&drop).await {
        Err(error) => match dependants(&error) {
            Some(them) => Ok(Some(owns_things(them))),
            None => Err(error.into()),
        },
        Ok(()) => Ok(None),
    }
}

/// What something cannot be dropped for, in PostgreSQL's words.
fn dependants(error: &Error) -> Option<&str> {
    let refusal = error.as_db_error()?;
    (*refusal.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST)
        .then(|| refusal.detail().unwrap_or_default())
}

// Ending a session and dropping what a role owns take the rights of that role, which the role that made it may give to itself.
// They are given back in the same transaction: what the role makes later must not count as the owner's own.
async fn take_rights(step: &Step<'_>, role: &str) -> Result<(), Error> {
    step.batch_execute(&format!("grant \"{role}\" to current_user"))
        .await
}

async fn give_rights_back(step: &Step<'_>, role: &str) -> Result<(), Error> {
    if step.rows(HAS_RIGHTS, &[role]).await?.is_empty() {
        return Ok(());
    }
    step.batch_execute(&format!("revoke \"{role}\" from current_user"))
        .await
}

/// Runs one of the statements that give a role a password.
async fn set(
    step: &Step<'_>,
    statement: &str,
    role: &str,
    password: &SecretString,
    group: &str,
) -> Result<(), Error> {
    step.rows(SET, &[role, password.expose_secret(), group])
        .await?;
    step.batch_execute(statement).await?;
    step.rows(FORGET, &[]).await.map(drop)
}

async fn find(step: &Step<'_>, role: &str, group: &str) -> Result<Option<Role>, Error> {
    let rows = step.rows(FIND, &[role, group]).await?;
    let read = |row: &Row| {
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
    };
    rows.first().map(read).transpose()
}

/// What was to be done with a role was refused.
fn not_done(error: &Error, step: &Step<'_>, role: &str, group: &str) -> Failure {
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => makes_no_roles(&step.target.user, role, group),
        Some(&SqlState::UNDEFINED_OBJECT) => match explain(error, step.target) {
            failure if failure == collided() => failure,
            _ => no_group(group),
        },
        _ => explain(error, step.target),
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
    let what = format!(
        "Objects of other roles depend on what {role} made ({}).",
        each(detail)
    );
    refused(what)
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
    refused(format!(
            "The role {role} still has access: another role put it into the group {group}, and only that role can take it out."
        ))
    .cure(format!(
        "Have them, or a superuser, run: drop role {role}; or: revoke {group} from {role};"
    ))
}

pub(super) fn no_person(role: &str) -> Failure {
    refused(format!("The role {role} exists, and is not for a person."))
        .cure("Choose another name.")
}

pub(super) fn of_another_database(role: &str, databases: &str) -> Failure {
    let what = format!(
        "The name {role} is taken by another database of this server ({}): roles are shared by all of them.",
        clause(databases)
    );
    refused(what).cure("Choose another name.")
}

/// Why nothing is handed out where two administrators give one name access at the same moment.
pub(crate) fn set_by_another(role: &str) -> Failure {
    refused(format!(
            "Another administrator has just given {role} a new password, or revoked its access; no configuration was written."
        ))
    .cure("Ask them, or run this again with --new-password.")
}

pub(super) fn no_access(role: &str) -> Failure {
    refused(format!("There is no access under the name {role}."))
        .cure("Run `epigraph admin status` to see who has access.")
}

pub(super) fn makes_no_roles(user: &str, role: &str, group: &str) -> Failure {
    refused(format!("The role {user} may not make roles, or the role {role} was made by another role."))
    .cure(format!(
        "Use the connection string of the role that made the group {group}: Neon's console shows the owner's."
    ))
}

pub(super) fn no_group(group: &str) -> Failure {
    refused(format!("The group {group} does not exist.")).cure("Run `epigraph admin setup` first.")
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
