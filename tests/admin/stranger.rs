//! Someone who may create objects in the schema public before it is set up, as everybody may before PostgreSQL 15; and a database
//! whose schema public the owner cannot close.

use super::{Admin, open_session};
use crate::support::{
    okta::Person,
    pgbouncer::PgBouncer,
    postgres::{Cluster, Database, Settings, each_server, shared},
};

each_server! {
    a_foreign_table_of_migrations_is_refused_untouched,
    a_table_of_quotes_of_another_owner_is_refused,
    an_open_public_schema_is_warned_of_and_harmless,
    a_hardened_database_works,
    what_the_owner_has_set_for_themselves_changes_nothing,
}

/// What works for whoever writes into the table.
const TRAP: &str = "
    create function public.trap() returns trigger language plpgsql as $$
    begin
        execute format('alter role %I set application_name = caught', current_user);
        return new;
    end
    $$;
    create trigger trap after insert on public.TABLE for each row execute function public.trap();
    grant all on public.TABLE to public;
    grant execute on function public.trap() to public";
const HISTORY: &str = "create table public.epigraph_schema_history (
    version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))";
const QUOTES: &str = "create table public.user_messages (user_id text primary key, create_ts timestamp default now() not null, message text not null)";

async fn set_trap(database: &Database<'_>, table: &str, name: &str) {
    database.query(&format!(
        "grant usage, create on schema public to {}",
        database.user_name()
    ));
    let stranger = database.user_session().await;
    let trap = TRAP.replace("TABLE", name);
    stranger
        .batch_execute(&format!("{table};{trap}"))
        .await
        .expect("they may");
}

fn is_caught(database: &Database) -> bool {
    let owner = database.roles()[0].0;
    database.query(&format!(
        "select count(*) from pg_db_role_setting where setrole = '{owner}'::regrole and setconfig::text like '%caught%'"
    )) != "0"
}

async fn a_foreign_table_of_migrations_is_refused_untouched(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    set_trap(&admin.database, HISTORY, "epigraph_schema_history").await;
    let says = "epigraph_schema_history belongs to another role";
    admin.setup(&[]).fails(11, &[says, "nothing was changed"]);
    assert!(!is_caught(&admin.database));
    // It would have worked.
    admin.database.owner_runs("create table if not exists public.epigraph_schema_history (); insert into public.epigraph_schema_history values (1)")
        .await;
    assert!(is_caught(&admin.database));
    admin
        .database
        .query("drop table public.epigraph_schema_history");
    admin.setup(&[]).data();
}

async fn a_table_of_quotes_of_another_owner_is_refused(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    set_trap(&admin.database, QUOTES, "user_messages").await;
    let says = "user_messages belongs to another role";
    admin.setup(&[]).fails(11, &[says, "nothing was changed"]);
    assert!(!is_caught(&admin.database));
    let none = "select to_regclass('public.epigraph_schema_history') is null";
    assert_eq!(admin.database.query(none), "t");
}

async fn an_open_public_schema_is_warned_of_and_harmless(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    // As it is before PostgreSQL 15.
    admin
        .database
        .query("alter schema public owner to postgres; grant create on schema public to public");
    let config = admin.setup(&[]).says(&["warning: ", "schema public"]);
    let james = admin.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    let stranger = open_session(&config).await;
    stranger
        .batch_execute("create table public.theirs (id int)")
        .await
        .expect("that is what the warning says");
    assert_eq!(admin.setup(&[]).code, Some(0));
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");
}

async fn a_hardened_database_works(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    let owner = admin.database.roles()[0].0;
    admin.database.query(
        "alter schema public owner to postgres; revoke all on schema public from public, pg_database_owner",
    );
    let grant = format!("grant usage, create on schema public to {owner}");
    admin
        .setup(&[])
        .fails(11, &["may not use the schema public", &grant]);
    admin.database.query(&grant);
    let config = admin.setup(&[]).data();
    let (name, group) = (admin.database.name(), admin.database.group());
    admin.database.query(&format!(
        "revoke all on database {name} from public; revoke all on schema public from public; grant all on schema public to {owner}"
    ));
    let (guest, _) = admin.other("guest");
    for config in [config, admin.run(&["invite", &guest]).data()] {
        let james = admin.person(&config, Person::James);
        let ran = james.run(&["show"]);
        assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
        james.run(&["set", "Mistakes."]).data();
    }
    admin
        .database
        .query(&format!("revoke connect on database {name} from {group}"));
    assert_eq!(admin.setup(&[]).code, Some(0));
    let more = admin.run(&["invite", &guest, "--new-password"]).data();
    open_session(&more).await;
}

async fn what_the_owner_has_set_for_themselves_changes_nothing(cluster: &'static Cluster) {
    let admin = Admin::of(cluster);
    let owner = admin.database.roles()[0].0;
    admin.database.query(&format!(
        "alter role {owner} set password_encryption = 'md5';
         alter role {owner} set default_transaction_read_only = on;
         alter role {owner} set default_transaction_isolation = 'serializable';
         alter role {owner} set statement_timeout = '20ms';
         alter role {owner} set lock_timeout = '1ms';
         alter role {owner} set idle_in_transaction_session_timeout = '100ms';
         alter role {owner} set search_path = nowhere"
    ));
    if cluster.version() >= 160_000 {
        admin.database.query(&format!(
            "alter role {owner} set createrole_self_grant = 'set, inherit'"
        ));
    }
    let config = admin.setup(&[]).data();
    open_session(&config).await;
    let role = admin.role();
    let made = format!(
        "select rolpassword like 'SCRAM-SHA-256$%', exists (
            select from pg_auth_members m where m.roleid = r.oid and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true))
         from pg_authid r where rolname = '{role}'"
    );
    admin.database.shows(&made, "t|f");
}

#[test]
fn a_pooler_that_lets_no_proof_in_leaves_the_set_up_unchecked() {
    let (mut admin, _) = Admin::set_up(shared());
    // It knows those who were there when it started, and no one else.
    let pooler = PgBouncer::start(shared(), 1, &[&admin.database]);
    let url = admin.database.owner().port(pooler.port());
    admin.home.set(
        "EPIGRAPH_ADMIN_DATABASE_URL",
        url.without("channel_binding").to_string(),
    );
    let ran = admin.setup(&["--new-password"]);
    let config = ran.says(&["was not checked by signing in"]);
    assert!(config.contains("database_url"));
    let left = "select count(*) from pg_roles where rolname ~ '^epigraph_check_' and pg_has_role(oid, okta.user_group()::text, 'member')";
    assert_eq!(admin.database.query(left), "0");
}

#[test]
fn what_a_proof_left_behind_goes_with_the_next() {
    let cluster = Cluster::start(Settings::default());
    let (admin, _) = Admin::set_up(&cluster);
    let (group, owner) = (admin.database.group(), admin.database.roles()[0].0);
    admin.database.query(&format!(
        "set session authorization {owner}; create role epigraph_check_0123456789abcdef login in role {group};
         insert into public.user_messages (user_id, message) values ('epigraph admin setup', '')"
    ));
    assert_eq!(admin.status().1["access"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.setup(&[]).code, Some(0));
    let left = "select count(*) from pg_roles where rolname ~ '^epigraph_check'; select count(*) from public.user_messages";
    admin.database.shows(left, "0\n0");
}
