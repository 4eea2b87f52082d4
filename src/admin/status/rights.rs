//! What everybody, the groups, people and others may do here that they should not.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::{
    Findings,
    definitions::Definitions,
    roles::{EVERYBODY, Kind, Sorted, Subject, enumerated},
};

/// A right that somebody was granted.
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
    right: String,
    column: Option<String>,
    grantable: bool,
    /// Whether whoever runs this may take it back.
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
            right: row.try_get(7)?,
            column: row.try_get(8)?,
            grantable: row.try_get(9)?,
            is_ours: row.try_get(10)?,
            owner_name: row.try_get(11)?,
        })
    }

    pub(super) fn is_to_connect(&self) -> bool {
        self.kind == "database" && self.right == "connect"
    }

    /// Whether it matters that somebody of this kind has it.
    fn matters(&self, taker: Kind, callable: &BTreeSet<String>) -> bool {
        let open = matches!(taker, Kind::Everybody | Kind::OtherGroup);
        let inside = taker != Kind::Other;
        match self.kind.as_str() {
            "history" => self.right != "select",
            // Who may do what with one's own rows is for whoever owns them to say; these go beyond.
            "protected" => matches!(self.right.as_str(), "truncate" | "references" | "trigger"),
            "schema" => self.right == "create" || open,
            "public_schema" => self.right == "create" && inside,
            "database" if self.right == "connect" => open,
            "database" | "parameter" => inside,
            "function" => !callable.contains(&self.shown) || open,
            "catalog_function" => inside || opens_files(&self.about),
            "referring" => matches!(self.right.as_str(), "insert" | "update"),
            _ => true,
        }
    }

    /// What it allows, as it follows `may`.
    fn deed(&self, rights: &str) -> String {
        let shown = &self.shown;
        match (self.kind.as_str(), self.right.as_str()) {
            ("schema" | "public_schema", "create") => format!("make things in {shown}"),
            ("schema", _) => format!("look into {shown}"),
            ("database", "create") => format!("make schemas in {shown}"),
            ("database", "temporary") => format!("make temporary tables in {shown}"),
            ("database", _) => format!("connect to {shown}"),
            ("function", _) => format!("call {shown}"),
            ("catalog_function", _) => format!("call {shown}, which PostgreSQL gives to nobody"),
            ("definer", _) => format!(
                "call {shown}, which runs with the rights of {} and speaks of what is nobody else's",
                self.owner_name
            ),
            ("view", _) => format!(
                "{rights} on {shown}, which shows rows of {} with the rights of its owner",
                self.about
            ),
            ("referring", _) => format!(
                "{rights} on {shown}, which refers to public.user_messages ({}) and so tells who has a row there",
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
    // Rights on the same thing make one sentence, but where each says something else.
    let mut together: BTreeMap<_, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        let apart = match right.kind.as_str() {
            "schema" | "public_schema" | "database" => right.right.as_str(),
            _ => "",
        };
        together
            .entry((&right.kind, &right.target, apart, right.grantee))
            .or_default()
            .push(right);
    }
    for list in together.values() {
        let Some(first) = list.first() else { continue };
        // Whatever a view shows to an owner who is looked at as well is said of that owner.
        if matches!(first.kind.as_str(), "view" | "definer") && first.owner.is_some_and(is_own) {
            continue;
        }
        let takers = sorted.takers(first.grantee);
        let mattering: Vec<&Right> = list
            .iter()
            .copied()
            .filter(|right| {
                takers
                    .iter()
                    .any(|taker| right.matters(taker.kind, &wanted.callable))
            })
            .collect();
        let takers: Vec<&Subject> = takers
            .into_iter()
            .filter(|taker| {
                mattering
                    .iter()
                    .any(|right| right.matters(taker.kind, &wanted.callable))
            })
            .filter(|taker| {
                first
                    .space
                    .as_ref()
                    .is_none_or(|space| enters(taker, space, spaces))
            })
            .collect();
        if takers.is_empty() || mattering.is_empty() {
            if sorted.takers(first.grantee).is_empty()
                && matches!(first.kind.as_str(), "messages" | "ours")
            {
                idle(first, sorted, found);
            }
            continue;
        }
        say(
            first,
            &mattering,
            &sorted.whom(first.grantee, &takers),
            sorted,
            found,
        );
    }
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
            "The role {name} has rights on {}, and nobody who can log in is in it: revoke all on {} from {name};",
            right.shown, right.target
        ));
    }
}

fn say(first: &Right, rights: &[&Right], whom: &str, sorted: &Sorted, found: &mut Findings) {
    let mut columns: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for right in rights {
        columns
            .entry(&right.right)
            .or_default()
            .extend(right.column.as_deref());
    }
    let whole: BTreeSet<&str> = rights
        .iter()
        .filter(|right| right.column.is_none())
        .map(|right| right.right.as_str())
        .collect();
    let list: Vec<_> = columns
        .iter()
        .map(|(right, columns)| {
            if whole.contains(right) || columns.is_empty() {
                (*right).to_owned()
            } else {
                format!("{right} ({})", columns.join(", "))
            }
        })
        .collect();
    let list = list.join(", ");
    let deed = first.deed(
        &list
            .replace("references", "reference")
            .replace("trigger", "add triggers"),
    );
    // Whoever may hand it on may have done so.
    let cascade = if rights.iter().any(|right| right.grantable) {
        " cascade"
    } else {
        ""
    };
    let cure = match first.kind.as_str() {
        "referring" => format!("alter {} drop constraint {};", first.target, first.about),
        kind => format!(
            "{}revoke {list} on {} from {}{cascade};",
            if kind == "definer" {
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
    } else {
        found.problem(format!("{whom} may {deed}: {cure}"));
    }
}

/// What the predefined roles are for, and whether it goes beyond disturbing others.
const PREDEFINED: [(&str, &str, bool); 13] = [
    ("pg_read_all_data", "reads every table", true),
    ("pg_write_all_data", "writes every table", true),
    (
        "pg_read_server_files",
        "reads the server's files, and every row in them",
        true,
    ),
    ("pg_write_server_files", "writes the server's files", true),
    (
        "pg_execute_server_program",
        "runs programs on the server",
        true,
    ),
    ("pg_maintain", "locks and rebuilds every table", true),
    ("pg_monitor", "sees the statements of others", false),
    ("pg_read_all_stats", "sees the statements of others", false),
    (
        "pg_stat_scan_tables",
        "locks every table for statistics",
        false,
    ),
    ("pg_signal_backend", "ends the sessions of others", false),
    (
        "pg_create_subscription",
        "subscribes to other servers",
        false,
    ),
    (
        "pg_use_reserved_connections",
        "takes connections that are kept for administrators",
        false,
    ),
    (
        "pg_read_all_settings",
        "sees every setting of the server",
        false,
    ),
];

/// Says who has what comes from a predefined role, or from an attribute.
pub(super) fn powers(sorted: &Sorted, found: &mut Findings) {
    let roles = sorted.roles;
    for edge in &roles.memberships {
        let role = roles.name(edge.role);
        let Some((_, power, opens)) = PREDEFINED.iter().find(|(name, ..)| *name == role) else {
            continue;
        };
        if roles.name(edge.member).starts_with("pg_") {
            continue;
        }
        let sentence = |takers: &[&Subject]| {
            let whom = sorted.whom(edge.member, takers);
            let but = if takers.iter().any(|taker| taker.connects) {
                ""
            } else {
                ", though of this database only once it may connect"
            };
            let cure = roles.revoke(edge.role, edge.member);
            format!("{whom} is in {role}, which {power}{but}: {cure}")
        };
        let takers = sorted.takers(edge.member);
        let (others, inside): (Vec<_>, Vec<_>) = takers
            .into_iter()
            .filter(|taker| *opens || taker.connects)
            .partition(|taker| taker.kind == Kind::Other && !opens);
        if !inside.is_empty() {
            found.problem(sentence(&inside));
        }
        if !others.is_empty() {
            found.note(sentence(&others));
        }
    }
    for replica in &sorted.replicas {
        let name = roles.name(*replica);
        found.problem(format!("{name} may follow as a replica does, and so reads every row: alter role {name} noreplication;"));
    }
    for (role, might) in &sorted.mighty_people {
        found.problem(format!(
            "{} {}, and is in the group, and so reads every row: {}",
            roles.name(*role),
            might.why,
            might.cure
        ));
    }
    let group = roles.group.and_then(|group| roles.all.get(&group));
    if let (Some(group), Some(might)) = (group, &sorted.mighty_group) {
        found.problem(format!(
            "The group {} {}, and so everybody in it reads every row: {}",
            group.name, might.why, might.cure
        ));
    }
    for person in sorted
        .of(Kind::Person)
        .chain(sorted.of(Kind::Group))
        .filter_map(|subject| roles.all.get(&subject.role))
    {
        let too_much = [
            (person.create_role, "make roles", "nocreaterole"),
            (person.create_database, "make databases", "nocreatedb"),
            (
                person.login && Some(person.oid) == roles.group,
                "log in itself",
                "nologin",
            ),
        ];
        for (_, deed, cure) in too_much.into_iter().filter(|(has, ..)| *has) {
            let what = if Some(person.oid) == roles.group {
                "The group "
            } else {
                ""
            };
            let who = if what.is_empty() {
                ", and is in the group"
            } else {
                ""
            };
            found.problem(format!(
                "{what}{} may {deed}{who}: alter role {} {cure};",
                person.name, person.name
            ));
        }
    }
    let Some(group) = roles.group else { return };
    for edge in roles
        .memberships
        .iter()
        .filter(|edge| edge.role == group && edge.admin)
    {
        let takers = sorted.takers(edge.member);
        if !takers.is_empty() {
            let name = roles.name(group);
            found.problem(format!(
                "{} may let others into the group {name}: revoke admin option for {}",
                sorted.whom(edge.member, &takers),
                roles
                    .revoke(group, edge.member)
                    .trim_start_matches("revoke ")
            ));
        }
    }
    for edge in &roles.memberships {
        if edge.role == group
            && roles.other_groups.contains(&edge.member)
            && (edge.inherits || edge.sets)
        {
            found.problem(format!(
                "The group {} of another database is in the group of this one, and so everybody in it is let in: {}",
                roles.name(edge.member),
                roles.revoke(group, edge.member)
            ));
        }
    }
    let idle: Vec<_> = sorted
        .idle_people
        .iter()
        .map(|person| roles.name(*person))
        .collect();
    for person in &idle {
        found.problem(format!(
            "{person} does not inherit the rights of the group, and so gets at no quote: alter role {person} inherit; grant {} to {person};",
            roles.name(group)
        ));
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
    let reach = sorted
        .takers(group)
        .into_iter()
        .find(|taker| taker.role == group)
        .map(|taker| &taker.reach);
    let has = |target: &str, right: &str| {
        rights.iter().any(|one| {
            one.target == target
                && one.right == right
                && reach.is_some_and(|reach| reach.contains(one.grantee))
        })
    };
    let connects = rights
        .iter()
        .any(|one| one.is_to_connect() && reach.is_some_and(|reach| reach.contains(one.grantee)));
    if !connects {
        found.problem(format!(
            "The group {name} may not connect to this database: run `epigraph admin setup`."
        ));
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
        found.problem(format!(
            "The group {name} may not use {}: run `epigraph admin setup`.",
            enumerated(&lacks)
        ));
    }
}

/// Says who owns a table of their own that is protected, and so reads all of it. `tables` has a name and an owner each.
pub(super) fn owners(tables: &[(String, u32)], sorted: &Sorted, found: &mut Findings) {
    for (table, owner) in tables {
        let takers: Vec<_> = sorted
            .takers(*owner)
            .into_iter()
            .filter(|taker| taker.kind != Kind::Other)
            .collect();
        if !takers.is_empty() {
            found.problem(format!(
                "{} owns {table}, and so reads every row: give it to a role that no person is",
                sorted.whom(*owner, &takers)
            ));
        }
    }
}
