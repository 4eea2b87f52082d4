//! What our tables are made of, and the keys in them: what the migrations made and `epigraph admin keys` stored, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::{Findings, texts};

/// Every part of our own tables, as PostgreSQL 14 to 18 spell it out alike.
const PARTS: [(&str, &[&str]); 4] = [
    (
        "okta.blocked",
        &[
            "CHECK ((user_id <> ''::text))",
            "PRIMARY KEY (user_id)",
            "column blocked_at timestamp with time zone not null default now()",
            "column user_id text not null",
        ],
    ),
    (
        "okta.issuer",
        &[
            "CHECK ((audience <> ''::text))",
            "CHECK ((issuer <> ''::text))",
            "CREATE UNIQUE INDEX only_one_issuer ON okta.issuer USING btree ((true))",
            "PRIMARY KEY (issuer)",
            "column added_at timestamp with time zone not null default now()",
            "column audience text not null",
            "column issuer text not null",
        ],
    ),
    (
        "okta.signing_key",
        &[
            "CHECK ((kid <> ''::text))",
            "FOREIGN KEY (issuer) REFERENCES okta.issuer(issuer) ON DELETE CASCADE",
            "PRIMARY KEY (issuer, kid)",
            "column added_at timestamp with time zone not null default now()",
            "column bits integer not null",
            "column fold numeric not null",
            "column folded_digits integer not null",
            "column irrelevant_digits integer not null",
            "column issuer text not null",
            "column kid text not null",
            "column last_published_at timestamp with time zone not null default now()",
            "column missed_at timestamp with time zone",
            "column modulus numeric not null",
            "column octets integer not null",
            "column padding numeric not null",
            "column reciprocal numeric not null",
        ],
    ),
    (
        "okta.unshown_access",
        &[
            "PRIMARY KEY (role_name)",
            "column made_at timestamp with time zone not null default now()",
            "column role_name name not null",
        ],
    ),
];

/// Compares our own tables with what the migrations made.
pub(super) fn compare(shapes: &[Row], found: &mut Findings) -> Result<(), tokio_postgres::Error> {
    let mut present: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in shapes {
        let [table, part] = texts(row)?;
        present.entry(table).or_default().insert(part);
    }
    for (table, parts) in PARTS {
        // One that is missing is named as such.
        let Some(present) = present.get(table) else {
            continue;
        };
        let wanted: BTreeSet<_> = parts.iter().copied().collect();
        let differences: Vec<_> = [("without", &wanted - present), ("with", present - &wanted)]
            .into_iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(how, parts)| format!("{how} {}", Vec::from_iter(parts).join("; ")))
            .collect();
        if !differences.is_empty() {
            found.problem(another_shape(table, &differences.join(", and ")));
        }
    }
    Ok(())
}

/// Says what keeps quotes from being saved, or has rows vanish.
pub(super) fn faults(faults: &[Row], found: &mut Findings) -> Result<(), tokio_postgres::Error> {
    for row in faults {
        let [table, fault, column, cure] = texts(row)?;
        found.problem(match fault {
            "unlogged" => format!("{table} is unlogged: a crash of the server empties it, and no replica has it: {cure}"),
            "missing" => missing_column(table, column),
            "type" => format!("The column {column} of {table} is of another type: {cure}"),
            "nullable" => format!("The column {column} of {table} may be null: {cure}"),
            _ => format!("The column {column} of {table} must be filled, and this program does not know it: {cure}"),
        });
    }
    Ok(())
}

/// Names the keys that nothing which Okta publishes led to.
pub(super) fn keys(keys: &[Row], found: &mut Findings) -> Result<(), tokio_postgres::Error> {
    for row in keys {
        let [kid, fault, issuer, cure] = texts(row)?;
        found.problem(if fault == "issuer" {
            format!("The signing key {kid} counts, and is of {issuer}, which is not registered: {cure}")
        } else {
            format!("The signing key {kid} is none that `epigraph admin keys` stores, and forgeries may fit it. Run `epigraph admin keys` after this: {cure}")
        });
    }
    Ok(())
}

pub(super) fn another_shape(table: &str, differences: &str) -> String {
    format!(
        "The table {table} has been changed ({differences}): find out who changed it, and restore the definition of the migrations."
    )
}

pub(super) fn missing_column(table: &str, column: &str) -> String {
    format!("The table {table} has no column {column}, so no quote can be read or saved.")
}
