//! Whose rows a person gets at who holds the same connection string as everybody, a token of their own, and `psql`.

mod connection;
mod functions;
mod log;
mod scene;
mod sharing;

use self::scene::{
    Gets::{Changes, Text},
    SECRET, VICTIM, attacker, run, scene,
};
use crate::support::{
    person::Person,
    postgres::{Cluster, Database, each_server, literal},
    token,
};

each_server! {
    select_shows_ones_own_row_alone,
    nothing_is_inserted_for_another,
    no_row_of_another_is_updated,
    no_row_of_another_is_deleted,
    an_upsert_does_not_reach_anothers_key,
    copy_neither_gives_nor_takes,
    returning_shows_ones_own_row_alone,
    views_and_cursors_are_no_way_around,
    no_other_role_can_be_taken,
    row_security_cannot_be_switched_off,
    functions_of_the_database_do_not_carry_text_out,
    nothing_can_be_created,
    operators_and_functions_of_ones_own_are_no_way_around,
    a_search_path_changes_nothing,
    errors_do_not_tell_what_is_there,
    statistics_tell_numbers_and_nothing_else,
    plans_show_nothing,
    large_objects_and_notices_carry_nothing,
    keys_and_functions_of_the_owner_are_closed,
    without_a_token_there_is_no_row,
    a_token_that_is_not_okta_s_opens_nothing,
    a_view_of_the_owner_keeps_to_it_when_it_says_so,
    what_okta_signs_is_believed,
    a_reader_of_the_whole_database_can_impersonate_no_one,
    the_owner_sees_all_rows,
}

async fn select_shows_ones_own_row_alone(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text(SECRET), "select * from public.user_messages"),
            (Text(SECRET), "table public.user_messages"),
            (Text(SECRET), "select message from public.user_messages where user_id = {victim}"),
            (Text(SECRET), "select message from public.user_messages where user_id <> {me}"),
            (Text("rows: 2"), "select 'rows: ' || count(*) from public.user_messages"),
            (Text("found"), "select 'found' where exists (select from public.user_messages where user_id = {victim})"),
            (Text(SECRET), "select m from public.user_messages m"),
            (Text(SECRET), "select string_agg(to_jsonb(m)::text, '') from public.user_messages m"),
            (Text(SECRET), "select * from public.user_messages where ctid = '(0,1)'"),
            (Text(SECRET), "select * from public.user_messages tablesample system (100)"),
            (Text(SECRET), "select * from public.user_messages for update"),
            (Text(SECRET), "select * from public.user_messages for key share skip locked"),
            (Text(SECRET), "select b.* from public.user_messages a right join public.user_messages b on false"),
            (Text(SECRET), "with recursive all_of_it as (select * from public.user_messages union select * from all_of_it) table all_of_it"),
            (Text(SECRET), "select query_to_xml('select * from public.user_messages', true, false, '')"),
            (Text(SECRET), "select table_to_xml('public.user_messages', true, false, '')"),
            (Text("librari"), "select word from ts_stat('select to_tsvector(''english'', message) from public.user_messages')"),
            (Text(SECRET), "do $$ declare r record; begin for r in select * from public.user_messages loop raise notice '%', r; end loop; end $$"),
            (Text(SECRET), "set local enable_indexscan = off; set local enable_bitmapscan = off; select * from public.user_messages"),
            (Text(SECRET), "set local enable_seqscan = off; select * from public.user_messages where user_id > ''"),
        ]);
    // And one's own is there.
    let me = attacker();
    let database = &scene.second_wall;
    let shown = run(
        database,
        &me,
        "insert into public.user_messages (user_id, message) values ({me}, 'mine'); select 'rows: ' || count(*) || min(message) from public.user_messages",
    );
    assert!(shown.contains("rows: 1mine"), "{shown}");
}

async fn nothing_is_inserted_for_another(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Changes, "insert into public.user_messages (user_id, message) values ('00u-orwell', 'no')"),
            (Changes, "insert into public.user_messages (user_id, message) select '00u-orwell', 'no'"),
            (Changes, "insert into public.user_messages (user_id, message) values ({me}, 'yes'), ('00u-orwell', 'no')"),
            (Changes, "insert into public.user_messages (user_id, message) values ('', 'no')"),
            (Changes, "with written as (insert into public.user_messages (user_id, message) values ('00u-orwell', 'no') returning 1) table written"),
        ]);
    if cluster.version() >= 150_000 {
        scene
            .attacks(&[(
                Changes,
                "merge into public.user_messages m using (select '00u-orwell' as id) w on m.user_id = w.id
                 when not matched then insert (user_id, message) values (w.id, 'no')",
            )]);
    }
}

async fn no_row_of_another_is_updated(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Changes, "update public.user_messages set message = 'no'"),
            (Changes, "update public.user_messages set message = 'no' where user_id = {victim}"),
            (Changes, "update public.user_messages set user_id = {me} where user_id = {victim}"),
            (Changes, "insert into public.user_messages (user_id, message) values ({me}, 'mine'); update public.user_messages set user_id = '00u-orwell' where user_id = {me}"),
            (Changes, "update public.user_messages m set message = w.message || 'no' from public.user_messages w"),
            (Changes, "declare c cursor for select * from public.user_messages for update; fetch c; update public.user_messages set message = 'no' where current of c"),
            (Changes, "do $$ begin update public.user_messages set create_ts = 'infinity'; end $$"),
        ]);
    if cluster.version() >= 150_000 {
        scene
            .attacks(&[(
                Changes,
                "merge into public.user_messages m using (select 1) w on true when matched then update set message = 'no'",
            )]);
    }
}

async fn no_row_of_another_is_deleted(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Changes, "delete from public.user_messages"),
            (Changes, "delete from public.user_messages where user_id = {victim}"),
            (Changes, "delete from public.user_messages where ctid = '(0,1)'"),
            (Changes, "delete from public.user_messages m using public.user_messages o where m.user_id = o.user_id"),
        ]);
    scene.refused(&[
        (
            "permission denied for table",
            "truncate public.user_messages",
        ),
        ("must be owner", "drop table public.user_messages"),
    ]);
    if cluster.version() >= 150_000 {
        scene.attacks(&[(
            Changes,
            "merge into public.user_messages m using (select 1) w on true when matched then delete",
        )]);
    }
}

async fn an_upsert_does_not_reach_anothers_key(cluster: &'static Cluster) {
    let upsert =
        "insert into public.user_messages (user_id, message) values ({victim}, 'no') on conflict";
    let scripts = [
        (Changes, format!("{upsert} (user_id) do update set message = excluded.message")),
        (Text(SECRET), format!("{upsert} (user_id) do update set message = user_messages.message returning message")),
        (Changes, format!("{upsert} (user_id) do update set user_id = {{me}}")),
        (Text(SECRET), format!("with w as ({upsert} do nothing returning 1) select (select count(*) from w), message from public.user_messages")),
        // One's own row, onto another's key by way of the conflict.
        (Changes, "insert into public.user_messages (user_id, message) values ({me}, 'mine');
            insert into public.user_messages (user_id, message) values ({me}, 'no') on conflict (user_id) do update set user_id = '00u-orwell'".into()),
    ];
    let attacks: Vec<_> = scripts
        .iter()
        .map(|(gets, sql)| (*gets, sql.as_str()))
        .collect();
    scene(cluster).await.attacks(&attacks);
}

async fn copy_neither_gives_nor_takes(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene.attacks(&[
        (Text(SECRET), "copy public.user_messages to stdout"),
        (
            Text(SECRET),
            "copy (select message from public.user_messages) to stdout",
        ),
        (
            Text(SECRET),
            "\\copy public.user_messages (message) to stdout",
        ),
        (
            Text(SECRET),
            "copy (delete from public.user_messages returning message) to stdout",
        ),
    ]);
    scene.refused(&[
        // Whatever it is that refuses it, nothing comes in. (In a script, data after a refused `copy from stdin` would be taken for
        // statements, and their end for the script's by psql 17.)
        (
            "ERROR",
            "\\copy public.user_messages (user_id, message) from program 'echo 00u-orwell,no' with (delimiter ',')",
        ),
        ("ERROR", "copy public.user_messages to program 'cat'"),
        ("ERROR", "copy public.user_messages to '/dev/null'"),
        ("ERROR", "copy public.user_messages from '/dev/null'"),
    ]);
}

async fn returning_shows_ones_own_row_alone(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text(SECRET), "update public.user_messages set message = message returning *"),
            (Text(SECRET), "update public.user_messages m set create_ts = now() where message like 'Lock%' returning m"),
            (Text(SECRET), "delete from public.user_messages returning message"),
            (Text(SECRET), "insert into public.user_messages (user_id, message) values ({me}, 'mine') returning (select string_agg(message, '') from public.user_messages)"),
        ]);
    if cluster.version() >= 180_000 {
        scene.attacks(&[(
            Text(SECRET),
            "update public.user_messages set message = 'no' returning old.message",
        )]);
    }
}

async fn views_and_cursors_are_no_way_around(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text(SECRET), "declare c cursor for select * from public.user_messages; fetch all from c"),
            (Text(SECRET), "declare c cursor with hold for select * from public.user_messages; commit; fetch all from c"),
            (Text(SECRET), "prepare p as select * from public.user_messages; execute p"),
            (Text(SECRET), "prepare p as select * from public.user_messages; explain execute p; set local plan_cache_mode = force_generic_plan; execute p"),
        ]);
    scene.makes_nothing_in_public(&[
        "create view public.all_of_it as select * from public.user_messages",
        "create materialized view public.all_of_it as select 1",
    ]);
    scene.refused(&[
        ("permission denied", "create temporary view all_of_it as select * from public.user_messages"),
        ("must be owner", "create rule all_of_it as on select to public.user_messages do instead select 1"),
        ("permission denied", "create trigger all_of_it before insert on public.user_messages for each row execute function suppress_redundant_updates_trigger()"),
    ]);
}

async fn a_view_of_the_owner_keeps_to_it_when_it_says_so(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let owner = database.owner_session().await;
    if cluster.version() < 150_000 {
        let view =
            "create view public.loud with (security_invoker = true) as table public.user_messages";
        assert!(
            owner.batch_execute(view).await.is_err(),
            "no view can say so there"
        );
        return;
    }
    database.grant_on_table();
    owner
        .batch_execute(
            "insert into public.user_messages (user_id, message) values ('00u-woolf', 'Lock up your libraries if you like');
             create view public.loud with (security_invoker = true) as select upper(message) as message from public.user_messages;
             create view public.open as select upper(message) as message from public.user_messages;
             grant select on public.loud, public.open to public",
        )
        .await
        .expect("the owner may");
    let show = |view: &str| {
        let script = format!("select 'seen', count(*), min(message) from public.{view}");
        run(&database, &attacker(), &script)
    };
    assert!(show("loud").contains("seen|0|"), "{}", show("loud"));
    // The documentation warns of this one.
    assert!(show("open").contains("seen|1|LOCK UP"), "{}", show("open"));
}

async fn no_other_role_can_be_taken(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let owner = scene.guarded.roles()[0].0.to_owned();
    let take_owner = format!("set role {owner}");
    let become_owner = format!("set session authorization {owner}");
    let grant_owner = format!("grant {owner} to current_user");
    scene.refused(&[
        ("ERROR", &take_owner),
        ("ERROR", &become_owner),
        ("ERROR", &grant_owner),
        ("ERROR", "set role postgres"),
        ("ERROR", "set role pg_read_all_data"),
        ("ERROR", "set session authorization postgres"),
        ("ERROR", "grant pg_read_all_data to current_user"),
        ("ERROR", "alter role current_user bypassrls"),
        ("ERROR", "alter role current_user superuser"),
        ("ERROR", "create role another"),
    ]);
    scene.attacks(&[
        (
            Text(SECRET),
            "do $$ declare r name; t text; begin for r in select rolname from pg_roles where pg_has_role(oid, 'member') loop begin perform set_config('role', r, true); select string_agg(m::text, '') into t from public.user_messages m; raise notice '%', t; exception when insufficient_privilege then null; end; end loop; end $$",
        ),
        (
            Text(SECRET),
            "reset role; select * from public.user_messages",
        ),
        (
            Text(SECRET),
            "set role none; select * from public.user_messages",
        ),
        (
            Text(SECRET),
            "reset session authorization; select * from public.user_messages",
        ),
    ]);
}

async fn row_security_cannot_be_switched_off(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene.attacks(&[
        (
            Text(SECRET),
            "set local row_security = off; select * from public.user_messages",
        ),
        (
            Text(SECRET),
            "set row_security = off; copy public.user_messages to stdout",
        ),
    ]);
    scene.refused(&[
        ("must be owner", "alter table public.user_messages disable row level security"),
        ("must be owner", "alter table public.user_messages no force row level security"),
        ("must be owner", "create policy everybody on public.user_messages using (true)"),
        ("ERROR", "do $$ declare p text; begin for p in select polname from pg_policy loop execute format('drop policy %I on public.user_messages', p); end loop; end $$"),
        ("permission denied", "select okta.unprotect('public.user_messages')"),
        ("permission denied for table pg_policy", "delete from pg_policy"),
        ("permission denied for table pg_class", "update pg_class set relrowsecurity = false"),
    ]);
}

async fn functions_of_the_database_do_not_carry_text_out(cluster: &'static Cluster) {
    scene(cluster)
        .await
        .attacks(&[
            (Text(SECRET), "select count(set_config('kafka.loot', message, false)) from public.user_messages where message like 'Lock%'; select current_setting('kafka.loot', true)"),
            (Text(SECRET), "select 1 from public.user_messages where set_config('kafka.loot', current_setting('kafka.loot', true) || message, false) is null; commit; select current_setting('kafka.loot', true)"),
            (Text(SECRET), "select 1 from public.user_messages where message::int = 1"),
            (Text("input syntax for type json"), "select 1 from public.user_messages where message::json is null"),
            (Text(SECRET), "select 1 from public.user_messages where message::date = now()"),
            (Text("got it"), "listen kafka; select pg_notify('kafka', 'got it') from public.user_messages where message like 'Lock%'; commit; select 1"),
            (Text("got it"), "select pg_advisory_xact_lock(7) from public.user_messages where message like 'Lock%'; select 'got it' from pg_locks where locktype = 'advisory' and objid = 7 and pid = pg_backend_pid()"),
        ]);
}

async fn nothing_can_be_created(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene.makes_nothing_in_public(&[
        "create table public.loot as select 1",
        "create function public.leak(text) returns bool language sql as 'select true'",
        "create sequence public.s",
        "create type public.t as (a text)",
        "create operator public.= (function = texteq, leftarg = text, rightarg = text)",
    ]);
    scene.refused(&[
        (
            "permission denied for schema okta",
            "create table okta.loot (a text)",
        ),
        (
            "permission denied for schema okta",
            "create function okta.user_id(text) returns text language sql as 'select null'",
        ),
        ("permission denied for database", "create schema kafka"),
        (
            "permission denied to create temporary tables",
            "create temporary table user_messages (user_id text, message text)",
        ),
        (
            "permission denied",
            "create function pg_temp.leak(text) returns bool language sql as 'select true'",
        ),
        ("permission denied", "create extension dblink"),
        ("permission denied", "create foreign data wrapper kafka"),
        (
            "permission denied",
            "create publication kafka for table public.user_messages",
        ),
        (
            "permission denied",
            "create event trigger kafka on ddl_command_start execute function okta.user_id()",
        ),
        (
            "must be owner",
            "create statistics public.s on user_id, message from public.user_messages",
        ),
        (
            "must be owner",
            "create index on public.user_messages (message)",
        ),
        (
            "must be owner",
            "comment on table public.user_messages is 'no'",
        ),
    ]);
    let open = format!(
        "select string_agg(nspname, ' ') from pg_namespace where has_schema_privilege({user}, oid, 'create')",
        user = literal(scene.guarded.user_name())
    );
    let usual = if scene.public_is_open { "public" } else { "" };
    scene.guarded.shows(&open, usual);
}

/// Even one who was given a place for things of his own does not see another's row by them.
async fn operators_and_functions_of_ones_own_are_no_way_around(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let twin = cluster.migrated().await;
    twin.query("alter table public.user_messages disable row level security");
    for one in [&database, &twin] {
        one.grant_on_table();
        one.query(&format!(
            "grant create, temporary on database {} to {};
             insert into public.user_messages (user_id, message) values ({}, {})",
            one.name(),
            one.user_name(),
            literal(VICTIM),
            literal(SECRET)
        ));
    }
    let tell = "create schema kafka;
        create function kafka.tell(a text, b text) returns boolean language plpgsql cost 0.000001
            as $$ begin raise notice 'told: % %', a, b; return true; end $$;
        create operator kafka.= (function = kafka.tell, leftarg = text, rightarg = text);
        set local search_path = kafka, pg_catalog, public;";
    for attack in [
        "select * from public.user_messages where kafka.tell(message, user_id)",
        "select * from public.user_messages where message operator(kafka.=) 'x'",
        "select * from public.user_messages where message = 'x' or user_id = 'y'",
        "delete from public.user_messages where kafka.tell(message, '')",
        "create view kafka.v with (security_barrier = false) as select * from public.user_messages where kafka.tell(message, ''); table kafka.v",
        "create function kafka.f() returns setof public.user_messages language sql security definer as 'table public.user_messages'; select * from kafka.f()",
        "create table kafka.loot as table public.user_messages; table kafka.loot",
        "create materialized view kafka.loot as table public.user_messages; table kafka.loot",
        "create temporary table loot as table public.user_messages; table loot",
        // What the check itself uses, in front of it and of the policy.
        "create function kafka.user_id() returns text language sql as $$ select '00u-woolf' $$;
         create function pg_temp.sha256(bytea) returns bytea language sql as 'select $1';
         create temporary table issuer as select 'x' as issuer; create temporary table user_messages (user_id text);
         set local search_path = pg_temp, kafka, public, pg_catalog; select * from public.user_messages",
    ] {
        let script = format!("{tell}\n{attack}");
        let run = |one| run(one, "00u-kafka", &script);
        let shown = run(&database).replace("rollback", "");
        assert!(!shown.contains(SECRET), "{attack}\n{shown}");
        let shown = run(&twin);
        assert!(shown.contains(SECRET), "it gets nothing without row security either: {attack}\n{shown}");
        for one in [&database, &twin] {
            one.query(&format!(
                "drop schema if exists kafka cascade; delete from public.user_messages;
                 insert into public.user_messages (user_id, message) values ({}, {})",
                literal(VICTIM),
                literal(SECRET)
            ));
        }
    }
    let leakproof = "create schema kafka; create function kafka.f(text) returns boolean language sql leakproof as 'select true'";
    let shown = run(&database, "00u-kafka", leakproof);
    let says = "only superuser can define a leakproof function";
    assert!(shown.contains(says), "{shown}");
}

async fn a_search_path_changes_nothing(cluster: &'static Cluster) {
    scene(cluster).await.attacks(&[
        (
            Text(SECRET),
            "set local search_path = ''; select * from public.user_messages",
        ),
        (
            Text(SECRET),
            "set local search_path = pg_temp, public, pg_catalog; select * from user_messages",
        ),
        (
            Text(SECRET),
            "set local search_path = okta, public; select * from user_messages",
        ),
        (
            Changes,
            "set local search_path = public, pg_catalog, pg_temp; delete from user_messages",
        ),
    ]);
}

async fn errors_do_not_tell_what_is_there(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text("already exists"), "insert into public.user_messages (user_id, message) values ({victim}, 'no')"),
            (Text("already exists"), "insert into public.user_messages (user_id, message) values ({me}, 'mine'); update public.user_messages set user_id = {victim} where user_id = {me}"),
            (Text("division by zero"), "select 1 / (length(message) * 0) from public.user_messages where message like 'Lock%'"),
            (Text("division by zero"), "select * from public.user_messages where 1 / (position('Lock' in message) - 1) = 1"),
            (Text("division by zero"), "select 1 / (length(message) - length(message)) from public.user_messages"),
            (Text("invalid regular expression"), "select * from public.user_messages where 'a' ~ (case when message like 'Lock%' then '(' else 'a' end)"),
        ]);
    // Whether another's row is there or not, it is the same refusal.
    let guarded = &scene.guarded;
    let refusal = |id: &str| {
        let script =
            format!("insert into public.user_messages (user_id, message) values ('{id}', 'no')");
        let shown = run(guarded, &attacker(), &script);
        let line = shown.lines().find(|line| line.contains("ERROR"));
        let (_, words) = line
            .and_then(|line| line.split_once("ERROR"))
            .expect("it is refused");
        words.to_owned()
    };
    assert_eq!(refusal(VICTIM), refusal("00u-nobody-at-all"));
}

async fn statistics_tell_numbers_and_nothing_else(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text(SECRET), "select histogram_bounds, most_common_vals from pg_stats where tablename = 'user_messages'"),
            (Text(VICTIM), "select histogram_bounds from pg_stats where attname = 'user_id'"),
        ]);
    scene.refused(&[
        (
            "permission denied for table pg_statistic",
            "select * from pg_statistic",
        ),
        ("permission denied", "select * from pg_statistic_ext_data"),
    ]);
    // What the README says that everybody sees.
    let guarded = &scene.guarded;
    let shown = guarded.psql(
        &guarded.user(),
        "select 'counted', n_tup_ins >= 0 from pg_stat_all_tables where relname = 'user_messages';
         select 'size', pg_relation_size(oid) > 0 from pg_class where relname = 'user_messages';
         select 'written', pg_current_wal_lsn() > '0/0';",
    );
    assert_eq!(shown, "counted|t\nsize|t\nwritten|t\n");
}

async fn plans_show_nothing(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[
            (Text("rows=2"), "explain analyze select * from public.user_messages"),
            (Text(SECRET), "explain (analyze, verbose, format json) select * from public.user_messages; select message from public.user_messages"),
        ]);
    // What the planner guesses is the same whether a guess at another's text is right or wrong.
    let guarded = &scene.second_wall;
    let guess = |text: &str| {
        let script = format!(
            "explain select * from public.user_messages where message >= {} and message < {}",
            literal(text),
            literal(&format!("{text}~"))
        );
        let shown = run(guarded, &attacker(), &script);
        let numbers = shown.split("(cost=").skip(1);
        let numbers: Vec<_> = numbers.filter_map(|part| part.split(')').next()).collect();
        assert!(!numbers.is_empty(), "{shown}");
        numbers.join(" ")
    };
    assert_eq!(guess(&SECRET[..4]), guess("Zzzz"));
}

async fn large_objects_and_notices_carry_nothing(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    scene
        .attacks(&[(
            Text(SECRET),
            "select lo_from_bytea(4711, convert_to(string_agg(message, ''), 'UTF8')) from public.user_messages; select convert_from(lo_get(4711), 'UTF8')",
        )]);
    scene.refused(&[
        (
            "permission denied for function lo_import",
            "select lo_import('/etc/passwd')",
        ),
        (
            "permission denied for function pg_read_file",
            "select pg_read_file('PG_VERSION')",
        ),
        (
            "permission denied for function pg_ls_dir",
            "select pg_ls_dir('.')",
        ),
        (
            "permission denied for table pg_largeobject",
            "select * from pg_largeobject",
        ),
        ("permission denied", "select pg_reload_conf()"),
    ]);
    // A save tells no one anything: no trigger, no rule.
    scene.guarded.shows(
        "select count(*) from pg_trigger where tgrelid = 'public.user_messages'::regclass
         union all select count(*) from pg_rewrite where ev_class = 'public.user_messages'::regclass",
        "0\n0",
    );
}

async fn keys_and_functions_of_the_owner_are_closed(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let guarded = &scene.guarded;
    let user = literal(guarded.user_name());
    let relations = guarded.query(
        "select oid::regclass from pg_class where relkind in ('r', 'v', 'm', 'p', 'S')
             and (relnamespace = 'okta'::regnamespace or oid = 'public.user_messages'::regclass)",
    );
    assert!(relations.contains("okta.signing_key"), "{relations}");
    assert!(relations.contains("user_messages"), "{relations}");
    for relation in relations.lines() {
        for attempt in [
            format!("select * from {relation}"),
            format!("select count(*) from {relation}"),
            format!("copy {relation} to stdout"),
            format!("delete from {relation}"),
            format!("lock table {relation}"),
        ] {
            scene.refused(&[("permission denied", &attempt)]);
        }
        let rights = format!(
            "select has_table_privilege({user}, '{relation}', 'select, insert, update, delete, truncate, references, trigger')
                 or has_any_column_privilege({user}, '{relation}', 'select, insert, update, references')"
        );
        guarded.shows(&rights, "f");
    }
    // What may be called, and what runs with the owner's rights, answers for oneself alone, or says yes or no about a key that Okta
    // publishes anyway. A caller controls the settings: no literal's meaning is up to one of them.
    assert_eq!(
        guarded.query(&format!(
            "select string_agg(proname, ' ' order by proname) filter (where has_function_privilege({user}, oid, 'execute')),
                string_agg(proname, ' ' order by proname) filter (where prosecdef), bool_or(prosrc ~ '[\\\\]')
             from pg_proc where pronamespace = 'okta'::regnamespace"
        )),
        "claims knows_key user_id|claims knows_key user_id|f"
    );
    // A role that was not let in gets nothing at all.
    assert_eq!(
        guarded.query(
            "begin; create role stranger; select has_schema_privilege('stranger', 'okta', 'usage'),
                has_table_privilege('stranger', 'public.user_messages', 'select'); rollback"
        ),
        "f|f"
    );
    // Whatever others may call, and whatever runs with the owner's rights, looks names up in one place only; nothing is for everybody.
    assert_eq!(
        guarded.query(&format!(
            "select string_agg(p.oid::regprocedure::text, ' ') from pg_proc p
             where p.pronamespace in ('okta'::regnamespace, 'epigraph'::regnamespace) and (
                 coalesce(array_to_string(p.proconfig, ' '), '') not like '%search_path=pg_catalog, pg_temp%'
                     and (p.prosecdef or has_function_privilege({user}, p.oid, 'execute'))
                 or exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0))"
        )),
        ""
    );
    let jwk = literal(&token::Signer::new().jwk().to_string());
    let issuer = literal(token::ISSUER);
    for attempt in [
        format!("select okta.add_signing_key({issuer}, {jwk})"),
        format!("select okta.add_issuer({issuer}, 'mine')"),
        "select okta.remove_signing_key('a', 'b')".into(),
        format!("select okta.remove_issuer({issuer})"),
        "select okta.block({victim})".into(),
        "select okta.unblock({me})".into(),
        "select okta.protect('public.user_messages', 'message')".into(),
        "grant usage on schema okta to public; drop function okta.user_id() cascade".into(),
    ] {
        let shown = run(guarded, &attacker(), &attempt);
        let is_refused = ["permission denied", "must be owner"].map(|it| shown.contains(it));
        assert_ne!(is_refused, [false; 2], "{attempt}\n{shown}");
    }
}

async fn without_a_token_there_is_no_row(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let others =
        "select string_agg(m::text, '') from public.user_messages m where user_id !~ 'kafka'";
    // An error, and no empty answer.
    for (database, code) in [(&scene.guarded, "42501"), (&scene.second_wall, "28E01")] {
        for script in [
            "table public.user_messages",
            "update public.user_messages set message = 'no' returning *",
            "delete from public.user_messages returning *",
            "insert into public.user_messages (user_id, message) values ('00u-orwell', 'no')",
            "insert into public.user_messages (user_id, message) values (null, 'no')",
            "set okta.user_id = '00u-woolf'; set okta.sub = '00u-woolf'; set request.jwt.claims = '{\"sub\":\"00u-woolf\"}'; table public.user_messages",
            "copy public.user_messages to stdout",
        ] {
            let before = database.query(others);
            let verbose = format!("\\set VERBOSITY verbose\n{script}");
            let shown = database.psql(&database.user(), &verbose);
            assert!(shown.contains(code), "{script}\n{shown}");
            for hers in [SECRET, VICTIM] {
                assert!(!shown.contains(hers), "{script}\n{shown}");
            }
            assert_eq!(database.query(others), before, "{script}\n{shown}");
        }
    }
}

async fn a_token_that_is_not_okta_s_opens_nothing(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let guarded = &scene.guarded;
    let real = token::of(&attacker());
    let forged = token::Signer::new().token(&token::claims(VICTIM));
    let [victims, own] = [&forged, &real].map(|token| token.split('.').collect::<Vec<_>>());
    let unsigned = format!("{}.{}.", own[0], victims[1]);
    let swapped = format!("{}.{}.{}", own[0], victims[1], own[2]);
    for (token, code) in [
        (forged, "28E04"),
        (unsigned, "28E"),
        (swapped, "28E05"),
        (VICTIM.to_owned(), "28E02"),
    ] {
        let script = format!(
            "\\set VERBOSITY verbose\nbegin;\nselect set_config('okta.id_token', {}, true) is null;\nselect * from epigraph.load_quote();\ncommit;",
            literal(&token)
        );
        for (database, script) in [
            (guarded, script.clone()),
            (
                &scene.second_wall,
                script.replace("epigraph.load_quote()", "public.user_messages"),
            ),
        ] {
            let shown = database.psql(&database.user(), &script);
            assert!(shown.contains(code), "{shown}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
}

async fn what_okta_signs_is_believed(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let woolf = Person::with_token(&scene.guarded.user_url(), token::of(VICTIM));
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
}

/// A reporting role reads every table, function and setting; with all of that it is still told by its own token alone who it is.
async fn a_reader_of_the_whole_database_can_impersonate_no_one(cluster: &'static Cluster) {
    let real = token::of("00u-kafka");
    let hers = token::signer().token(&token::claims(VICTIM));
    let [(content, _), (_, signature)] =
        [&hers, &real].map(|token| token.rsplit_once('.').expect("three parts"));
    let forged = literal(&format!("{content}.{signature}"));
    let forge = |remembered: &str, then: &str| {
        format!(
            "\\set VERBOSITY verbose
             begin;
             select set_config('okta.id_token', {forged}, true) is null;
             select set_config('okta.verified', ({remembered}), true) is null;
             {then};
             commit;"
        )
    };
    let furnish = |database: &Database| {
        database.query(&format!(
            "insert into public.user_messages (user_id, message) values ('{VICTIM}', {});
             grant pg_read_all_data to {}",
            literal(SECRET),
            database.user_name()
        ));
    };
    let quotes = "select message from public.user_messages";

    // What the first release kept let a reader be anybody: an HMAC of the forged token, under a key that stood in a table.
    let before = cluster.first_release();
    furnish(&before);
    let script = forge(
        &format!(
            "select encode(sha256(hmac_outer || sha256(hmac_inner || convert_to({forged}, 'UTF8'))), 'hex')
             from okta.signing_key"
        ),
        "update public.user_messages set message = 'pwned'",
    );
    let shown = before.psql(&before.user(), &script);
    assert!(!shown.contains("ERROR"), "{shown}");
    assert_eq!(before.query(quotes), "pwned");

    let database = cluster.migrated().await;
    furnish(&database);
    // She is at work, and leaves in the database whatever the check leaves there.
    let woolf = Person::new(VICTIM, &database.user_url());
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
    let user = database.user();
    // What is kept with a key follows from the key that Okta publishes: made anew it is the same.
    let kept = "select to_jsonb(k) - 'added_at' - 'last_published_at' from okta.signing_key k;";
    let first = database.psql(&user, kept);
    assert!(first.contains("modulus"), "{first}");
    database.query("select okta.remove_signing_key(issuer, kid) from okta.signing_key");
    database.query(&format!(
        "select okta.add_signing_key({}, {})",
        literal(token::ISSUER),
        literal(&token::signer().jwk().to_string())
    ));
    assert_eq!(database.psql(&user, kept), first);
    for remembered in [
        "select modulus::text from okta.signing_key",
        "select encode(sha256(convert_to(k::text, 'UTF8')), 'hex') from okta.signing_key k",
        "select 'true'",
    ] {
        let write = format!(
            "select * from epigraph.save_quote('pwned', {})",
            literal(SECRET)
        );
        let shown = database.psql(&user, &forge(remembered, &write));
        assert!(shown.contains("28E05"), "{shown}");
    }
    assert_eq!(database.query(quotes), SECRET);
}

async fn the_owner_sees_all_rows(cluster: &'static Cluster) {
    let scene = scene(cluster).await;
    let owner = scene.guarded.owner_session().await;
    let row = owner
        .query_one(
            "select count(*) from public.user_messages where user_id = $1",
            &[&VICTIM],
        )
        .await
        .expect("the owner may");
    assert_eq!(row.get::<_, i64>(0), 1);
    // The program still asks for one's own row alone.
    let kafka = Person::new(
        "00u-kafka-with-the-owners-string",
        &scene.guarded.owner_url(),
    );
    assert_eq!(kafka.load().await, None);
}
