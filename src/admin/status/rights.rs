//! What everybody, the groups, people and others may do here that they should not.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::{
    Findings,
    definitions::Definitions,
    roles::{EVERYBODY, Kind, Sorted, Subject, enumerated},
};

/// A right that someone was granted.
#[derive(Clone, Debug)]
pub(super) struct Right {
    kind: String,
    /// As it is written behind `on`.
    target: String,
    shown: String,
    /// What a sentence about it needs besides.
    about: String,
    /// The schema, where one has to get into it first.
    space: Option<String>,
    owner: Option<u32>,
    pub(super) grantee: u32,
    privilege: String,
    column: Option<String>,
    grantable: bool,
    /// Whether the role that runs this may take it back.
    is_ours: bool,
    owner_name: String,
}

impl Right {
    pub(super) fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            kind: row.try_get(0)?,
            target: row.try_get(1)?,
            shown: row.try_get(2)?,
            about: row.try_get(3)?,
            space: row.try_get(4)?,
            owner: row.try_get(5)?,
            grantee: row.try_get(6)?,
            privilege: row.try_get(7)?,
            column: row.try_get(8)?,
            grantable: row.try_get(9)?,
            is_ours: row.try_get(10)?,
            owner_name: row.try_get(11)?,
        })
    }

    pub(super) fn is_to_connect(&self) -> bool {
        self.kind == "database" && self.privilege == "connect"
    }

    /// Whether it matters that someone of this kind has it.
    fn matters(&self, taker: Kind, callable: &BTreeSet<String>) -> bool {
        let open = matches!(taker, Kind::Everybody | Kind::OtherGroup);
        let inside = taker != Kind::Other;
        match self.kind.as_str() {
            "history" => self.privilege != "select",
            // Who may do what with one's own rows is for their owner to say; these go beyond.
            "protected" => matches!(
                self.privilege.as_str(),
                "truncate" | "references" | "trigger"
            ),
            "schema" => self.privilege == "create" || open,
            "public_schema" => self.privilege == "create" && inside,
            "database" if self.privilege == "connect" => open,
            "database" | "parameter" => inside,
            "function" => !callable.contains(&self.shown) || open,
            "catalog_function" => inside || opens_files(&self.about),
            "referring" => matches!(self.privilege.as_str(), "insert" | "update"),
            "copy" | "lookalike" => self.privilege == "select",
            "writing" => matches!(
                self.privilege.as_str(),
                "insert" | "update" | "delete" | "truncate"
            ),
            _ => true,
        }
    }

    /// What it allows, as it follows `may`.
    fn deed(&self, rights: &str) -> String {
        let shown = &self.shown;
        match (self.kind.as_str(), self.privilege.as_str()) {
            ("schema" | "public_schema", "create") => format!("create objects in {shown}"),
            ("schema", _) => format!("use {shown}"),
            ("database", "create") => format!("create schemas in {shown}"),
            ("database", "temporary") => format!("create temporary tables in {shown}"),
            ("database", _) => format!("connect to {shown}"),
            ("function", _) => format!("call {shown}"),
            ("catalog_function", _) => format!("call {shown}, which PostgreSQL grants to no one"),
            ("definer", _) => format!(
                "call {shown}, which runs with the rights of {} and refers to what only the owner may use",
                self.owner_name
            ),
            ("composer", _) => format!(
                "call {shown}, which builds statements and runs them with the rights of {}",
                self.owner_name
            ),
            ("view", _) => format!(
                "{rights} on {shown}, which shows rows of {} with the rights of its owner",
                self.about
            ),
            ("copy", _) => format!(
                "{rights} on {shown}, which contains a copy of rows of {}",
                self.about
            ),
            ("lookalike", _) => format!(
                "{rights} on {shown}, which has the columns of public.user_messages and may contain its texts"
            ),
            ("referring", _) => format!(
                "{rights} on {shown}, which refers to public.user_messages ({}) and so tells who has a row there",
                self.about
            ),
            ("writing", _) => format!(
                "{rights} on {shown}, whose {} works with the rights of an owner and refers to what only the owner may use",
                self.about
            ),
            ("parameter", _) => format!("{rights} the parameter {shown}"),
            _ => format!("{rights} on {shown}"),
        }
    }
}

/// Functions of PostgreSQL's own through which files, and so all rows, can be read.
fn opens_files(name: &str) -> bool {
    [
        "pg_read_",
        "pg_ls_dir",
        "pg_file_",
        "pg_logical_",
        "lo_import",
        "lo_export",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Says which rights are too many.
pub(super) fn judge(
    rights: &[Right],
    spaces: &[(String, u32)],
    sorted: &Sorted,
    wanted: &Definitions,
    found: &mut Findings,
) {
    let is_own = |owner: u32| {
        sorted.subjects.iter().any(|subject| {
            subject.role == owner && matches!(subject.kind, Kind::Person | Kind::Other)
        })
    };
    for list in by_sentence(rights) {
        let Some(first) = list.first() else { continue };
        // Whatever a view shows to an owner who is looked at as well is said of that owner.
        if matches!(first.kind.as_str(), "view" | "definer" | "composer")
            && first.owner.is_some_and(is_own)
        {
            continue;
        }
        let takers = sorted.takers(first.grantee);
        if takers.is_empty() && matches!(first.kind.as_str(), "messages" | "ours") {
            idle(first, sorted, found);
        }
        let matters = |right: &Right, taker: &Subject| right.matters(taker.kind, &wanted.callable);
        let mattering: Vec<_> = list
            .iter()
            .copied()
            .filter(|right| takers.iter().any(|taker| matters(right, taker)))
            .collect();
        let comes_in = |taker: &Subject| {
            let space = first.space.as_ref();
            space.is_none_or(|space| enters(taker, space, spaces))
        };
        let takers: Vec<_> = takers
            .into_iter()
            .filter(|taker| mattering.iter().any(|right| matters(right, taker)) && comes_in(taker))
            .collect();
        if !takers.is_empty() {
            let whom = sorted.whom(first.grantee, &takers);
            say(first, &mattering, &whom, sorted, found);
        }
    }
}

/// Rights on the same thing make one sentence, but where each says something else.
fn by_sentence(rights: &[Right]) -> Vec<Vec<&Right>> {
    let mut together: BTreeMap<_, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        let apart = match right.kind.as_str() {
            "schema" | "public_schema" | "database" => right.privilege.as_str(),
            "referring" | "writing" => right.about.as_str(),
            _ => "",
        };
        together
            .entry((&right.kind, &right.target, apart, right.grantee))
            .or_default()
            .push(right);
    }
    together.into_values().collect()
}

fn enters(taker: &Subject, space: &str, spaces: &[(String, u32)]) -> bool {
    spaces.iter().any(|(name, grantee)| {
        name == space && (*grantee == EVERYBODY || taker.reach.contains(*grantee))
    })
}

/// A role without anybody in it, who could be let in without a thought of this.
fn idle(right: &Right, sorted: &Sorted, found: &mut Findings) {
    let name = sorted.roles.name(right.grantee);
    let is_administrators = sorted
        .administrators
        .iter()
        .any(|(role, _)| sorted.roles.reaches(*role, right.grantee));
    if !is_administrators {
        found.note(format!(
            "The role {name} has rights on {}, and no role that can log in is in it: revoke all on {} from {name};",
            right.shown, right.target
        ));
    }
}

fn say(first: &Right, rights: &[&Right], whom: &str, sorted: &Sorted, found: &mut Findings) {
    let mut columns: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for right in rights {
        let columns = columns.entry(&right.privilege).or_default();
        columns.push(right.column.as_deref());
    }
    let list: Vec<_> = columns
        .into_iter()
        .map(
            |(right, columns)| match Option::<Vec<_>>::from_iter(columns) {
                Some(columns) => format!("{right} ({})", columns.join(", ")),
                // On the whole, whatever else.
                None => right.to_owned(),
            },
        )
        .collect();
    let list = list.join(", ");
    let deed = first.deed(
        &list
            .replace("references", "reference")
            .replace("trigger", "add triggers"),
    );
    // A role that may hand it on may have done so.
    let cascade = if rights.iter().any(|right| right.grantable) {
        " cascade"
    } else {
        ""
    };
    let cure = match first.kind.as_str() {
        "referring" => format!("alter {} drop constraint {};", first.target, first.about),
        "copy" => format!("look at it, and drop materialized view {};", first.shown),
        "writing" => format!("look at it, and drop {} on {};", first.about, first.shown),
        kind => format!(
            "{}revoke {list} on {} from {}{cascade};",
            if matches!(kind, "definer" | "composer" | "lookalike") {
                "look at it, and "
            } else {
                ""
            },
            first.target,
            sorted.roles.name(first.grantee)
        ),
    };
    if matches!(first.kind.as_str(), "database" | "public_schema") && !first.is_ours {
        found.note(format!(
            "{whom} may {deed}. It opens no row; {} may take it back: {cure}",
            first.owner_name
        ));
    } else if matches!(first.kind.as_str(), "composer" | "lookalike") {
        found.note(format!("{whom} may {deed}: {cure}"));
    } else {
        found.problem(format!("{whom} may {deed}: {cure}"));
    }
}

/// Says what the group lacks.
pub(super) fn needs(
    rights: &[Right],
    group: u32,
    sorted: &Sorted,
    wanted: &Definitions,
    found: &mut Findings,
) {
    let name = sorted.roles.name(group);
    let its = sorted.subjects.iter().find(|one| one.role == group);
    let is_its = |one: &&Right| its.is_some_and(|its| its.reach.contains(one.grantee));
    let has = |target: &str, right: &str| {
        let mut granted = rights.iter().filter(is_its);
        granted.any(|one| one.target == target && one.privilege == right)
    };
    let connects = rights.iter().filter(is_its).any(Right::is_to_connect);
    if !connects {
        found.problem(may_not(&name, "connect to this database"));
    }
    let mut lacks: Vec<_> = ["okta", "epigraph"]
        .into_iter()
        .filter(|schema| !has(&format!("schema {schema}"), "usage"))
        .map(|schema| format!("the schema {schema}"))
        .collect();
    lacks.extend(
        wanted
            .callable
            .iter()
            .filter(|one| !has(&format!("function {one}"), "execute"))
            .cloned(),
    );
    if !lacks.is_empty() {
        found.problem(may_not(&name, &format!("use {}", enumerated(&lacks))));
    }
}

pub(super) fn may_not(group: &str, deed: &str) -> String {
    format!("The group {group} may not {deed}: run `epigraph admin setup`.")
}
