//! Which roles there are, what each may become, and who of them is an administrator, a person, or someone else. Pure.
//!
//! A right counts where it is effective: held, inherited, or within reach of `set role` or of a grant to oneself.

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::access;

/// The number that stands for everybody in a list of rights.
pub(super) const EVERYBODY: u32 = 0;
/// The members of this role are Neon's administrators.
const NEONS: &str = "neon_superuser";
/// The group that all databases of a server shared, and what the name of each one's own begins with.
const SHARED: &str = "epigraph_user";

/// A role of the server.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the attributes of a role"
)]
pub(super) struct Role {
    pub(super) oid: u32,
    /// As it is written in a statement.
    pub(super) name: String,
    pub(super) plain_name: String,
    pub(super) login: bool,
    pub(super) superuser: bool,
    pub(super) bypass: bool,
    pub(super) makes_roles: bool,
    pub(super) makes_databases: bool,
    pub(super) replication: bool,
    pub(super) connections: i64,
}

/// One role is a member of another.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) member: u32,
    pub(super) role: u32,
    /// As it is written behind `granted by`, where the owner's own grants are not meant.
    pub(super) grantor: Option<String>,
    pub(super) inherits: bool,
    pub(super) sets: bool,
    pub(super) admin: bool,
}

/// All of them, and what is known of this database.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    pub(super) all: BTreeMap<u32, Role>,
    pub(super) memberships: Vec<Membership>,
    /// Until PostgreSQL 15 a role that may make roles may give itself any that is no superuser.
    pub(super) makers_take_any: bool,
    /// The roles that see every row by nature, and why.
    pub(super) owners: BTreeMap<u32, String>,
    /// Who runs this, and who owns what the migrations made: no people, whatever they are members of.
    pub(super) masters: BTreeSet<u32>,
    /// The group of this database.
    pub(super) group: Option<u32>,
    /// The one that all databases of a server shared, and those of its other databases.
    pub(super) other_groups: BTreeSet<u32>,
    /// Who may connect to this database.
    pub(super) connect: BTreeSet<u32>,
}

/// What a role has within reach.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Each role that it may become, and the one from which it gets there.
    becomes: BTreeMap<u32, u32>,
    /// Each role whose rights it has, and the one from which it has them.
    holds: BTreeMap<u32, u32>,
}

impl Reach {
    pub(super) fn contains(&self, role: u32) -> bool {
        role == EVERYBODY || self.holds.contains_key(&role)
    }

    /// The last step to a role.
    fn step_to(&self, role: u32) -> Option<u32> {
        let from = self.becomes.get(&role).or_else(|| self.holds.get(&role));
        from.copied().filter(|from| *from != role)
    }
}

/// Someone whose rights are looked at.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// [`EVERYBODY`], a group or a login role.
    pub(super) role: u32,
    pub(super) kind: Kind,
    /// Whether it may connect to this database.
    pub(super) connects: bool,
    pub(super) reach: Reach,
}

/// What someone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Everybody,
    Group,
    /// A group of another database.
    OtherGroup,
    /// A role that can log in and is in the group.
    Person,
    /// Another role that can log in.
    Other,
}

/// What makes an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Privilege {
    /// What it may do, as a clause.
    pub(super) why: String,
    /// What takes it away.
    pub(super) cure: String,
}

impl Roles {
    pub(super) fn name(&self, role: u32) -> String {
        match self.all.get(&role) {
            Some(role) => role.name.clone(),
            None if role == EVERYBODY => "public".into(),
            None => role.to_string(),
        }
    }

    /// Takes up who owns what the migrations made.
    pub(super) fn has_master(&mut self, master: u32) {
        self.masters.insert(master);
        let owner = self.owners.entry(master);
        owner.or_insert_with(|| "owns the schema okta".into());
    }

    /// What a role has within reach, not looking behind `barred`.
    fn reach(&self, start: u32, barred: Option<u32>, grants_itself: bool) -> Reach {
        let passes = |edge: &&Membership| Some(edge.role) != barred;
        let mut becomes = BTreeMap::from([(start, start)]);
        loop {
            let known = becomes.len();
            self.spread(&mut becomes, |edge| edge.sets && passes(&edge));
            if grants_itself {
                // A member that may hand a role on may take it, however distant a member.
                let mut near = becomes.clone();
                self.spread(&mut near, |edge| passes(&edge));
                for edge in self
                    .memberships
                    .iter()
                    .filter(|edge| edge.admin)
                    .filter(passes)
                {
                    if near.contains_key(&edge.member) {
                        becomes.entry(edge.role).or_insert(edge.member);
                    }
                }
            }
            if becomes.len() == known {
                break;
            }
        }
        let mut holds = becomes.clone();
        self.spread(&mut holds, |edge| edge.inherits && passes(&edge));
        Reach { becomes, holds }
    }

    fn spread(&self, found: &mut BTreeMap<u32, u32>, passes: impl Fn(&Membership) -> bool) {
        let mut fresh: Vec<u32> = found.keys().copied().collect();
        while let Some(member) = fresh.pop() {
            for edge in self.of(member).filter(|edge| passes(edge)) {
                found.entry(edge.role).or_insert_with(|| {
                    fresh.push(edge.role);
                    member
                });
            }
        }
    }

    /// The memberships of one role; they are in the order of their members.
    fn of(&self, member: u32) -> impl Iterator<Item = &Membership> {
        let start = self
            .memberships
            .partition_point(|edge| edge.member < member);
        self.memberships[start..]
            .iter()
            .take_while(move |edge| edge.member == member)
    }

    /// What makes an administrator of a role that reaches this.
    fn privilege(&self, reach: &Reach) -> Option<Privilege> {
        let all = |role: &Role| {
            let attribute = |has: bool, why, cure| has.then_some((why, cure));
            attribute(role.superuser, "is a superuser", "nosuperuser")
                .or_else(|| attribute(role.bypass, "passes over row security", "nobypassrls"))
        };
        let any = |role: &Role| {
            let takes_any = role.makes_roles && self.makers_take_any;
            takes_any.then_some((
                "may make roles, and give itself any other one",
                "nocreaterole",
            ))
        };
        self.by_attribute(reach, all)
            .or_else(|| self.by_owning(reach))
            .or_else(|| self.by_attribute(reach, any))
    }

    fn by_attribute(
        &self,
        reach: &Reach,
        attribute: impl Fn(&Role) -> Option<(&'static str, &'static str)>,
    ) -> Option<Privilege> {
        let found = reach.becomes.keys().filter_map(|role| {
            let role = self.all.get(role)?;
            let (why, cure) = attribute(role)?;
            let cure = format!("alter role {} {cure};", role.name);
            Some((role.oid, why, cure))
        });
        self.nearest(reach, "may become", found)
    }

    fn by_owning(&self, reach: &Reach) -> Option<Privilege> {
        let found = reach.holds.keys().filter_map(|role| {
            let name = self.name(*role);
            let why = match self.owners.get(role) {
                Some(why) => why.as_str(),
                None if name == NEONS => "administers everything at Neon",
                None => return None,
            };
            let cure = format!("give what {name} owns to the owner of this database");
            Some((*role, why, cure))
        });
        self.nearest(reach, "is a member of", found)
    }

    /// What a role is by itself, with its cure, before what it has through another one.
    fn nearest<'a>(
        &self,
        reach: &Reach,
        how: &str,
        found: impl Iterator<Item = (u32, &'a str, String)>,
    ) -> Option<Privilege> {
        let found = found.map(|found| (reach.step_to(found.0), found));
        let (step, (role, why, cure)) = found.min_by_key(|(step, _)| step.is_some())?;
        Some(match step {
            None => Privilege {
                why: why.into(),
                cure,
            },
            Some(from) => Privilege {
                why: format!("{how} {}, which {why}", self.name(role)),
                cure: self.revoke(role, from),
            },
        })
    }

    /// The statement that takes a membership back; since PostgreSQL 16 it may have been granted by several.
    pub(super) fn revoke(&self, role: u32, member: u32) -> String {
        let statements: Vec<_> = self
            .of(member)
            .filter(|edge| edge.role == role)
            .map(|edge| {
                let by = edge
                    .grantor
                    .as_ref()
                    .map(|grantor| format!(" granted by {grantor}"));
                let by = by.unwrap_or_default();
                format!("revoke {} from {}{by};", self.name(role), self.name(member))
            })
            .collect();
        statements.join(" ")
    }

    /// Whether a role is in the group, and not merely its keeper (who made it is, since PostgreSQL 16) or a master.
    fn is_person(&self, role: u32) -> bool {
        let Some(group) = self.group else {
            return false;
        };
        role != group
            && !self.masters.contains(&role)
            && self.reach(role, None, false).contains(group)
    }

    /// Everybody in the group, by name; also who cannot log in. Not whom an interrupted set-up left: the next one removes that.
    pub(super) fn people(&self) -> Vec<&Role> {
        let mut people: Vec<_> = self
            .all
            .values()
            .filter(|role| self.is_person(role.oid) && !access::is_for_a_check(&role.name))
            .collect();
        people.sort_by_key(|role| &role.name);
        people
    }

    /// The groups that are not this database's.
    pub(super) fn find_other_groups(&mut self) {
        let is_group = |name: &str| {
            let rest = name.strip_prefix(SHARED);
            rest.is_some_and(|rest| {
                rest.is_empty()
                    || rest
                        .strip_prefix('_')
                        .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
            })
        };
        let others = self
            .all
            .values()
            .filter(|role| is_group(&role.plain_name) && Some(role.oid) != self.group);
        self.other_groups = others.map(|role| role.oid).collect();
    }

    /// Sorts everybody who can log in.
    pub(super) fn sort(&self) -> Sorted<'_> {
        let mut sorted = Sorted {
            roles: self,
            administrators: Vec::new(),
            privileged_people: Vec::new(),
            privileged_group: None,
            idle_people: Vec::new(),
            replicas: Vec::new(),
            subjects: vec![Subject {
                role: EVERYBODY,
                kind: Kind::Everybody,
                connects: true,
                reach: Reach::default(),
            }],
        };
        let mut add = |role, kind, reach: Reach| {
            sorted.subjects.push(Subject {
                role,
                kind,
                connects: self.connects(&reach),
                reach,
            });
        };
        if let Some(group) = self.group {
            let reach = self.reach(group, None, true);
            sorted.privileged_group = self.privilege(&reach);
            add(group, Kind::Group, reach);
        }
        for group in &self.other_groups {
            add(
                *group,
                Kind::OtherGroup,
                self.reach(*group, self.group, true),
            );
        }
        for role in self.all.values().filter(|role| role.login) {
            self.sort_role(role, &mut sorted);
        }
        sorted
    }

    fn sort_role(&self, role: &Role, sorted: &mut Sorted) {
        let is_person = self.is_person(role.oid);
        // What the group gives is said of the group, and not of each of its members.
        let reach = self.reach(role.oid, self.group.filter(|_| is_person), true);
        if let Some(privilege) = self.privilege(&reach) {
            if is_person {
                sorted.privileged_people.push((role.oid, privilege.clone()));
            }
            sorted.administrators.push((role.oid, privilege));
            return;
        }
        if role.replication {
            sorted.replicas.push(role.oid);
        }
        if Some(role.oid) == self.group || self.other_groups.contains(&role.oid) {
            return;
        }
        if is_person
            && self
                .group
                .is_some_and(|group| !self.inherits(role.oid, group))
        {
            sorted.idle_people.push(role.oid);
        }
        sorted.subjects.push(Subject {
            role: role.oid,
            kind: if is_person { Kind::Person } else { Kind::Other },
            connects: is_person || self.connects(&reach),
            reach,
        });
    }

    /// Whether a role has the rights of another within reach.
    pub(super) fn reaches(&self, role: u32, other: u32) -> bool {
        self.reach(role, None, true).contains(other)
    }

    fn connects(&self, reach: &Reach) -> bool {
        self.connect.iter().any(|grantee| reach.contains(*grantee))
    }

    /// Whether a role has the rights of another without `set role`.
    fn inherits(&self, role: u32, other: u32) -> bool {
        let mut holds = BTreeMap::from([(role, role)]);
        self.spread(&mut holds, |edge| edge.inherits);
        holds.contains_key(&other)
    }
}

/// Everybody who can log in, by what they are.
#[derive(Clone, Debug)]
pub(super) struct Sorted<'a> {
    pub(super) roles: &'a Roles,
    /// Who sees every row by nature.
    pub(super) administrators: Vec<(u32, Privilege)>,
    /// Those of them who are in the group.
    pub(super) privileged_people: Vec<(u32, Privilege)>,
    /// Where the whole group sees every row.
    pub(super) privileged_group: Option<Privilege>,
    /// People who do not inherit what the group may do.
    pub(super) idle_people: Vec<u32>,
    /// Who may replicate.
    pub(super) replicas: Vec<u32>,
    /// Everybody, the groups, people and others: whose rights matter.
    pub(super) subjects: Vec<Subject>,
}

impl Sorted<'_> {
    /// Who has the rights of this role.
    pub(super) fn takers(&self, grantee: u32) -> Vec<&Subject> {
        self.subjects
            .iter()
            .filter(|subject| match grantee {
                EVERYBODY => subject.kind == Kind::Everybody,
                _ => {
                    subject.role == grantee
                        || subject.reach.contains(grantee) && subject.role != EVERYBODY
                }
            })
            .collect()
    }

    /// Those of this kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Subject> {
        self.subjects
            .iter()
            .filter(move |subject| subject.kind == kind)
    }

    /// Names those who have something, and the role that they have it through.
    pub(super) fn whom(&self, grantee: u32, takers: &[&Subject]) -> String {
        let name = self.roles.name(grantee);
        let own = takers.iter().find(|taker| taker.role == grantee);
        let through: Vec<_> = takers
            .iter()
            .filter(|taker| taker.role != grantee)
            .map(|taker| self.called(taker))
            .collect();
        match own {
            Some(own) if own.kind != Kind::Other && own.kind != Kind::Person => self.called(own),
            Some(_) if through.is_empty() => name,
            Some(_) => format!("{name}, and through it {},", enumerated(&through)),
            None => format!("{}, through the role {name},", enumerated(&through)),
        }
    }

    fn called(&self, subject: &Subject) -> String {
        let name = self.roles.name(subject.role);
        match subject.kind {
            Kind::Everybody => "everybody".into(),
            Kind::Group => format!("the group {name}"),
            Kind::OtherGroup => {
                let whose = if name == SHARED {
                    "was for all databases of this server"
                } else {
                    "is of another database"
                };
                format!("the group {name}, which {whose},")
            }
            Kind::Person | Kind::Other => name,
        }
    }
}

/// The first few of them, and how many more there are.
pub(super) fn enumerated(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] if first.len() <= SHOWN => format!("{} and {last}", first.join(", ")),
        _ => {
            let others = names.len() - SHOWN;
            format!("{} and {others} others", names[..SHOWN].join(", "))
        }
    }
}
