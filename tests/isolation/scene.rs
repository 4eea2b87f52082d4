//! Three databases with the same rows: one as the migrations make it; one whose owner has given people rights on the table, so
//! that row security, the second wall, is all there is; and one without even that. What an attack gets from the last is what it
//! must not get from the others; an attack that gets nothing there tests nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::support::{
    pgbouncer::PgBouncer,
    postgres::{Cluster, Database, Url, literal, shared},
    token,
};

/// The one whose row it is about.
pub(super) const VICTIM: &str = "00u-woolf";
/// What no one else may see.
pub(super) const SECRET: &str = "Lock up your libraries if you like";

/// The rows of everybody whom no attacker of these tests is, whichever way one is written.
const OTHERS: &str = "select string_agg(m::text, ' ' order by user_id) from public.user_messages m where user_id not like '00u-kafka%'";

/// What stands between the answers to two scripts.
pub(super) const MARK: &str = "=== the next one ===";

/// What an attack gets where nothing stops it.
#[derive(Clone, Copy)]
pub(super) enum Gets {
    /// This shows.
    Text(&'static str),
    /// The rows of others are not what they were.
    Changes,
}

pub(super) struct Scene {
    pub(super) guarded: Database<'static>,
    pub(super) second_wall: Database<'static>,
    open: Database<'static>,
    /// Whether everybody may create objects in the schema `public`, which only a superuser could forbid: before PostgreSQL 15.
    pub(super) public_is_open: bool,
}

/// The scene that the tests of a cluster share. Each attacker is another person with the same connection string.
pub(super) async fn scene(cluster: &'static Cluster) -> &'static Scene {
    static INSTALLED: OnceCell<Scene> = OnceCell::const_new();
    static SECOND: OnceCell<Scene> = OnceCell::const_new();
    let cell = if std::ptr::eq(cluster, shared()) {
        &INSTALLED
    } else {
        &SECOND
    };
    cell.get_or_init(async || {
        let scene = Scene {
            guarded: cluster.migrated().await,
            second_wall: cluster.migrated().await,
            open: cluster.migrated().await,
            public_is_open: cluster.version() < 150_000,
        };
        for database in [&scene.guarded, &scene.second_wall, &scene.open] {
            database.query(&rows());
        }
        for database in [&scene.second_wall, &scene.open] {
            database.grant_on_table();
        }
        scene
            .open
            .query("alter table public.user_messages disable row level security");
        scene
    })
    .await
}

/// Puts the rows there, known to the planner's statistics as well.
fn rows() -> String {
    format!(
        "truncate public.user_messages;
         insert into public.user_messages (user_id, create_ts, message) values
             ({}, 'epoch', {}), ('00u-joyce', 'epoch', 'Shut your eyes and see');
         analyze public.user_messages",
        literal(VICTIM),
        literal(SECRET)
    )
}

fn others(database: &Database) -> String {
    database.query(OTHERS)
}

/// A new attacker: a person with the right to a row, and with a token that says so.
pub(super) fn attacker() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    format!("00u-kafka-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The beginning of a transaction with a token of this person.
pub(super) fn signed_in(person: &str) -> String {
    shown_to_sign_in(&token::of(person))
}

/// The beginning of a transaction with this token.
pub(super) fn shown_to_sign_in(token: &str) -> String {
    format!(
        "begin;\nselect 'signed in' where set_config('okta.id_token', {}, true) <> '';\n",
        literal(token)
    )
}

/// A pooler in front of a database, and the way through it.
pub(super) fn pooled(cluster: &Cluster, database: &Database, size: usize) -> (PgBouncer, Url) {
    let pooler = PgBouncer::start(cluster, size, &[database]);
    let url = database.user().port(pooler.port());
    (pooler, url.without("channel_binding"))
}

/// Runs a script as a person with a token, where `{me}` is their id and `{victim}` the other one's; everything is undone when it has
/// failed anyway.
#[track_caller]
pub(super) fn run(database: &Database, person: &str, script: &str) -> String {
    let script = fill(script, person);
    let begun = signed_in(person);
    database.psql(&database.user(), &format!("{begun}{script}\n;\ncommit;\n"))
}

impl Scene {
    /// Runs each attack on each database. Where nothing stops it, it gets what it says; where the database checks who
    /// is asking, it gets nothing.
    pub(super) fn attacks(&self, attacks: &[(Gets, &str)]) {
        let before = others(&self.guarded);
        assert!(before.contains(SECRET));
        let scripts: Vec<_> = attacks.iter().map(|(_, attack)| *attack).collect();
        for database in [&self.guarded, &self.second_wall] {
            for ((gets, attack), shown) in attacks.iter().zip(each(database, &scripts, "commit")) {
                assert!(shown.contains("signed in"), "{shown}");
                assert!(!shown.contains(SECRET), "{attack}\n{shown}");
                if let Gets::Text(text) = gets {
                    assert!(!shown.contains(text), "{attack}\n{shown}");
                }
            }
            assert_eq!(others(database), before, "{scripts:#?}");
        }

        let look = format!(";\nselect 'others', ({OTHERS});\nrollback");
        for ((gets, attack), shown) in attacks.iter().zip(each(&self.open, &scripts, &look)) {
            let works = match gets {
                Gets::Text(text) => shown.contains(text),
                Gets::Changes => shown
                    .lines()
                    .any(|line| line.starts_with("others|") && line != format!("others|{before}")),
            };
            assert!(
                works,
                "it does nothing without row security either: {attack}\n{shown}"
            );
        }
    }

    /// Runs each of these on the guarded database, where it is refused with these words.
    pub(super) fn refused(&self, scripts: &[(&str, &str)]) {
        let guarded = &self.guarded;
        let before = others(guarded);
        let run: Vec<_> = scripts.iter().map(|(_, script)| *script).collect();
        for ((words, script), shown) in scripts.iter().zip(each(guarded, &run, "commit")) {
            assert!(shown.contains(words), "{script}\n{shown}");
            assert!(!shown.contains(SECRET), "{script}\n{shown}");
        }
        assert_eq!(others(guarded), before, "{run:#?}");
    }

    /// Runs each of these on the guarded database, where it makes nothing in the schema `public`; where that is open, what it makes
    /// shows nothing of others.
    pub(super) fn makes_nothing_in_public(&self, scripts: &[&str]) {
        if !self.public_is_open {
            let refused = |script| ("permission denied for schema public", script);
            let refused: Vec<_> = scripts.iter().copied().map(refused).collect();
            return self.refused(&refused);
        }
        let before = others(&self.guarded);
        for (script, shown) in scripts.iter().zip(each(&self.guarded, scripts, "rollback")) {
            assert!(!shown.contains("ERROR"), "{script}\n{shown}");
            assert!(!shown.contains(SECRET), "{script}\n{shown}");
        }
        assert_eq!(others(&self.guarded), before, "{scripts:#?}");
    }
}

/// Runs each of these in a transaction of its own, as another person with a token, and returns what each showed.
fn each(database: &Database, scripts: &[&str], end: &str) -> Vec<String> {
    let script = scripts.iter().fold(String::new(), |all, script| {
        let me = attacker();
        let script = fill(script, &me);
        format!(
            "{all}\\echo {MARK}\n{}{script}\n;\n{end};\ndiscard all;\n",
            signed_in(&me)
        )
    });
    let shown = database.psql(&database.user(), &script);
    let parts: Vec<_> = shown.split(MARK).skip(1).map(str::to_owned).collect();
    assert_eq!(parts.len(), scripts.len(), "{shown}");
    parts
}

fn fill(script: &str, person: &str) -> String {
    script
        .replace("{me}", &literal(person))
        .replace("{victim}", &literal(VICTIM))
}
