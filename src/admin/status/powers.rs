//! What roles may do by what they are: by a predefined role, an attribute, or a membership.

use super::{
    Findings,
    roles::{Kind, Sorted, Subject},
};

/// What those predefined roles are for that open rows or the server.
const OPENING: [(&str, &str); 6] = [
    ("pg_read_all_data", "reads every table"),
    ("pg_write_all_data", "writes every table"),
    (
        "pg_read_server_files",
        "reads the server's files, and every row in them",
    ),
    ("pg_write_server_files", "writes the server's files"),
    ("pg_execute_server_program", "runs programs on the server"),
    ("pg_maintain", "locks and rebuilds every table"),
];

/// What those are for that at most disturb others.
const DISTURBING: [(&str, &str); 7] = [
    ("pg_monitor", "sees the statements of others"),
    ("pg_read_all_stats", "sees the statements of others"),
    ("pg_stat_scan_tables", "locks every table for statistics"),
    ("pg_signal_backend", "ends the sessions of others"),
    ("pg_create_subscription", "subscribes to other servers"),
    (
        "pg_use_reserved_connections",
        "takes connections that are kept for administrators",
    ),
    ("pg_read_all_settings", "sees every setting of the server"),
];

/// Says whose powers are too many.
pub(super) fn judge(sorted: &Sorted, found: &mut Findings) {
    predefined(sorted, found);
    for replica in &sorted.replicas {
        let name = sorted.roles.name(*replica);
        found.problem(format!(
            "{name} may replicate, and so reads every row: alter role {name} noreplication;"
        ));
    }
    for (role, privilege) in &sorted.privileged_people {
        found.problem(format!(
            "{} {}, and is in the group, and so reads every row: {}",
            sorted.roles.name(*role),
            privilege.why,
            privilege.cure
        ));
    }
    attributes(sorted, found);
    if let Some(group) = sorted.roles.group {
        memberships(group, sorted, found);
    }
}

fn predefined(sorted: &Sorted, found: &mut Findings) {
    let roles = sorted.roles;
    for edge in &roles.memberships {
        let role = roles.name(edge.role);
        let is_it = |(name, _): &&(&str, &str)| *name == role;
        let opening = OPENING.iter().find(is_it);
        let opens = opening.is_some();
        let Some((_, power)) = opening.or_else(|| DISTURBING.iter().find(is_it)) else {
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
        let (others, inside): (Vec<_>, Vec<_>) = sorted
            .takers(edge.member)
            .into_iter()
            .filter(|taker| opens || taker.connects)
            .partition(|taker| taker.kind == Kind::Other && !opens);
        if !inside.is_empty() {
            found.problem(sentence(&inside));
        }
        if !others.is_empty() {
            found.note(sentence(&others));
        }
    }
}

fn attributes(sorted: &Sorted, found: &mut Findings) {
    let roles = sorted.roles;
    for subject in &sorted.subjects {
        let Some(role) = roles.all.get(&subject.role) else {
            continue;
        };
        let name = &role.name;
        let (who, tail) = match subject.kind {
            Kind::Group => (format!("The group {name}"), ""),
            Kind::Person => (name.clone(), ", and is in the group"),
            _ => continue,
        };
        let too_much = [
            (role.makes_roles, "make roles", "nocreaterole"),
            (role.makes_databases, "make databases", "nocreatedb"),
            (
                subject.kind == Kind::Group && role.login,
                "log in itself",
                "nologin",
            ),
        ];
        for (_, deed, cure) in too_much.into_iter().filter(|(has, ..)| *has) {
            found.problem(format!("{who} may {deed}{tail}: alter role {name} {cure};"));
        }
        if let (Kind::Group, Some(privilege)) = (subject.kind, &sorted.privileged_group) {
            found.problem(format!(
                "{who} {}, and so every member reads every row: {}",
                privilege.why, privilege.cure
            ));
        }
    }
}

fn memberships(group: u32, sorted: &Sorted, found: &mut Findings) {
    let roles = sorted.roles;
    let name = roles.name(group);
    for edge in roles.memberships.iter().filter(|edge| edge.role == group) {
        let takers = sorted.takers(edge.member);
        let revoke = roles.revoke(group, edge.member);
        if edge.admin && !takers.is_empty() {
            found.problem(format!(
                "{} may let others into the group {name}: {}",
                sorted.whom(edge.member, &takers),
                revoke.replace("revoke ", "revoke admin option for ")
            ));
        }
        if roles.other_groups.contains(&edge.member) && (edge.inherits || edge.sets) {
            found.problem(format!(
                "The group {} of another database is in the group of this one, and so all its members are let in: {revoke}",
                roles.name(edge.member)
            ));
        }
    }
    for person in &sorted.idle_people {
        let person = roles.name(*person);
        found.problem(format!(
            "{person} does not inherit the rights of the group, and so can use no quote: alter role {person} inherit; grant {name} to {person};"
        ));
    }
}
