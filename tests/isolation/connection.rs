//! What people leave behind on a connection that they share, and what they see of one another there.

use super::scene::{SECRET, VICTIM, pooled, signed_in};
use epigraph::account::Activity;

use crate::support::{
    PATIENCE,
    person::Person,
    postgres::{Cluster, Database, each_server, literal},
    token,
};

each_server! {
    what_is_left_behind_on_a_pooled_connection_opens_nothing,
    a_trap_on_a_pooled_connection_catches_nothing,
    a_function_of_ones_own_catches_no_token,
    after_the_commit_the_token_is_gone,
    others_statements_show_no_text_and_no_token,
    many_people_at_once_on_few_connections_see_their_own_row,
}

const ME: &str = "00u-kafka";

async fn written(cluster: &'static Cluster) -> Database<'static> {
    let database = cluster.migrated().await;
    database.query(&format!(
        "insert into public.user_messages (user_id, message) values ({}, {}), ('{ME}', 'mine')",
        literal(VICTIM),
        literal(SECRET)
    ));
    database
}

/// The server's process behind a pooled connection: the same one shows that it was shared.
fn backend(database: &Database) -> String {
    database.query(&format!(
        "select string_agg(pid::text, ' ') from pg_stat_activity where usename = '{}'",
        database.user_name()
    ))
}

async fn what_is_left_behind_on_a_pooled_connection_opens_nothing(cluster: &'static Cluster) {
    let database = written(cluster).await;
    let (_pooler, url) = pooled(cluster, &database, 1);
    let token = token::of(VICTIM);
    let signature = token.rsplit('.').next().expect("three parts").to_owned();
    let woolf = Person::with_token(&url.to_string(), token);
    let mine = signed_in(ME);
    // He is there first, and leaves a statement that is planned with no one's, his own, and the next one's token.
    database.psql(
        &url,
        "prepare loot as select 'loot', q.* from epigraph.load_quote() q;",
    );
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
    let process = backend(&database);
    for script in [
        "execute loot;",
        "table public.user_messages;",
        "select * from epigraph.load_quote();",
        "select current_setting('okta.id_token', true), current_setting('okta.verified', true);",
        "show all;",
        "select * from pg_prepared_statements; select * from pg_cursors;",
        "declare left_open cursor with hold for select * from epigraph.load_quote(); fetch all from left_open;",
        "rollback; select * from epigraph.load_quote();",
    ] {
        for begun in ["", mine.as_str()] {
            let shown = database.psql(&url, &format!("{begun}{script}\ncommit;"));
            assert!(!shown.contains(SECRET), "{script}\n{shown}");
            assert!(!shown.contains(&signature), "{script}\n{shown}");
            assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
        }
    }
    assert_eq!(backend(&database), process, "they did share it");
}

async fn a_trap_on_a_pooled_connection_catches_nothing(cluster: &'static Cluster) {
    let my_token = literal(&token::of(ME));
    let database = written(cluster).await;
    let (_pooler, url) = pooled(cluster, &database, 1);
    for trap in [
        &format!("set okta.id_token = {my_token};"),
        &format!("select set_config('okta.id_token', {my_token}, false);"),
        "set okta.verified = 'deadbeef';",
        "set search_path = '';",
        "set search_path = public, pg_catalog;",
        &format!("set role {};", database.group()),
        "set row_security = off;",
        "set default_transaction_read_only = on;",
        "set default_transaction_isolation = serializable;",
        "set standard_conforming_strings = off; set bytea_output = 'escape'; set extra_float_digits = -15;",
        "set datestyle = 'SQL, DMY'; set timezone = 'Asia/Kathmandu'; set intervalstyle = sql_standard;",
        "set client_encoding = 'LATIN1';",
        "set plan_cache_mode = force_generic_plan; set enable_indexscan = off;",
        "set statement_timeout = 1;",
        "set xmloption = document; set lc_messages = 'C';",
        "begin; savepoint a;",
    ] {
        database.query(&format!(
            "update public.user_messages set message = {} where user_id = '{VICTIM}'",
            literal(SECRET)
        ));
        database.psql(&url, trap);
        let woolf = Person::new(VICTIM, &url.to_string());
        // Either it is the person's own row, or an error: never another's, and never a write to one.
        if let Ok(read) = woolf.try_load().await {
            let text = read.map(|saved| saved.text);
            assert_eq!(text.as_deref(), Some(SECRET), "{trap}");
        }
        woolf
            .try_save("Nothing has really happened", Some(SECRET))
            .await
            .ok();
        let mine = format!("select message from public.user_messages where user_id = '{ME}'");
        assert_eq!(database.query(&mine), "mine", "{trap}");
        let all = "table public.user_messages; select * from epigraph.load_quote();";
        let loot = database.psql(&url, all);
        for hers in ["Nothing has really", SECRET] {
            assert!(!loot.contains(hers), "{trap}\n{loot}");
        }
        // The next trap is set on a connection without this one.
        database.query(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'",
            database.user_name()
        ));
    }
}

/// As before PostgreSQL 15, where the schema `public` may be open to everybody.
async fn a_function_of_ones_own_catches_no_token(cluster: &'static Cluster) {
    let database = written(cluster).await;
    let (_pooler, pooled) = pooled(cluster, &database, 1);
    cluster.query(
        database.name(),
        "grant create on schema public to public; create table public.loot (token text);
         grant insert on public.loot to public",
    );
    let path = "search_path = public, pg_catalog";
    let trap = format!(
        "create function public.set_config(text, text, boolean) returns text language plpgsql as $$ begin
           insert into public.loot values ($2); return pg_catalog.set_config($1, $2, $3);
         end $$;
         create function public.same(name, name) returns boolean language plpgsql as $$ begin
           insert into public.loot values (pg_catalog.current_setting('okta.id_token', true));
           return $1 operator(pg_catalog.=) $2;
         end $$;
         create operator public.= (function = public.same, leftarg = name, rightarg = name);
         set {path}; alter role current_user set {path};"
    );
    let shown = database.psql(&pooled, &trap);
    assert!(!shown.contains("ERROR"), "{shown}");
    let caught = || database.query("select count(*) from public.loot where token <> ''");
    for url in [&pooled, &database.user()] {
        let shown = database.psql(url, "show search_path");
        assert!(shown.ends_with("public, pg_catalog\n"), "{shown}");
        let before = caught();
        let woolf = Person::new(VICTIM, &url.to_string());
        assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
        woolf.save(SECRET, Some(SECRET)).await;
        assert_eq!(caught(), before);
        // It is not that there is no trap.
        database.psql(url, &format!("{}commit;", signed_in(VICTIM)));
        assert_ne!(caught(), before);
    }
}

async fn after_the_commit_the_token_is_gone(cluster: &'static Cluster) {
    let database = written(cluster).await;
    let begun = signed_in(VICTIM);
    let url = database.user();
    let script = format!(
        "{begun}select 'first', message from epigraph.load_quote();\ncommit;
         begin;\nselect 'second', message from epigraph.load_quote();\ncommit;\nselect 'third', message from epigraph.load_quote();"
    );
    let shown = database.psql(&url, &script);
    assert!(shown.contains(&format!("first|{SECRET}")), "{shown}");
    assert!(!shown.contains("second|"), "{shown}");
    assert!(!shown.contains("third|"), "{shown}");
    // What was prepared under one token runs under the next one.
    let script = format!(
        "{begun}prepare p as select 'prepared', message from epigraph.load_quote(); execute p; commit;\n\
         {} execute p; commit; execute p;",
        signed_in(ME)
    );
    let shown = database.psql(&url, &script);
    let rows = shown.lines().filter(|line| line.starts_with("prepared|"));
    let hers = format!("prepared|{SECRET}");
    assert_eq!(rows.collect::<Vec<_>>(), [&hers, "prepared|mine"]);
}

async fn others_statements_show_no_text_and_no_token(cluster: &'static Cluster) {
    let database = written(cluster).await;
    let mut owner = database.owner_session().await;
    let lock = owner.transaction().await.expect("a transaction");
    lock.batch_execute("select 1 from public.user_messages for update")
        .await
        .expect("the owner may");
    let woolf = Person::new(VICTIM, &database.user_url());
    let text = "Nothing has really happened until it has been recorded";
    let save = woolf.try_save(text, Some(SECRET));
    let watch = async {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let seen = loop {
            let shown = database.psql(
                &database.user(),
                "select query from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database();
                 select * from pg_stat_activity; select * from pg_locks;",
            );
            if shown.contains("from epigraph.save_quote($1") {
                break shown;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "her statement never waits: {shown}"
            );
            // The save goes on meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        lock.rollback().await.expect("it ends");
        seen
    };
    let (saved, seen) = tokio::join!(save, watch);
    saved.expect("it is saved in the end");
    assert!(seen.contains("$1"), "{seen}");
    assert!(!seen.contains(text) && !seen.contains(SECRET), "{seen}");
    let token = token::of(VICTIM);
    assert!(!seen.contains(&token[..20]), "{seen}");
}

/// `cargo bench --bench growth` starts 1,000 people at the same moment on 20 connections.
async fn many_people_at_once_on_few_connections_see_their_own_row(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let (_pooler, url) = pooled(cluster, &database, 4);
    let url = url.to_string();
    let ids: Vec<&'static str> = (0..60)
        .map(|n| &*Box::leak(format!("00u{n}").into_boxed_str()))
        .collect();
    futures_util::future::join_all(ids.iter().map(async |id| {
        let person = Person::new(id, &url);
        for round in 0..3 {
            let text = format!("{id} {round}");
            let before = person.load().await;
            person.save(&text, before.as_deref()).await;
            assert_eq!(person.load().await, Some(text));
        }
        assert!(!person.activities().contains(&Activity::RetryingDatabase));
    }))
    .await;
    let last = "select count(*) from public.user_messages where message = user_id || ' 2'";
    database.shows(last, "60");
    let connections = format!(
        "select count(*) <= 4 from pg_stat_activity where usename = '{}'",
        database.user_name()
    );
    database.shows(&connections, "t");
}
