//! Brings the database up to this program's schema.

use std::{sync::Mutex, time::Duration};

use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use tokio::time::timeout;
use tokio_postgres::{Transaction, error::SqlState};

use crate::{
    failure::{Failure, Kind},
    postgres::{Connector, Error, Steps, Target},
    session::Progress,
    text::clause,
};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Where the database keeps what was applied.
pub(super) const HISTORY: &str = "public.epigraph_schema_history";
/// The key of the lock that two migrations at once contend for: "epigraph" in ASCII.
const LOCK: i64 = 0x6570_6967_7261_7068;
/// The most that a migration may take, with the wait for another one.
const LIMIT: Duration = Duration::from_mins(5);

/// Applies the migrations that the database lacks and returns the names of those it applied. All or nothing.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is left half done.
pub async fn migrate(target: &Target) -> Result<Vec<String>, Failure> {
    timeout(LIMIT, migrate_unbounded(target))
        .await
        .unwrap_or_else(|_| Err(too_slow()))
}

async fn migrate_unbounded(target: &Target) -> Result<Vec<String>, Failure> {
    let failed = |error| Error::Statement(error).failure(target);
    let mut connection = Connector::new(target.clone())
        .connect(&Progress::silent(), &Mutex::new(Steps::default()))
        .await
        .map_err(|error| error.failure(target))?;
    // Spelt out, because the owner's defaults may say otherwise.
    let transaction = connection
        .client
        .build_transaction()
        .read_only(false)
        .start()
        .await
        .map_err(failed)?;
    // The lock ends with the transaction, so it holds through a pooler in transaction mode as well.
    transaction
        .batch_execute(&format!(
            "set local search_path = ''; select pg_catalog.pg_advisory_xact_lock({LOCK})"
        ))
        .await
        .map_err(failed)?;
    let mut everything = Everything(transaction);
    let report = embedded::migrations::runner()
        .set_grouped(true)
        .set_migration_table_name(HISTORY)
        .run_async(&mut everything)
        .await
        .map_err(|error| explain(&error, target))?;
    everything.0.commit().await.map_err(failed)?;
    Ok(report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect())
}

/// The one transaction in which all of it happens, the table of what was applied included.
struct Everything<'a>(Transaction<'a>);

impl AsyncTransaction for Everything<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            self.0.batch_execute(query).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<refinery::Migration>> for Everything<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<refinery::Migration>, Self::Error> {
        let rows = self.0.query_typed(query, &[]).await?;
        rows.iter()
            .map(|row| {
                let checksum: String = row.try_get("checksum")?;
                Ok(refinery::Migration::applied(
                    row.try_get("version")?,
                    row.try_get("name")?,
                    // Nobody asks for it: versions, names and checksums are compared.
                    time::OffsetDateTime::UNIX_EPOCH,
                    // One that is no number differs from every other, which is reported as what it is.
                    checksum.parse().unwrap_or_default(),
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for Everything<'_> {}

/// The number of the newest migration of this program.
pub(super) fn newest() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or_default()
}

/// The migrations themselves, in the order in which they are applied.
pub(super) fn texts() -> Vec<String> {
    let runner = embedded::migrations::runner();
    let mut all: Vec<_> = runner.get_migrations().iter().collect();
    all.sort_by_key(|migration| migration.version());
    all.iter()
        .filter_map(|migration| migration.sql())
        .map(str::to_owned)
        .collect()
}

fn explain(error: &refinery::Error, target: &Target) -> Failure {
    use refinery::error::Kind as Reason;
    match error.kind() {
        Reason::DivergentVersion(..) | Reason::MissingVersion(..) => another_version(),
        Reason::Connection(_, cause) => match cause.downcast_ref() {
            Some(cause) => refused(cause, target),
            None => unknown(),
        },
        _ => unknown(),
    }
}

pub(super) fn too_slow() -> Failure {
    Failure::new(
        Kind::Unreachable,
        "The migrations took too long and were undone.",
    )
    .cure("Somebody may hold a lock on the table: try again in a moment.")
}

pub(super) fn another_version() -> Failure {
    Failure::new(
        Kind::Database,
        "The database was migrated by another version of this program; nothing was changed.",
    )
    .cure("Use the newest version of epigraph that your team has.")
}

pub(super) fn unknown() -> Failure {
    Failure::new(
        Kind::Failed,
        "The migrations could not be applied; nothing was changed.",
    )
    .cure("Try again; with --log FILE the program writes down what it does.")
}

pub(super) fn raised(message: &str, hint: Option<&str>) -> Failure {
    let failure = Failure::new(
        Kind::Database,
        format!("{}. Nothing was changed.", clause(message)),
    );
    match hint {
        Some(hint) => failure.cure(format!("{}.", clause(hint))),
        None => failure,
    }
}

pub(super) fn not_allowed(user: &str) -> Failure {
    Failure::new(
        Kind::Database,
        format!("The user {user} may not set up tables in this database; nothing was changed."),
    )
    .cure("Use the connection string of the database's owner.")
}

fn refused(error: &tokio_postgres::Error, target: &Target) -> Failure {
    match error.as_db_error() {
        // Raised by a migration, in words for people.
        Some(error) if *error.code() == SqlState::DATATYPE_MISMATCH => {
            raised(error.message(), error.hint())
        }
        Some(error) if *error.code() == SqlState::INSUFFICIENT_PRIVILEGE => {
            not_allowed(&target.user)
        }
        _ => crate::postgres::explain(error, target),
    }
}
