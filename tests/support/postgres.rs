//! A throw-away PostgreSQL: a real cluster on the loopback interface, with TLS, SCRAM and channel binding, as Neon has them.

use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        LazyLock, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use openssl::rand::rand_bytes;
use rustix::process::Signal;
use tokio_postgres::SimpleQueryMessage;

use super::{
    PROGRAM,
    ca::{self, Ca, Leaf},
    free_port,
    guardian::{Scratch, Started},
    okta::{Okta, Server},
    privilege, secrets, served, token, wait_for,
};

pub(crate) use server::eighteen;
pub(crate) use server::program;

mod server;

const SUPERUSER: &str = "postgres";

/// How a cluster differs from the usual one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a> {
    /// Its certificate; the one for `localhost` by the trusted authority where there is none here.
    pub(crate) leaf: Option<&'a Leaf>,
    /// The authority that its connection strings name; the trusted one where there is none here.
    pub(crate) ca: Option<&'a Ca>,
    /// Whether it knows no TLS at all.
    pub(crate) plaintext: bool,
    /// More lines for `postgresql.conf`.
    pub(crate) conf: &'a str,
    /// The directory of its programs; the newest installed one where there is none here.
    pub(crate) server: Option<&'a Path>,
}

/// A running cluster; it goes when it is dropped or when our process ends.
pub(crate) struct Cluster {
    process: Started,
    /// Where its data are.
    data: PathBuf,
    scratch: Scratch,
    port: u16,
    made: Made,
}

/// What a cluster shares with its standby.
#[derive(Clone)]
struct Made {
    /// The directory of its programs.
    server: PathBuf,
    password: String,
    plaintext: bool,
    authority: PathBuf,
}

/// The cluster that the tests of this process share, each with a database of its own.
pub(crate) fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Settings::default()))
}

/// The same on PostgreSQL 18; see [`each_server`].
#[cfg(test)]
pub(crate) fn shared_18() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    let Some(server) = server::eighteen() else {
        return shared();
    };
    CLUSTER.get_or_init(|| {
        let cluster = Cluster::start(Settings {
            server: Some(server),
            ..Settings::default()
        });
        assert_eq!(cluster.version() / 10_000, 18);
        cluster
    })
}

/// Makes two tests of each of these functions: on the installed PostgreSQL, and on PostgreSQL 18.
#[cfg(test)]
macro_rules! each_server {
    ($($test:ident),+ $(,)?) => {
        mod installed {
            $(#[tokio::test] async fn $test() { super::$test($crate::support::postgres::shared()).await; })+
        }
        mod postgresql_18 {
            $(#[tokio::test] async fn $test() { super::$test($crate::support::postgres::shared_18()).await; })+
        }
    };
}
#[cfg(test)]
pub(crate) use each_server;

impl Cluster {
    /// Makes a cluster and starts it.
    pub(crate) fn start(settings: Settings) -> Self {
        let scratch = Scratch::in_memory("postgres");
        let home = scratch.path().join("home");
        privilege::private_dir(&home);
        let (certificate, key) = settings
            .leaf
            .unwrap_or_else(|| ca::localhost())
            .write(&home, "server");
        let server = settings.server.unwrap_or_else(|| server::installed());
        let password = initialise(&scratch, server, &home);

        let data = home.join("data");
        let (tls, lines) = if settings.plaintext {
            ("off", "host all all 127.0.0.1/32 scram-sha-256\n")
        } else {
            let lines = "hostssl all,replication all 127.0.0.1/32 scram-sha-256\n";
            ("on", lines)
        };
        write_hba(&data, lines);
        let lines_of_ours = format!(
            "listen_addresses = '127.0.0.1'\n\
             ssl = {tls}\nssl_cert_file = '{}'\nssl_key_file = '{}'\n\
             password_encryption = 'scram-sha-256'\n\
             shared_buffers = '16MB'\nmax_connections = 100\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n{}",
            certificate.display(),
            key.display(),
            settings.conf,
        );
        let authority = settings.ca.unwrap_or_else(|| ca::trusted());
        let made = Made {
            server: server.to_owned(),
            password,
            plaintext: settings.plaintext,
            authority: authority.pem_path().to_owned(),
        };
        Self::serve(scratch, data, &lines_of_ours, made)
    }

    /// Starts the server on a free port, with these lines added to its settings.
    fn serve(scratch: Scratch, data: PathBuf, more: &str, made: Made) -> Self {
        let conf = data.join("postgresql.conf");
        let given = fs::read_to_string(&conf).expect("initdb wrote it");
        let home = data.parent().expect("it is in its home").display();
        let text = format!("{given}\nunix_socket_directories = '{home}'\n{more}\n");
        fs::write(&conf, text).expect("the data directory is writable");
        let (process, port) = (0..5)
            .find_map(|_| {
                let port = free_port();
                start(&scratch, &made.server, &data, port).map(|process| (process, port))
            })
            .expect("PostgreSQL finds a free port within five tries");
        Self {
            process,
            data,
            scratch,
            port,
            made,
        }
    }

    /// Makes a standby of it, which follows by streaming replication; for that it stops and starts again.
    ///
    /// A copy of a stopped server's data needs no `pg_basebackup`, which a ready-made PostgreSQL comes without and which may not be
    /// older than the server.
    pub(crate) fn standby(&mut self) -> Self {
        let scratch = Scratch::new("standby");
        let home = scratch.path().join("home");
        privilege::private_dir(&home);
        let data = home.join("data");
        self.stop();
        copy(&scratch, &self.data, &data);
        self.start_again();
        let signal = data.join("standby.signal");
        fs::write(&signal, "").expect("the data directory is writable");
        privilege::give_away(&signal);
        // No quote and no backslash is in the password.
        let primary = format!(
            "primary_conninfo = 'host=localhost port={} user={SUPERUSER} password={} sslmode=require'",
            self.port, self.made.password,
        );
        Self::serve(scratch, data, &primary, self.made.clone())
    }

    /// Waits until this standby has all that its primary has by now.
    pub(crate) fn catches_up_with(&self, primary: &Self) {
        // A finished file has been written out, whatever `synchronous_commit` says.
        let position = primary.query("postgres", "select pg_switch_wal()");
        let script = format!("select pg_last_wal_replay_lsn() >= '{position}'");
        wait_for("the standby catches up", || {
            self.query("postgres", &script) == "t"
        });
    }

    /// Shuts it down as an administrator does: whoever is connected is told and cut off.
    pub(crate) fn stop(&mut self) {
        self.process.signal(Signal::INT);
        self.process.wait_for_end();
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&mut self) {
        self.process = start(&self.scratch, &self.made.server, &self.data, self.port)
            .expect("its port is still free");
    }

    /// The id of the process that starts all others.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its port on the loopback interface.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its version as `server_version_num` has it, for example 150018.
    pub(crate) fn version(&self) -> u32 {
        let version = self.query("postgres", "show server_version_num");
        version.parse().expect("a number")
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Lets people in by these lines of `pg_hba.conf` from now on.
    pub(crate) fn let_in(&self, lines: &str) {
        write_hba(&self.data, lines);
        self.reload();
    }

    /// Has it read its settings anew.
    pub(crate) fn reload(&self) {
        let loaded = || self.query("postgres", "select pg_conf_load_time()");
        let before = loaded();
        self.query("postgres", "select pg_reload_conf()");
        wait_for("it is read", || loaded() != before);
    }

    /// Runs SQL as the superuser in a session of its own, without our code, and returns the rows as `psql -A -t` prints them.
    #[track_caller]
    pub(crate) fn query(&self, database: &str, sql: &str) -> String {
        self.run(database, &[sql])
    }

    /// The same with several texts one after the other, each in a transaction of its own.
    #[track_caller]
    fn run(&self, database: &str, texts: &[&str]) -> String {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(self.data.parent().expect("it is in its home"))
            .port(self.port)
            .user(SUPERUSER)
            .dbname(database);
        let asked = async {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
            let connection = tokio::spawn(connection);
            let mut lines = Vec::new();
            for text in texts {
                lines.extend(client.simple_query(text).await?.iter().filter_map(line));
            }
            drop(client);
            connection.await.expect("no panic").map(|()| lines)
        };
        // Whoever asks may be on a runtime, which is not to wait.
        let ran = thread::scope(|scope| scope.spawn(|| served::runtime().block_on(asked)).join());
        let lines = ran.expect("no panic");
        let lines = lines.unwrap_or_else(|error| panic!("{texts:?}: {error:?}"));
        lines.join("\n").trim_end_matches('\n').to_owned()
    }

    /// Makes an empty database, its owner, and a role that may log in and nothing else.
    pub(crate) fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = Database {
            cluster: self,
            name: format!("quotes_{number}"),
            owner: Role::new(format!("owner_{number}")),
            user: Role::new(format!("user_{number}")),
        };
        let (name, owner, user) = (&database.name, &database.owner, &database.user);
        self.run(
            "postgres",
            &[
                // As on Neon, where the owner makes the roles.
                &format!(
                    "create role {} login createrole password '{}'; create role {} login password '{}'",
                    owner.name, owner.password, user.name, user.password
                ),
                &format!("create database {name} owner {}", owner.name),
                &format!("revoke temporary on database {name} from public"),
            ],
        );
        database
    }

    /// Makes a database with every migration applied, a role for people, and [`token::signer`] as the one whom it trusts.
    pub(crate) async fn migrated(&self) -> Database<'_> {
        let database = self.database();
        database.migrate().await;
        database.grant();
        database.trust_signer();
        database
    }

    /// The same, with the stand-in's custom server as the one whom it trusts.
    pub(crate) async fn trusting(&self, okta: &Okta) -> Database<'_> {
        let database = self.database();
        database.migrate().await;
        database.grant();
        database.trust(
            &okta.issuer(Server::Default),
            &okta.client_id(),
            &okta.published_keys(),
        );
        database
    }

    /// The same without our own program, for a cluster whose certificate it refuses.
    pub(crate) fn migrated_without_checks(&self) -> Database<'_> {
        let database = self.database();
        for (_, text) in migrations() {
            database.query(&text);
        }
        database.grant();
        database.trust_signer();
        database
    }

    /// Makes a database as the first release of the program made it, with a role for people, and [`token::signer`] as the one
    /// whom it trusts.
    pub(crate) fn first_release(&self) -> Database<'_> {
        let database = self.database();
        for (_, text) in migrations().into_iter().filter(|(number, _)| *number <= 3) {
            database.apply(&text);
        }
        database.query(&format!("grant epigraph_user to {}", database.user.name));
        database.trust_signer();
        database
    }
}

/// The migrations with their numbers, in their order.
pub(crate) fn migrations() -> Vec<(u32, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let files = fs::read_dir(directory).expect("the migrations are there");
    let read = |entry: io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix('V')?.split_once("__"));
        let number = number.and_then(|(number, _)| number.parse().ok());
        let text = fs::read_to_string(&path).expect("a text");
        (number.expect("a number in its name"), text)
    };
    let mut files: Vec<_> = files.map(read).collect();
    files.sort();
    files
}

/// Holds the table of quotes against everybody else.
pub(crate) const LOCK: &str = "lock table public.user_messages in access exclusive mode";

/// A database of its own in a cluster.
pub(crate) struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
    owner: Role,
    user: Role,
}

/// A role that may log in.
struct Role {
    name: String,
    password: String,
}

impl Role {
    fn new(name: String) -> Self {
        Self {
            name,
            password: secret(),
        }
    }
}

impl Database<'static> {
    /// Makes an empty database in the shared cluster.
    pub(crate) fn new() -> Self {
        shared().database()
    }

    /// Makes a database in the shared cluster, as [`Cluster::migrated`] does.
    pub(crate) async fn migrated() -> Self {
        shared().migrated().await
    }

    /// Makes a database in the shared cluster, as [`Cluster::trusting`] does.
    pub(crate) async fn trusting(okta: &Okta) -> Self {
        shared().trusting(okta).await
    }
}

impl Database<'_> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of the role without any right but those of [`Database::grant`].
    pub(crate) fn user_name(&self) -> &str {
        &self.user.name
    }

    /// The password of that role.
    pub(crate) fn user_password(&self) -> &str {
        &self.user.password
    }

    /// Its roles and their passwords, for a pooler.
    pub(crate) fn roles(&self) -> [(&str, &str); 2] {
        [&self.owner, &self.user].map(|role| (role.name.as_str(), role.password.as_str()))
    }

    /// Applies every migration as the owner, by the program itself, which reads fewer certificates than it would in this process.
    pub(crate) async fn migrate(&self) {
        let ran = tokio::process::Command::new(PROGRAM)
            .args(["admin", "migrate"])
            .env_clear()
            .env("HOME", self.cluster.scratch.path())
            .env("SSL_CERT_FILE", ca::trusted().pem_path())
            .env(epigraph::config::ADMIN_DATABASE_URL, self.owner_url())
            .output();
        let ran = ran.await.expect("the program starts");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "the migrations apply: {said}");
    }

    /// Applies one migration's text as the owner, as the program does: again where another test makes or drops the group that all
    /// databases of the first release share.
    #[track_caller]
    pub(crate) fn apply(&self, migration: &str) {
        let script = format!("begin;\nset local search_path = '';\n{migration};\ncommit;");
        super::wait_until("the migration is applied", || {
            let shown = self.psql(&self.owner(), &script);
            let Some(first) = shown.lines().find(|line| line.contains("ERROR")) else {
                return Some(());
            };
            let has_collided = ["concurrently", "\"pg_authid", "role \"epigraph_user\""]
                .iter()
                .any(|words| first.contains(words));
            assert!(has_collided, "{shown}");
            None
        });
    }

    /// Gives the person's role the rights that a person needs, and no other.
    pub(crate) fn grant(&self) {
        self.query(&format!(
            "do $$ begin execute format('grant %I to {}', okta.user_group()); end $$",
            self.user.name
        ));
    }

    /// The group of its people.
    pub(crate) fn group(&self) -> String {
        self.query("select okta.user_group()")
    }

    /// Gives the person's role what it must never have: rights on the table itself.
    pub(crate) fn grant_on_table(&self) {
        self.query(&format!(
            "grant select, insert, update, delete on public.user_messages to {}",
            self.user.name
        ));
    }

    /// Makes the database accept tokens of an issuer, for a client, signed with one of these keys, and no others.
    pub(crate) fn trust(&self, issuer: &str, audience: &str, keys: &[serde_json::Value]) {
        if self.query("select to_regnamespace('okta') is null") == "t" {
            return;
        }
        let issuer = literal(issuer);
        let keys: Vec<_> = keys.iter().map(|key| literal(&key.to_string())).collect();
        self.query(&format!(
            "select okta.remove_issuer(issuer) from okta.issuer;
             select okta.add_issuer({issuer}, {});
             select okta.add_signing_key({issuer}, key::jsonb) from unnest(array[{}]) key",
            literal(audience),
            keys.join(", ")
        ));
    }

    fn trust_signer(&self) {
        self.trust(token::ISSUER, token::AUDIENCE, &[token::signer().jwk()]);
    }

    /// The owner's connection string, as Neon's console would give it.
    pub(crate) fn owner_url(&self) -> String {
        self.url(&self.owner).to_string()
    }

    /// The same in parts.
    pub(crate) fn owner(&self) -> Url {
        self.url(&self.owner)
    }

    /// The connection string of the role without rights.
    pub(crate) fn user_url(&self) -> String {
        self.user().to_string()
    }

    /// The same in parts, for a test that changes one.
    pub(crate) fn user(&self) -> Url {
        self.url(&self.user)
    }

    /// Opens a session of the owner's, for a test that needs a transaction of its own to stay open.
    pub(crate) async fn owner_session(&self) -> tokio_postgres::Client {
        self.session(&self.owner).await
    }

    /// Begins a transaction of the owner's with this statement, which stands in the way of others until it ends.
    pub(crate) async fn owner_begins(&self, sql: &str) -> tokio_postgres::Client {
        let owner = self.owner_session().await;
        let begun = owner.batch_execute(&format!("begin; {sql}")).await;
        begun.expect("the owner may");
        owner
    }

    /// Opens a session as a person's role, without our own program.
    pub(crate) async fn user_session(&self) -> tokio_postgres::Client {
        self.session(&self.user).await
    }

    async fn session(&self, role: &Role) -> tokio_postgres::Client {
        let client = connect(&self.url(role)).await;
        client.expect("the role may log in")
    }

    /// How many sessions of the person's role are as this condition says.
    pub(crate) fn sessions(&self, condition: &str) -> usize {
        let sessions = self.query(&format!(
            "select count(*) from pg_stat_activity where usename = '{}' and {condition}",
            self.user.name
        ));
        sessions.parse().expect("a number")
    }

    /// Whether a session of the person's waits for a lock.
    pub(crate) fn waits_for_a_lock(&self) -> bool {
        self.sessions("wait_event_type = 'Lock'") > 0
    }

    /// Ends every session of the person's at the server, as a restart of it does, or of Neon's compute.
    pub(crate) fn end_sessions(&self) {
        self.query(&format!(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '{}'",
            self.user.name
        ));
    }

    /// Runs SQL in it as the superuser; see [`Cluster::query`].
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> String {
        self.cluster.query(&self.name, sql)
    }

    /// Runs a script through `psql` with nothing but a connection string, as anybody may, and returns all that it shows.
    /// It goes on after an error, as a person at the prompt would.
    pub(crate) fn psql(&self, url: &Url, script: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = self.cluster.scratch.path().join(format!("{number}.sql"));
        fs::write(&file, script).expect("the scratch directory is writable");
        // Errors and rows in the order in which they come.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .arg(program("psql"))
            .args(["-h", &url.host, "-f"])
            .arg(&file);
        // It prints rows alone, and knows nothing of the person's own settings.
        command
            .args(["-X", "-q", "-A", "-t", "-U", &url.user])
            .args(["-d", &url.database, "-p", &url.port.to_string()])
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.cluster.scratch.path())
            .env("PGPASSWORD", &url.password)
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", &self.cluster.made.authority);
        let output = self.cluster.scratch.run(command);
        fs::remove_file(&file).expect("it is still there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn url(&self, role: &Role) -> Url {
        let authority = self.cluster.made.authority.display().to_string();
        let parameters = if self.cluster.made.plaintext {
            vec![("sslmode", "disable".into())]
        } else {
            vec![
                ("sslmode", "verify-full".into()),
                ("channel_binding", "require".into()),
                ("sslrootcert", authority),
            ]
        };
        Url {
            user: role.name.clone(),
            password: role.password.clone(),
            host: "localhost".into(),
            port: self.cluster.port,
            database: self.name.clone(),
            parameters,
        }
    }
}

/// A connection string in parts.
#[derive(Clone)]
pub(crate) struct Url {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// Writes who is let in, and how. The superuser's way is without TLS and a password: it costs a third.
fn write_hba(data: &Path, lines: &str) {
    let lines = format!("local all {SUPERUSER} trust\n{lines}");
    fs::write(data.join("pg_hba.conf"), lines).expect("the data directory is writable");
}

impl Url {
    /// Leads through another port of the loopback interface.
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets a parameter, in the place of the one of that name.
    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.parameters.push((name, value.into()));
        self
    }

    /// Leaves a parameter out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| *known != name);
        self
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes())
                .map(|part| if part == "+" { "%20" } else { part })
                .collect()
        };
        write!(
            f,
            "postgresql://{}:{}@{}:{}/{}",
            encode(&self.user),
            encode(&self.password),
            self.host,
            self.port,
            encode(&self.database)
        )?;
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{name}={}", encode(value))?;
        }
        Ok(())
    }
}

/// Opens a session without our own program.
pub(crate) async fn connect(url: &Url) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    // Once: it reads all that the system trusts.
    static TLS: LazyLock<native_tls::TlsConnector> = LazyLock::new(|| {
        let root = fs::read(ca::trusted().pem_path()).expect("the authority's certificate");
        native_tls::TlsConnector::builder()
            .add_root_certificate(native_tls::Certificate::from_pem(&root).expect("it is one"))
            .build()
            .expect("good settings")
    });
    let (client, connection) = tokio_postgres::Config::new()
        .host(&url.host)
        .port(url.port)
        .user(&url.user)
        .password(&url.password)
        .dbname(&url.database)
        .ssl_mode(tokio_postgres::config::SslMode::Require)
        .connect(postgres_native_tls::MakeTlsConnector::new(TLS.clone()))
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A row as `psql -A -t` prints it.
fn line(message: &SimpleQueryMessage) -> Option<String> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let columns = (0..row.len()).map(|column| row.get(column).unwrap_or_default());
    Some(columns.collect::<Vec<_>>().join("|"))
}

/// A text as a literal of SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A password no one can guess.
fn secret() -> String {
    let mut bytes = [0; 16];
    rand_bytes(&mut bytes).expect("OpenSSL has random bytes");
    // The tail is what people trip over: it has to be percent-encoded in a URL.
    let secret = format!("{:032x}@/:#?%", u128::from_be_bytes(bytes));
    secrets::know(&secret);
    secret
}

/// Makes the data of a cluster in its home, and returns the superuser's password. The tests copy what `initdb` has made once.
fn initialise(scratch: &Scratch, server: &Path, home: &Path) -> String {
    static MADE: Mutex<BTreeMap<PathBuf, (Scratch, String)>> = Mutex::new(BTreeMap::new());
    let data = home.join("data");
    if !cfg!(test) {
        return initdb(scratch, server, &data);
    }
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let (first, password) = made.entry(server.to_owned()).or_insert_with(|| {
        let first = Scratch::in_memory("initdb");
        let data = first.path().join("data");
        privilege::private_dir(&data);
        let password = initdb(&first, server, &data);
        (first, password)
    });
    copy(scratch, &first.path().join("data"), &data);
    password.clone()
}

fn initdb(scratch: &Scratch, server: &Path, data: &Path) -> String {
    let file = scratch.path().join("password");
    let password = secret();
    fs::write(&file, &password).expect("the directory is writable");
    privilege::give_away(&file);
    let mut command = Command::new(server.join("initdb"));
    command
        .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
        .args(["--auth=scram-sha-256", "-U", SUPERUSER, "--pwfile"])
        .args([&file, Path::new("-D"), data])
        .env("HOME", scratch.path());
    scratch.done(privilege::as_unprivileged(command));
    fs::remove_file(&file).expect("the file is still there");
    password
}

fn copy(scratch: &Scratch, from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.arg("-R").args([from, to]);
    scratch.done(privilege::as_unprivileged(command));
}

/// Starts the server; `None` if someone else has the port.
fn start(scratch: &Scratch, server: &Path, data: &Path, port: u16) -> Option<Started> {
    let mut command = Command::new(server.join("postgres"));
    command.arg("-D").arg(data).arg("-p").arg(port.to_string());
    let mut process = scratch.spawn(privilege::as_unprivileged(command));
    let ready = process.is_ready("database system is ready to accept", "could not bind");
    ready.then_some(process)
}
