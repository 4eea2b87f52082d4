//! Puts back what the migrations made and someone has taken away since, and what they were not allowed to make.

use tokio_postgres::{Error, error::SqlState};

use super::{Halt, Owner, Step, migrate};
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

// Forced, it would hold for the owner as well, who has no token for the row of the proof.
const PROTECT: &str = "\
alter table public.user_messages no force row level security;
select okta.protect('public.user_messages', 'user_id')";

/// Makes the group, its rights and the guard of the table what they should be. Does nothing where they are.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is changed then.
pub async fn repair(owner: &mut Owner) -> Result<(), Failure> {
    owner
        .step_alone(async |step: &Step<'_>| {
            let group = super::access::group(step).await?;
            step.batch_execute(GROUP)
                .await
                .map_err(|error| match error.code() {
                    Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                        Halt::from(migrate::group_not_made(&group, &step.target.user))
                    }
                    _ => error.into(),
                })?;
            step.batch_execute(RIGHTS).await?;
            // Only where it is needed: it waits for everybody who uses the table.
            if !is_guarded(step).await? {
                step.batch_execute(PROTECT).await?;
            }
            Ok(())
        })
        .await
}

async fn is_guarded(step: &Step<'_>) -> Result<bool, Error> {
    step.batch_execute(MODEL).await?;
    let is_guarded = step.value(IS_GUARDED, &[]).await?;
    step.batch_execute("rollback to looking").await?;
    Ok(is_guarded)
}
