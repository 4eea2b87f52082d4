//! The functions, tables and everything else of our schemas: exactly what the migrations made, and no one else's.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::{
    Findings,
    definitions::{Definitions, Function},
    roles::{Kind, Sorted},
    texts,
};

/// A function as it is.
#[derive(Debug)]
pub(super) struct Present {
    function: Function,
    kind: String,
    owner: u32,
}

pub(super) fn present(row: &Row) -> Result<Present, tokio_postgres::Error> {
    // A default is no part of how a function is called in the migrations' own words.
    let parameters: String = row.try_get(1)?;
    let parameters: Vec<_> = parameters
        .split(", ")
        .map(|one| one.split(" DEFAULT ").next().unwrap_or_default())
        .collect();
    Ok(Present {
        function: Function {
            signature: row.try_get(0)?,
            parameters: parameters.join(", "),
            result: row.try_get(2)?,
            manner: row.try_get(3)?,
            settings: row.try_get(4)?,
            body: row.try_get(5)?,
        },
        kind: row.try_get(6)?,
        owner: row.try_get(7)?,
    })
}

/// Compares the functions with those of the migrations.
pub(super) fn compare(present: &[Present], wanted: &Definitions, found: &mut Findings) {
    let mut missing: BTreeMap<_, _> = wanted.functions.iter().collect();
    for one in present {
        let name = &one.function.signature;
        let Some(wanted) = missing.remove(name) else {
            let what = match one.kind.as_str() {
                "p" => "procedure",
                "a" => "aggregate",
                _ => "function",
            };
            found.problem(format!(
                "The {what} {name} is not of this program: look at it, and drop {what} {name};"
            ));
            continue;
        };
        if one.kind != "f" || one.function.body != wanted.body {
            found.problem(another_body(name));
        }
        let changed = changes(&one.function, wanted);
        if !changed.is_empty() {
            found.problem(another_manner(name, &changed.join("; ")));
        }
    }
    for name in missing.keys() {
        found.problem(missing_function(name));
    }
}

pub(super) fn another_body(function: &str) -> String {
    format!(
        "The body of the function {function} has been changed: find out who changed it, and restore the definition of the migrations."
    )
}

pub(super) fn another_manner(function: &str, changes: &str) -> String {
    format!(
        "The function {function} has been changed ({changes}): find out who changed it, and restore the definition of the migrations."
    )
}

pub(super) fn missing_function(function: &str) -> String {
    format!("The function {function} is missing: restore the definition of the migrations.")
}

pub(super) fn useless_owner(lacks: &str, table: &str) -> String {
    format!(
        "The owner of the schema epigraph may not {lacks} on {table}, so no quote can be read or saved: give the schema and the table one owner."
    )
}

pub(super) fn persons_table(whom: &str, table: &str) -> String {
    format!("{whom} owns {table}, and so reads every row: give it to a role that no person uses.")
}

/// What differs besides the body.
fn changes(is: &Function, wanted: &Function) -> Vec<String> {
    let list = |settings: &[String]| {
        if settings.is_empty() {
            "nothing".into()
        } else {
            settings.join(", ")
        }
    };
    let mut changed: Vec<_> = is
        .manner
        .iter()
        .zip(&wanted.manner)
        .filter(|(is, wanted)| is != wanted)
        .map(|(is, wanted)| format!("{is} in place of {wanted}"))
        .collect();
    if is.settings != wanted.settings {
        changed.push(format!(
            "it sets {} in place of {}",
            list(&is.settings),
            list(&wanted.settings)
        ));
    }
    if is.parameters != wanted.parameters {
        changed.push(format!(
            "its parameters are ({}) in place of ({})",
            is.parameters, wanted.parameters
        ));
    }
    if is.result != wanted.result {
        changed.push(format!(
            "it returns {} in place of {}",
            is.result, wanted.result
        ));
    }
    changed
}

/// What is in our schemas besides functions: `contents` has a row of kind and name each.
pub(super) fn contents(
    contents: &[Row],
    wanted: &Definitions,
    found: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    let mut missing: Vec<_> = wanted.tables.iter().map(String::as_str).collect();
    for row in contents {
        let [kind, name] = texts(row)?;
        if kind == "table" && wanted.tables.contains(name) {
            missing.retain(|missing| *missing != name);
        } else {
            found.problem(format!(
                "The {kind} {name} is not of this program: look at it, and drop {kind} {name};"
            ));
        }
    }
    missing.retain(|name| !name.starts_with("public."));
    for name in missing {
        found.problem(format!("The table {name} is missing."));
    }
    Ok(())
}

/// A table or schema, and whose it is.
#[derive(Debug)]
pub(super) struct Owned {
    what: String,
    name: String,
    owner: u32,
    /// What it is to us, as `queries` has it.
    kind: String,
    /// What the owner of our functions may not do there and has to.
    lacks: String,
}

impl Owned {
    pub(super) fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            what: row.try_get(0)?,
            name: row.try_get(1)?,
            owner: row.try_get(2)?,
            kind: row.try_get(3)?,
            lacks: row.try_get(4)?,
        })
    }

    fn is_ours(&self) -> bool {
        matches!(self.kind.as_str(), "ours" | "history")
    }
}

/// Whose all of it is: the role that owns most of it.
pub(super) fn master(functions: &[Present], owned: &[Owned]) -> Option<u32> {
    let mut count = BTreeMap::new();
    let owned = owned.iter().filter(|one| one.is_ours());
    let owners = functions.iter().map(|one| one.owner);
    for owner in owners.chain(owned.map(|one| one.owner)) {
        *count.entry(owner).or_insert(0_u32) += 1;
    }
    let most = count.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(owner, _)| owner)
}

/// Names what belongs to someone else than it should.
pub(super) fn owners(
    master: u32,
    functions: &[Present],
    owned: &[Owned],
    sorted: &Sorted,
    found: &mut Findings,
) {
    let whose = sorted.roles.name(master);
    let functions = functions
        .iter()
        .map(|one| ("function", &one.function.signature, one.owner));
    let ours = owned
        .iter()
        .filter(|one| one.is_ours())
        .map(|one| (one.what.as_str(), &one.name, one.owner));
    for (what, name, owner) in ours
        .chain(functions)
        .filter(|(_, _, owner)| *owner != master)
    {
        found.problem(format!(
            "The {what} {name} belongs to {}, and the rest to {whose}: alter {what} {name} owner to {whose};",
            sorted.roles.name(owner)
        ));
    }
    for one in owned {
        let Owned { name, lacks, .. } = one;
        let mut takers = sorted.takers(one.owner);
        if one.kind == "public_schema" && !takers.is_empty() {
            found.problem(format!(
                "{} owns the schema public, and so may drop what is in it: alter schema public owner to {whose};",
                sorted.whom(one.owner, &takers)
            ));
        }
        if !lacks.is_empty() {
            found.problem(useless_owner(lacks, name));
        }
        takers.retain(|taker| taker.kind != Kind::Other);
        if one.kind == "protected" && !takers.is_empty() {
            found.problem(persons_table(&sorted.whom(one.owner, &takers), name));
        }
    }
}
