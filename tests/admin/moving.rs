//! A database of the version before each database had a group of its own.

use std::fmt::Write;

use super::Admin;
use crate::support::{
    okta::{Person, Server},
    postgres::{Cluster, Database, Settings, eighteen},
};

/// What the old version applied, and what it wrote down about that.
pub(super) async fn make_old(database: &Database<'_>) {
    let history = "create table public.epigraph_schema_history (
        version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255));";
    let mut script = format!("begin; set local search_path = ''; {history}");
    for name in ["V1__user_messages", "V2__okta_identity", "V3__row_security"] {
        let path = format!("{}/migrations/{name}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(path).expect("it is there");
        let migration = refinery_core::Migration::unapplied(name, &sql).expect("a good name");
        write!(
            script,
            "{sql}; insert into public.epigraph_schema_history values ({}, '{}', '2026-01-01T00:00:00Z', '{}');",
            migration.version(),
            migration.name(),
            migration.checksum()
        )
        .expect("a text takes it");
    }
    database.owner_runs(&(script + "commit")).await;
}

impl Admin<'_> {
    /// Registers the issuer and its keys without a command.
    fn trusts_okta(&self) {
        let (issuer, client_id) = (self.okta.issuer(Server::Default), self.okta.client_id());
        let keys = self.okta.published_keys();
        self.database.trust(&issuer, &client_id, &keys);
    }
}

/// Rows, keys, someone who is blocked, and people, one of whom is the role of the database that may log in.
pub(super) async fn fill(admin: &Admin<'_>) {
    admin.trusts_okta();
    let (role, user) = (admin.role(), admin.database.user_name());
    let people = format!(
        "create role {role} login in role epigraph_user;
         grant epigraph_user to {user};
         select okta.block('00u-blocked');
         insert into public.user_messages (user_id, message)
         select 'person ' || number, 'quote ' || number from generate_series(1, 100) number"
    );
    admin.database.owner_runs(&people).await;
}

/// What has to stay, whatever comes.
pub(super) fn kept(database: &Database) -> String {
    database.query(
        "select md5(string_agg(m::text, ' ' order by user_id)) from public.user_messages m;
         select string_agg(issuer || audience, ' ') from okta.issuer;
         select string_agg(kid || modulus, ' ' order by kid) from okta.signing_key;
         select string_agg(user_id || blocked_at, ' ') from okta.blocked",
    )
}

/// Who is in a group, but for whoever made it.
pub(super) fn members(database: &Database, group: &str) -> String {
    database.query(&format!(
        "select string_agg(r.rolname, ' ' order by r.rolname) from pg_auth_members m join pg_roles r on r.oid = m.member
         where m.roleid = to_regrole('{group}') and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)"
    ))
}

#[tokio::test]
async fn people_move_to_the_group_of_their_database() {
    let cluster = Cluster::start(Settings::default());
    let (first, second) = (Admin::of(&cluster), Admin::of(&cluster));
    // Since PostgreSQL 16 it takes that for a second owner to do anything with the group of the first.
    let is_strict = cluster.version() >= 160_000;
    for (admin, is_second) in [(&first, false), (&second, true)] {
        make_old(&admin.database).await;
        if is_second && is_strict {
            let owner = admin.database.roles()[0].0;
            admin.database.query(&format!(
                "grant epigraph_user to {owner} with admin true, inherit false, set false"
            ));
        }
        fill(admin).await;
    }
    let everybody = |admin: &Admin| members(&admin.database, &admin.database.group());
    let old = members(&first.database, "epigraph_user");
    first
        .run(&["invite", "somebody"])
        .fails(11, &["older version", "epigraph admin migrate"]);
    for (admin, shared) in [(&first, true), (&second, false)] {
        let before = kept(&admin.database);
        let ran = admin.run(&["migrate"]);
        for said in [
            "older versions of epigraph are refused",
            "who has access now",
            &admin.role(),
            "another database",
        ] {
            assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
        }
        assert!(ran.data().contains("applied V"));
        assert_eq!(kept(&admin.database), before);

        assert_eq!(everybody(admin), old, "nobody is left out");
        let there = admin
            .database
            .query("select to_regrole('epigraph_user') is not null");
        assert_eq!(
            there == "t",
            shared || is_strict,
            "it goes with the last database that uses it"
        );
    }
    // Each takes back whom the other may keep.
    second.does(&["revoke", &first.name], &[]);
    let left = everybody(&second);
    assert!(!left.split(' ').any(|role| role == first.role()), "{left}");
    assert_eq!(everybody(&first), old);
    // It is whole: a set-up has nothing to repair, and whoever has an access keeps their quote.
    let config = second.setup(&["--new-password"]).data();
    let james = second.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    assert_eq!(second.run(&["migrate"]).data(), "");
}

/// Where the owner has let people use a table of their own by way of the old group, they use it still.
#[tokio::test]
async fn what_the_old_group_was_granted_besides_stays_with_its_people() {
    let cluster = Cluster::start(Settings::default());
    let admin = Admin::of(&cluster);
    make_old(&admin.database).await;
    fill(&admin).await;
    let notes = "create table public.notes (owner_id text default okta.user_id(), body text);
         select okta.protect('public.notes', 'owner_id');
         grant select, insert on public.notes to epigraph_user";
    admin.database.owner_runs(notes).await;
    let user = admin.database.user_name();
    let may = |right: &str| {
        admin
            .database
            .query(&format!("select has_table_privilege('{user}', {right})"))
    };
    admin.does(&["migrate"], &[]);
    assert_eq!(may("'public.notes', 'insert'"), "t");
    assert_eq!(may("'public.user_messages', 'select'"), "f");
    assert!(members(&admin.database, &admin.database.group()).contains(user));
    // They are in both groups until the owner has handed the grant over.
    assert!(members(&admin.database, "epigraph_user").contains(user));
    let group = admin.database.group();
    admin.database.query(&format!(
        "grant select, insert on public.notes to {group};
         revoke all on public.notes from epigraph_user; revoke epigraph_user from {user}, {}",
        admin.role()
    ));
    assert_eq!(may("'public.notes', 'insert'"), "t");
}

#[tokio::test]
async fn the_owner_of_another_database_does_not_become_a_person() {
    let cluster = Cluster::start(Settings {
        server: eighteen(),
        ..Settings::default()
    });
    let (admin, other) = (Admin::of(&cluster), Admin::of(&cluster));
    make_old(&admin.database).await;
    let owner = other.database.owner().user;
    cluster.query(
        "postgres",
        &format!("grant epigraph_user to {owner} with admin option"),
    );
    make_old(&other.database).await;
    for admin in [&admin, &other] {
        admin.does(&["migrate"], &[]);
        admin.trusts_okta();
        assert_eq!(members(&admin.database, &admin.database.group()), "");
        let (code, said) = admin.status();
        assert_eq!(code, Some(0), "{said}");
    }
}
