//! What an administrator does, whole: the real binary with the owner's string, a stand-in for Okta and a real PostgreSQL.
//! The owner may make roles and is no superuser, as at Neon.

mod at_once;
mod broken_off;
mod leaving;
mod moving;
mod output;
mod registration;
mod stranger;

use serde_json::Value;

use crate::{
    migrations::GUIDE,
    support::{
        okta::{Okta, Person, Server},
        pgbouncer::PgBouncer,
        postgres::{Cluster, Database, Settings, Url, connect, shared},
        program::{Home, Ran},
        pty::{Key, Pty},
        stage::Login,
    },
};

/// A server that logs what servers log where someone is careful.
const CAREFUL: &str =
    "log_statement = 'ddl'\nlog_connections = on\nlog_min_error_statement = 'debug5'";

/// An administrator at a computer of their own.
struct Admin<'a> {
    okta: Okta,
    database: Database<'a>,
    home: Home,
    /// A name for access that no other test of the same server uses.
    name: String,
}

impl<'a> Admin<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        let okta = Okta::start();
        okta.configure(|settings| settings.interval = Some(1));
        let database = cluster.database();
        let mut home = Home::new();
        home.set("EPIGRAPH_ADMIN_DATABASE_URL", database.owner_url());
        let name = database.name().replace("quotes", "james");
        Self {
            okta,
            database,
            home,
            name,
        }
    }

    /// With the database set up, and the configuration that was printed.
    #[track_caller]
    fn set_up(cluster: &'a Cluster) -> (Self, String) {
        let admin = Self::of(cluster);
        let ran = admin.setup(&[]);
        assert!(!ran.stderr.contains("never shown"), "{ran:?}");
        let config = ran.data();
        assert!(config.contains("database_url"), "{config}");
        (admin, config)
    }

    fn setup(&self, more: &[&str]) -> Ran {
        let mut arguments = self.to_set_up();
        arguments.extend(more.iter().map(ToString::to_string));
        self.home.run(&arguments)
    }

    /// The command line of a set-up, with access for James Joyce.
    fn to_set_up(&self) -> Vec<String> {
        let (issuer, client_id) = (self.okta.issuer(Server::Default), self.okta.client_id());
        [
            "admin",
            "setup",
            "--issuer",
            &issuer,
            "--client-id",
            &client_id,
            "--name",
            &self.name,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(&[&["admin"], arguments].concat())
    }

    /// Runs a command that works and says this.
    #[track_caller]
    fn does(&self, arguments: &[&str], says: &[&str]) {
        self.run(arguments).says(says);
    }

    fn role(&self) -> String {
        format!("epigraph_{}", self.name)
    }

    /// A name for someone else that no other test of the same server uses, and the role of that name.
    fn other(&self, name: &str) -> (String, String) {
        let name = self.name.replace("james", name);
        let role = format!("epigraph_{}", name.to_lowercase());
        (name, role)
    }

    /// Whether nothing was ever set up.
    fn is_untouched(&self) -> bool {
        let none = "select to_regnamespace('okta') is null";
        self.database.query(none) == "t"
    }

    /// Someone who was sent this configuration and has signed in.
    #[track_caller]
    fn person(&self, config: &str, person: Person) -> Home {
        let home = Home::new();
        home.configure(&format!("{config}store = \"file\"\n"));
        self.sign_in(&home, person);
        home
    }

    #[track_caller]
    fn sign_in(&self, home: &Home, person: Person) {
        let (sign_in, event) = Login::with_code(home);
        let code = event["user_code"].as_str().expect("a code");
        self.okta.approve(code, person).expect("the code works");
        let ran = sign_in.end();
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    #[track_caller]
    fn status(&self) -> (Option<i32>, Value) {
        let ran = self.run(&["status", "--json"]);
        let value = serde_json::from_str(&ran.stdout);
        (ran.code, value.unwrap_or_else(|_| panic!("{ran:?}")))
    }
}

fn password(config: &str) -> &str {
    let (_, rest) = config.split_once("postgresql://").expect("a URL");
    let (login, _) = rest.split_once('@').expect("a host");
    login.split_once(':').expect("a password").1
}

/// From an empty database to someone's quote, and once more.
#[test]
fn one_command_sets_up_an_empty_database() {
    let cluster = Cluster::start(Settings {
        conf: CAREFUL,
        ..Settings::default()
    });
    let (admin, config) = Admin::set_up(&cluster);
    let james = admin.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");
    let rows = "select user_id, message from public.user_messages";
    assert_eq!(
        admin.database.query(rows),
        format!("{}|Mistakes.", Person::James.id())
    );

    let (code, status) = admin.status();
    assert_eq!(
        (code, &status["problems"]),
        (Some(0), &Value::Array(vec![]))
    );
    // Before PostgreSQL 15 the owner of a database cannot close the schema public.
    assert_eq!(
        status["notes"].to_string().contains("schema public"),
        cluster.version() < 150_000
    );
    assert_eq!(status["issuer"], admin.okta.issuer(Server::Default));
    assert_eq!(status["audience"], admin.okta.client_id());
    assert_eq!(
        status["keys"].as_array().map(Vec::len),
        Some(admin.okta.published_keys().len())
    );
    assert_eq!(status["keys"][0]["bits"], 2048);
    assert_eq!(status["access"][0]["role"], admin.role());
    assert!(
        status["migration"]
            .as_str()
            .is_some_and(|name| name.starts_with('V'))
    );

    let again = admin.setup(&[]);
    let said = again.stderr.clone();
    let printed = again.says(&["keeps its password", "left to do by hand"]);
    assert_eq!(printed, "");
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");

    let renewed = admin.setup(&["--new-password"]).data();
    assert_ne!(password(&renewed), password(&config));
    james.run(&["show"]).fails(11, &["password"]);
    james.configure(&format!("{renewed}store = \"file\"\n"));
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");
    for secret in [password(&config), password(&renewed)] {
        assert!(secret.len() >= 24);
        assert!(!cluster.log().contains(secret), "the server has logged it");
        assert!(!said.contains(secret));
    }
    // Whoever was made for the proof is gone.
    assert_eq!(admin.status().1["access"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.database.query(rows).lines().count(), 1);
}

#[tokio::test]
async fn the_web_apps_database_keeps_its_rows_and_is_closed() {
    let admin = Admin::of(shared());
    admin.database.owner_runs(GUIDE).await;
    let config = admin.setup(&[]).data();
    let james = admin.person(&config, Person::James);
    james.run(&["show"]).fails(5, &[]);
    let rows = admin
        .database
        .query("select user_id, message from user_messages");
    assert_eq!(rows, "00u-woolf|No need to hurry.");
}

#[test]
fn setup_repairs_what_was_opened_or_taken_away() {
    let cluster = Cluster::start(Settings::default());
    let (admin, config) = Admin::set_up(&cluster);
    let james = admin.person(&config, Person::James);
    let (database, name, group) = (
        &admin.database,
        admin.database.name(),
        admin.database.group(),
    );
    let temporary = format!("grant temporary on database {name} to public");
    let no_connect = format!("revoke connect on database {name} from public, {group}");
    let state = "select string_agg(t::text, ' ' order by t::text) from (
            select relname, concat(relforcerowsecurity, relacl::text), relrowsecurity from pg_class where relnamespace in ('okta'::regnamespace, 'public'::regnamespace)
            union all select proname, proacl::text, true from pg_proc where pronamespace in ('okta'::regnamespace, 'epigraph'::regnamespace)
            union all select nspname, nspacl::text, true from pg_namespace where nspname in ('okta', 'epigraph', 'public')
            union all select datname, datacl::text, true from pg_database where datname = current_database()
            union all select attname, attacl::text, true from pg_attribute where attacl is not null
            union all select polname, pg_get_expr(polqual, polrelid) || polroles::text, true from pg_policy) t";
    for changes in [
        [
            "alter table public.user_messages disable row level security",
            "drop policy okta_user_id on public.user_messages",
            "grant select on public.user_messages to public",
            "grant usage, create on schema okta to public",
        ],
        [
            "alter table public.user_messages force row level security",
            "alter policy okta_user_id on public.user_messages using (user_id = okta.user_id() or true)",
            "grant truncate, update (message) on public.user_messages to GROUP",
            "grant select (kid) on okta.signing_key to GROUP",
        ],
        [
            "alter policy okta_user_id on public.user_messages to postgres",
            "grant execute on all functions in schema okta, epigraph to public",
            "revoke execute on function epigraph.load_quote() from GROUP",
            &temporary,
        ],
        [
            "grant execute on function okta.unblock(text) to GROUP",
            "revoke usage on schema epigraph from GROUP",
            "revoke usage on schema okta from GROUP",
            &no_connect,
        ],
    ] {
        let before = database.query(state);
        for change in changes {
            let before = database.query(state);
            database.query(&change.replace("GROUP", &group));
            assert_ne!(database.query(state), before, "{change} changes nothing");
        }
        let ran = admin.setup(&[]);
        assert_eq!(ran.code, Some(0), "{changes:?}: {ran:?}");
        let after = database.query(state);
        assert_eq!(sorted(&after), sorted(&before), "{changes:?}");
        james.run(&["show"]).fails(5, &[]);
    }
    // What no superuser's word takes back is not handed out with.
    database.query(&format!("grant pg_read_all_data to {group}"));
    admin.does(&["invite", "before_proof"], &[]);
    let hashes = "select string_agg(rolname || rolpassword, ' ' order by 1) from pg_authid";
    let before = database.query(hashes);
    let ran = admin.setup(&["--new-password"]);
    ran.fails(11, &["is not safe", "read rows", "the owner's alone"]);
    assert_eq!(database.query(hashes), before, "nothing is handed out");
    let rows = database.query("select count(*) from public.user_messages");
    assert_eq!(rows, "0", "the row for the proof is gone");
}

/// Rights in an order of their own: what is granted again comes last.
fn sorted(text: &str) -> Vec<&str> {
    let mut parts: Vec<_> = text.split([' ', ',', '{', '}', '"', '(', ')']).collect();
    parts.sort_unstable();
    parts
}

#[tokio::test]
async fn access_is_shown_once_and_revoked_with_its_connections() {
    let (admin, _) = Admin::set_up(shared());
    let (name, role) = admin.other("Virginia");
    let config = admin.run(&["invite", &name]).data();
    assert!(config.contains(&role), "{config}");
    let virginia = admin.person(&config, Person::Nora);
    virginia.run(&["set", "No need to hurry."]).data();

    admin.run(&["invite", &name]).fails(2, &["--new-password"]);
    let renewed = admin.run(&["invite", &name, "--new-password"]).data();
    assert_ne!(password(&renewed), password(&config));

    let open = open_session(&renewed).await;
    open.batch_execute("select 1").await.expect("it works");
    admin.does(&["revoke", &name], &["were ended: 1"]);
    let over = open.batch_execute("select 1").await;
    over.expect_err("it is over");
    virginia.configure(&format!("{renewed}store = \"file\"\n"));
    virginia.run(&["show"]).fails(11, &["password"]);
    let role = format!("select to_regrole('{role}') is null");
    assert_eq!(admin.database.query(&role), "t");
    // The row is the person's, and not the access's.
    let rows = admin.database.query("select message from user_messages");
    assert!(rows.contains("hurry"), "{rows}");
    admin
        .run(&["revoke", &name])
        .fails(11, &["no access", "admin status"]);
}

/// The connection string in a configuration.
#[track_caller]
fn url_in(config: &str) -> String {
    let url = config
        .lines()
        .find_map(|line| line.strip_prefix("database_url = "))
        .expect("a URL");
    serde_json::from_str(url).expect("a text")
}

/// Signs in with the connection string of a configuration.
async fn try_session(config: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let url = url::Url::parse(&url_in(config)).expect("a URL");
    connect(&Url {
        user: url.username().to_owned(),
        password: url.password().expect("a password").to_owned(),
        host: url.host_str().expect("a host").to_owned(),
        port: url.port().expect("a port"),
        database: url.path().trim_start_matches('/').to_owned(),
        parameters: Vec::new(),
    })
    .await
}

async fn open_session(config: &str) -> tokio_postgres::Client {
    try_session(config).await.expect("the password is right")
}

#[test]
fn names_that_cannot_be_and_roles_of_others_are_left_alone() {
    let (admin, _) = Admin::set_up(shared());
    for name in ["user", "a;drop role x", ""] {
        for command in ["invite", "revoke"] {
            admin
                .run(&[command, name])
                .fails(2, &["cannot be the name"]);
        }
    }
    let (_, role) = admin.other("other");
    admin
        .database
        .query(&format!("create role {role} createdb login"));
    admin
        .run(&["invite", &role])
        .fails(11, &["is not for a person"]);
    admin.run(&["revoke", &role]).fails(11, &["no access"]);
    assert_eq!(
        admin.database.query(&format!("drop role {role}; select 1")),
        "1"
    );
}

#[test]
fn a_rotated_key_is_refused_until_it_is_registered() {
    let (admin, config) = Admin::set_up(shared());
    let james = admin.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    let before = admin.okta.published_keys();
    // The weekly job has not run for long, which says nothing of when the old keys went.
    admin
        .database
        .query("update okta.signing_key set last_published_at = '2020-01-01'");
    admin.okta.replace_keys();
    admin.sign_in(&james, Person::James);
    let refused = james.run(&["set", "Portals."]);
    refused.fails(11, &["epigraph admin keys"]);

    let lines = admin.run(&["keys"]).data();
    let id = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
    let after = admin.okta.published_keys();
    for (keys, becomes) in [
        (&after, "registered"),
        (&before, "no longer published; kept"),
    ] {
        for line in keys.iter().map(|key| format!("key {}: {becomes}", id(key))) {
            assert!(lines.contains(&line), "{line} is not in {lines}");
        }
    }
    james.run(&["set", "Portals."]).data();

    let first = id(&before[0]);
    admin.database.query(&format!(
        "update okta.signing_key set missed_at = now() - interval '25 hours' where kid = '{first}'"
    ));
    let lines = admin.run(&["keys"]).data();
    let retired = lines.lines().filter(|line| line.ends_with("retired"));
    assert_eq!(
        retired.collect::<Vec<_>>(),
        [format!("key {first}: retired")]
    );
    admin.does(&["keys"], &["nothing to do"]);
    assert_eq!(james.run(&["show"]).data().trim_end(), "Portals.");
}

#[test]
fn a_key_that_comes_back_or_is_replaced_is_named_as_that() {
    let (admin, _) = Admin::set_up(shared());
    let published = admin.okta.published_keys();
    let [first, second] =
        [0, 1].map(|index: usize| published[index]["kid"].as_str().expect("a kid"));
    // One was missed for long and is there again; the other one's name stood for other numbers.
    admin.database.query(&format!(
        "update okta.signing_key set missed_at = '2020-01-01' where kid = '{first}';
         update okta.signing_key set modulus = modulus + 2 where kid = '{second}'"
    ));
    let lines = admin.run(&["keys"]).data();
    assert!(
        lines.contains(&format!("key {first}: still published")),
        "{lines}"
    );
    assert!(
        lines.contains(&format!("key {second}: replaced")),
        "{lines}"
    );
    let missed = "select count(*) from okta.signing_key where missed_at is not null";
    assert_eq!(admin.database.query(missed), "0");

    // A terminal obeys nothing in a name.
    admin
        .database
        .query("update okta.signing_key set kid = 'a' || chr(27) || '[2Jb' where kid = (select min(kid) from okta.signing_key)");
    for command in ["status", "keys"] {
        let shown = admin.run(&[command]).stdout;
        assert!(shown.contains("[2Jb"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn when_okta_cannot_be_asked_no_key_goes() {
    let (mut admin, _) = Admin::set_up(shared());
    let count = "update okta.signing_key set last_published_at = '2020-01-01'; select count(*) from okta.signing_key";
    let before = admin.database.query(count);
    let other = Okta::start();
    // No one listens there any more.
    drop(std::mem::replace(&mut admin.okta, other));
    admin.run(&["keys"]).fails(7, &[]);
    assert_eq!(admin.database.query(count), before);
    let problems = admin.status().1["problems"].to_string();
    assert!(problems.contains("run `epigraph admin keys`"), "{problems}");
}

#[test]
fn a_person_who_is_blocked_is_shut_out_at_once_and_let_in_again() {
    let (admin, config) = Admin::set_up(shared());
    let james = admin.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    let id = Person::James.id();
    admin.does(&["block", id], &["is blocked"]);
    for command in [&["show"][..], &["set", "two"], &["delete", "--yes"]] {
        let refused = james.run(command);
        refused.fails(11, &["has blocked you", "ask the owner"]);
        assert!(!refused.stderr.contains("Mistakes"));
    }
    assert_eq!(admin.status().1["blocked"][0]["user_id"], id);
    admin.does(&["block", id], &["nothing to do"]);
    let virginia = admin.person(&config, Person::Nora);
    virginia.run(&["set", "No need to hurry."]).data();
    admin.does(&["unblock", id], &[]);
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");
    admin.does(&["unblock", id], &["nothing to do"]);
    admin.run(&["block", ""]).fails(2, &["value is required"]);
}

#[test]
fn a_non_owner_is_told_whose_string_is_needed() {
    let (mut admin, config) = Admin::set_up(shared());
    admin
        .home
        .set("EPIGRAPH_ADMIN_DATABASE_URL", url_in(&config));
    for arguments in [
        &["keys"][..],
        &["invite", "somebody_else"],
        &["status"],
        &["block", "00u1"],
        &["revoke", &admin.name],
    ] {
        let ran = admin.run(arguments);
        ran.fails(11, &["hint: ", "owner"]);
        assert!(!ran.stderr.contains(password(&config)), "{ran:?}");
    }
    assert_eq!(admin.setup(&[]).code, Some(11));
    admin.home.unset("EPIGRAPH_ADMIN_DATABASE_URL");
    admin
        .run(&["keys"])
        .fails(8, &["EPIGRAPH_ADMIN_DATABASE_URL"]);
    admin.home.set("DATABASE_URL", url_in(&config));
    admin.run(&["keys"]).fails(11, &["hint: ", "owner"]);
    // From standard input, or as an option, which comes first.
    let owner_url = admin.database.owner_url();
    let ran = admin.home.run_with(
        &["admin", "status", "--database-url", "-"],
        owner_url.as_bytes(),
    );
    assert!(ran.stdout.contains("issuer"), "{ran:?}");
    let ran = admin.run(&["migrate", "--database-url", &owner_url]);
    assert_eq!(ran.says(&["nothing to do"]), "");
}

#[test]
fn an_issuer_that_is_none_changes_nothing() {
    let admin = Admin::of(shared());
    let client_id = admin.okta.client_id();
    let wrong = format!("{}/oauth2/nothing", admin.okta.issuer(Server::Org));
    let ran = admin.run(&["setup", "--issuer", &wrong, "--client-id", &client_id]);
    assert!(matches!(ran.code, Some(8 | 10)), "{ran:?}");
    assert!(admin.is_untouched());
    admin
        .run(&["setup", "--issuer", &wrong])
        .fails(8, &["client id", "--client-id"]);
}

#[test]
fn status_before_the_set_up_says_what_to_run() {
    let admin = Admin::of(shared());
    for command in [&["status"][..], &["keys"], &["invite", "somebody"]] {
        admin.run(command).fails(11, &["epigraph admin setup"]);
    }
}

#[test]
fn the_pooled_string_serves_as_well() {
    let (mut admin, _) = Admin::set_up(shared());
    let pooler = PgBouncer::start(shared(), 1, &[&admin.database]);
    let url = admin.database.owner().port(pooler.port());
    // PgBouncer offers none; Neon's proxy, which stands before its own, does.
    let url = url.without("channel_binding").to_string();
    admin.home.set("EPIGRAPH_ADMIN_DATABASE_URL", url);
    let (name, _) = admin.other("pooled");
    let config = admin.run(&["invite", &name]).data();
    assert!(config.contains(&format!(":{}/", pooler.port())), "{config}");
    for arguments in [
        &["migrate"][..],
        &["keys"],
        &["block", "00u1"],
        &["unblock", "00u1"],
        &["revoke", &name],
    ] {
        admin.does(arguments, &[]);
    }
    assert!(admin.run(&["status"]).stdout.contains(&admin.role()));
}

#[test]
fn at_a_terminal_it_asks_for_what_it_was_not_told() {
    let admin = Admin::of(shared());
    let arguments = ["admin", "setup", "--name", &admin.name];
    let mut pty = Pty::spawn(&admin.home.command(&arguments), 200, 50);
    pty.sees("issuer: ");
    pty.type_(&admin.okta.issuer(Server::Default));
    pty.key(Key::Enter);
    pty.sees("client id: ");
    pty.type_(&admin.okta.client_id());
    pty.key(Key::Enter);
    pty.sees("database_url = ");
    assert!(pty.exit_status().success());

    // The string is asked for as well, and not shown.
    let mut command = admin.home.command(&arguments);
    command
        .env_remove("EPIGRAPH_ADMIN_DATABASE_URL")
        .env("AUTH_OKTA_ISSUER", admin.okta.issuer(Server::Default))
        .env("AUTH_OKTA_ID", admin.okta.client_id());
    let mut pty = Pty::spawn(&command, 200, 50);
    pty.sees("connection string (it is not shown): ");
    pty.type_(&admin.database.owner_url());
    pty.key(Key::Enter);
    pty.sees("keeps its password");
    assert!(pty.exit_status().success());
    assert!(!pty.screen().contains("postgresql://"), "{}", pty.screen());
}
