//! What the migrations define, read from their own text: the last definition of a function is the one that counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

/// A function as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// `schema.name(type, type)`.
    pub(super) signature: String,
    /// Its parameters, as PostgreSQL writes them.
    pub(super) parameters: String,
    /// What it returns, as PostgreSQL writes it.
    pub(super) result: String,
    /// Its language, volatility, parallel safety and so on, each as SQL has it, what goes without saying included.
    pub(super) manner: Vec<String>,
    /// `name=value`, in the order in which they are set.
    pub(super) settings: Vec<String>,
    /// Its body, letter by letter.
    pub(super) body: String,
}

/// What the migrations leave behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    /// By signature.
    pub(super) functions: BTreeMap<String, Function>,
    /// `schema.name`.
    pub(super) tables: BTreeSet<String>,
    /// The signatures of those that people may call.
    pub(super) callable: BTreeSet<String>,
}

impl Definitions {
    /// The names, without their schema, of what is the owner's alone.
    pub(super) fn guarded(&self) -> Vec<&str> {
        let functions = self
            .functions
            .keys()
            .filter(|one| !self.callable.contains(*one));
        let mut names: Vec<_> = functions
            .chain(&self.tables)
            .filter(|one| !one.starts_with("public."))
            .filter_map(|one| one.split_once('.')?.1.split('(').next())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The functions whose bodies say what people may call.
const GRANTING: [&str; 2] = ["okta.grant_access(name)", "epigraph.grant_access(name)"];
const GRANT: &str = "grant execute on function ";

/// Reads migrations, in the order in which they are applied.
pub(super) fn read<'a>(migrations: impl IntoIterator<Item = &'a str>) -> Definitions {
    let mut found = Definitions::default();
    for text in migrations {
        for statement in statements(text) {
            apply(&mut found, statement);
        }
    }
    for granting in GRANTING {
        if let Some(function) = found.functions.get(granting) {
            found.callable.extend(granted(&function.body));
        }
    }
    found
}

fn apply(found: &mut Definitions, statement: &str) {
    let words: Vec<&str> = statement.split_whitespace().take(6).collect();
    match words.as_slice() {
        ["create", "function", ..] | ["create", "or", "replace", "function", ..] => {
            let text = statement.split_once("function ");
            if let Some(function) = text.and_then(|(_, text)| function(text)) {
                found.functions.insert(function.signature.clone(), function);
            }
        }
        ["drop", "function", ..] => {
            for signature in signatures(statement.trim_start_matches("drop function ")) {
                found.functions.remove(&signature);
            }
        }
        ["create", "table", "if", "not", "exists", name, ..] | ["create", "table", name, ..] => {
            found.tables.insert((*name).to_owned());
        }
        ["drop", "table", name, ..] => {
            found.tables.remove(*name);
        }
        _ => {}
    }
}

/// The signatures that a granting function names.
fn granted(body: &str) -> impl Iterator<Item = String> {
    body.match_indices(GRANT)
        .filter_map(|(at, _)| body[at + GRANT.len()..].split_once(" to %"))
        .flat_map(|(list, _)| signatures(list))
}

/// The signatures in a list of functions.
fn signatures(list: &str) -> impl Iterator<Item = String> {
    list.split(')').filter_map(|one| {
        let (name, types) = one.split_once('(')?;
        let types: Vec<_> = listed(types).map(type_name).collect();
        let name = name.trim_start_matches(',').trim();
        Some(format!("{name}({})", types.join(", ")))
    })
}

fn function(text: &str) -> Option<Function> {
    let (name, rest) = text.split_once('(')?;
    // None of the types has brackets of its own.
    let (parameters, rest) = rest.split_once(')')?;
    let parameters: Vec<_> = listed(parameters).map(parameter).collect();
    let (head, body) = rest.split_once("$$")?;
    let called = parameters.iter().filter(|(mode, ..)| *mode != "OUT ");
    let called: Vec<_> = called.map(|(_, _, kind)| kind.as_str()).collect();
    let out: Vec<_> = parameters
        .iter()
        .filter(|(mode, ..)| !mode.is_empty())
        .collect();
    let usual = match out.as_slice() {
        [] => "void".to_owned(),
        [(_, _, only)] => only.clone(),
        _ => "record".to_owned(),
    };
    let head: Vec<_> = head.split_whitespace().collect();
    let head = head.join(" ");
    let mut parts = head.trim_end_matches(" as").split("set ");
    let manner = parts.next()?;
    let (result, manner) = match manner.strip_prefix("returns ") {
        Some(rest) => {
            let (result, _) = rest.split_once(" language ")?;
            (result_name(result), &rest[result.len()..])
        }
        None => (usual, manner),
    };
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(mode, name, kind)| format!("{mode}{name} {kind}"))
        .collect();
    Some(Function {
        signature: format!("{name}({})", called.join(", ")),
        parameters: parameters.join(", "),
        result,
        manner: spelt_out(manner),
        settings: parts.filter_map(setting).collect(),
        body: body.rsplit_once("$$")?.0.to_owned(),
    })
}

/// How a parameter is used (`OUT `, `INOUT ` or nothing), its name and its type.
fn parameter(text: &str) -> (&'static str, &str, String) {
    let (mode, text) = [("out ", "OUT "), ("inout ", "INOUT "), ("in ", "")]
        .into_iter()
        .find_map(|(written, mode)| Some((mode, text.strip_prefix(written)?)))
        .unwrap_or(("", text));
    let text = text.split(" default ").next().unwrap_or_default();
    let (name, kind) = text.split_once(' ').unwrap_or((text, ""));
    (mode, name, type_name(kind))
}

/// How a function runs, in the order in which `queries::FUNCTIONS` says it.
fn spelt_out(manner: &str) -> Vec<String> {
    let mut spelt_out = [
        "language",
        "volatile",
        "parallel unsafe",
        "called on null input",
        "security invoker",
        "not leakproof",
        "cost 100",
    ]
    .map(str::to_owned);
    let mut words = manner.split(' ');
    while let Some(word) = words.next() {
        let (place, has_value) = match word {
            "language" => (0, true),
            "immutable" | "stable" | "volatile" => (1, false),
            "parallel" => (2, true),
            "strict" => (3, false),
            "security" => (4, true),
            "leakproof" => (5, false),
            "cost" => (6, true),
            _ => continue,
        };
        spelt_out[place] = if has_value {
            format!("{word} {}", words.next().unwrap_or_default())
        } else {
            word.to_owned()
        };
    }
    spelt_out.into()
}

fn setting(text: &str) -> Option<String> {
    let (name, value) = text.split_once(" = ")?;
    Some(format!("{name}={}", value.trim().trim_matches('\'')))
}

/// A type by the name that PostgreSQL gives it back with.
fn type_name(written: &str) -> String {
    let written = written.trim();
    if let Some(element) = written.strip_suffix("[]") {
        return format!("{}[]", type_name(element));
    }
    match written {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "bool" => "boolean",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        other => other,
    }
    .to_owned()
}

fn result_name(written: &str) -> String {
    if let Some(columns) = written.strip_prefix("table") {
        let columns = columns.trim().trim_start_matches('(').trim_end_matches(')');
        let columns: Vec<_> = listed(columns)
            .map(parameter)
            .map(|(_, name, kind)| format!("{name} {kind}"))
            .collect();
        return format!("TABLE({})", columns.join(", "));
    }
    match written.strip_prefix("setof ") {
        Some(one) => format!("SETOF {}", type_name(one)),
        None => type_name(written),
    }
}

/// What stands between commas.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty())
}

/// A statement, without the comments before it, up to a semicolon that stands in no quotes, body or comment.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?s)(?:\s|--[^\n]*\n)*((?:'[^']*'|"[^"]*"|\$\$.*?\$\$|--[^\n]*\n|[^;])+)"#)
        .expect("it is a pattern")
});

/// The statements of a script.
fn statements(script: &str) -> impl Iterator<Item = &str> {
    let found = STATEMENT.captures_iter(script);
    found.filter_map(|found| Some(found.get(1)?.as_str().trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::migrate;

    #[test]
    fn the_last_definition_counts_and_what_was_dropped_is_gone() {
        let first = "-- It's a comment; create function okta.no() returns int
            create table okta.kept (a int); create table if not exists okta.gone ();
            create function okta.a(x int, out y timestamptz) language sql as $$ select 'a;'; $$;
            create function okta.b(\"table\" regclass, list text[] default '{}') returns setof okta.kept
            language plpgsql stable strict parallel safe security definer leakproof cost 7
            set search_path = pg_catalog, pg_temp set enable_seqscan = off
            as $$b$$;
            create function okta.c() returns table (what text, since timestamptz) language sql as $$c$$;";
        let second = "drop function okta.a(int), okta.c(); drop table okta.gone;
            create or replace function okta.b(\"table\" regclass, list text[] default '{}') returns void language sql as $$2$$;";
        let found = read([first]);
        let tables = ["okta.gone", "okta.kept"].map(String::from);
        assert_eq!(found.tables, tables.into());
        let a = &found.functions["okta.a(integer)"];
        assert_eq!(a.parameters, "x integer, OUT y timestamp with time zone");
        assert_eq!(a.result, "timestamp with time zone");
        assert_eq!(a.body, " select 'a;'; ");
        let b = &found.functions["okta.b(regclass, text[])"];
        assert_eq!(b.parameters, "\"table\" regclass, list text[]");
        assert_eq!(b.result, "SETOF okta.kept");
        assert_eq!(
            b.manner,
            [
                "language plpgsql",
                "stable",
                "parallel safe",
                "strict",
                "security definer",
                "leakproof",
                "cost 7"
            ]
        );
        assert_eq!(
            b.settings,
            ["search_path=pg_catalog, pg_temp", "enable_seqscan=off"]
        );
        let c = &found.functions["okta.c()"];
        assert_eq!(c.result, "TABLE(what text, since timestamp with time zone)");
        let found = read([first, second]);
        assert_eq!(found.tables, ["okta.kept".into()].into());
        let left: Vec<_> = found
            .functions
            .values()
            .map(|one| (&*one.signature, &*one.body))
            .collect();
        assert_eq!(left, [("okta.b(regclass, text[])", "2")]);
    }

    #[test]
    fn the_migrations_are_read_whole() {
        let found = read(migrate::texts());
        for text in migrate::texts().flat_map(statements) {
            // What could not be read from a definition alone.
            assert!(!text.starts_with("alter function"), "{text}");
        }
        for called in [
            "okta.user_id()",
            "okta.claims()",
            "okta.knows_key(text)",
            "epigraph.load_quote()",
            "epigraph.save_quote(text, text)",
            "epigraph.delete_quote(text)",
        ] {
            assert!(found.callable.contains(called), "{called}: {found:?}");
        }
        let is_known = |one: &String| found.functions.contains_key(one);
        assert!(found.callable.iter().all(is_known));
        for function in found.functions.values() {
            assert_ne!(function.manner[0], "language", "{function:?}");
            // What calls the others has a search path of ours already.
            let is_definer = function.manner.contains(&"security definer".to_owned());
            if is_definer || found.callable.contains(&function.signature) {
                let first = function.settings.first().map(String::as_str);
                assert_eq!(
                    first,
                    Some("search_path=pg_catalog, pg_temp"),
                    "{function:?}"
                );
            }
        }
        assert!(found.tables.contains("public.user_messages"));
        assert!(found.tables.contains("okta.signing_key"));
    }
}
