//! What the migrations define, read from their own text: the last definition of a function is the one that counts.

use std::collections::{BTreeMap, BTreeSet};

/// A function as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// `schema.name(type, type)`.
    pub(super) signature: String,
    /// Its parameters, as PostgreSQL writes them.
    pub(super) parameters: String,
    /// What it returns, as PostgreSQL writes it.
    pub(super) result: String,
    /// Everything else that is said before the body.
    pub(super) manner: Manner,
    /// Its body, letter by letter.
    pub(super) body: String,
}

/// How a function runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) language: String,
    /// `i`, `s` or `v`, as in `pg_proc`.
    pub(super) volatility: char,
    /// `s`, `r` or `u`, as in `pg_proc`.
    pub(super) parallel: char,
    pub(super) strict: bool,
    pub(super) definer: bool,
    pub(super) leakproof: bool,
    pub(super) cost: String,
    /// `name=value`, in the order in which they are set.
    pub(super) settings: Vec<String>,
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
    let words: Vec<&str> = statement.split_whitespace().take(7).collect();
    let after = |word: &str| {
        statement
            .split_once(word)
            .map(|(_, rest)| rest.trim_start())
    };
    match words.as_slice() {
        ["create", "function", ..] | ["create", "or", "replace", "function", ..] => {
            if let Some(function) = after("function").and_then(function) {
                found.functions.insert(function.signature.clone(), function);
            }
        }
        ["drop", "function", "if", "exists", ..] => {
            drop_functions(found, after("exists").unwrap_or_default());
        }
        ["drop", "function", ..] => drop_functions(found, after("function").unwrap_or_default()),
        ["create", "table", "if", "not", "exists", name, ..]
        | ["create", "unlogged", "table", name, ..]
        | ["create", "table", name, ..] => {
            found.tables.insert(head(name).to_owned());
        }
        ["drop", "table", "if", "exists", name, ..] | ["drop", "table", name, ..] => {
            found.tables.remove(head(name));
        }
        _ => {}
    }
}

fn head(name: &str) -> &str {
    name.split(['(', ';', ',']).next().unwrap_or_default()
}

fn drop_functions(found: &mut Definitions, list: &str) {
    for one in split_list(list) {
        if let Some((name, types)) = one.split_once('(') {
            let types = types.split(')').next().unwrap_or_default();
            found.functions.remove(&signature(name, types));
        }
    }
}

/// The signatures that a granting function names.
fn granted(body: &str) -> Vec<String> {
    body.match_indices(GRANT)
        .filter_map(|(at, _)| body[at + GRANT.len()..].split_once(" to %"))
        .flat_map(|(list, _)| split_list(list))
        .filter_map(|one| {
            let (name, types) = one.split_once('(')?;
            Some(signature(name, types.trim_end_matches(')')))
        })
        .collect()
}

fn signature(name: &str, types: &str) -> String {
    let types: Vec<_> = split_list(types).iter().map(|one| type_name(one)).collect();
    format!("{}({})", name.trim(), types.join(", "))
}

fn function(text: &str) -> Option<Function> {
    let (name, rest) = text.split_once('(')?;
    let close = closing(rest)?;
    let parameters: Vec<_> = split_list(&rest[..close])
        .iter()
        .map(|one| Parameter::read(one))
        .collect();
    let (head, body) = rest[close + 1..].split_once("$$")?;
    let body = body.rsplit_once("$$")?.0;
    let types: Vec<_> = parameters
        .iter()
        .filter(|one| one.mode != "OUT ")
        .map(|one| one.kind.as_str())
        .collect();
    let out: Vec<_> = parameters
        .iter()
        .filter(|one| !one.mode.is_empty())
        .collect();
    let usual = match out.as_slice() {
        [] => "void".to_owned(),
        [only] => only.kind.clone(),
        _ => "record".to_owned(),
    };
    let (manner, result) = manner(head);
    Some(Function {
        signature: format!("{}({})", name.trim(), types.join(", ")),
        parameters: parameters
            .iter()
            .map(|one| format!("{}{} {}", one.mode, one.name, one.kind))
            .collect::<Vec<_>>()
            .join(", "),
        result: result.unwrap_or(usual),
        manner,
        body: body.to_owned(),
    })
}

struct Parameter<'a> {
    mode: &'static str,
    name: &'a str,
    kind: String,
}

impl<'a> Parameter<'a> {
    fn read(text: &'a str) -> Self {
        let (mode, text) = [("out ", "OUT "), ("inout ", "INOUT "), ("in ", "")]
            .into_iter()
            .find_map(|(written, mode)| Some((mode, text.strip_prefix(written)?)))
            .unwrap_or(("", text));
        let text = text.split(" default ").next().unwrap_or_default();
        let (name, kind) = text.split_once(' ').unwrap_or((text, ""));
        Self {
            mode,
            name,
            kind: type_name(kind),
        }
    }
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
        let columns: Vec<_> = split_list(columns)
            .iter()
            .map(|one| {
                let (name, kind) = one.split_once(' ').unwrap_or((one, ""));
                format!("{name} {}", type_name(kind))
            })
            .collect();
        return format!("TABLE({})", columns.join(", "));
    }
    match written.strip_prefix("setof ") {
        Some(one) => format!("SETOF {}", type_name(one)),
        None => type_name(written),
    }
}

/// What stands between the parameters and the body.
fn manner(head: &str) -> (Manner, Option<String>) {
    const KEYWORDS: [&str; 12] = [
        "language",
        "immutable",
        "stable",
        "volatile",
        "strict",
        "parallel",
        "security",
        "leakproof",
        "cost",
        "rows",
        "set",
        "as",
    ];
    let mut manner = Manner {
        language: String::new(),
        volatility: 'v',
        parallel: 'u',
        strict: false,
        definer: false,
        leakproof: false,
        cost: "100".into(),
        settings: Vec::new(),
    };
    let mut result = None;
    let mut words = head.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let mut rest = || {
            let mut rest = Vec::new();
            while let Some(next) = words.next_if(|next| !KEYWORDS.contains(next)) {
                rest.push(next);
            }
            rest
        };
        match word {
            "returns" => result = Some(result_name(&rest().join(" "))),
            "language" => manner.language = rest().concat(),
            "immutable" | "stable" | "volatile" => {
                manner.volatility = word.chars().next().unwrap_or('v');
            }
            "strict" => manner.strict = true,
            "parallel" => manner.parallel = rest().concat().chars().next().unwrap_or('u'),
            "security" => manner.definer = rest().concat() == "definer",
            "leakproof" => manner.leakproof = true,
            "cost" => manner.cost = rest().concat(),
            "set" => {
                let setting = rest();
                if let [name, _, value @ ..] = setting.as_slice() {
                    let value = value.join(" ");
                    manner
                        .settings
                        .push(format!("{name}={}", value.trim_matches('\'')));
                }
            }
            _ => {}
        }
    }
    (manner, result)
}

/// Splits at the commas that stand in no brackets.
fn split_list(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Where the bracket that is open at the start is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// The statements of a script, without the comments before them.
fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = script;
    loop {
        rest = skip_blank(rest);
        if rest.is_empty() {
            return found;
        }
        let end = end_of_statement(rest);
        found.push(rest[..end].trim_end());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        match text.strip_prefix("--") {
            Some(comment) => text = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => return text,
        }
    }
}

/// Where the statement's semicolon is: one that stands in no quotes, body or comment.
fn end_of_statement(text: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].find([';', '\'', '"', '$', '-']) {
        at += found;
        let here = &text[at..];
        let after = |mark: &str| {
            let inside = at + mark.len();
            text[inside..]
                .find(mark)
                .map_or(text.len(), |length| inside + length + mark.len())
        };
        at = match here.as_bytes()[0] {
            b';' => return at,
            b'\'' => after("'"),
            b'"' => after("\""),
            b'$' if here.starts_with("$$") => after("$$"),
            b'-' if here.starts_with("--") => here.find('\n').map_or(text.len(), |end| at + end),
            _ => at + 1,
        };
    }
    text.len()
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
            Manner {
                language: "plpgsql".into(),
                volatility: 's',
                parallel: 's',
                strict: true,
                definer: true,
                leakproof: true,
                cost: "7".into(),
                settings: vec![
                    "search_path=pg_catalog, pg_temp".into(),
                    "enable_seqscan=off".into()
                ],
            }
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
        for text in migrate::texts().flat_map(|text| statements(text)) {
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
            assert!(!function.manner.language.is_empty(), "{function:?}");
            // What calls the others has a search path of ours already.
            if function.manner.definer || found.callable.contains(&function.signature) {
                let first = function.manner.settings.first().map(String::as_str);
                let pinned = "search_path=pg_catalog, pg_temp";
                assert_eq!(first, Some(pinned), "{function:?}");
            }
        }
        assert!(found.tables.contains("public.user_messages"));
        assert!(found.tables.contains("okta.signing_key"));
    }
}
