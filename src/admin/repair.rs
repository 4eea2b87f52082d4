//! Puts back what the migrations made and someone has taken away since, and what they were not allowed to make.

use tokio_postgres::{Transaction, error::SqlState};

use super::{Owner, bounded, migrate};
use crate::failure::Failure;

/// The group first: all rights are its.
const GROUP: &str = "\
do $$
begin
    if pg_catalog.to_regrole(okta.user_group()::text) is null then
        execute pg_catalog.format('create role %I nologin', okta.user_group());
    end if;
end
$$";

/// What no one has a right on, and then what the group has.
const RIGHTS: &str = "\
do $$
declare
    people name := okta.user_group();
begin
    execute pg_catalog.format('revoke all on table public.user_messages from public, %I', people);
    execute pg_catalog.format('revoke all on schema okta, epigraph from public, %I', people);
    execute pg_catalog.format('revoke all on all tables in schema okta, epigraph from public, %I', people);
    execute pg_catalog.format('revoke all on all functions in schema okta, epigraph from public, %I', people);
    perform epigraph.grant_access(people);
end
$$;
select epigraph.close_database()";

// The guard of a table as `okta.protect` makes it today: of one that is made for this, and goes again.
const MODEL: &str = "\
savepoint looking;
create table okta.guard_model (like public.user_messages);
select okta.protect('okta.guard_model', 'user_id')";
const IS_GUARDED: &str = "\
select c.relrowsecurity and not c.relforcerowsecurity and exists (
    select from pg_catalog.pg_policy found, pg_catalog.pg_policy wanted
    where found.polrelid = c.oid and wanted.polrelid = pg_catalog.to_regclass('okta.guard_model')
        and (found.polname, found.polcmd, found.polpermissive, found.polroles)
            = (wanted.polname, wanted.polcmd, wanted.polpermissive, wanted.polroles)
        and (pg_catalog.pg_get_expr(found.polqual, found.polrelid), pg_catalog.pg_get_expr(found.polwithcheck, found.polrelid))
            is not distinct from
            (pg_catalog.pg_get_expr(wanted.polqual, wanted.polrelid), pg_catalog.pg_get_expr(wanted.polwithcheck, wanted.polrelid)))
from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass('public.user_messages')";

/// Makes the group, its rights and the guard of the table what they should be. Does nothing where they are.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is changed then.
pub async fn repair(owner: &mut Owner) -> Result<(), Failure> {
    bounded(owner.persist(async |owner: &mut Owner| {
        let (transaction, words) = owner.begin_alone().await?;
        let group = super::access::group(&transaction)
            .await
            .map_err(|error| words.explain(&error))?;
        transaction
            .batch_execute(GROUP)
            .await
            .map_err(|error| match error.code() {
                Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                    migrate::group_not_made(&group, &words.0.user)
                }
                _ => words.explain(&error),
            })?;
        let work = async {
            transaction.batch_execute(RIGHTS).await?;
            // Only where it is needed: it waits for everybody who uses the table.
            if !is_guarded(&transaction).await? {
                // Forced, it would hold for the owner as well, who has no token for the row of the proof.
                transaction
                    .batch_execute(
                        "alter table public.user_messages no force row level security;
                         select okta.protect('public.user_messages', 'user_id')",
                    )
                    .await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| words.explain(&error))
    }))
    .await
}

async fn is_guarded(transaction: &Transaction<'_>) -> Result<bool, tokio_postgres::Error> {
    transaction.batch_execute(MODEL).await?;
    let guarded = transaction
        .query_typed_one(IS_GUARDED, &[])
        .await?
        .try_get(0)?;
    transaction.batch_execute("rollback to looking").await?;
    Ok(guarded)
}
