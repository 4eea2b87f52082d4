//! What `doctor` looks at: every step up to the table, each with the time it took.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    connection::{ANSWER_LIMIT, Connection, Connector, Steps},
    error::{Error, lacks_functions, read_only, refused},
    quotes::{bypasses, is, no_table, not_guarded},
    target::{Target, Tls},
};
use crate::{
    failure::{Check, Failure, Kind, Verdict},
    session::Progress,
};

/// The table as the guide has it.
const COLUMNS: [(&str, &str); 3] = [
    ("user_id", "text"),
    ("create_ts", "timestamp without time zone"),
    ("message", "text"),
];

// Looked up in the catalogue, because a role without a right to a schema may not name what is in it.
const LOOK: &str = "\
select
    (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user) as bypasses,
    pg_catalog.pg_is_in_recovery() as replica,
    t.oid is not null as present,
    t.relrowsecurity as guarded,
    pg_catalog.pg_has_role(t.relowner, 'usage') as owns,
    (select pg_catalog.array_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, null))
     from pg_catalog.pg_attribute a
     where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select pg_catalog.array_agg(f.name order by f.name) from functions f where f.oid is null) as missing,
    (select pg_catalog.array_agg(f.name order by f.name) from functions f
     where not pg_catalog.has_schema_privilege(f.schema, 'usage') or not pg_catalog.has_function_privilege(f.oid, 'execute'))
     as lacking,
    (select pg_catalog.array_agg(r.name)
     from (values ('select'), ('insert'), ('update'), ('delete')) as r (name)
     where pg_catalog.has_table_privilege(t.oid, r.name)) as direct,
    (select 'epigraph_user_' || d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) as user_group
from (values (1)) as one (row)
left join pg_catalog.pg_class t on t.relname = 'user_messages'
    and t.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = 'public')";

/// What stands before [`LOOK`]: the functions by which a quote is kept.
const FUNCTIONS: &str = "\
with functions as (
    select 'epigraph.' || w.name as name, n.oid as schema, p.oid
    from (values ('load_quote'), ('save_quote'), ('delete_quote')) as w (name)
    left join pg_catalog.pg_namespace n on n.nspname = 'epigraph'
    left join pg_catalog.pg_proc p on p.pronamespace = n.oid and p.proname = w.name
) ";

const UNKNOWN_KEYS: &str = "\
select count(*) from pg_catalog.unnest($1::text[]) k (kid) where not okta.knows_key(k.kid)";

/// Looks at every part of the way to the table: the string, the host, the network, TLS, the sign-in, the table, the rights,
/// and whether the database knows the keys that Okta publishes. Stops where it goes no further. Writes nothing.
pub async fn check(
    target: &Target,
    published_keys: impl Future<Output = Vec<String>>,
) -> Vec<Check> {
    let mut checks = vec![checked(
        "connection string",
        Duration::ZERO,
        connection_string(target),
    )];
    let connector = Connector::new(target.clone(), None);
    let steps = Mutex::new(Steps::default());
    let begun = Instant::now();
    let connection = connector.connect(&Progress::silent(), &steps).await;
    let took = begun.elapsed();
    let steps = steps.into_inner();
    connection_steps(target, &steps, &mut checks);
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => {
            let done = [steps.resolved, steps.dialled, steps.secured];
            let took = took.saturating_sub(done.into_iter().flatten().sum());
            let failed = Verdict::Failed(error.failure(target, &[]));
            checks.push(checked(failed_step(&error, &steps, target), took, failed));
            return checks;
        }
    };
    let binding = if target.requires_channel_binding() {
        "bound to this TLS connection"
    } else {
        "channel binding not required"
    };
    checks.push(checked(
        "sign-in",
        steps.signed_in.unwrap_or_default(),
        Verdict::Ok(format!("{} in {}, {binding}", target.user, target.database)),
    ));
    let begun = Instant::now();
    match look(&connection).await {
        Ok(row) => {
            let took = begun.elapsed();
            let verdicts = table(target, &row).into_iter();
            checks.extend(verdicts.map(|(name, verdict)| checked(name, took, verdict)));
            if list(&row, "missing").is_empty() {
                let published = published_keys.await;
                checks.extend(keys(target, &connection, &published).await);
            }
        }
        Err(error) => {
            let failed = Verdict::Failed(error.failure(target, &[]));
            checks.push(checked("table", begun.elapsed(), failed));
        }
    }
    checks
}

const fn checked(name: &'static str, took: Duration, verdict: Verdict) -> Check {
    Check {
        name,
        took,
        verdict,
    }
}

fn connection_string(target: &Target) -> Verdict {
    if target.notes().is_empty() {
        return Verdict::Ok(target.summary());
    }
    Verdict::Warning(Failure::new(Kind::Config, target.notes().join(" ")))
}

/// The step that comes after those which worked.
fn failed_step(error: &Error, steps: &Steps, target: &Target) -> &'static str {
    if matches!(error, Error::Setup(_)) {
        "TLS"
    } else if steps.resolved.is_none() {
        "address"
    } else if steps.dialled.is_none() {
        "network"
    } else if steps.secured.is_none() && target.tls != Tls::Off {
        "TLS"
    } else {
        "sign-in"
    }
}

fn connection_steps(target: &Target, steps: &Steps, checks: &mut Vec<Check>) {
    let Target { host, port, .. } = target;
    let mut works = |name, took, found| checks.push(checked(name, took, Verdict::Ok(found)));
    if let Some(took) = steps.resolved {
        let addresses = steps.addresses.iter();
        let addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
        works("address", took, addresses.join(", "));
    }
    if let Some(took) = steps.dialled {
        works("network", took, format!("{host}, port {port}"));
    }
    if let Some(took) = steps.secured {
        let how = if steps.direct { "direct" } else { "negotiated" };
        let found = format!("the certificate is valid for {host}, {how}");
        works("TLS", took, found);
    }
    if target.tls == Tls::Off && steps.dialled.is_some() {
        works("TLS", Duration::ZERO, "none, on this machine only".into());
    }
}

/// Asks in a transaction, as every operation does: a pooler may be set so that there are none.
async fn look(connection: &Connection) -> Result<Row, Error> {
    let look = format!("{FUNCTIONS}{LOOK}");
    let asked = async {
        tokio::join!(
            biased;
            connection.batch_execute("begin read only"),
            connection.query_typed_one(&look, &[]),
            connection.batch_execute("commit"),
        )
    };
    let (begun, row, ended) = timeout(ANSWER_LIMIT, asked)
        .await
        .map_err(|_| Error::StatementTimedOut)?;
    begun
        .and(row)
        .and_then(|row| ended.map(|()| row))
        .map_err(Error::Statement)
}

/// Whether the database knows the keys that Okta publishes. `None` where it is not known what Okta publishes.
async fn keys(target: &Target, connection: &Connection, published: &[String]) -> Option<Check> {
    if published.is_empty() {
        return None;
    }
    let begun = Instant::now();
    let parameters = [(&published as &(dyn ToSql + Sync), Type::TEXT_ARRAY)];
    let query = connection.query_typed_one(UNKNOWN_KEYS, &parameters);
    let unknown = timeout(ANSWER_LIMIT, query)
        .await
        .map_err(|_| Error::StatementTimedOut)
        .and_then(|row| row.map_err(Error::Statement))
        .and_then(|row| row.try_get::<_, i64>(0).map_err(Error::Statement));
    let all = published.len();
    let verdict = match unknown.map(|unknown| usize::try_from(unknown).unwrap_or(all)) {
        Ok(0) => Verdict::Ok(format!("all {all} that Okta publishes are known")),
        Ok(unknown) if unknown == all => Verdict::Failed(knows_no_key()),
        Ok(unknown) => Verdict::Warning(lacks_keys(unknown, all)),
        Err(error) => Verdict::Failed(error.failure(target, &[])),
    };
    Some(checked("signing keys", begun.elapsed(), verdict))
}

const COMPARE_KEYS: &str =
    "The owner of the database can run `epigraph admin keys`; best every week.";

pub(super) fn knows_no_key() -> Failure {
    refused("The database knows none of the keys that Okta publishes, so it takes no token.")
        .cure(COMPARE_KEYS)
}

pub(super) fn lacks_keys(unknown: usize, all: usize) -> Failure {
    refused(format!("The database does not know {unknown} of the {all} keys that Okta publishes: once Okta signs with one of them, no one can sign in."))
    .cure(COMPARE_KEYS)
}

pub(super) fn lacks_columns(columns: &[String]) -> Failure {
    let what = format!(
        "The table public.user_messages lacks {}.",
        columns.join(" and ")
    );
    refused(what)
        .cure("It belongs to something else: rename it, then run `epigraph admin migrate`.")
}

pub(super) fn lacks_rights(user: &str, lacking: &[String], group: &str) -> Failure {
    let what = format!("The role {user} may not call {}.", lacking.join(", "));
    refused(what).cure(format!(
        "The database's owner can run: grant {group} to {user};"
    ))
}

pub(super) fn open_table(user: &str, rights: &[String]) -> Failure {
    let what = format!(
        "The role {user} may {} public.user_messages itself, which epigraph does not need.",
        rights.join(", ")
    );
    refused(what).cure("The database's owner can close it with `epigraph admin setup`.")
}

fn list(row: &Row, name: &str) -> Vec<String> {
    row.try_get::<_, Option<Vec<String>>>(name)
        .ok()
        .flatten()
        .unwrap_or_default()
}

fn ok_unless(wrong: Option<Failure>, found: &str) -> Verdict {
    wrong.map_or_else(|| Verdict::Ok(found.into()), Verdict::Failed)
}

/// What is to be said of the table, of the functions and of the rights to them.
fn table(target: &Target, row: &Row) -> Vec<(&'static str, Verdict)> {
    if !is(row, "present") {
        return vec![("table", Verdict::Failed(no_table(&target.database)))];
    }
    let columns = list(row, "columns");
    let odd: Vec<_> = COLUMNS
        .iter()
        .filter(|(name, kind)| !columns.contains(&format!("{name} {kind}")))
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect();
    let wrong = (!odd.is_empty()).then(|| lacks_columns(&odd));
    let mut verdicts = vec![("table", ok_unless(wrong, "public.user_messages"))];
    if is(row, "replica") {
        verdicts.push(("writing", Verdict::Failed(read_only())));
    }
    let is_missing = !list(row, "missing").is_empty();
    let wrong = is_missing.then(|| lacks_functions(&target.database));
    verdicts.push(("functions", ok_unless(wrong, "load, save, delete")));
    if !is_missing {
        let lacking = list(row, "lacking");
        let group: String = row.try_get("user_group").unwrap_or_default();
        let wrong = (!lacking.is_empty()).then(|| lacks_rights(&target.user, &lacking, &group));
        verdicts.push(("rights", ok_unless(wrong, "to call them")));
    }
    let direct = list(row, "direct");
    // Whether the database checks who is asking, and whether the role may do no more than a person needs.
    let row_security = if is(row, "guarded") || direct.is_empty() {
        Verdict::Ok("the database itself checks who is asking".into())
    } else {
        Verdict::Warning(not_guarded())
    };
    let role = if is(row, "owns") || is(row, "bypasses") {
        Verdict::Warning(bypasses())
    } else if !direct.is_empty() {
        Verdict::Warning(open_table(&target.user, &direct))
    } else {
        let user = &target.user;
        Verdict::Ok(format!("{user} has no more rights than a person needs"))
    };
    verdicts.extend([("row security", row_security), ("role", role)]);
    verdicts
}
