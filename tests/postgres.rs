//! The database, against a real PostgreSQL.

use epigraph::{
    failure::{Check, Verdict},
    postgres::{Statement, Target, check},
    quote::{DeleteOutcome, Saved},
};

use crate::support::{
    person::{Person, conflict, saved},
    postgres::{Cluster, each_server},
};

each_server! {
    the_cluster_is_as_neon_has_it,
    a_quote_is_written_read_changed_and_deleted,
    nothing_is_overwritten_that_was_not_seen,
    another_programs_statement_is_refused_in_its_own_words,
    doctor_sees_every_step,
}

async fn the_cluster_is_as_neon_has_it(cluster: &'static Cluster) {
    let database = cluster.database();
    database.shows("show ssl", "on");
    let password = "select left(rolpassword, 13) from pg_authid where rolname = current_user";
    database.shows(password, "SCRAM-SHA-256");
    let rights = format!(
        "select rolsuper or rolbypassrls or rolcreaterole, has_schema_privilege(rolname, 'public', 'create')
         from pg_roles where rolname = '{}'",
        database.user_name()
    );
    // Before 15 everybody may create objects in the schema `public`, there as here.
    let expected = if cluster.version() < 150_000 {
        "f|t"
    } else {
        "f|f"
    };
    assert_eq!(database.query(&rights), expected);
}

async fn another_programs_statement_is_refused_in_its_own_words(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let joyce = Person::new("00u-joyce", &database.user_url());
    for (sql, sqlstate, says) in [
        (
            "select public.okta_notes()",
            "42883",
            "function public.okta_notes() does not exist",
        ),
        (
            "select public.notes()",
            "42883",
            "function public.notes() does not exist",
        ),
        (
            "select body from public.notes",
            "42P01",
            "relation \"public.notes\" does not exist",
        ),
        (
            "select body from pg_catalog.pg_class",
            "42703",
            "column \"body\" does not exist",
        ),
        (
            "select * from pg_catalog.pg_authid",
            "42501",
            "permission denied for table pg_authid",
        ),
    ] {
        let refused = joyce.run(&Statement::read(sql)).await;
        let failure = refused.expect_err(sql);
        assert_eq!(failure.sqlstate(), Some(sqlstate), "{failure}");
        assert!(failure.what.contains(says), "{failure}");
    }
}

async fn a_quote_is_written_read_changed_and_deleted(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let joyce = Person::new("00u-joyce", &database.user_url());
    assert_eq!(joyce.load().await, None);
    let text = "Mistakes are the portals of discovery.\n\t- 詹姆斯 👩‍👩‍👧 e\u{301} '; drop table";
    saved(joyce.save(text, None).await);
    assert_eq!(joyce.load().await.as_deref(), Some(text));
    let row = format!("00u-joyce|{text}");
    database.shows("select user_id, message from public.user_messages", &row);
    let other = "Shut your eyes and see.";
    saved(joyce.save(other, Some(text)).await);
    assert_eq!(joyce.delete(Some(other)).await, DeleteOutcome::Deleted);
    database.shows("select count(*) from public.user_messages", "0");
    assert_eq!(joyce.delete(None).await, DeleteOutcome::Deleted);
}

async fn nothing_is_overwritten_that_was_not_seen(cluster: &'static Cluster) {
    let database = cluster.migrated().await;
    let laptop = Person::new("00u-joyce", &database.user_url());
    let phone = Person::new("00u-joyce", &database.user_url());
    saved(laptop.save("one", None).await);
    // Both write the first one, and it is not the same.
    let theirs = conflict(phone.save("two", None).await);
    assert_eq!(theirs.as_deref(), Some("one"));
    // Changed elsewhere.
    saved(phone.save("two", Some("one")).await);
    let theirs = conflict(laptop.save("three", Some("one")).await);
    assert_eq!(theirs.as_deref(), Some("two"));
    assert!(matches!(
        laptop.delete(Some("one")).await,
        DeleteOutcome::Conflict(Saved { text, .. }) if text == "two"
    ));
    assert_eq!(laptop.load().await.as_deref(), Some("two"));
    // Deleted elsewhere.
    assert_eq!(phone.delete(Some("two")).await, DeleteOutcome::Deleted);
    assert_eq!(conflict(laptop.save("three", Some("two")).await), None);
    assert_eq!(laptop.delete(Some("two")).await, DeleteOutcome::Deleted);
    // What is already there counts as saved: that is how a save whose answer was lost ends well.
    saved(laptop.save("three", None).await);
    saved(phone.save("three", None).await);
    saved(phone.save("three", Some("two")).await);
    saved(phone.save("three", Some("three")).await);
}

fn verdicts(checks: &[Check]) -> Vec<(&'static str, String)> {
    checks
        .iter()
        .map(|check| {
            let text = match &check.verdict {
                Verdict::Ok(found) => format!("ok: {found}"),
                Verdict::Warning(failure) => format!("warning: {failure}"),
                Verdict::Failed(failure) => format!("failed: {failure}"),
            };
            (check.name, text)
        })
        .collect()
}

/// As when Okta could not be asked.
fn no_keys() -> impl Future<Output = Vec<String>> {
    std::future::ready(Vec::new())
}

async fn doctor_sees_every_step(cluster: &'static Cluster) {
    let database = cluster.database();
    let target = Target::parse(&database.user_url().into()).expect("a good connection string");
    let found = verdicts(&check(&target, no_keys()).await);
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    let steps = "connection string, address, network, TLS, sign-in, table";
    assert_eq!(names.join(", "), steps);
    assert!(found[5].1.starts_with("failed: "), "{}", found[5].1);

    let owner = Target::parse(&database.owner_url().into()).expect("a good connection string");
    epigraph::admin::migrate(&owner).await.expect("it applies");
    let look = async |target| {
        let found = verdicts(&check(target, no_keys()).await);
        move |name: &str| {
            let line = found.iter().find(|(check, _)| *check == name);
            line.map_or_else(|| panic!("no {name}: {found:?}"), |(_, text)| text.clone())
        }
    };
    let found = look(&target).await("sign-in");
    assert!(found.contains("may not log in to the database"), "{found}");
    let (name, user) = (database.name(), database.user_name());
    database.query(&format!("grant connect on database {name} to {user}"));
    let found = look(&target).await("rights");
    for part in [
        "may not call epigraph.delete_quote, epigraph.load_quote, epigraph.save_quote",
        &format!("grant {} to {user}", database.group()),
    ] {
        assert!(found.contains(part), "{found}");
    }
    database.grant();
    let found = verdicts(&check(&target, no_keys()).await);
    let works = |(_, text): &(_, String)| text.starts_with("ok: ");
    assert!(found.iter().all(works), "{found:?}");
    database.grant_on_table();
    let found = look(&target).await;
    assert!(found("role").starts_with("warning: "));
    assert!(found("row security").starts_with("ok: "));
    database.query("alter table public.user_messages disable row level security");
    assert!(look(&target).await("row security").starts_with("warning: "));
    assert!(look(&owner).await("role").starts_with("warning: "));
    database.query("drop schema epigraph cascade");
    let found = look(&target).await("functions");
    assert!(found.starts_with("failed: "), "{found}");
    assert!(found.contains("epigraph admin setup"), "{found}");
}
