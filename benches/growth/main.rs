//! What growth costs: a thousand who start at the same moment, more rows, people and keys, and ten thousand and a million by
//! simulation from what was measured. `cargo bench --bench growth`, on Linux; what it prints stands in `docs/scale.md`. With two
//! numbers behind `--`, the milliseconds of a start in the pooler and in PostgreSQL, it only simulates.

#![expect(clippy::print_stdout, reason = "it is there to print")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod simulation;

use std::{
    env, fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use epigraph::{account::Activity, config::Store, keyring::Keyring, session::Vault};
use futures_util::future::join_all;
use serde_json::json;
use simulation::Costs;
use support::{
    ca,
    guardian::Scratch,
    person::Person,
    pgbouncer::PgBouncer,
    postgres::{Cluster, Database, Settings},
    privilege,
    process::{ticks, time_of_ended_children, time_with_children},
    proxy::Proxy,
    token::{self, Signer},
};

/// How many start at the same moment.
const PEOPLE: u32 = 1000;

/// Says that this is the second of two processes.
const AGAIN: &str = "again";

/// Reading a machine's trust store takes four times as much as all else that a client does. A thousand machines do so side by side,
/// and this one would do it a thousand times: it starts itself again with a trust store of one certificate.
fn main() {
    let given: Vec<f64> = env::args().filter_map(|it| it.parse().ok()).collect();
    if let [pooler, server] = given[..] {
        return simulation::print(&Costs {
            pooler: pooler / 1e3,
            server: server / 1e3,
        });
    }
    if env::args().all(|argument| argument != AGAIN) {
        let program = env::current_exe().expect("a path of its own");
        let mut again = Command::new(program);
        again
            .arg(AGAIN)
            .env("SSL_CERT_FILE", ca::trusted().pem_path());
        let status = again.status().expect("it starts again");
        std::process::exit(status.code().unwrap_or(1));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    let cluster = Cluster::start(Settings {
        conf: "max_connections = 200",
        ..Settings::default()
    });
    println!(
        "PostgreSQL {}, PgBouncer in transaction mode, TLS with a certificate of RSA 2,048 bits, SCRAM-SHA-256",
        cluster.version()
    );
    more_rows_people_and_keys(&cluster).await;
    let costs = a_thousand_starts(&cluster).await;
    simulation::print(&costs);
}

/// One load and one save over an open connection, by what the database holds.
async fn more_rows_people_and_keys(cluster: &Cluster) {
    let cases = [
        ("1,000 rows, 1 key, no one blocked", 1_000, 1, 0),
        ("1,000,000 rows", 1_000_000, 1, 0),
        ("100,000 people blocked", 1_000, 1, 100_000),
        ("5 keys", 1_000, 5, 0),
        ("20 keys", 1_000, 20, 0),
    ];
    let mut signers: Vec<_> = (1..20).map(|_| Signer::new().jwk()).collect();
    signers.push(token::signer().jwk());
    let mut databases = Vec::new();
    for (_, rows, keys, blocked) in cases {
        let database = cluster.migrated().await;
        let keys = &signers[signers.len() - keys..];
        database.trust(token::ISSUER, token::AUDIENCE, keys);
        database.query(&format!(
            "insert into public.user_messages (user_id, message)
             select '00u' || md5(n::text), 'Quote ' || n from generate_series(2, {rows}) n;
             insert into public.user_messages (user_id, message) values ('00u-woolf', 'a');
             insert into okta.blocked (user_id) select '00b' || md5(n::text) from generate_series(1, {blocked}) n;
             analyze"
        ));
        databases.push(database);
    }
    let people: Vec<_> = databases
        .iter()
        .map(|database| Person::new("00u-woolf", &database.user_url()))
        .collect();
    let mut times = [const { (Vec::new(), Vec::new()) }; 5];
    // In turn, so that what else the machine does meets all alike.
    for turn in 0..1000 {
        let (old, new) = [("a", "b"), ("b", "a")][turn % 2];
        for (person, (loads, saves)) in people.iter().zip(&mut times) {
            let begun = Instant::now();
            person.load().await;
            loads.push(begun.elapsed());
            let begun = Instant::now();
            person.save(new, Some(old)).await;
            saves.push(begun.elapsed());
        }
    }
    let size = databases[1].query("select pg_total_relation_size('public.user_messages')");
    println!("\nA million rows take {size} bytes.");
    println!("\nAn operation over an open connection (medians of 1,000, taken in turn):");
    let medians = times.map(|(mut loads, mut saves)| {
        [&mut loads, &mut saves].map(|times| {
            times.sort_unstable();
            at(times, 0.5).as_secs_f64() * 1e6
        })
    });
    for ((what, ..), [load, save]) in cases.iter().zip(medians) {
        let [first_load, first_save] = medians[0];
        println!(
            "  {what:34} load {load:4.0} us ({:.2} x), save {save:4.0} us ({:.2} x)",
            load / first_load,
            save / first_save
        );
    }
}

/// All begin at the same moment, each with a connection of its own: TCP, TLS, SCRAM, the check of the token, their own row.
async fn a_thousand_starts(cluster: &Cluster) -> Costs {
    let database = cluster.migrated().await;
    database.query(&format!(
        "insert into public.user_messages (user_id, message)
         select '00u' || n, 'the words of ' || n from generate_series(1, {PEOPLE}) n"
    ));
    let scratch = Scratch::new("growth");
    let secrets = secrets(cluster, &database, scratch.path());
    println!(
        "\n{PEOPLE} starts at the same moment, in one process, which has one core for all of them:"
    );
    let mut usual = None;
    for (pool_size, has_secrets) in [(20, true), (2, true), (100, true), (20, false)] {
        let more = has_secrets.then(|| format!("auth_file = {}\n", secrets.display()));
        let more = more.unwrap_or_default();
        let pooler = PgBouncer::start_with(cluster, pool_size, &[&database], &more);
        let state = scratch.path().join(format!("state-{}", pooler.port()));
        privilege::own_dir(&state);
        let servers = Servers { cluster, pooler };
        let how = if has_secrets {
            ""
        } else {
            ", which has passwords in place of SCRAM secrets"
        };
        println!("  a pool of {pool_size} server connections{how}");
        // It learns how the pooler asks for the password, as a machine does at its first start.
        library(&servers, &database, &state, 1).await;
        if usual.is_none() {
            bytes_of_a_start(&servers, &database, &state).await;
            let stateless = scratch.path().join("nothing");
            library(&servers, &database, &stateless, PEOPLE)
                .await
                .print("first starts");
        }
        let storm = library(&servers, &database, &state, PEOPLE).await;
        storm.print("usual starts");
        usual.get_or_insert(storm);
    }
    let pooler = PgBouncer::start_with(
        cluster,
        20,
        &[&database],
        &format!("auth_file = {}\n", secrets.display()),
    );
    let servers = Servers { cluster, pooler };
    println!(
        "\n{PEOPLE} processes `epigraph show` at the same moment, each with its own home, session and row:"
    );
    let homes = homes(&servers, &database, scratch.path()).await;
    let [one, all] = [Some(ca::trusted().pem_path()), None];
    for (trusted, what) in [
        (one, "first starts"),
        (one, "usual starts"),
        (all, "usual starts that read the system's trust store"),
    ] {
        processes(&servers, &homes, trusted).await.print(what);
    }
    let storm = usual.expect("there was one");
    Costs {
        pooler: storm.pooler.as_secs_f64() / f64::from(PEOPLE),
        server: storm.server.as_secs_f64() / f64::from(PEOPLE),
    }
}

/// The file of a pooler that knows SCRAM secrets and no password, as one does that asks the server for them.
fn secrets(cluster: &Cluster, database: &Database, directory: &Path) -> PathBuf {
    let path = directory.join("secrets.txt");
    let text = cluster.query(
        "postgres",
        &format!(
            "select format('\"%s\" \"%s\"', rolname, rolpassword) from pg_authid where rolname = '{}'",
            database.user_name()
        ),
    );
    fs::write(&path, text + "\n").expect("the directory is writable");
    privilege::give_away(&path);
    path
}

struct Servers<'a> {
    cluster: &'a Cluster,
    pooler: PgBouncer,
}

impl Servers<'_> {
    /// Has all of them start at the same moment; each says in the end whether it was served.
    async fn storm<F: Future<Output = bool>>(&self, starts: impl Iterator<Item = F>) -> Storm {
        let before = self.times();
        let begun = Instant::now();
        let ends = join_all(starts.map(async |start| (start.await, begun.elapsed()))).await;
        let after = self.times();
        let [clients, pooler, server] =
            [0, 1, 2].map(|of: usize| after[of].saturating_sub(before[of]));
        let mut waits: Vec<_> = ends.iter().map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        Storm {
            served: ends.iter().filter(|(is_served, _)| *is_served).count(),
            retries: None,
            waits,
            clients,
            pooler,
            server,
        }
    }

    /// The processor time so far of the clients, of the pooler and of the database.
    fn times(&self) -> [Duration; 3] {
        let own = std::process::id();
        let clients = Duration::from_millis(10) * ticks(own) + time_of_ended_children(own);
        let [pooler, server] = [self.pooler.id(), self.cluster.id()].map(time_with_children);
        [clients, pooler, server]
    }

    fn url(&self, database: &Database) -> String {
        let url = database.user().port(self.pooler.port());
        url.without("channel_binding").to_string()
    }
}

/// What came of it.
struct Storm {
    served: usize,
    /// Unknown of whole processes.
    retries: Option<usize>,
    waits: Vec<Duration>,
    clients: Duration,
    pooler: Duration,
    server: Duration,
}

impl Storm {
    fn print(&self, what: &str) {
        let count = u32::try_from(self.waits.len()).expect("a few thousand");
        let retries = self.retries.map(|count| format!(", {count} retries"));
        let retries = retries.unwrap_or_default();
        println!(
            "    {what}: {} served, {} failed{retries}; {:.2} s in all, median {:.2} s, 99th percentile {:.2} s",
            self.served,
            self.waits.len() - self.served,
            at(&self.waits, 1.0).as_secs_f64(),
            at(&self.waits, 0.5).as_secs_f64(),
            at(&self.waits, 0.99).as_secs_f64(),
        );
        let [clients, pooler, server] =
            [self.clients, self.pooler, self.server].map(|time| (time / count).as_secs_f64() * 1e3);
        println!(
            "      processor time of a start: client {clients:.2} ms, PgBouncer {pooler:.2} ms, PostgreSQL {server:.2} ms"
        );
    }
}

/// The value below which this part of the sorted ones lies.
fn at(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() - 1) as f64 * part) as usize;
    sorted[index]
}

/// People in this process: no time goes into starting programs, so that the servers have to bear all of them at once.
async fn library(
    servers: &Servers<'_>,
    database: &Database<'_>,
    state: &Path,
    count: u32,
) -> Storm {
    let url = servers.url(database);
    let people: Vec<_> = (1..=count)
        .map(|n| {
            let token = token::of(&format!("00u{n}"));
            Person::on_machine(&url, token, Some(state))
        })
        .collect();
    let starts = people.iter().zip(1..).map(async |(person, n)| {
        let read = person.try_load().await;
        read.is_ok_and(|read| read.is_some_and(|read| read.text == words(n)))
    });
    let storm = servers.storm(starts).await;
    let activities = people.iter().flat_map(Person::activities);
    let retries = activities.filter(|it| *it == Activity::RetryingDatabase);
    Storm {
        retries: Some(retries.count()),
        ..storm
    }
}

/// What one usual start sends.
async fn bytes_of_a_start(servers: &Servers<'_>, database: &Database<'_>, state: &Path) {
    let proxy = Proxy::to(servers.pooler.port());
    let url = database.user().port(proxy.port());
    let url = url.without("channel_binding").to_string();
    for _ in 0..2 {
        proxy.forget();
        let person = Person::on_machine(&url, token::of("00u1"), Some(state));
        assert_eq!(person.load().await, Some(words(1)));
    }
    let counts = proxy.counts();
    println!(
        "    a usual start: {} round trips, {} bytes to the server, {} bytes to the client",
        counts.round_trips, counts.requested, counts.answered
    );
}

/// The quote of a person.
fn words(n: u32) -> String {
    format!("the words of {n}")
}

/// A home for each person, with a configuration and a session as a sign-in leaves them.
async fn homes(servers: &Servers<'_>, database: &Database<'_>, directory: &Path) -> Vec<PathBuf> {
    let url = servers.url(database);
    let mut homes = Vec::new();
    for n in 1..=PEOPLE {
        let home = directory.join(format!("home-{n}"));
        let (configuration, state) = (
            home.join(".config/epigraph"),
            home.join(".local/state/epigraph"),
        );
        fs::create_dir_all(&configuration).expect("a directory");
        let mut options = fs::File::options();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut file = file
            .open(configuration.join("config.toml"))
            .expect("a file");
        let text = format!(
            "issuer = \"{}\"\nclient_id = \"{}\"\ndatabase_url = \"{url}\"\nstore = \"file\"\n",
            token::ISSUER,
            token::AUDIENCE
        );
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("it is written");
        let sub = format!("00u{n}");
        let session = json!({
            "version": 1, "sub": sub, "name": "A person", "refresh_token": "never-used",
            "id_token": token::of(&sub), "exp": token::now() + 3600,
        });
        let vault = Keyring::new(Store::File, &state, token::ISSUER, token::AUDIENCE);
        let written = vault.write(session.to_string().into()).await;
        written.expect("a session");
        homes.push(home);
    }
    homes
}

/// Whole processes of the program, with a trust store of their own or the system's.
async fn processes(servers: &Servers<'_>, homes: &[PathBuf], trusted: Option<&Path>) -> Storm {
    let starts = homes.iter().zip(1..).map(async |(home, n)| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_epigraph"));
        command
            .arg("show")
            .env_clear()
            .env("HOME", home)
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdin(Stdio::null());
        if let Some(trusted) = trusted {
            command.env("SSL_CERT_FILE", trusted);
        }
        let output = command.output().await.expect("the program starts");
        output.status.success() && output.stdout == words(n).as_bytes()
    });
    servers.storm(starts).await
}
