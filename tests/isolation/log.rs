//! What a colleague can have the server write into its log about others: nothing, whatever they switch on for a role that they
//! share or leave switched on on a pooled connection. Whoever reads the log reads no quote and no token.

use tokio_postgres::types::Type;

use super::scene::pooled;
use crate::{
    identity::asking::begin,
    support::{
        person::{Person, saved},
        postgres::{Cluster, Database, Url, each_server},
        token,
    },
};

each_server! {
    nothing_of_a_person_is_logged_by_what_a_role_was_set_to,
    nothing_is_logged_by_what_was_left_on_a_pooled_connection,
    a_commit_is_kept_whatever_a_role_was_set_to,
}

/// What everybody may set, and makes a server write texts into its log: parameters of what failed, and constants of plans.
const TELLTALES: [&str; 4] = [
    "log_parameter_max_length_on_error = -1",
    "debug_print_parse = on",
    "debug_print_rewritten = on",
    "debug_print_plan = on",
];
/// What is in each text here, and how a plan shows it.
const MARK: &str = "LIGHTHOUSE";

fn log_has(cluster: &Cluster, words: &str) -> bool {
    let bytes: Vec<_> = words.bytes().map(|byte| byte.to_string()).collect();
    let log = cluster.log();
    // Plans are written over several lines.
    let log = log.split_whitespace().collect::<Vec<_>>().join(" ");
    log.contains(words) || log.contains(&bytes.join(" "))
}

/// The same as the program does, by someone who did not think of it.
async fn careless(database: &Database<'_>, text: &str) {
    let client = database.user_session().await;
    begin(&client, "begin", &token::of("00u-careless")).await;
    client
        .query_typed(
            "select epigraph.save_quote($1, null)",
            &[(&text, Type::TEXT)],
        )
        .await
        .expect_err("the disk is full");
}

async fn assert_nothing_is_logged(cluster: &Cluster, database: &Database<'_>, url: &Url) {
    let mut claims = token::claims("00u-woolf");
    claims["jti"] = database.name().into();
    let token = token::signer().token(&claims);
    let woolf = Person::with_token(&url.to_string(), token.clone());
    let words = |word: &str| format!("{MARK} {} {word}", database.name());
    saved(woolf.save(&words("one"), None).await);
    saved(woolf.save(&words("two"), Some(&words("one"))).await);
    assert_eq!(woolf.load().await, Some(words("two")));
    // From now on every write fails.
    database.query(
        "create function public.full() returns trigger language plpgsql as $$ begin
           raise exception 'could not extend file' using errcode = 'disk_full';
         end $$;
         create trigger full_disk before insert or update on public.user_messages execute function public.full()",
    );
    woolf
        .try_save(&words("three"), Some(&words("two")))
        .await
        .expect_err("the disk is full");
    assert!(!log_has(cluster, &format!("{MARK} {} ", database.name())));
    let (rest, signature) = token.rsplit_once('.').expect("three parts");
    for part in [&rest[rest.len() - 100..], &signature[..40]] {
        assert!(!log_has(cluster, part));
    }
    // It is not that nothing was switched on.
    let careless_words = format!("CARELESS {}", database.name());
    careless(database, &careless_words).await;
    assert!(log_has(cluster, &careless_words));
}

async fn nothing_of_a_person_is_logged_by_what_a_role_was_set_to(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    for telltale in TELLTALES {
        let shown = database.psql(
            &database.user(),
            &format!("alter role current_user set {telltale}"),
        );
        assert!(!shown.contains("ERROR"), "{shown}");
    }
    assert_nothing_is_logged(cluster, &database, &database.user()).await;
}

async fn nothing_is_logged_by_what_was_left_on_a_pooled_connection(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let (_pooler, url) = pooled(cluster, &database, 1);
    let left: Vec<_> = TELLTALES
        .iter()
        .map(|telltale| format!("set {telltale};"))
        .collect();
    let shown = database.psql(&url, &left.concat());
    assert!(!shown.contains("ERROR"), "{shown}");
    let shown = database.psql(&url, "show debug_print_plan");
    assert!(shown.ends_with("on\n"), "{shown}");
    for telltale in TELLTALES {
        // For the careless one, who comes by another way.
        database.query(&format!(
            "alter role {} set {telltale}",
            database.user_name()
        ));
    }
    assert_nothing_is_logged(cluster, &database, &url).await;
}

async fn a_commit_is_kept_whatever_a_role_was_set_to(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    for setting in [
        "synchronous_commit = off",
        "lock_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
    ] {
        let shown = database.psql(
            &database.user(),
            &format!("alter role current_user set {setting}"),
        );
        assert!(!shown.contains("ERROR"), "{shown}");
    }
    // What is so within a save is seen by a trigger of the owner's. Compiling a statement about one row takes a hundred times as
    // long as carrying it out, and the planner is made to believe that it is worth it.
    database.query(
        "create table public.seen (setting text);
         create function public.see() returns trigger language plpgsql as $$ begin
           insert into public.seen select current_setting('synchronous_commit') || ' ' || current_setting('lock_timeout')
               || ' ' || current_setting('idle_in_transaction_session_timeout')
               || ' ' || current_setting('jit');
           return new;
         end $$;
         create trigger see before insert on public.user_messages for each row execute function public.see();
         grant insert on public.seen to public",
    );
    let woolf = Person::new("00u-woolf", &database.user_url());
    saved(woolf.save("No need to hurry.", None).await);
    database.shows("select setting from public.seen", "on 0 0 off");
}
