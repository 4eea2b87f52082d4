//! Who may connect: a login role per person or team, in the group that holds the rights.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use tokio_postgres::{Transaction, error::SqlState, types::Type};

use super::{GROUP, Owner, Words, bounded};
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

// The password travels as a parameter and is put into the statement on the server, because a statement's own text is
// kept in more places: `pg_stat_activity`, `pg_stat_statements`, a log of `ddl`, and the context of an error, which is
// why errors are raised anew. Plain text, because Neon takes no other; only a server that logs the parameters of every
// statement writes it down.
const SET: &str = "select pg_catalog.set_config('epigraph.role', $1, true), pg_catalog.set_config('epigraph.password', $2, true)";
const FORGET: &str = "select pg_catalog.set_config('epigraph.password', '', true)";
const CREATE: &str = "\
do $$
begin
    execute pg_catalog.format('create role %I login connection limit 20 password %L in role epigraph_user',
        pg_catalog.current_setting('epigraph.role'), pg_catalog.current_setting('epigraph.password'));
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

/// Access that was handed out.
#[derive(Debug)]
pub struct Access {
    /// The login role.
    pub role: String,
    /// Its password; `None` where it keeps the one it has.
    pub password: Option<SecretString>,
    /// Whether the role is new.
    pub made: bool,
}

/// What taking access back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The login role.
    pub role: String,
    /// How many open connections of it were ended.
    pub ended: i64,
    /// What could not be done, each a sentence.
    pub left: Vec<String>,
}

struct Role {
    member: bool,
    login: bool,
    mighty: bool,
}

/// Makes a login role in the group for a person or a team. One that is there keeps its password, unless a new one is asked for.
///
/// # Errors
/// When the name cannot be one, belongs to a role of another kind, or the database refuses.
pub async fn grant(owner: &mut Owner, name: &str, new_password: bool) -> Result<Access, Failure> {
    let role = role_named(name)?;
    let password = password()?;
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let found = find(&transaction, &role)
            .await
            .map_err(|error| words.explain(&error))?;
        if let Some(found) = &found
            && (found.mighty || !found.login)
        {
            return Err(no_person(&role));
        }
        let made = found.is_none();
        let fresh = made || new_password;
        let work = async {
            if fresh {
                set(&transaction, &role, &password).await?;
                transaction
                    .batch_execute(if made { CREATE } else { ALTER })
                    .await?;
                transaction.query_typed(FORGET, &[]).await?;
            }
            if found.is_some_and(|found| !found.member) {
                transaction
                    .batch_execute(&format!("grant {GROUP} to \"{role}\""))
                    .await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| refused(&error, words, &role))?;
        Ok(Access {
            role,
            password: fresh.then_some(password),
            made,
        })
    })
    .await
}

/// Takes access back: the role can connect no more, its open connections end, and it goes.
///
/// # Errors
/// When there is no such access, or the database refuses.
pub async fn revoke(owner: &mut Owner, name: &str) -> Result<Revoked, Failure> {
    let role = role_named(name)?;
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let found = find(&transaction, &role)
            .await
            .map_err(|error| words.explain(&error))?;
        if !found.is_some_and(|found| found.member && !found.mighty) {
            return Err(no_access(&role));
        }
        // First of all and for itself: whatever follows, nobody comes in any more.
        let locked = async {
            transaction
                .batch_execute(&format!("alter role \"{role}\" nologin"))
                .await?;
            transaction.commit().await
        };
        locked
            .await
            .map_err(|error| refused(&error, words, &role))?;
        let mut left = Vec::new();
        let ended = match end_connections(owner, &role).await {
            Ok(ended) => ended,
            Err(why) => {
                left.push(format!(
                    "Its open connections could not be ended: {}",
                    why.what
                ));
                0
            }
        };
        if let Err(why) = drop_role(owner, &role).await {
            left.push(why);
        }
        Ok(Revoked { role, ended, left })
    })
    .await
}

async fn end_connections(owner: &mut Owner, role: &str) -> Result<i64, Failure> {
    let (transaction, words) = owner.begin().await?;
    let work = async {
        let others: i64 = transaction
            .query_typed_one(
                "select pg_catalog.count(*) from pg_catalog.pg_stat_activity where usename = $1",
                &[(&role, Type::TEXT)],
            )
            .await?
            .try_get(0)?;
        if others == 0 {
            return Ok(0);
        }
        // Ending a session takes the rights of its role, which whoever made the role may give to themselves.
        transaction
            .batch_execute(&format!("grant \"{role}\" to current_user"))
            .await?;
        let ended = transaction
            .query_typed_one(
                "select pg_catalog.count(*) filter (where pg_catalog.pg_terminate_backend(pid, 5000)) \
                 from pg_catalog.pg_stat_activity where usename = $1",
                &[(&role, Type::TEXT)],
            )
            .await?
            .try_get(0)?;
        transaction.commit().await?;
        Ok(ended)
    };
    work.await
        .map_err(|error: tokio_postgres::Error| words.explain(&error))
}

async fn drop_role(owner: &mut Owner, role: &str) -> Result<(), String> {
    let (transaction, words) = owner.begin().await.map_err(|failure| failure.what)?;
    let work = async {
        transaction
            .batch_execute(&format!("drop role \"{role}\""))
            .await?;
        transaction.commit().await
    };
    work.await.map_err(|error| match error.as_db_error() {
        Some(refusal) if *refusal.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
            owns_things(refusal.detail().unwrap_or_default())
        }
        _ => still_there(&words.explain(&error)),
    })
}

async fn set(
    transaction: &Transaction<'_>,
    role: &str,
    password: &SecretString,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .query_typed(
            SET,
            &[(&role, Type::TEXT), (&password.expose_secret(), Type::TEXT)],
        )
        .await
        .map(drop)
}

async fn find(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<Option<Role>, tokio_postgres::Error> {
    let row = transaction
        .query_typed(
            "select exists (
                 select from pg_catalog.pg_auth_members m
                 where m.member = r.oid and m.roleid = pg_catalog.to_regrole($2)),
                 r.rolcanlogin,
                 r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication
             from pg_catalog.pg_roles r where r.rolname = $1",
            &[(&role, Type::TEXT), (&GROUP, Type::TEXT)],
        )
        .await?
        .into_iter()
        .next();
    row.map(|row| {
        Ok(Role {
            member: row.try_get(0)?,
            login: row.try_get(1)?,
            mighty: row.try_get(2)?,
        })
    })
    .transpose()
}

fn refused(error: &tokio_postgres::Error, words: Words<'_>, role: &str) -> Failure {
    match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            makes_no_roles(&words.0.user, role)
        }
        Some(code) if *code == SqlState::UNDEFINED_OBJECT => no_group(),
        _ => words.explain(error),
    }
}

pub(super) fn owns_things(detail: &str) -> String {
    format!(
        "The role is still there, and can connect no more: somebody gave it rights or things of its own ({}).",
        clause(detail).replace('\n', ", ")
    )
}

pub(super) fn still_there(failure: &Failure) -> String {
    format!(
        "The role is still there, and can connect no more: {}",
        failure.what
    )
}

pub(super) fn no_person(role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The role {role} exists, and is no role for a person."),
    )
    .cure("Choose another name.")
}

pub(super) fn no_access(role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("There is no access under the name {role}."),
    )
    .cure("See who has access: epigraph admin status")
}

pub(super) fn makes_no_roles(user: &str, role: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The user {user} may not make roles, or the role {role} was made by somebody else."),
    )
    .cure(format!(
        "Use the connection string of whoever made the group {GROUP}: Neon's console shows the owner's."
    ))
}

pub(super) fn no_group() -> Failure {
    Failure::new(Kind::Database, format!("The group {GROUP} does not exist."))
        .cure("Run `epigraph admin setup` first.")
}

pub(super) fn no_random_numbers() -> Failure {
    Failure::new(Kind::Failed, "The system has no random numbers.")
        .cure("Without them no password can be made: run this on another machine.")
}

/// Makes the name of a role of a person's or a team's name.
pub(super) fn role_named(name: &str) -> Result<String, Failure> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix(PREFIX).unwrap_or(&name);
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() + PREFIX.len() <= LONGEST_ROLE;
    let role = format!("{PREFIX}{name}");
    if fits && role != GROUP {
        return Ok(role);
    }
    Err(Failure::new(
        Kind::Usage,
        format!("“{}” cannot be the name of an access.", clause(name)),
    )
    .cure("Begin with a letter, and write letters, digits and _ only: james_joyce"))
}

/// A password nobody can guess, with characters of every class that Neon wants.
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
        ] {
            assert_eq!(role_named(name), Ok(role.to_owned()));
        }
        let long = "a".repeat(55);
        for name in [
            "",
            "user",
            "epigraph_user",
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
