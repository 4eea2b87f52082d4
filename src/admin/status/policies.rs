//! The second wall: whether every table that has the guard has it whole, and no policy beside it.

use tokio_postgres::Row;

use super::Findings;

/// Every table that has the guard and what is wrong there, as `okta.protection()` gives it: table, column, fault.
pub(super) const GUARDS: &str = "\
select c.oid::regclass::text, coalesce(guarded.by, ''), case
        when not c.relrowsecurity then 'Its row security is off.'
        when p.polroles <> '{0}' then 'Its guard is for some roles only.'
        when not p.polpermissive or p.polcmd <> '*' then 'Its guard is of another kind.'
        when guarded.by is null
            or pg_get_expr(p.polqual, p.polrelid) is distinct from format('(%I = ( SELECT okta.user_id() AS user_id))', guarded.by)
            or pg_get_expr(p.polwithcheck, p.polrelid) is distinct from pg_get_expr(p.polqual, p.polrelid)
            then 'Its guard is not the one that okta.protect makes.'
    end
from pg_policy p
join pg_class c on c.oid = p.polrelid
cross join lateral (
    select min(a.attname::text)
    from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid
        and d.refobjsubid > 0
    having count(distinct a.attnum) = 1
) guarded(by)
where p.polname = 'okta_user_id'
order by 1";

/// Every other policy of such tables, and of the table of quotes: table, policy, whether it lets in, and whom it is for.
pub(super) const POLICIES: &str = "\
select c.oid::regclass::text, quote_ident(p.polname), p.polpermissive, c.oid = to_regclass('public.user_messages'),
    array_to_string(array(
        select case role when 0 then 'everybody' else quote_ident(pg_get_userbyid(role)) end from unnest(p.polroles) role order by 1), ', ')
from pg_policy p join pg_class c on c.oid = p.polrelid
where p.polname <> 'okta_user_id' and (
    c.oid = to_regclass('public.user_messages')
    or exists (select from pg_policy o where o.polrelid = c.oid and o.polname = 'okta_user_id'))
order by 1, 2";

pub(super) const ANOTHER_COLUMN: &str = "Its guard is about another column.";
const MESSAGES: &str = "public.user_messages";

/// Says what is wrong with the guards. `is_there` says whether there is a table of quotes.
pub(super) fn judge(
    guards: &[Row],
    policies: &[Row],
    is_there: bool,
    found: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    let mut guarded = false;
    for row in guards {
        let (table, column): (&str, Option<&str>) = (row.try_get(0)?, row.try_get(1)?);
        let by = if table == MESSAGES {
            Some("user_id")
        } else {
            column.filter(|column| !column.is_empty())
        };
        guarded |= table == MESSAGES && column == by;
        let fault = match row.try_get::<_, Option<&str>>(2)? {
            Some(fault) => fault,
            None if table == MESSAGES && column != by => ANOTHER_COLUMN,
            None => continue,
        };
        let cure = match by {
            Some(by) => format!(
                "select okta.protect('{}', '{}');",
                table.replace('\'', "''"),
                by.replace('\'', "''")
            ),
            None => "protect it with the column that holds the user id: select okta.protect(...);"
                .into(),
        };
        found.problem(format!(
            "{table} is not guarded as it should be. {} Run: {cure}",
            fault.trim_end()
        ));
        guarded |= table == MESSAGES;
    }
    if is_there && !guarded {
        found.problem(format!(
            "No policy of this program guards {MESSAGES}: select okta.protect('{MESSAGES}', 'user_id');"
        ));
    }
    for row in policies {
        let (table, policy, roles): (&str, &str, &str) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(4)?);
        let cure = format!("drop policy {policy} on {table};");
        if row.try_get(2)? {
            found.problem(format!(
                "The policy {policy} opens {table} beyond one's own row, for {roles}: {cure}"
            ));
        } else if row.try_get(3)? {
            found.problem(format!(
                "The policy {policy} of {table}, for {roles}, is not of this program: {cure}"
            ));
        } else {
            found.note(narrow(policy, table, roles));
        }
    }
    Ok(())
}

pub(super) fn narrow(policy: &str, table: &str, roles: &str) -> String {
    format!("The policy {policy} of {table}, for {roles}, is not of this program: it opens no row.")
}
