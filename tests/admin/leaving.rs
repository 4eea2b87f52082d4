//! Someone who leaves things behind, and comes back.

use super::{Admin, open_session, password, try_session};
use crate::support::postgres::{Cluster, each_server};

each_server! {
    revoke_drops_what_a_person_made_and_reassigns_nothing,
    a_person_with_objects_elsewhere_is_still_shut_out,
    a_person_of_two_databases_can_leave_one,
    a_person_made_by_another_role_is_removed_from_the_group,
    an_owner_of_any_name_does_it_all_and_keeps_no_rights,
}

fn exists(admin: &Admin, role: &str) -> bool {
    let sql = format!("select to_regrole('{role}') is not null");
    admin.database.query(&sql) == "t"
}

async fn revoke_drops_what_a_person_made_and_reassigns_nothing(cluster: &'static Cluster) {
    let (admin, _) = Admin::set_up(cluster);
    let (name, role) = admin.other("eve");
    let config = admin.run(&["invite", &name]).data();
    // Before PostgreSQL 15 everybody may create objects in the schema public.
    if cluster.version() >= 150_000 {
        let prepared = format!(
            "grant usage, create on schema public to {role}; create table public.theirs (id int); grant select on public.theirs to {role}"
        );
        admin.database.owner_runs(&prepared).await;
    }
    let eve = open_session(&config).await;
    eve.batch_execute(
        "select lo_create(0);
         alter default privileges grant select on tables to public;
         create function public.trap() returns bigint language sql security definer
             as 'select count(*) from public.user_messages'",
    )
    .await
    .expect("she may");
    admin.does(
        &["revoke", &name],
        &["were ended: 1", "removed with it: 3 of its own objects"],
    );
    assert!(!exists(&admin, &role));
    assert_eq!(
        admin.database.query("select to_regprocedure('public.trap()') is null, (select count(*) from pg_largeobject_metadata), (select count(*) from pg_default_acl)"),
        "t|0|0"
    );
    // The name is free again.
    let again = admin.run(&["invite", &name]).data();
    open_session(&again).await;
}

async fn a_person_with_objects_elsewhere_is_still_shut_out(cluster: &'static Cluster) {
    let (admin, _) = Admin::set_up(cluster);
    let other = cluster.database();
    let (name, role) = admin.other("eve");
    let config = admin.run(&["invite", &name]).data();
    other.query(&format!("create schema {name} authorization {role}"));
    let ran = admin.run(&["revoke", &name]);
    assert_eq!(ran.code, Some(11), "{ran:?}");
    assert!(ran.stderr.contains(other.name()), "{ran:?}");
    try_session(&config).await.expect_err("it is shut out");
    // Half done as it is, it can be done again, and undone.
    assert_eq!(admin.run(&["revoke", &name]).code, Some(11));
    let again = admin.run(&["invite", &name]).says(&["access again"]);
    assert_ne!(password(&again), password(&config));
    open_session(&again).await;
    other.query(&format!("drop schema {name}"));
    admin.does(&["revoke", &name], &[]);
    assert!(!exists(&admin, &role));
}

async fn a_person_of_two_databases_can_leave_one(cluster: &'static Cluster) {
    let (first, _) = Admin::set_up(cluster);
    let (second, _) = Admin::set_up(cluster);
    let (name, role) = first.other("eve");
    let config = first.run(&["invite", &name]).data();
    let says = [
        "taken by another database",
        first.database.name(),
        "another name",
    ];
    second.run(&["invite", &name]).fails(11, &says);
    second.run(&["revoke", &name]).fails(11, &["no access"]);
    // As a move from the group that was for all of them leaves it.
    let group = second.database.group();
    second
        .database
        .owner_runs(&format!("grant {group} to {role}"))
        .await;
    second.does(&["revoke", &name], &[first.database.name()]);
    let is_in = format!("select pg_has_role('{role}', '{group}', 'usage')");
    assert_eq!(second.database.query(&is_in), "f");
    open_session(&config).await;
    first.does(&["revoke", &name], &[]);
    assert!(!exists(&first, &role));
}

async fn a_person_made_by_another_role_is_removed_from_the_group(cluster: &'static Cluster) {
    let (admin, _) = Admin::set_up(cluster);
    let group = admin.database.group();
    let member = |role: &str| {
        let sql = format!(
            "select coalesce(pg_has_role(to_regrole('{role}'), '{group}', 'usage'), false)"
        );
        admin.database.query(&sql) == "t"
    };
    // Since PostgreSQL 16 a role is its maker's, and so is a membership. Before, whoever may make roles may do it all.
    let is_strict = cluster.version() >= 160_000;
    for (by_owner, says) in [(true, "made by another role"), (false, "still has access")] {
        let (name, role) = admin.other(&format!("eve_{by_owner}"));
        let grant = format!("grant {group} to {role}");
        admin.database.query(&format!("create role {role} login"));
        if by_owner {
            admin.database.owner_runs(&grant).await;
        } else {
            admin.database.query(&grant);
        }
        assert!(member(&role));
        let ran = admin.run(&["revoke", &name]);
        if is_strict {
            ran.fails(11, &[says]);
            assert_eq!(member(&role), !by_owner);
            admin.database.query(&format!("drop role {role}"));
        } else {
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(!exists(&admin, &role));
        }
    }
}

async fn an_owner_of_any_name_does_it_all_and_keeps_no_rights(cluster: &'static Cluster) {
    let elsewhere = cluster.database();
    for start in ["O'wn-er \"1\" ", "Owner_"] {
        let mut admin = Admin::of(cluster);
        let former = admin.database.roles()[0].0.to_owned();
        let mut url = admin.database.owner();
        url.user = format!("{start}{former}");
        let quoted = format!("\"{}\"", url.user.replace('"', "\"\""));
        admin
            .database
            .query(&format!("alter role {former} rename to {quoted}"));
        admin
            .home
            .set("EPIGRAPH_ADMIN_DATABASE_URL", url.to_string());
        admin.setup(&[]).data();
        admin.setup(&[]).data();
        admin.does(&["migrate"], &[]);
        let (status, said) = admin.status();
        assert_eq!(status, Some(0), "{said}");

        let (name, role) = admin.other("eve");
        let config = admin.run(&["invite", &name]).data();
        let eve = open_session(&config).await;
        let made = eve.batch_execute("select lo_create(0)").await;
        made.expect("she may");
        // What keeps her role.
        elsewhere.query(&format!(
            "create table public.{name} (); alter table public.{name} owner to {role}"
        ));
        let ran = admin.run(&["revoke", &name]);
        assert!(ran.stderr.contains("were ended: 1"), "{ran:?}");
        assert_eq!(
            elsewhere.query(&format!(
                "select count(*) from pg_auth_members m where m.roleid = to_regrole('{role}')
                     and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)"
            )),
            "0",
            "{quoted} has the rights of {role}"
        );
        elsewhere.query(&format!("drop table public.{name}; drop role {role}"));
        admin
            .database
            .query(&format!("alter role {quoted} rename to {former}"));
    }
}
