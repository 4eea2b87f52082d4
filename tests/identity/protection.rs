//! `okta.protect` on the table of quotes, and on tables of another shape.

use epigraph::{
    admin::{self, Owner},
    postgres::Target,
};
use tokio_postgres::Client;

use super::asking::{Key, asked, begin};
use crate::support::postgres::{Cluster, Database, each_server};

each_server!(
    the_index_is_used,
    a_table_of_another_shape_is_protected_and_let_go,
    what_cannot_be_protected_is_refused,
    parts_are_guarded_where_they_are_asked_themselves,
    parts_that_come_later_are_named_and_taken_in,
    what_is_a_part_of_something_open_is_refused,
    undoing_it_gives_back_what_was,
    what_the_old_migrations_protected_gets_the_new_guard,
    a_guard_that_is_not_the_one_is_named,
    a_guard_is_known_however_names_are_quoted,
    a_column_that_takes_two_ids_for_one_is_named,
    a_web_app_that_owns_the_table_sees_what_it_saw,
);

/// Runs a statement as whoever has this token and returns the first column.
async fn run(
    client: &Client,
    token: &str,
    statement: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    begin(client, "begin", token).await;
    let rows = client.query_typed(statement, &[]).await;
    client
        .batch_execute(if rows.is_ok() { "commit" } else { "rollback" })
        .await?;
    Ok(rows?.iter().map(|row| row.get(0)).collect())
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().expect("the database says it").code()
}

async fn the_index_is_used(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    database.grant_on_table();
    database.query(
        "insert into public.user_messages (user_id, message) select '00u-' || i, 'm' from generate_series(1, 20000) i;
         analyze public.user_messages",
    );
    let token = key.token_of("00u-7");
    for statement in [
        "select message from public.user_messages where user_id = '00u-7'",
        "select message from public.user_messages",
        "update public.user_messages set message = 'n' where user_id = '00u-7' and message = 'm'",
        "delete from public.user_messages where user_id = '00u-7'",
    ] {
        let plan = run(&client, &token, &format!("explain (costs off) {statement}"))
            .await
            .expect("a plan")
            .join("\n");
        assert!(
            plan.contains("Index Scan using user_messages_pkey"),
            "{plan}"
        );
        assert!(plan.contains("Index Cond"), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    let count = "select count(*)::text from public.user_messages";
    let counted = run(&client, &token, count).await;
    assert_eq!(counted.expect("one's own"), ["1"]);
}

/// A database with a table of notes that everybody who is let in may use.
async fn with_notes<'a>(cluster: &'a Cluster, key: &Key) -> Database<'a> {
    let database = key.trusted_by(cluster).await;
    let group = database.group();
    let notes = format!(
        r#"create schema "My Notes";
           create table "My Notes"."Notes" (id int generated always as identity primary key, "Owner" text not null, body text);
           grant usage on schema "My Notes" to {group};
           grant select, insert, update, delete on "My Notes"."Notes" to {group};
           select okta.protect('"My Notes"."Notes"', 'Owner')"#
    );
    database.owner_runs(&notes).await;
    database
}

async fn a_table_of_another_shape_is_protected_and_let_go(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = with_notes(cluster, &key).await;
    let [joyce, woolf] = ["00u-joyce", "00u-woolf"].map(|person| key.token_of(person));
    let client = database.user_session().await;
    let add = r#"insert into "My Notes"."Notes" ("Owner", body) values (okta.user_id(), 'a'), (okta.user_id(), 'b') returning "Owner""#;
    for token in [&joyce, &woolf] {
        assert_eq!(run(&client, token, add).await.expect("one's own").len(), 2);
    }
    let all = r#"select "Owner" from "My Notes"."Notes""#;
    let seen = run(&client, &joyce, all).await;
    assert_eq!(seen.expect("one's own"), ["00u-joyce"; 2]);
    for write in [
        r#"insert into "My Notes"."Notes" ("Owner") values ('00u-woolf')"#,
        r#"update "My Notes"."Notes" set "Owner" = '00u-woolf'"#,
    ] {
        let error = run(&client, &joyce, write).await.expect_err("another's");
        assert_eq!(code(&error), "42501", "{write}");
    }
    run(&client, &joyce, r#"delete from "My Notes"."Notes""#)
        .await
        .expect("one's own");
    let left = run(&client, &woolf, all).await;
    assert_eq!(left.expect("one's own"), ["00u-woolf"; 2]);

    let owner = database.owner_session().await;
    // Doing it again changes nothing.
    for call in [
        r#"protect('"My Notes"."Notes"', 'Owner')"#,
        r#"unprotect('"My Notes"."Notes"')"#,
    ] {
        database.owner_runs(&format!("select okta.{call}")).await;
    }
    let left = run(&client, &joyce, all).await;
    assert_eq!(left.expect("everybody's"), ["00u-woolf"; 2]);
    database.shows(
        "select relrowsecurity from pg_class where relname = 'Notes'",
        "f",
    );
    let again = owner
        .batch_execute(r#"select okta.unprotect('"My Notes"."Notes"')"#)
        .await;
    assert_eq!(code(&again.expect_err("it is not protected")), "42704");

    // What someone else added stays in force.
    let mine = r#"select okta.protect('"My Notes"."Notes"', 'Owner');
        create policy mine on "My Notes"."Notes" using (false);
        select okta.unprotect('"My Notes"."Notes"')"#;
    database.owner_runs(mine).await;
    assert_eq!(run(&client, &woolf, all).await.expect("nothing"), [""; 0]);
}

/// Tables of which none can be protected, and what they are parts of.
const UNSUITABLE: &str = "create temporary table gone (owner_id text);
             create schema s;
             create table s.numbers (owner_id int);
             create table s.short (owner_id varchar(20));
             create table s.open (owner_id text);
             create policy everybody on s.open using (true);
             create view s.view as select user_id as owner_id from public.user_messages;
             create table s.parted (owner_id text) partition by list (owner_id);
             create table s.part partition of s.parted default;
             create table s.parent (owner_id text);
             create table s.kid () inherits (s.parent);
             create table s.half (owner_id text) partition by list (owner_id);
             create table s.over (owner_id text);
             create table s.under () inherits (s.over);
             create policy everybody on s.under using (true);
             create domain s.word as text;
             create table s.words (owner_id s.word);
             create table s.fixed (owner_id char(20));
             create materialized view s.copy as select text 'x' as owner_id";

/// For it, different user ids are equal.
const BLIND: &str =
    "create collation s.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

/// ICU is not in every build of the server.
fn has_icu(database: &Database) -> bool {
    database.query("select count(*) > 0 from pg_collation where collprovider = 'i'") == "t"
}

async fn what_cannot_be_protected_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    database.query("create table public.theirs (owner_id text)");
    database.query(&format!(
        "grant temporary on database {} to public",
        database.name()
    ));
    let owner = database.owner_session().await;
    // Temporary tables are there in one session alone.
    let made = owner.batch_execute(UNSUITABLE).await;
    made.expect("the owner may");
    database.query("create table public.their_part partition of s.half default");
    let mut cases = Vec::new();
    if cluster.version() >= 180_000 {
        let computed =
            "create table s.computed (a text, owner_id text generated always as (a) virtual)";
        database.owner_runs(computed).await;
        cases.push(("s.computed", "owner_id", ""));
    }
    if has_icu(&database) {
        let blind = format!("{BLIND}; create table s.blind (owner_id text collate s.blind)");
        database.owner_runs(&blind).await;
        cases.push(("s.blind", "owner_id", "collation"));
    }
    cases.extend([
        ("s.numbers", "owner_id", "not of the type text"),
        ("s.short", "owner_id", "not of the type text"),
        ("s.open", "owner_id", "policies of its own"),
        ("s.open", "nothing", "no such column"),
        ("s.open", "ctid", "no such column"),
        ("s.view", "owner_id", "not a table"),
        ("s.part", "owner_id", "s.parted, which is not protected"),
        ("s.kid", "owner_id", "s.parent, which is not protected"),
        (
            "s.half",
            "owner_id",
            "public.their_part belongs to somebody else",
        ),
        ("s.over", "owner_id", "s.under has policies of its own"),
        ("s.words", "owner_id", "not of the type text"),
        ("s.fixed", "owner_id", "not of the type text"),
        ("s.copy", "owner_id", "not a table"),
        ("s.open", "tableoid", "no such column"),
        ("pg_temp.gone", "owner_id", "temporary"),
        ("public.theirs", "owner_id", "somebody else"),
    ]);
    for (table, column, says) in cases {
        let call = format!("select okta.protect('{table}', '{column}')");
        let error = owner.batch_execute(&call).await.expect_err(table);
        let refusal = error.as_db_error().expect("the database says it");
        assert_eq!(refusal.code().code(), "42809", "{table}: {refusal:?}");
        assert!(refusal.message().contains(says), "{table}: {refusal:?}");
    }
    let absent = owner
        .batch_execute("select okta.protect('s.nothing', 'owner_id')")
        .await;
    assert_eq!(code(&absent.expect_err("no such table")), "42P01");
    // The whole of it can be.
    let whole = "select okta.protect('s.parted', 'owner_id')";
    database.owner_runs(whole).await;
    let policies = "select count(*) from pg_policy where polrelid::regclass::text ~ '^s[.]'";
    database.shows(policies, "4");
}

async fn a_column_that_takes_two_ids_for_one_is_named(cluster: &Cluster) {
    let database = cluster.migrated().await;
    if !has_icu(&database) {
        return;
    }
    // The same guard, around another column of the same name.
    let another = format!(
        "{BLIND}; create table s.sighted (owner_id text); select okta.protect('s.sighted', 'owner_id');
         alter table s.sighted rename owner_id to former; alter table s.sighted add owner_id text collate s.blind;
         do $$
         declare
             guard text := okta.guard('owner_id');
         begin
             execute format('alter policy okta_user_id on s.sighted using (%1$s) with check (%1$s)', guard);
         end
         $$"
    );
    by_the_owner(&database, &another).await;
    let says =
        "s.sighted by owner_id: Its column has a collation for which different user ids are equal.";
    assert_eq!(protection(&database), says);
}

async fn a_web_app_that_owns_the_table_sees_what_it_saw(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let row = "insert into user_messages (user_id, message) values ('5f0b5b0e-7d6c-4f0e-9a8e-0c3b7d3c2a11', 'm')";
    database.owner_runs(row).await;
    let shown = database.psql(&database.owner(), "select message from user_messages");
    assert_eq!(shown, "m\n");
}

/// What `okta.protection` says of tables in the schema s: the table, its column, and what is wrong.
fn protection(database: &Database) -> String {
    database.query(
        "select format('%s by %s: %s', \"table\", \"column\", coalesce(fault, 'good'))
         from okta.protection() where \"table\"::text ~ '^s[.]' order by \"table\"::text",
    )
}

/// Runs SQL as the owner, of tables in the schema s which everybody may use.
async fn by_the_owner(database: &Database<'_>, sql: &str) {
    let sql = format!(
        "create schema if not exists s; {sql};
         select okta.grant_access('{user}');
         grant usage on schema s to {user}; grant select, insert, update, delete on all tables in schema s to {user}",
        user = database.user_name()
    );
    database.owner_runs(&sql).await;
}

/// A partitioned table of which the columns stand elsewhere in a partition, and one with children, each with joyce's and woolf's row.
const PARTS: &str = r#"
create table s.parted (gone int, owner_id text, kind int) partition by list (kind);
alter table s.parted drop gone;
create table s.one (kind int, gone text, owner_id text);
alter table s.one drop gone;
alter table s.parted attach partition s.one for values in (1);
create table s.two partition of s.parted for values in (2) partition by list (owner_id);
create table s."Two.Rest" partition of s.two default;
create table s.parent (owner_id text, kind int);
create table s.other (owner_id text);
create table s.child (more int) inherits (s.parent, s.other);
create table s.grandchild () inherits (s.child);
insert into s.parted (owner_id, kind) select '00u-' || n, k from unnest(array['joyce', 'woolf']) n, generate_series(1, 2) k;
insert into s.parent (owner_id) select '00u-' || n from unnest(array['joyce', 'woolf']) n;
insert into s.child (owner_id) select '00u-' || n from unnest(array['joyce', 'woolf']) n;
insert into s.grandchild (owner_id) select '00u-' || n from unnest(array['joyce', 'woolf']) n"#;

const PROTECT_PARTS: &str = "
select okta.protect('s.parted', 'owner_id'), okta.protect('s.other', 'owner_id'), okta.protect('s.parent', 'owner_id')";

async fn parts_are_guarded_where_they_are_asked_themselves(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    by_the_owner(&database, &format!("{PARTS}; {PROTECT_PARTS}")).await;
    let joyce = key.token_of("00u-joyce");
    for (table, rows) in [
        ("s.parted", 2),
        ("s.one", 1),
        ("s.two", 1),
        ("s.\"Two.Rest\"", 1),
        ("s.parent", 3),
        ("only s.parent", 1),
        ("s.other", 2),
        ("s.child", 2),
        ("s.grandchild", 1),
    ] {
        let seen = run(&client, &joyce, &format!("select owner_id from {table}")).await;
        assert_eq!(seen.expect(table), vec!["00u-joyce"; rows], "{table}");
        let error = client
            .query_typed(&format!("select from {table}"), &[])
            .await
            .expect_err(table);
        assert_eq!(code(&error), "28E01", "{table}");
    }
    for write in [
        "insert into s.one (owner_id, kind) values ('00u-woolf', 1)",
        "insert into s.grandchild (owner_id) values ('00u-woolf')",
        "update s.two set owner_id = '00u-woolf'",
    ] {
        let error = run(&client, &joyce, write).await.expect_err(write);
        assert_eq!(code(&error), "42501", "{write}");
    }
    let said = protection(&database);
    assert!(!said.contains("Its"), "{said}");
}

async fn parts_that_come_later_are_named_and_taken_in(cluster: &Cluster) {
    let database = cluster.migrated().await;
    by_the_owner(
        &database,
        "create table s.parted (owner_id text, kind int) partition by list (kind);
         create table s.one partition of s.parted for values in (1);
         select okta.protect('s.parted', 'owner_id');
         create table s.later partition of s.parted for values in (2);
         create table s.alone (kind int, owner_id text);
         select okta.protect('s.alone', 'owner_id');
         alter table s.parted attach partition s.alone for values in (3)",
    )
    .await;
    assert_eq!(
        protection(&database),
        "s.alone by owner_id: good\n\
         s.later by owner_id: It is a part of s.parted and came after that was protected.\n\
         s.one by owner_id: good\n\
         s.parted by owner_id: good"
    );
    by_the_owner(&database, "select okta.protect('s.parted', 'owner_id')").await;
    let said = protection(&database);
    assert!(said.contains("s.later by owner_id: good"), "{said}");
    // One that was protected by itself stays so.
    by_the_owner(&database, "select okta.unprotect('s.parted')").await;
    assert_eq!(
        protection(&database),
        "s.alone by owner_id: Its rows are seen through s.parted as well, which is not protected."
    );
}

async fn what_is_a_part_of_something_open_is_refused(cluster: &Cluster) {
    let database = cluster.migrated().await;
    by_the_owner(
        &database,
        &format!("{PARTS}; alter table s.parted add another text"),
    )
    .await;
    let owner = database.owner_session().await;
    let refused = async |call: &str, hint: &str| {
        let error = owner
            .batch_execute(&format!("select okta.{call}"))
            .await
            .expect_err(call);
        assert_eq!(code(&error), "42809", "{call}");
        let said = error.as_db_error().and_then(|error| error.hint());
        assert_eq!(said, Some(hint), "{call}");
    };
    refused("protect('s.one', 'owner_id')", "Protect s.parted.").await;
    by_the_owner(&database, "select okta.protect('s.parted', 'owner_id')").await;
    refused("protect('s.one', 'another')", "Protect s.parted.").await;
    refused("unprotect('s.one')", "Undo the protection of s.parted.").await;
    // A child of two: each can be protected, and until both are, it is said.
    for (done, through) in [
        ("protect('s.parent', 'owner_id')", "s.other"),
        (
            "protect('s.other', 'owner_id'), okta.unprotect('s.parent')",
            "s.parent",
        ),
    ] {
        by_the_owner(&database, &format!("select okta.{done}")).await;
        let said = protection(&database);
        let child = format!("s.child by owner_id: Its rows are seen through {through} as well");
        assert!(said.contains(&child), "{said}");
    }
    by_the_owner(&database, "select okta.unprotect('s.other')").await;
    let said = protection(&database);
    assert!(!said.contains("child"), "{said}");
    // What is protected by itself, by another column.
    by_the_owner(
        &database,
        "alter table s.parted detach partition s.one;
         select okta.unprotect('s.one'); select okta.protect('s.one', 'another');
         alter table s.parted attach partition s.one for values in (1)",
    )
    .await;
    refused(
        "protect('s.parted', 'owner_id')",
        "It is a part of s.parted, and must be such that it can be protected too.",
    )
    .await;
}

async fn undoing_it_gives_back_what_was(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    let state = || {
        database.query(
            "select string_agg(concat_ws(' ', relname, relrowsecurity, relforcerowsecurity,
                 (select count(*) from pg_policy where polrelid = c.oid)), ', ' order by relname)
             from pg_class c where relnamespace = 's'::regnamespace and relkind in ('r', 'p')",
        )
    };
    by_the_owner(
        &database,
        &format!(
            "{PARTS}; alter table s.one enable row level security; alter table s.grandchild force row level security;
             create table s.closed (owner_id text);
             insert into s.closed values ('00u-joyce');
             alter table s.closed enable row level security"
        ),
    )
    .await;
    let before = state();
    assert!(before.contains("closed t f 0"), "{before}");
    let protect = format!("{PROTECT_PARTS}, okta.protect('s.closed', 'owner_id')");
    by_the_owner(&database, &format!("{protect}; {protect}")).await;
    assert_ne!(state(), before);
    let joyce = key.token_of("00u-joyce");
    let all = "select owner_id from s.closed";
    let seen = run(&client, &joyce, all).await;
    assert_eq!(seen.expect("hers"), ["00u-joyce"]);
    by_the_owner(
        &database,
        "select okta.unprotect('s.closed'), okta.unprotect('s.parted'), okta.unprotect('s.parent'), okta.unprotect('s.other')",
    )
    .await;
    assert_eq!(state(), before);
    assert_eq!(run(&client, &joyce, all).await.expect("nothing"), [""; 0]);
    // Nothing is left behind by a table that goes.
    by_the_owner(
        &database,
        "select okta.protect('s.closed', 'owner_id'); drop table s.closed;
         create table s.closed (owner_id text); select okta.protect('s.closed', 'owner_id'); select okta.unprotect('s.closed')",
    )
    .await;
    assert!(state().contains("closed f f 0"), "{}", state());
}

async fn what_the_old_migrations_protected_gets_the_new_guard(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let by = |table: &str, column: &str| {
        format!(
            "create policy okta_user_id on {table} using ({column} = (select okta.user_id())) with check ({column} = (select okta.user_id()));
             alter table {table} enable row level security;"
        )
    };
    by_the_owner(
        &database,
        &format!(
            r#"{PARTS}; create table s."Odd.One" ("The ""Owner""" text, id int);
               create table s.changed (owner_id text);
               create table s.theirs (owner_id text);
               {}{}{}{}{}
               alter policy okta_user_id on s.changed using (owner_id = (select okta.user_id()) or owner_id is null)"#,
            by("s.parted", "owner_id"),
            by("s.child", "owner_id"),
            by(r#"s."Odd.One""#, r#""The ""Owner""""#),
            by("s.changed", "owner_id"),
            by("s.theirs", "owner_id"),
        ),
    )
    .await;
    database.query("alter table s.theirs owner to postgres");
    let good = |said: &str| said.lines().filter(|line| line.ends_with(": good")).count();
    assert_eq!(good(&protection(&database)), 0, "{}", protection(&database));
    // The part of the migration that does it.
    let migration = include_str!("../../migrations/V5__protection.sql");
    let (_, renewal) = migration.rsplit_once("\ndo $$").expect("it is the last");
    let said = database.psql(
        &database.owner(),
        &format!("set search_path = ''; do $${renewal}"),
    );
    for warning in [
        "s.changed is not protected as it should be: The policy of s.changed has been changed.",
        "s.child is not protected as it should be: s.child is a part of s.parent",
        "s.theirs is not protected as it should be: s.theirs belongs to somebody else.",
        "Have its owner run: select okta.protect('s.theirs', 'owner_id')",
    ] {
        assert!(said.contains(warning), "{said}");
    }
    assert!(!said.contains("ERROR"), "{said}");
    assert_eq!(
        protection(&database),
        "s.\"Odd.One\" by The \"Owner\": good\n\
         s.\"Two.Rest\" by owner_id: good\n\
         s.changed by owner_id: Its guard is not the one that okta.protect makes.\n\
         s.child by owner_id: Its rows are seen through s.parent as well, which is not protected.\n\
         s.grandchild by owner_id: It is a part of s.child and came after that was protected.\n\
         s.one by owner_id: good\n\
         s.parted by owner_id: good\n\
         s.theirs by owner_id: Its guard is not the one that okta.protect makes.\n\
         s.two by owner_id: good"
    );
    let quotes = "select fault is null from okta.protection() where \"table\" = 'public.user_messages'::regclass";
    database.shows(quotes, "t");
}

async fn a_guard_is_known_however_names_are_quoted(cluster: &'static Cluster) {
    let database = cluster.database();
    database.query(&format!(
        "alter database {} set quote_all_identifiers = on",
        database.name()
    ));
    database.migrate().await;
    let guard = "select \"column\", fault is null from okta.protection()";
    database.shows(guard, "user_id|t");
    let target = Target::parse(&database.owner_url().into()).expect("a good connection string");
    let mut owner = Owner::connect(&target).await.expect("the owner gets in");
    let mut wrong = admin::status(&mut owner)
        .await
        .expect("it answers")
        .problems;
    wrong.retain(|problem| problem.contains("user_messages") || problem.contains("okta."));
    assert_eq!(wrong, [""; 0]);
}

async fn a_guard_that_is_not_the_one_is_named(cluster: &Cluster) {
    let database = cluster.migrated().await;
    for (change, says) in [
        (
            "alter table s.t disable row level security",
            "Its row security is off.",
        ),
        (
            "alter policy okta_user_id on s.t to pg_monitor",
            "Its guard is for some roles only.",
        ),
        (
            "alter policy okta_user_id on s.t using (true)",
            "Its guard is not the one that okta.protect makes.",
        ),
        (
            "alter policy okta_user_id on s.t with check (true)",
            "Its guard is not the one that okta.protect makes.",
        ),
        (
            "alter policy okta_user_id on s.t using (owner_id = (select okta.user_id()))",
            "Its guard is not the one that okta.protect makes.",
        ),
        (
            "create policy \"to all\" on s.t for select using (true)",
            "Its policy \"to all\" may let others in.",
        ),
        (
            "drop policy okta_user_id on s.t; create policy okta_user_id on s.t as restrictive using (owner_id is null)",
            "Its guard is of another kind.",
        ),
    ] {
        by_the_owner(
            &database,
            &format!("drop table if exists s.t; create table s.t (owner_id text, more text); select okta.protect('s.t', 'owner_id'); {change}"),
        )
        .await;
        assert_eq!(
            protection(&database),
            format!("s.t by owner_id: {says}"),
            "{change}"
        );
        by_the_owner(
            &database,
            "drop policy if exists \"to all\" on s.t; select okta.protect('s.t', 'owner_id')",
        )
        .await;
        assert_eq!(protection(&database), "s.t by owner_id: good", "{change}");
    }
    // What narrows it further is someone's own affair.
    by_the_owner(
        &database,
        "create policy narrower on s.t as restrictive using (more is null)",
    )
    .await;
    assert_eq!(protection(&database), "s.t by owner_id: good");
}
