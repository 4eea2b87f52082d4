//! What the check costs, as ratios of one run: `cargo bench --bench figures` (with `--profile dev` it builds faster, and
//! the database's share is the same).

#![expect(clippy::print_stdout, reason = "it is there to print")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use support::{
    postgres::{Cluster, Database, Settings, Url, eighteen, literal},
    token::{self, Signer},
};
use tokio_postgres::types::{ToSql, Type};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for server in [None, eighteen()] {
        let cluster = Cluster::start(Settings {
            server,
            ..Settings::default()
        });
        what_a_check_costs(&cluster).await;
    }
    let cluster = Cluster::start(Settings::default());
    println!(
        "\nPostgreSQL {}, one core for each session",
        cluster.version()
    );
    the_guard(&cluster).await;
}

/// Inside the server, so that no network is in it: before version 4 of the migrations, and now.
async fn what_a_check_costs(cluster: &Cluster) {
    println!(
        "\nPostgreSQL {}: one check of a new token, the best of many runs:",
        cluster.version()
    );
    let [before, now] = [cluster.first_release(), cluster.migrated().await];
    let forget = "perform set_config('okta.verified', '', false)";
    let check = "perform okta.user_id()";
    let signers = [2048, 3072, 4096].map(Signer::of_bits);
    let keys = [0, 1, 2].map(|index: usize| signers[index].jwk());
    for database in [&before, &now] {
        database.trust(token::ISSUER, token::AUDIENCE, &keys);
    }
    for (signer, bits) in signers.iter().zip([2048, 3072, 4096]) {
        let token = signer.token(&token::claims("00u-woolf"));
        let forgetting = measure(&before, &token, forget);
        let old = measure(&before, &token, &format!("{forget}; {check}")) - forgetting;
        let new = measure(&now, &token, check);
        // What no other way of writing the rest down can save.
        let signature = format!(
            "perform okta.rs256_matches('\\x00', decode(repeat('10', k.octets), 'hex'), k)
             from okta.signing_key k where k.bits = {bits}"
        );
        let arithmetic = measure_as(&now, &now.owner(), &token, &signature);
        println!(
            "  {bits} bits: {:6.1} us before, {:6.1} us now ({:.2} x; the signature alone {:.2} x), {:5.0} a second on one core",
            old * 1e6,
            new * 1e6,
            new / old,
            arithmetic / old,
            1.0 / new
        );
    }
    // What is made up costs no more than what is good.
    let refused = format!("begin {check}; exception when others then null; end");
    let claims = token::claims("00u-woolf");
    let good = measure(&now, &signers[0].token(&claims), &refused);
    let mut long_claims = claims;
    long_claims["groups"] = vec!["Readers of Woolf"; 550].into();
    let long = measure(&now, &signers[0].token(&long_claims), &refused);
    let mut worst = (0.0, "");
    for (what, token) in hostile(&signers[0]) {
        let took = measure(&now, &token, &refused);
        if took > worst.0 {
            worst = (took, what);
        }
    }
    println!(
        "  the worst of 16 kB that nobody signed: {:.2} x a good one of as many bytes, {:.2} x a short one ({})",
        worst.0 / long,
        worst.0 / good,
        worst.1
    );
}

/// Tokens as long as they may be, which their maker wants to take long.
fn hostile(signer: &Signer) -> [(&'static str, String); 6] {
    let good = signer.token(&token::claims("00u-woolf"));
    let signature = good.rsplit('.').next().expect("a signature");
    let kid = signer.jwk()["kid"].clone();
    let base64url = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let numbers = |count| vec!["1e131071"; count].join(",");
    let header = |member: &str| base64url(&format!(r#"{{"alg":"RS256","kid":{kid},{member}}}"#));
    let members: Vec<_> = (0..50).map(|n| format!(r#""{n}":1"#)).collect();
    let payload = "A".repeat(14_000);
    [
        ("dots", ".".repeat(16_384)),
        (
            "a list for a type",
            format!(
                "{}.{payload}.{signature}",
                header(&format!(r#""typ":[{}]"#, numbers(40)))
            ),
        ),
        (
            "a long header",
            format!(
                "{}.A.{signature}",
                base64url(&format!(r#"{{"typ":[{}]}}"#, numbers(1_100)))
            ),
        ),
        (
            "deep parameters",
            format!(
                "{}.{payload}.{signature}",
                header(&format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200)))
            ),
        ),
        (
            "many parameters",
            format!("{}.{payload}.{signature}", header(&members.join(","))),
        ),
        (
            "a long payload",
            format!(
                "{}.{payload}A.{signature}",
                good.split('.').next().expect("a header")
            ),
        ),
    ]
}

/// A whole operation over TLS, as one pipelined transaction: as the first release asked, as it is asked now, and the same where
/// the check is taken out of the functions.
async fn the_guard(cluster: &Cluster) {
    let (before, now, open) = (
        cluster.first_release(),
        cluster.migrated().await,
        cluster.migrated().await,
    );
    open.query(
        "create or replace function okta.user_id() returns text language sql stable as $$ select '00u-woolf' $$",
    );
    let asked = [(&before, FIRST_RELEASE), (&now, NOW), (&open, NOW)];
    let mut clients = Vec::new();
    for (database, statements) in asked {
        clients.push((database.user_session().await, statements));
    }
    let token = token::of("00u-woolf");
    let mut times = vec![[const { Vec::new() }; 4]; 3];
    // In turn, so that what else the machine does meets all alike.
    for _ in 0..500 {
        for ((client, statements), times) in clients.iter().zip(&mut times) {
            for (statement, times) in statements.iter().zip(times) {
                let begun = Instant::now();
                transact(client, &token, statement).await;
                times.push(begun.elapsed());
            }
        }
    }
    println!("\nAn operation over TLS, a new token each (medians of 500, taken in turn):");
    for (index, what) in ["first save", "load", "save", "delete"].iter().enumerate() {
        let [before, now, open] = [0, 1, 2].map(|way: usize| {
            let times = &mut times[way][index];
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        println!(
            "  {what:10} {before:5.0} us before, {now:5.0} us now ({:.2} x), {open:5.0} us without the check ({:.2} x)",
            now / before,
            now / open
        );
    }
}

/// First save, load, save and delete of one person's quote.
const NOW: [&str; 4] = [
    "select message, create_ts, done from epigraph.save_quote('a', null)",
    "select message, create_ts from epigraph.load_quote()",
    "select message, create_ts, done from epigraph.save_quote('b', 'a')",
    "select message, create_ts from epigraph.delete_quote('b')",
];

/// The same as the first release asked for it; its memory of a checked token is emptied, as in a new process.
const FIRST_RELEASE: [&str; 4] = [
    "insert into public.user_messages (user_id, message, create_ts) values ('00u-woolf', 'a', now() at time zone 'UTC')
     on conflict (user_id) do nothing returning message, create_ts",
    "select message, create_ts from public.user_messages where user_id = '00u-woolf'",
    "update public.user_messages set message = 'b', create_ts = now() at time zone 'UTC'
     where user_id = '00u-woolf' and message = 'a' returning message, create_ts",
    "delete from public.user_messages where user_id = '00u-woolf' and message = 'b' returning user_id",
];

async fn transact(client: &tokio_postgres::Client, token: &str, statement: &str) {
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&token, Type::TEXT)];
    let (begun, set, rows, committed) = tokio::join!(
        biased;
        client.batch_execute("begin isolation level read committed"),
        client.query_typed(
            "select set_config('okta.id_token', $1, true), set_config('okta.verified', '', false)",
            &parameters,
        ),
        client.query_typed(statement, &[]),
        client.batch_execute("commit"),
    );
    begun.expect("it begins");
    set.expect("it is set");
    assert_eq!(rows.expect("it is allowed").len(), 1, "{statement}");
    committed.expect("it is committed");
}

/// How many seconds a statement takes in a loop of the server's own, with a token. Short runs, and many, so that the best
/// of them was disturbed by no one.
fn measure(database: &Database, token: &str, statement: &str) -> f64 {
    measure_as(database, &database.user(), token, statement)
}

fn measure_as(database: &Database, url: &Url, token: &str, statement: &str) -> f64 {
    const TURNS: u32 = 10;
    let script = format!(
        "select set_config('okta.id_token', {}, false) is null;
         do $$ declare begun timestamptz; best float8 := 'infinity'; begin
             for run in 1 .. 300 loop
                 begun := clock_timestamp();
                 for turn in 1 .. {TURNS} loop {statement}; end loop;
                 best := least(best, extract(epoch from clock_timestamp() - begun));
             end loop;
             perform set_config('figures.best', best::text, false);
         end $$;
         select 'best ' || current_setting('figures.best');",
        literal(token)
    );
    let shown = database.psql(url, &script);
    let best = shown.lines().find_map(|line| line.strip_prefix("best "));
    let best: f64 = best
        .and_then(|best| best.parse().ok())
        .unwrap_or_else(|| panic!("{shown}"));
    best / f64::from(TURNS)
}
