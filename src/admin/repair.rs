//! Puts back what the migrations made and somebody has taken away since, and what they were not allowed to make.

use super::{Owner, bounded};
use crate::failure::Failure;

/// The group first: the migrations leave it out where their role may make none.
const GROUP: &str = "\
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'epigraph_user') then
        create role epigraph_user nologin;
    end if;
end
$$;
select okta.grant_access('epigraph_user');
grant select, insert, update, delete on table public.user_messages to epigraph_user;
revoke truncate, references, trigger on table public.user_messages from epigraph_user;
revoke all on table public.user_messages from public";

/// Only where it is needed: it waits for everybody who uses the table.
const PROTECT: &str = "\
select okta.protect('public.user_messages', 'user_id')
from pg_catalog.pg_class c
where c.oid = 'public.user_messages'::pg_catalog.regclass and not (c.relrowsecurity and exists (
    select from pg_catalog.pg_policy p where p.polrelid = c.oid and p.polname = 'okta_user_id'))";

/// Where the owner of the database or of the schema has to do it, `status` says so.
const CLOSE: &str = "\
do $$
begin
    if pg_catalog.pg_has_role((select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()), 'usage') then
        execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
    end if;
    if pg_catalog.pg_has_role((select nspowner from pg_catalog.pg_namespace where nspname = 'public'), 'usage') then
        revoke create on schema public from public;
    end if;
end
$$";

/// Makes the group, its rights and the guard of the table what they should be. Does nothing where they are.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is changed then.
pub async fn repair(owner: &mut Owner) -> Result<(), Failure> {
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let work = async {
            for statement in [GROUP, PROTECT, CLOSE] {
                transaction.batch_execute(statement).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| words.explain(&error))
    })
    .await
}
