//! What the check costs, as ratios of one run: `cargo bench --bench figures` (with `--profile dev` it builds faster, and
//! the database's share is the same).

#![expect(clippy::print_stdout, reason = "it is there to print")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{
    person::Person,
    pgbouncer::PgBouncer,
    postgres::{Cluster, Database, Settings, literal},
    token,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cluster = Cluster::start(Settings {
        conf: "max_connections = 200",
        ..Settings::default()
    });
    println!(
        "PostgreSQL {}, one core for each session",
        cluster.version()
    );
    the_check(&cluster).await;
    a_million_rows(&cluster).await;
    a_thousand_people(&cluster).await;
}

/// Inside the server, so that no network is in it.
async fn the_check(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let open = cluster.migrated().await;
    open.query("alter table public.user_messages disable row level security");
    for one in [&database, &open] {
        one.query("insert into public.user_messages (user_id, message) values ('00u-woolf', 'a')");
    }
    let row = "perform message from public.user_messages where user_id = '00u-woolf'";
    let again = "perform set_config('okta.verified', '', false)";
    let nothing = measure(&database, "perform 1");
    let forget = measure(&database, again);
    let cached = measure(&database, "perform okta.user_id()");
    let full =
        measure(&database, &format!("{again}; perform okta.user_id()")).saturating_sub(forget);
    let unguarded = measure(&open, row);
    let guarded = measure(&database, row);
    println!("\nOne statement inside the server (2048-bit key), the best of five runs:");
    for (what, took) in [
        ("select 1", nothing),
        ("the check, a new token", full),
        ("the check, the same token again", cached),
        ("one row, without row security", unguarded),
        ("one row, with it, the same token again", guarded),
    ] {
        println!(
            "  {what:42} {:8.1} us  {:9.0} a second  {:7.1} x select 1",
            took.as_secs_f64() * 1e6,
            1.0 / took.as_secs_f64(),
            took.as_secs_f64() / nothing.as_secs_f64()
        );
    }

    let guarded = operation(&database).await;
    let unguarded = operation(&open).await;
    println!("\nA person's load through the program, over TLS, the same token again (medians):");
    println!(
        "  with row security {:.0} us, without {:.0} us: {:.2} x",
        guarded.as_secs_f64() * 1e6,
        unguarded.as_secs_f64() * 1e6,
        guarded.as_secs_f64() / unguarded.as_secs_f64()
    );
}

/// How long a statement takes in a loop of the server's own, with a token.
fn measure(database: &Database, statement: &str) -> Duration {
    const TURNS: u32 = 1000;
    let script = format!(
        "select set_config('okta.id_token', {}, false) is null;
         do $$ declare begun timestamptz; best float8 := 'infinity'; begin
             for run in 1 .. 5 loop
                 begun := clock_timestamp();
                 for turn in 1 .. {TURNS} loop {statement}; end loop;
                 best := least(best, extract(epoch from clock_timestamp() - begun));
             end loop;
             perform set_config('figures.best', best::text, false);
         end $$;
         select 'best ' || current_setting('figures.best');",
        literal(&token::of("00u-woolf"))
    );
    let shown = database.psql(&database.user(), &script);
    let best = shown.lines().find_map(|line| line.strip_prefix("best "));
    let best: f64 = best
        .and_then(|best| best.parse().ok())
        .unwrap_or_else(|| panic!("{shown}"));
    Duration::from_secs_f64(best) / TURNS
}

async fn operation(database: &Database<'_>) -> Duration {
    let woolf = Person::new("00u-woolf", &database.user_url());
    median(async || assert!(woolf.load().await.is_some())).await
}

async fn median(mut operation: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let begun = Instant::now();
        operation().await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn a_million_rows(cluster: &Cluster) {
    let mut tables = Vec::new();
    for rows in [1_000, 1_000_000] {
        let database = cluster.migrated().await;
        database.query(&format!(
            "insert into public.user_messages (user_id, message)
             select '00u' || md5(n::text), 'Quote ' || n from generate_series(2, {rows}) n;
             insert into public.user_messages (user_id, message) values ('00u-woolf', 'a');
             analyze public.user_messages"
        ));
        tables.push(database);
    }
    let people: Vec<_> = tables
        .iter()
        .map(|database| Person::new("00u-woolf", &database.user_url()))
        .collect();
    println!("\nAn operation at 1,000 and at 1,000,000 rows (medians of 1,000, taken in turn):");
    // In turn, so that what else the machine does meets both alike.
    let mut times = [[vec![], vec![]], [vec![], vec![]]];
    for turn in 0..1000 {
        for (person, times) in people.iter().zip(&mut times) {
            let begun = Instant::now();
            person.load().await;
            times[0].push(begun.elapsed());
            let (old, new) = if turn % 2 == 0 {
                ("a", "b")
            } else {
                ("b", "a")
            };
            let begun = Instant::now();
            person.save(new, Some(old)).await;
            times[1].push(begun.elapsed());
        }
    }
    for (index, what) in ["load", "save"].into_iter().enumerate() {
        let [few, many] = [0, 1].map(|table: usize| {
            let times = &mut times[table][index];
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        println!("  {what} {few:.0} us and {many:.0} us: {:.2} x", many / few);
    }
}

async fn a_thousand_people(cluster: &Cluster) {
    const PEOPLE: u32 = 1000;
    let database = cluster.migrated().await;
    let pooler = PgBouncer::start(cluster, 20, &[&database]);
    let url = database
        .user()
        .port(pooler.port())
        .without("channel_binding")
        .to_string();
    let people: Vec<_> = (0..PEOPLE)
        .map(|n| {
            let id: &'static str = Box::leak(format!("00u{n:04}").into_boxed_str());
            (Person::new(id, &url), format!("the words of {n}"))
        })
        .collect();
    // All of them run in this one process, whose share of a sign-in (TLS, SCRAM) is a thousand machines' in life.
    for some in people.chunks(25) {
        join_all(some.iter().map(|(person, _)| person.connect())).await;
    }
    let begun = Instant::now();
    let served = join_all(people.iter().map(async |(person, text)| {
        person.try_save(text, None).await.is_ok()
            && person
                .try_load()
                .await
                .is_ok_and(|read| read.is_some_and(|read| read.text == *text))
    }))
    .await;
    let all = begun.elapsed();
    let connections = database.query(&format!(
        "select count(*) from pg_stat_activity where usename = '{}'",
        database.user_name()
    ));
    println!("\n{PEOPLE} people at once through PgBouncer, each saves and reads:");
    println!(
        "  {} served, each their own row, on {connections} server connections, in {:.1} s ({:.0} transactions a second)",
        served.iter().filter(|served| **served).count(),
        all.as_secs_f64(),
        2.0 * f64::from(PEOPLE) / all.as_secs_f64()
    );
    let begun = Instant::now();
    let mut waits = join_all(people.iter().map(async |(person, text)| {
        let begun = Instant::now();
        assert_eq!(person.load().await.as_ref(), Some(text));
        begun.elapsed()
    }))
    .await;
    waits.sort_unstable();
    println!(
        "  all load at once: {:.2} s in all; median wait {:.0} ms, longest {:.0} ms",
        begun.elapsed().as_secs_f64(),
        waits[waits.len() / 2].as_secs_f64() * 1e3,
        waits[waits.len() - 1].as_secs_f64() * 1e3
    );
}
