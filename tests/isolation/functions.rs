//! The functions that a quote is kept by: what they answer is about the caller's own row, whatever the caller puts around them,
//! and does not depend on what anybody else has. Each question is first seen to be answered by a database of the first release.

use tokio_postgres::Client;

use super::scene::{MARK, SECRET, VICTIM, pooled, shown_to_sign_in, signed_in};
use crate::{
    faults::rounds_on_a_version,
    identity::asking::begin,
    questions,
    support::{
        person::{Person, conflict, saved},
        postgres::{Cluster, Database, Url, each_server},
        token,
    },
};

each_server! {
    no_question_about_another_is_answered,
    a_pooler_answers_no_question_either,
    the_caller_gets_their_own_row_whatever_they_add,
    no_setting_makes_a_function_look_at_another_row,
    the_time_of_a_save_is_up_to_no_setting,
    a_guess_at_another_s_text_changes_nothing,
    a_quote_is_no_longer_than_the_program_lets_it_be,
    an_open_transaction_blocks_no_other_row,
    a_block_takes_effect_in_the_middle_of_a_statement,
    without_a_token_every_function_refuses,
}

const EVE: &str = "00u-eve";

/// Questions about the victim's row, where `{quotes}` is the table, or in its place what a function returns. The first release
/// answers them to someone without a token and to someone with one of their own, or to one of the two.
const QUESTIONS: [(bool, bool, &[&str]); 3] = [
    (
        true,
        false,
        &[
            "select from {quotes} where user_id in ('00u-woolf', 'x')",
            "select from {quotes} where message >= 'Lock' and message < 'Locl'",
            "declare c cursor for select from {quotes} where user_id in ('00u-woolf', 'x'); fetch all from c",
            "prepare p (text, text) as select from {quotes} where user_id in ($1, $2); execute p ('00u-woolf', 'x'); deallocate p",
            "update {quotes} set message = 'no' where user_id in ('00u-woolf', 'x')",
            "delete from {quotes} where message >= 'Lock' and message < 'Locl'",
            "select from {quotes} where user_id in ('00u-woolf', 'x') for update",
        ],
    ),
    (
        true,
        true,
        &[
            "explain (analyze, costs off, timing off, summary off) select from {quotes} where user_id in ('00u-woolf', 'x')",
            "explain (analyze, costs off, timing off, summary off) select from {quotes} where message >= 'Lock' and message < 'Locl'",
            "explain (analyze, costs off, timing off, summary off, format json) select max(message) from {quotes} where user_id in ('00u-woolf', 'x')",
        ],
    ),
    (
        false,
        true,
        &[
            "explain (analyze, buffers, verbose, settings, timing off, summary off) select from {quotes} where message = 'Lock up your libraries if you like'",
            "explain (analyze, costs off, timing off, summary off) select from {quotes} where create_ts > '2000-01-01'",
            "explain (analyze, buffers, costs off, timing off, summary off) select from {quotes} where message || '' like '%libraries%'",
        ],
    ),
];

/// What there may be of the victim: no row, the text that is guessed at, another one of its length, and one that is stored apart.
const STATES: [&str; 4] = [
    "delete from public.user_messages where user_id = '00u-woolf'",
    "insert into public.user_messages (user_id, message) values ('00u-woolf', 'Lock up your libraries if you like')",
    "update public.user_messages set message = 'Nail up your windows if you like!!' where user_id = '00u-woolf'",
    "update public.user_messages set message = (select string_agg(md5(n::text), '') from generate_series(1, 1000) n)
     where user_id = '00u-woolf'",
];

/// No way to a row by an index: then the caller's own conditions may come first.
const NO_INDEX: &str = "set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off;";

/// What stands in the table's place: the caller's row, as the functions return it.
const FUNCTIONS: [&str; 3] = [
    "(select '00u-eve' as user_id, q.* from epigraph.load_quote() q)",
    "(select '00u-eve' as user_id, q.* from epigraph.save_quote('mine', 'Lock up your libraries if you like') q)",
    "(select '00u-eve' as user_id, q.* from epigraph.delete_quote('Lock up your libraries if you like') q)",
];

/// Who asks, and the beginning of their transaction.
async fn askers(database: &Database<'_>) -> Vec<(&'static str, String)> {
    let everybody = questions::askers(database).await.into_iter();
    let begins = |token: Option<String>| match token {
        None => "begin;\n".to_owned(),
        Some(token) => shown_to_sign_in(&token),
    };
    everybody.map(|(who, token)| (who, begins(token))).collect()
}

fn furnish(database: &Database) {
    database.query(&format!(
        "insert into public.user_messages (user_id, message) values ('{EVE}', 'mine'), ('00u-joyce', 'Shut your eyes and see')"
    ));
}

/// Each question's answer in each state, without what differs between two runs of the same.
fn answers(database: &Database, url: &Url, begin: &str, questions: &[String]) -> Vec<Vec<String>> {
    let script = questions.iter().fold(String::new(), |all, question| {
        format!("{all}\\echo {MARK}\n{begin}{NO_INDEX}\n{question};\nrollback;\n")
    });
    // What a session does for the first time reads the catalogue as well.
    let script = format!("{script}\\echo === now ===\n{script}");
    STATES
        .iter()
        .map(|state| {
            database.query(state);
            let shown = database.psql(url, &script);
            let (_, shown) = shown.split_once("=== now ===").expect("the second time");
            let answers: Vec<_> = shown.split(MARK).skip(1).map(settled).collect();
            assert_eq!(answers.len(), questions.len(), "{shown}");
            answers
        })
        .collect()
}

/// The answer without the place of an error in the script.
fn settled(answer: &str) -> String {
    answer
        .lines()
        .map(|line| match line.strip_prefix("psql:") {
            Some(rest) => rest.split_once(": ").map_or(rest, |(_, message)| message),
            None => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn ask(quotes: &str) -> Vec<String> {
    let all = QUESTIONS.iter().flat_map(|(.., questions)| *questions);
    all.map(|question| question.replace("{quotes}", quotes))
        .collect()
}

/// The answer without how many pages were in the buffers, or were read into them.
fn without_buffers(answer: &str) -> String {
    let lines = answer.lines().filter(|line| !line.contains("Buffers: "));
    lines.collect::<Vec<_>>().join("\n")
}

async fn assert_none_is_answered(database: &Database<'_>, url: &Url) {
    for (who, begin) in askers(database).await {
        let mut questions = ask("public.user_messages");
        // Every day each is asked of one of the functions.
        let every = rounds_on_a_version(3, 1) as usize;
        for (turn, function) in FUNCTIONS.iter().enumerate() {
            questions.extend(ask(function).into_iter().skip(turn % every).step_by(every));
        }
        let told_by = |asked: &[String]| -> Vec<String> {
            let states = answers(database, url, &begin, asked);
            for (at, question) in asked.iter().enumerate() {
                for state in &states {
                    let but_for_buffers = without_buffers(&states[0][at]);
                    let told = without_buffers(&state[at]);
                    assert_eq!(told, but_for_buffers, "{who}: {question}");
                    let shows_it = state[at].contains("libraries if you like\n");
                    assert!(!shows_it, "{who}: {question}");
                }
            }
            let differ = |at: &usize| states.iter().any(|state| state[*at] != states[0][*at]);
            let told = (0..asked.len()).filter(differ);
            told.map(|at| asked[at].clone()).collect()
        };
        // Other tests use the same buffers, and may put pages out between two states: those are told only by what is told again.
        assert_eq!(told_by(&told_by(&questions)), [""; 0], "{who}");
    }
}

async fn no_question_about_another_is_answered(cluster: &'static Cluster) {
    let before = cluster.first_release();
    furnish(&before);
    let questions = ask("public.user_messages");
    for (who, begin) in askers(&before).await {
        let states = answers(&before, &before.user(), &begin, &questions);
        let expected = QUESTIONS.iter().flat_map(|(without, with, questions)| {
            let is_told = if who == "a person" { *with } else { *without };
            questions.iter().map(move |_| is_told)
        });
        for (index, (question, expected)) in questions.iter().zip(expected).enumerate() {
            let tells = states.iter().any(|state| state[index] != states[0][index]);
            assert_eq!(tells, expected, "{who}: {question}: {states:#?}");
        }
    }

    let database = cluster.migrated().await;
    furnish(&database);
    assert_none_is_answered(&database, &database.user()).await;
}

async fn a_pooler_answers_no_question_either(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    let (_pooler, url) = pooled(cluster, &database, 1);
    assert_none_is_answered(&database, &url).await;
}

async fn the_caller_gets_their_own_row_whatever_they_add(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    database.query(STATES[1]);
    let begin = signed_in(EVE);
    for (statement, shows) in [
        ("select message from epigraph.load_quote()", "mine"),
        ("select (epigraph.load_quote()).message", "mine"),
        (
            "select message from epigraph.load_quote() where message > ''",
            "mine",
        ),
        (
            "select q.message from generate_series(1, 2) n, lateral epigraph.load_quote() q where n = 2",
            "mine",
        ),
        (
            "select message || done from epigraph.save_quote('other', 'mine')",
            "othertrue",
        ),
        (
            "select message || done from epigraph.save_quote('other', 'Lock up your libraries if you like')",
            "minefalse",
        ),
        (
            "select message || done from epigraph.save_quote('other', null)",
            "minefalse",
        ),
        (
            "select message from epigraph.delete_quote('Lock up your libraries if you like')",
            "mine",
        ),
        (
            "select 'gone' where (select message from epigraph.delete_quote(null)) is null",
            "gone",
        ),
        ("select okta.user_id()", EVE),
        (
            "copy (select message from epigraph.load_quote()) to stdout",
            "mine",
        ),
    ] {
        let others = format!(
            "select string_agg(m::text, '') from public.user_messages m where user_id <> '{EVE}'"
        );
        let before = database.query(&others);
        let shown = database.psql(&database.user(), &format!("{begin}{statement};\nrollback;"));
        assert_eq!(shown, format!("signed in\n{shows}\n"), "{statement}");
        assert_eq!(database.query(&others), before, "{statement}");
    }
}

async fn no_setting_makes_a_function_look_at_another_row(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    database.query(&format!("{}; analyze public.user_messages", STATES[1]));
    for settings in [
        NO_INDEX,
        "set local enable_indexscan = off;",
        "set local random_page_cost = 1000000; set local cpu_index_tuple_cost = 1000000; set local cpu_operator_cost = 1000000;",
        // As dear as can be: dearer than what is switched off.
        "set local random_page_cost = 1e300; set local seq_page_cost = 0;",
        "set local cpu_index_tuple_cost = 1e300;",
        "set local cpu_operator_cost = 1e300; set local cpu_tuple_cost = 1e300;",
        "set local plan_cache_mode = force_generic_plan; set local enable_indexscan = off;",
        "set local plan_cache_mode = force_custom_plan; set local seq_page_cost = 0; set local cpu_tuple_cost = 0;",
        "set local jit = on; set local jit_above_cost = 0; set local enable_indexscan = off; set local enable_bitmapscan = off;",
        "set local effective_cache_size = 8; set local work_mem = 64;",
    ] {
        let script = format!(
            "{}{settings}
             select 'read', message from epigraph.load_quote();
             select 'wrote', done from epigraph.save_quote('new', 'mine');
             select 'gone', message from epigraph.delete_quote(null);
             select 'rows', seq_scan, seq_tup_read, idx_tup_fetch <= 7 from pg_stat_xact_all_tables where relname = 'user_messages';
             rollback;",
            signed_in(EVE)
        );
        let shown = database.psql(&database.user(), &script);
        let all = "read|mine\nwrote|t\ngone|\nrows|0|0|t\n";
        assert!(shown.contains(all), "{settings}\n{shown}");
    }
    // What the planner can be made to tell of the statements inside is the same whatever others have.
    let script = format!(
        "{}set local client_min_messages = log; set local debug_print_parse = on; set local debug_print_rewritten = on;
         set local debug_print_plan = on;
         select message from epigraph.load_quote(); select message from epigraph.save_quote('new', 'mine');
         select message from epigraph.delete_quote('new');\nrollback;",
        signed_in(EVE)
    );
    let told: Vec<_> = STATES
        .iter()
        .map(|state| {
            database.query("delete from public.user_messages where user_id = '00u-woolf'");
            // The first two leave a row or none; the others change one.
            database.query(STATES[1]);
            database.query(if *state == STATES[1] {
                "select 1"
            } else {
                state
            });
            settled(&database.psql(&database.user(), &script))
        })
        .collect();
    assert!(told[0].contains("PLANNEDSTMT") && told[0].contains("user_id"));
    for one in &told[1..] {
        let differs = one
            .lines()
            .zip(told[0].lines())
            .find(|(one, other)| one != other);
        assert_eq!(differs, None);
        assert_eq!(one.len(), told[0].len());
    }
}

async fn the_time_of_a_save_is_up_to_no_setting(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    for setting in [
        "timezone = 'Asia/Kathmandu'",
        // The same letters for another zone.
        "timezone = 'UTC-5'",
        "timezone = '<UTC>+9'",
        "timezone_abbreviations = 'India'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
    ] {
        let script = format!(
            "{}set local {setting};
             select 'changed', extract(epoch from create_ts - now() at time zone interval '0') from epigraph.save_quote('new', 'mine');
             select from epigraph.delete_quote(null);
             select 'made', extract(epoch from create_ts - now() at time zone interval '0') from epigraph.save_quote('new', null);
             rollback;",
            signed_in(EVE)
        );
        let shown = database.psql(&database.user(), &script);
        let now = "signed in\nchanged|0.000000\nmade|0.000000\n";
        assert_eq!(shown, now, "{setting}");
    }
}

async fn a_guess_at_another_s_text_changes_nothing(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let woolf = Person::new(VICTIM, &database.user_url());
    saved(woolf.save(SECRET, None).await);
    let eve = Person::new(EVE, &database.user_url());
    assert_eq!(conflict(eve.save("no", Some(SECRET)).await), None);
    eve.delete(Some(SECRET)).await;
    saved(eve.save("mine", None).await);
    let hers = conflict(eve.save("no", Some(SECRET)).await);
    assert_eq!(hers.as_deref(), Some("mine"));
    eve.delete(Some(SECRET)).await;
    assert_eq!(eve.load().await.as_deref(), Some("mine"));
    assert_eq!(woolf.load().await.as_deref(), Some(SECRET));
}

async fn a_quote_is_no_longer_than_the_program_lets_it_be(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let eve = Person::new(EVE, &database.user_url());
    let most = "x".repeat(epigraph::quote::MAX_BYTES);
    saved(eve.save(&most, None).await);
    let script = format!(
        "\\set VERBOSITY verbose\n{}select * from epigraph.save_quote(repeat('x', {}), repeat('x', {}));\ncommit;",
        signed_in(EVE),
        most.len() + 1,
        most.len()
    );
    let shown = database.psql(&database.user(), &script);
    assert!(shown.contains("22001: A quote has at most"), "{shown}");
    assert_eq!(eve.load().await, Some(most));
}

/// A session in a transaction with a token of this person.
async fn begun(database: &Database<'_>, person: &str) -> Client {
    let session = database.user_session().await;
    begin(&session, "begin", &token::of(person)).await;
    session
}

async fn an_open_transaction_blocks_no_other_row(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    let eve = begun(&database, EVE).await;
    eve.batch_execute(
        "select epigraph.load_quote(); select epigraph.save_quote('new', 'mine'); select epigraph.delete_quote(null);
         select epigraph.save_quote('again', null)",
    )
    .await
    .expect("it is hers");
    let woolf = Person::new(VICTIM, &database.user_url());
    saved(woolf.save(SECRET, None).await);
    saved(woolf.save("another", Some(SECRET)).await);
    woolf.delete(None).await;
    // And no one may lock the table.
    let refused = eve
        .batch_execute("lock table public.user_messages in access share mode")
        .await
        .expect_err("there is no right on it");
    assert_eq!(refused.code().expect("a code").code(), "42501");
}

/// A statement may run for long, and hands out row after row.
async fn a_block_takes_effect_in_the_middle_of_a_statement(cluster: &'static Cluster) {
    for (shut_out, code) in [
        ("select okta.block('00u-eve')", "28E11"),
        (
            "select okta.remove_signing_key(issuer, kid) from okta.signing_key",
            "28E04",
        ),
    ] {
        let database = cluster.migrated().await;
        furnish(&database);
        let eve = begun(&database, EVE).await;
        eve.batch_execute(
            "declare c cursor for select (epigraph.load_quote()).message from generate_series(1, 10);
             declare id cursor for select okta.user_id() from generate_series(1, 10); savepoint before",
        )
        .await
        .expect("it is hers");
        let fetch = |cursor| eve.query_typed(cursor, &[]);
        for (cursor, row) in [("fetch 1 from c", "mine"), ("fetch 1 from id", EVE)] {
            let rows = fetch(cursor).await.expect("it is hers");
            assert_eq!(rows[0].get::<_, &str>(0), row);
        }
        database.query(shut_out);
        for cursor in ["fetch 1 from c", "fetch 1 from id"] {
            let refused = fetch(cursor).await.expect_err("from now on");
            assert_eq!(refused.code().expect("a code").code(), code, "{shut_out}");
            eve.batch_execute("rollback to before")
                .await
                .expect("it was set");
        }
    }
}

async fn without_a_token_every_function_refuses(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    furnish(&database);
    for call in [
        "epigraph.load_quote()",
        "epigraph.save_quote('no', null)",
        "epigraph.save_quote(null, null)",
        "epigraph.save_quote('no', 'mine')",
        "epigraph.delete_quote(null)",
        "epigraph.delete_quote('mine')",
        "okta.user_id()",
        "okta.claims()",
    ] {
        for statement in [
            format!("select {call}"),
            format!("explain analyze select * from {call}"),
        ] {
            let shown = database.psql(
                &database.user(),
                &format!("\\set VERBOSITY verbose\n{statement};"),
            );
            assert!(shown.contains("ERROR:  28E01: "), "{statement}\n{shown}");
        }
    }
    let hers = format!("select message from public.user_messages where user_id = '{EVE}'");
    database.shows(&hers, "mine");
}
