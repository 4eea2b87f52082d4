//! The owner's migrations, onto everything that a database may already hold.

use epigraph::{admin::migrate, failure::Kind, postgres::Target};

use crate::support::{
    person::{Person, saved},
    postgres::{Cluster, Database, each_server},
    token,
};

each_server! {
    an_empty_database_gets_the_guides_table,
    the_web_apps_table_is_taken_over_with_its_rows,
    a_table_of_another_shape_is_refused_with_the_column,
    a_role_without_the_right_is_told_whose_string_is_needed,
    a_database_of_a_newer_program_is_left_alone,
}

/// The migrations, in their order.
fn all() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("the migrations are there")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// What the guide's web app (drizzle) makes.
pub(crate) const GUIDE: &str = r#"
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at) values ('d34d', 1712000000000);
create table if not exists "user_messages" (
    "user_id" text primary key not null,
    "create_ts" timestamp default now() not null,
    "message" text not null
);
insert into user_messages values ('00u-woolf', '2026-05-03 12:02:03.456789', 'No need to hurry.');"#;

fn owner(database: &Database) -> Target {
    Target::parse(&database.owner_url().into()).expect("a good connection string")
}

/// Everything that is in the database's own schemas.
fn relations(database: &Database) -> String {
    database.query(
        "select string_agg(n.nspname || '.' || c.relname, ' ' order by 1)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
    )
}

impl Database<'_> {
    /// Runs SQL as the owner, who may.
    pub(crate) async fn owner_runs(&self, sql: &str) {
        let owner = self.owner_session().await;
        owner.batch_execute(sql).await.expect("the owner may");
    }

    /// Expects what a query shows.
    #[track_caller]
    pub(crate) fn shows(&self, sql: &str, shown: &str) {
        assert_eq!(self.query(sql), shown, "{sql}");
    }
}

async fn an_empty_database_gets_the_guides_table(cluster: &'static Cluster) {
    let database = cluster.database();
    let applied = migrate(&owner(&database)).await.expect("it applies");
    assert_eq!(applied, all());
    assert_eq!(
        database.query(
            "select string_agg(concat_ws(' ', column_name, data_type, column_default, is_nullable), ', ' order by ordinal_position)
             from information_schema.columns where table_name = 'user_messages'"
        ),
        "user_id text NO, create_ts timestamp without time zone now() NO, message text NO"
    );
    let history = "select xmin, * from public.epigraph_schema_history";
    let before = database.query(history);
    let again = migrate(&owner(&database)).await.expect("it applies");
    assert_eq!(again, [""; 0]);
    database.shows(history, &before);
}

async fn the_web_apps_table_is_taken_over_with_its_rows(cluster: &'static Cluster) {
    let database = cluster.database();
    database.owner_runs(GUIDE).await;
    migrate(&owner(&database)).await.expect("it applies");
    database.grant();
    database.trust(token::ISSUER, token::AUDIENCE, &[token::signer().jwk()]);
    let woolf = Person::new("00u-woolf", &database.user_url());
    let row = woolf.try_load().await.expect("it can be read");
    let row = row.expect("it is there");
    assert_eq!(row.text, "No need to hurry.");
    let saved_at = row.saved_at.to_utc().to_rfc3339();
    assert_eq!(saved_at, "2026-05-03T12:02:03.456789+00:00");
    saved(woolf.save("No need to sparkle.", Some(&row.text)).await);
    let theirs = "select hash, created_at from drizzle.__drizzle_migrations";
    database.shows(theirs, "d34d|1712000000000");
}

async fn a_table_of_another_shape_is_refused_with_the_column(cluster: &'static Cluster) {
    for (table, says) in [
        (
            "(user_id text primary key, message text not null)",
            "no column create_ts",
        ),
        (
            "(user_id uuid primary key, create_ts timestamp not null, message text not null)",
            "The column user_id of public.user_messages is of the type uuid and not text",
        ),
        (
            "(user_id text primary key, create_ts timestamptz not null, message text not null)",
            "timestamp with time zone and not timestamp without time zone",
        ),
        (
            "(user_id text primary key, create_ts timestamp not null, message text)",
            "The column message of public.user_messages may be null",
        ),
        (
            "(user_id text not null, create_ts timestamp not null, message text not null)",
            "The column user_id of public.user_messages is not unique",
        ),
        (
            "(user_id text not null, create_ts timestamp not null, message text not null, primary key (user_id, create_ts))",
            "not unique",
        ),
        (
            "(user_id text primary key, create_ts timestamp not null, message text not null, mood int not null)",
            "The column mood of public.user_messages must be filled",
        ),
    ] {
        let database = cluster.database();
        let table_of_quotes = format!("create table public.user_messages {table}");
        database.owner_runs(&table_of_quotes).await;
        let before = relations(&database);
        let refused = migrate(&owner(&database)).await;
        let failure = refused.expect_err("it does not fit");
        assert_eq!(failure.kind, Kind::Database);
        assert!(failure.what.contains(says), "{table}: {failure}");
        assert!(failure.what.contains("Nothing was changed."), "{failure}");
        assert!(failure.cure.is_some(), "{failure}");
        assert_eq!(relations(&database), before);
    }
}

async fn a_role_without_the_right_is_told_whose_string_is_needed(cluster: &'static Cluster) {
    let database = cluster.database();
    let target = Target::parse(&database.user_url().into()).expect("a good connection string");
    let failure = migrate(&target).await.expect_err("this role may not");
    assert!(failure.what.contains(database.user_name()), "{failure}");
    assert!(failure.cure.is_some_and(|cure| cure.contains("owner")));
}

async fn a_database_of_a_newer_program_is_left_alone(cluster: &'static Cluster) {
    let database = cluster.database();
    migrate(&owner(&database)).await.expect("it applies");
    database.query("insert into public.epigraph_schema_history values (1000, 'future', '2030-01-01T00:00:00Z', '1')");
    let failure = migrate(&owner(&database)).await.expect_err("it is newer");
    assert!(failure.what.contains("another version"), "{failure}");
}
