//! Who has access, which keys are known, and what is not as it should be.
//!
//! What counts is what is effective: a right that was granted to everybody, inherited, or within reach of `set role`, on
//! everything that matters. Facts come from `queries`; `roles` says who is who, and the others judge.

mod attached;
mod definitions;
mod functions;
mod policies;
mod powers;
mod queries;
mod rights;
mod roles;
mod tables;

use std::{cmp::Ordering, collections::BTreeMap, fmt::Write as _, sync::LazyLock};

use chrono::{DateTime, Local, TimeDelta};
use futures_util::future::try_join_all;
use regex::{Captures, Regex};
use serde::Serialize;
use tokio_postgres::{Error, Row, Transaction, error::SqlState};

use self::{
    definitions::Definitions,
    functions::Owned,
    rights::Right,
    roles::{Kind, Membership, Role, Roles, Sorted},
};
use super::{Owner, Step, migrate};
use crate::{failure::Failure, text::harmless};

/// The keys are to be refreshed every week; after this long the job is not running.
const STALE: TimeDelta = TimeDelta::days(15);

/// The state of the database, as its owner sees it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The issuer whose tokens count.
    pub issuer: Option<String>,
    /// The client id that they must be made for.
    pub audience: Option<String>,
    /// The signing keys that are known.
    pub keys: Vec<RegisteredKey>,
    /// Who is in the group of this database.
    pub access: Vec<Member>,
    /// Who is blocked.
    pub blocked: Vec<Blocked>,
    /// Who sees every row by nature.
    pub administrators: Vec<Administrator>,
    /// Who else may connect to this database.
    pub others: Vec<Other>,
    /// The last migration that was applied.
    pub migration: Option<String>,
    /// What is not as it should be, each a sentence with what to do.
    pub problems: Vec<String>,
    /// What opens no row and is worth knowing, each a sentence.
    pub notes: Vec<String>,
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

/// A role that is in the group.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// Its name.
    pub role: String,
    /// Whether it can log in.
    pub can_login: bool,
    /// How many connections it has now.
    pub connections: i64,
}

/// A role that can log in and sees every row by nature.
#[derive(Clone, Debug, Serialize)]
pub struct Administrator {
    /// Its name.
    pub role: String,
    /// What makes it one, as a clause.
    pub why: String,
}

/// A role that can log in and connect to this database, and is not in the group.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    /// Its name.
    pub role: String,
    /// How many connections it has now.
    pub connections: i64,
}

/// A person who is blocked.
#[derive(Clone, Debug, Serialize)]
pub struct Blocked {
    /// The `sub` of their tokens.
    pub user_id: String,
    /// Since when.
    pub blocked_at: DateTime<Local>,
}

/// What was found, each a sentence.
#[derive(Clone, Debug, Default)]
struct Findings {
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    fn problem(&mut self, sentence: impl AsRef<str>) {
        add(&mut self.problems, told(sentence.as_ref()));
    }

    fn note(&mut self, sentence: impl AsRef<str>) {
        add(&mut self.notes, told(sentence.as_ref()));
    }
}

fn add(sentences: &mut Vec<String>, told: String) {
    if !sentences.contains(&told) {
        sentences.push(told);
    }
}

/// A name in quotation marks.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""([^"]*)""#).expect("it is a pattern"));

/// A sentence with a capital, and with nothing that a terminal obeys: names are spelt in a way that a statement takes as well.
fn told(sentence: &str) -> String {
    let spelt = NAME.replace_all(sentence, |name: &Captures| spelt_out(&name[1]));
    let mut text = harmless(&spelt).into_owned();
    if text.starts_with("everybody ") || text.starts_with("the group ") {
        text[..1].make_ascii_uppercase();
    }
    text
}

fn spelt_out(name: &str) -> String {
    if harmless(name) == name {
        return format!("\"{name}\"");
    }
    // The letters before tell PostgreSQL what the numbers are.
    let mut text = String::from("U&\"");
    for c in name.chars() {
        let mut bytes = [0; 4];
        let whole = c.encode_utf8(&mut bytes);
        if c == '\\' || harmless(whole) != *whole {
            let _ = write!(text, "\\+{:06x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text + "\""
}

/// Looks at everything, and changes nothing.
///
/// # Errors
/// When the database cannot be reached or refuses, or was never set up.
pub async fn status(owner: &mut Owner) -> Result<Status, Failure> {
    owner
        .step(async |step: &Step<'_>| {
            step.batch_execute("savepoint looking").await?;
            match look(step).await {
                Err(error) if misses_something(&error) => {
                    step.batch_execute("rollback to looking").await?;
                    Ok(look_for_what_is_missing(step).await?.ok_or(error)?)
                }
                looked => Ok(looked?),
            }
        })
        .await
}

/// The database as a whole.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Place {
    version: i32,
    me: u32,
    owner: u32,
    group_name: String,
    group: Option<u32>,
    old_group: Option<u32>,
    messages_owner: Option<u32>,
    is_unique: bool,
    has_unshown: bool,
    compresses: bool,
    encoding: String,
    tells_guards: bool,
}

impl Place {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            version: row.try_get(0)?,
            me: row.try_get(1)?,
            owner: row.try_get(2)?,
            group_name: row.try_get(3)?,
            group: row.try_get(4)?,
            old_group: row.try_get(5)?,
            messages_owner: row.try_get(6)?,
            is_unique: row.try_get(7)?,
            has_unshown: row.try_get(8)?,
            compresses: row.try_get(9)?,
            encoding: row.try_get(10)?,
            tells_guards: row.try_get(11)?,
        })
    }
}

/// Asks all of it at once: one round trip.
async fn ask<const N: usize>(
    transaction: &Transaction<'_>,
    queries: [&str; N],
) -> Result<[Vec<Row>; N], Error> {
    let answers = try_join_all(queries.map(|query| transaction.query_typed(query, &[]))).await?;
    let mut answers = answers.into_iter();
    Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
}

/// Whatever someone left behind on this connection cannot stand in the way. Each question is asked once: compiling it takes far
/// longer than answering it.
const SURE_NAMES: &str = "set local search_path = pg_catalog, pg_temp; set local jit = off";

const fn only_if(can_be_asked: bool, query: &'static str) -> &'static str {
    if can_be_asked {
        query
    } else {
        "select where false"
    }
}

async fn look(transaction: &Transaction<'_>) -> Result<Status, Error> {
    transaction.batch_execute(SURE_NAMES).await?;
    let [history, issuers, keys, blocked, roles, memberships, place] = ask(
        transaction,
        [
            &last_migration(),
            "select issuer, audience from okta.issuer",
            "select kid, bits, added_at, last_published_at from okta.signing_key order by last_published_at desc, added_at desc, kid",
            "select user_id, blocked_at from okta.blocked order by blocked_at, user_id",
            queries::ROLES,
            queries::MEMBERSHIPS,
            queries::PLACE,
        ],
    )
    .await?;
    let place = each(&place, Place::read)?;
    let Some(place) = place.first() else {
        // There is always the one database that one is connected to.
        return Ok(Status::default());
    };
    let keys = each(&keys, |row| {
        Ok(RegisteredKey {
            kid: row.try_get(0)?,
            bits: row.try_get(1)?,
            added_at: row.try_get(2)?,
            last_published_at: row.try_get(3)?,
        })
    })?;
    let mut found = Findings::default();
    look_at_settings(place, issuers.len(), &keys, &mut found);
    let mut roles = roles_of(place, each(&roles, role)?, each(&memberships, membership)?);
    let migrated = each(&history, migration)?;
    let migrated = migrated.first();
    match migrated
        .map_or(0, |(version, _)| *version)
        .cmp(&migrate::newest())
    {
        Ordering::Less => {
            found.problem(OLD_TABLES);
            // What an older version made is another group, and other rights.
            roles.group = roles.group.or(place.old_group);
        }
        Ordering::Greater => found.problem(NEW_TABLES),
        Ordering::Equal => compare(transaction, place, &mut roles, &mut found).await?,
    }
    let sorted = roles.sort();
    Ok(Status {
        issuer: column(issuers.first(), 0)?,
        audience: column(issuers.first(), 1)?,
        keys,
        access: roles.people().into_iter().map(member).collect(),
        blocked: each(&blocked, |row| {
            Ok(Blocked {
                user_id: row.try_get(0)?,
                blocked_at: row.try_get(1)?,
            })
        })?,
        administrators: administrators(&sorted),
        others: others(&sorted),
        migration: migrated.map(|(version, name)| format!("V{version}__{name}")),
        problems: found.problems,
        notes: found.notes,
    })
}

fn last_migration() -> String {
    format!(
        "select version, name from {} order by version desc limit 1",
        migrate::HISTORY
    )
}

fn migration(row: &Row) -> Result<(i32, String), Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Says what is wrong with what was registered, and with how the database is set up as a whole.
fn look_at_settings(place: &Place, issuers: usize, keys: &[RegisteredKey], found: &mut Findings) {
    if issuers == 0 {
        found.problem(NO_ISSUER);
    }
    if issuers > 1 {
        found.problem(TWO_ISSUERS);
    }
    found.problems.extend(keys_problem(keys, Local::now()));
    if place.compresses {
        found.note(COMPRESSES);
    }
    if place.encoding != "UTF8" {
        found.note(other_encoding(&place.encoding));
    }
}

fn roles_of(place: &Place, all: Vec<Role>, memberships: Vec<Membership>) -> Roles {
    let mut roles = Roles {
        all: all.into_iter().map(|role| (role.oid, role)).collect(),
        memberships,
        makers_take_any: place.version < 160_000,
        owners: BTreeMap::from([(place.owner, "owns this database".into())]),
        masters: [place.me, place.owner].into(),
        group: place.group,
        ..Roles::default()
    };
    roles.find_other_groups();
    if let Some(owner) = place.messages_owner {
        roles
            .owners
            .entry(owner)
            .or_insert_with(|| "owns public.user_messages".into());
    }
    roles
}

fn misses_something(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::UNDEFINED_FUNCTION,
        ]
        .contains(code)
    })
}

/// Names what is missing of our own, where it keeps everything else from being looked at. `None` where the migrations that made it
/// were not applied.
async fn look_for_what_is_missing(transaction: &Transaction<'_>) -> Result<Option<Status>, Error> {
    transaction.batch_execute(SURE_NAMES).await?;
    let applied = transaction
        .query_typed(
            "select where to_regclass('public.epigraph_schema_history') is not null",
            &[],
        )
        .await?;
    if applied.is_empty() {
        return Ok(None);
    }
    let [history, functions, contents, shapes] = ask(
        transaction,
        [
            &last_migration(),
            queries::FUNCTIONS,
            queries::CONTENTS,
            queries::SHAPES,
        ],
    )
    .await?;
    let migrated = each(&history, migration)?;
    let Some((version, name)) = migrated.first() else {
        return Ok(None);
    };
    if *version != migrate::newest() {
        return Ok(None);
    }
    let wanted = definitions::read(migrate::texts());
    let mut found = Findings::default();
    functions::compare(&each(&functions, functions::present)?, &wanted, &mut found);
    functions::contents(&contents, &wanted, &mut found)?;
    tables::compare(&shapes, &mut found)?;
    if found.problems.is_empty() {
        return Ok(None);
    }
    found.problem(NOT_LOOKED_AT);
    Ok(Some(Status {
        migration: Some(format!("V{version}__{name}")),
        problems: found.problems,
        ..Status::default()
    }))
}

/// Compares everything with what the migrations made.
async fn compare(
    transaction: &Transaction<'_>,
    place: &Place,
    roles: &mut Roles,
    found: &mut Findings,
) -> Result<(), Error> {
    let wanted = definitions::read(migrate::texts());
    let [
        rights,
        spaces,
        owned,
        functions,
        contents,
        shapes,
        faults,
        bad_keys,
        unshown,
    ] = ask(
        transaction,
        [
            &rights_query(place, &wanted),
            queries::SPACES,
            queries::OWNED,
            queries::FUNCTIONS,
            queries::CONTENTS,
            queries::SHAPES,
            queries::FAULTS,
            queries::BAD_KEYS,
            only_if(place.has_unshown, queries::UNSHOWN),
        ],
    )
    .await?;
    let rights = each(&rights, Right::read)?;
    let spaces = each(&spaces, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
    let functions = each(&functions, functions::present)?;
    let owned = each(&owned, Owned::read)?;

    let master = functions::master(&functions, &owned).unwrap_or(place.owner);
    let connect = rights.iter().filter(|right| right.is_to_connect());
    roles.connect = connect.map(|right| right.grantee).collect();
    roles.has_master(master);
    let sorted = roles.sort();

    match place.group {
        None => found.problem(no_group(&place.group_name)),
        Some(group) => rights::needs(&rights, group, &sorted, &wanted, found),
    }
    if place.messages_owner.is_none() {
        found.problem(NO_MESSAGES);
    } else if !place.is_unique {
        found.problem("The column user_id of public.user_messages is not unique: alter table public.user_messages add primary key (user_id);");
    }
    functions::compare(&functions, &wanted, found);
    functions::contents(&contents, &wanted, found)?;
    functions::owners(master, &functions, &owned, &sorted, found);
    tables::compare(&shapes, found)?;
    tables::faults(&faults, found)?;
    tables::keys(&bad_keys, found)?;
    rights::judge(&rights, &spaces, &sorted, &wanted, found);
    powers::judge(&sorted, found);
    look_around(transaction, place, &sorted, found).await?;
    for row in &unshown {
        found.problem(unshown_access(row.try_get(0)?));
    }
    Ok(())
}

fn rights_query(place: &Place, wanted: &Definitions) -> String {
    let parameters = if place.version < 150_000 {
        ""
    } else {
        queries::PARAMETERS
    };
    queries::RIGHTS
        .replace("{parameters}", parameters)
        .replace("{guarded}", &wanted.guarded().join("|"))
}

/// Looks at the second wall, at what hangs on the tables, and at what sessions and later tables begin with.
async fn look_around(
    transaction: &Transaction<'_>,
    place: &Place,
    sorted: &Sorted<'_>,
    found: &mut Findings,
) -> Result<(), Error> {
    let [guards, policies, attached, settings, logged, defaults] = ask(
        transaction,
        [
            // What it takes is named where it is missing.
            only_if(place.tells_guards, policies::GUARDS),
            policies::POLICIES,
            queries::ATTACHED,
            queries::SETTINGS,
            queries::LOGGED,
            queries::DEFAULTS,
        ],
    )
    .await?;
    policies::judge(
        &guards,
        &policies,
        place.messages_owner.is_some() && place.tells_guards,
        found,
    )?;
    attached::judge(&attached, sorted, found)?;
    attached::settings(&settings, sorted, found)?;
    for row in &logged {
        found.note(attached::logs_tokens(row.try_get(0)?));
    }
    attached::defaults(&defaults, sorted, found)
}

fn each<T>(rows: &[Row], read: impl FnMut(&Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    rows.iter().map(read).collect()
}

/// The first columns of a row, which are texts.
fn texts<const N: usize>(row: &Row) -> Result<[&str; N], Error> {
    let mut texts = [""; N];
    for (column, text) in texts.iter_mut().enumerate() {
        *text = row.try_get(column)?;
    }
    Ok(texts)
}

fn member(role: &Role) -> Member {
    Member {
        role: role.plain_name.clone(),
        can_login: role.login,
        connections: role.connections,
    }
}

fn administrators(sorted: &Sorted) -> Vec<Administrator> {
    let named = |role| sorted.roles.all.get(role);
    sorted
        .administrators
        .iter()
        .filter_map(|(role, privilege)| {
            Some(Administrator {
                role: named(role)?.plain_name.clone(),
                why: privilege.why.clone(),
            })
        })
        .collect()
}

fn others(sorted: &Sorted) -> Vec<Other> {
    sorted
        .of(Kind::Other)
        .filter(|other| other.connects)
        .filter_map(|other| sorted.roles.all.get(&other.role))
        .map(|role| Other {
            role: role.plain_name.clone(),
            connections: role.connections,
        })
        .collect()
}

fn role(row: &Row) -> Result<Role, Error> {
    Ok(Role {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        plain_name: row.try_get(2)?,
        login: row.try_get(3)?,
        superuser: row.try_get(4)?,
        bypass: row.try_get(5)?,
        makes_roles: row.try_get(6)?,
        makes_databases: row.try_get(7)?,
        replication: row.try_get(8)?,
        connections: row.try_get(9)?,
    })
}

fn membership(row: &Row) -> Result<Membership, Error> {
    Ok(Membership {
        member: row.try_get(0)?,
        role: row.try_get(1)?,
        grantor: row.try_get(2)?,
        inherits: row.try_get(3)?,
        sets: row.try_get(4)?,
        admin: row.try_get(5)?,
    })
}

pub(super) const OLD_TABLES: &str = "The tables are of an older version: run `epigraph admin migrate`. Rights and functions were not looked at.";
pub(super) const COMPRESSES: &str = "The server compresses what it writes (wal_compression), and every login role can see how much it writes: a guess at a quote can be tested by its size. A superuser can switch it off: alter system set wal_compression = off;";
pub(super) fn other_encoding(encoding: &str) -> String {
    format!(
        "The encoding of this database is {encoding}: quotes and tokens with other characters are refused (with EUC_JP, every token). A database with the encoding UTF8 takes all of them."
    )
}

pub(super) const NOT_LOOKED_AT: &str =
    "Because of this, nothing else was checked, and no quote can be read or saved.";
const NO_MESSAGES: &str = "The table public.user_messages is missing.";
pub(super) const NO_ISSUER: &str = "No issuer is registered: run `epigraph admin setup`.";

pub(super) const TWO_ISSUERS: &str = "More than one issuer is registered, and each of them counts: select okta.remove_issuer('...') for the ones that are not yours.";
pub(super) const NEW_TABLES: &str = "The tables are of a newer version: use the newest epigraph that your team has. Rights and functions were not looked at.";

pub(super) fn no_group(group: &str) -> String {
    format!("The group {group} does not exist: run `epigraph admin setup`.")
}

pub(super) fn unshown_access(role: &str) -> String {
    let name = role.strip_prefix("epigraph_").unwrap_or(role);
    format!("The password of {role} was never shown: run `epigraph admin invite {name}` again.")
}

pub(super) fn keys_problem(keys: &[RegisteredKey], now: DateTime<Local>) -> Option<String> {
    let newest = keys.iter().map(|key| key.last_published_at).max();
    match newest {
        None => Some(
            "No signing key is registered, so every token is rejected: run `epigraph admin keys`."
                .into(),
        ),
        Some(seen) if seen - now > TimeDelta::days(1) => Some(format!(
            "The keys were last compared with Okta's on {}, which is still to come: run `epigraph admin keys`.",
            seen.format("%Y-%m-%d")
        )),
        Some(seen) if now - seen > STALE => Some(format!(
            "The keys were last compared with Okta's {} days ago: run `epigraph admin keys` every week.",
            (now - seen).num_days()
        )),
        Some(_) => None,
    }
}

fn column(row: Option<&Row>, index: usize) -> Result<Option<String>, Error> {
    row.map(|row| row.try_get(index)).transpose()
}

#[cfg(test)]
mod messages;
