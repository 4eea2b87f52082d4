//! The second wall: whether every table that has the guard has it whole, and no policy beside it.

use tokio_postgres::Row;

use super::{Findings, texts};

/// Every table that has the guard, or is a part of one that has it, and what is wrong there: table, column, fault.
pub(super) const GUARDS: &str = "\
select \"table\"::text, coalesce(\"column\"::text, ''), fault from okta.protection() order by 1, 3";

/// Every other policy of such tables, and of the table of quotes: table, policy, whom it is for, and whether it lets in.
pub(super) const POLICIES: &str = "\
select c.oid::regclass::text, quote_ident(p.polname), array_to_string(array(
        select case role when 0 then 'everybody' else quote_ident(pg_get_userbyid(role)) end from unnest(p.polroles) role order by 1), ', '),
    p.polpermissive, c.oid = to_regclass('public.user_messages')
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
        let [table, column] = texts(row)?;
        let by = if table == MESSAGES { "user_id" } else { column };
        guarded |= table == MESSAGES && column == by;
        let fault = match row.try_get::<_, Option<&str>>(2)? {
            Some(fault) => fault,
            None if table == MESSAGES && column != by => ANOTHER_COLUMN,
            None => continue,
        };
        let quoted = |text: &str| text.replace('\'', "''");
        let cure = match by {
            // Named below, with whom it is for.
            _ if fault.starts_with("Its policy ") => continue,
            _ if fault.starts_with("Its rows are seen") => {
                "select okta.protect(...) for that as well".into()
            }
            "" => "select okta.protect(...) once more for what is protected".into(),
            by => format!(
                "select okta.protect('{}', '{}');",
                quoted(table),
                quoted(by)
            ),
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
        let [table, policy, roles] = texts(row)?;
        let cure = format!("drop policy {policy} on {table};");
        if row.try_get(3)? {
            found.problem(format!(
                "The policy {policy} opens {table} beyond a person's own row, for {roles}: {cure}"
            ));
        } else if row.try_get(4)? {
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
