//! `okta.protect` on the table of quotes, and on tables of another shape.

use serde_json::json;
use tokio_postgres::{Client, types::Type};

use super::asking::{Key, ask};
use crate::support::postgres::{Cluster, Database, each_server};

each_server!(
    the_index_is_used,
    without_a_token_there_is_an_error_and_no_empty_answer,
    a_table_of_another_shape_is_protected_and_let_go,
    what_cannot_be_protected_is_refused,
    a_web_app_that_owns_the_table_sees_what_it_saw,
);

/// Runs a statement as whoever has this token and returns the first column.
async fn run(
    client: &Client,
    token: &str,
    statement: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    client.batch_execute("begin").await?;
    client
        .query_typed(
            "select set_config('okta.id_token', $1, true)",
            &[(&token, Type::TEXT)],
        )
        .await?;
    let rows = client.query_typed(statement, &[]).await;
    client
        .batch_execute(if rows.is_ok() { "commit" } else { "rollback" })
        .await?;
    Ok(rows?.iter().map(|row| row.get(0)).collect())
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().expect("the database says it").code()
}

async fn the_index_is_used(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    database.query(
        "insert into public.user_messages (user_id, message) select '00u-' || i, 'm' from generate_series(1, 20000) i;
         analyze public.user_messages",
    );
    let client = database.user_session().await;
    let token = key.token_of("00u-7");
    for statement in [
        "select message from public.user_messages where user_id = '00u-7'",
        "select message from public.user_messages",
        "update public.user_messages set message = 'n' where user_id = '00u-7' and message = 'm'",
        "delete from public.user_messages where user_id = '00u-7'",
    ] {
        let plan = run(&client, &token, &format!("explain (costs off) {statement}"))
            .await
            .expect("a plan")
            .join("\n");
        assert!(
            plan.contains("Index Scan using user_messages_pkey"),
            "{plan}"
        );
        assert!(plan.contains("Index Cond"), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    let counted = run(
        &client,
        &token,
        "select count(*)::text from public.user_messages",
    )
    .await;
    assert_eq!(counted.expect("one's own"), ["1"]);
}

async fn without_a_token_there_is_an_error_and_no_empty_answer(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    assert!(ask(&client, &key.token_of("00u-joyce")).await.is_ok());
    database.query("insert into public.user_messages (user_id, message) values ('00u-joyce', 'm')");
    // The token went with its transaction.
    for statement in [
        "select message from public.user_messages",
        "insert into public.user_messages (user_id, message) values ('00u-joyce', 'n')",
        "update public.user_messages set message = 'n'",
        "delete from public.user_messages",
    ] {
        let error = client
            .query_typed(statement, &[])
            .await
            .expect_err(statement);
        assert_eq!(code(&error), "28E01", "{statement}");
    }
    assert_eq!(
        database.query("select message from public.user_messages"),
        "m"
    );
}

/// A database with a table of notes that everybody who is let in may use.
async fn with_notes<'a>(cluster: &'a Cluster, key: &Key) -> Database<'a> {
    let database = key.trusted_by(cluster).await;
    let owner = database.owner_session().await;
    owner
        .batch_execute(
            r#"create schema "My Notes";
               create table "My Notes"."Notes" (id int generated always as identity primary key, "Owner" text not null, body text);
               grant usage on schema "My Notes" to epigraph_user;
               grant select, insert, update, delete on "My Notes"."Notes" to epigraph_user;
               select okta.protect('"My Notes"."Notes"', 'Owner')"#,
        )
        .await
        .expect("the owner may");
    database
}

async fn a_table_of_another_shape_is_protected_and_let_go(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = with_notes(cluster, &key).await;
    let [joyce, woolf] = ["00u-joyce", "00u-woolf"].map(|person| key.token_of(person));
    let client = database.user_session().await;
    let add = r#"insert into "My Notes"."Notes" ("Owner", body) values (okta.user_id(), 'a'), (okta.user_id(), 'b') returning "Owner""#;
    for token in [&joyce, &woolf] {
        assert_eq!(run(&client, token, add).await.expect("one's own").len(), 2);
    }
    let all = r#"select "Owner" from "My Notes"."Notes""#;
    assert_eq!(
        run(&client, &joyce, all).await.expect("one's own"),
        ["00u-joyce"; 2]
    );
    let others = r#"insert into "My Notes"."Notes" ("Owner") values ('00u-woolf')"#;
    assert_eq!(
        code(&run(&client, &joyce, others).await.expect_err("another's")),
        "42501"
    );
    let give = r#"update "My Notes"."Notes" set "Owner" = '00u-woolf'"#;
    assert_eq!(
        code(&run(&client, &joyce, give).await.expect_err("another's")),
        "42501"
    );
    run(&client, &joyce, r#"delete from "My Notes"."Notes""#)
        .await
        .expect("one's own");
    assert_eq!(
        run(&client, &woolf, all).await.expect("one's own"),
        ["00u-woolf"; 2]
    );

    let owner = database.owner_session().await;
    // Doing it again changes nothing.
    for call in [
        r#"protect('"My Notes"."Notes"', 'Owner')"#,
        r#"unprotect('"My Notes"."Notes"')"#,
    ] {
        owner
            .batch_execute(&format!("select okta.{call}"))
            .await
            .expect("the owner may");
    }
    assert_eq!(
        run(&client, &joyce, all).await.expect("everybody's"),
        ["00u-woolf"; 2]
    );
    assert_eq!(
        database.query("select relrowsecurity from pg_class where relname = 'Notes'"),
        "f"
    );
    let again = owner
        .batch_execute(r#"select okta.unprotect('"My Notes"."Notes"')"#)
        .await;
    assert_eq!(code(&again.expect_err("it is not protected")), "42704");

    // What somebody else added stays in force.
    owner
        .batch_execute(
            r#"select okta.protect('"My Notes"."Notes"', 'Owner');
               create policy mine on "My Notes"."Notes" using (false);
               select okta.unprotect('"My Notes"."Notes"')"#,
        )
        .await
        .expect("the owner may");
    assert_eq!(run(&client, &woolf, all).await.expect("nothing"), [""; 0]);
}

async fn what_cannot_be_protected_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    database.query("create table public.theirs (owner_id text)");
    let owner = database.owner_session().await;
    owner
        .batch_execute(
            "create schema s;
             create table s.numbers (owner_id int);
             create table s.short (owner_id varchar(20));
             create table s.open (owner_id text);
             create policy everybody on s.open using (true);
             create view s.view as select user_id as owner_id from public.user_messages;
             create table s.parted (owner_id text) partition by list (owner_id);
             create table s.part partition of s.parted default",
        )
        .await
        .expect("the owner may");
    // ICU is not in every build of the server.
    let icu =
        database.query("select count(*) > 0 from pg_collation where collprovider = 'i'") == "t";
    if icu {
        owner
            .batch_execute(
                "create collation s.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 create table s.blind (owner_id text collate s.blind)",
            )
            .await
            .expect("the owner may");
    }
    let cases = [
        ("s.numbers", "owner_id", "not of the type text"),
        ("s.short", "owner_id", "not of the type text"),
        ("s.open", "owner_id", "policies of its own"),
        ("s.open", "nothing", "no such column"),
        ("s.open", "ctid", "no such column"),
        ("s.view", "owner_id", "not a table"),
        ("s.part", "owner_id", "a partition"),
        ("public.theirs", "owner_id", "somebody else"),
    ];
    for (table, column, says) in
        cases
            .into_iter()
            .chain(icu.then_some(("s.blind", "owner_id", "collation")))
    {
        let call = format!("select okta.protect('{table}', '{column}')");
        let error = owner.batch_execute(&call).await.expect_err(table);
        let refusal = error.as_db_error().expect("the database says it");
        assert_eq!(refusal.code().code(), "42809", "{table}: {refusal:?}");
        assert!(refusal.message().contains(says), "{table}: {refusal:?}");
    }
    let absent = owner
        .batch_execute("select okta.protect('s.nothing', 'owner_id')")
        .await;
    assert_eq!(code(&absent.expect_err("no such table")), "42P01");
    owner
        .batch_execute("select okta.protect('s.parted', 'owner_id')")
        .await
        .expect("the whole of it can be");
    assert_eq!(
        database.query("select count(*) from pg_policy where polrelid::regclass::text ~ '^s[.]'"),
        "2"
    );
}

async fn a_web_app_that_owns_the_table_sees_what_it_saw(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let owner = database.owner_session().await;
    let id = json!("5f0b5b0e-7d6c-4f0e-9a8e-0c3b7d3c2a11");
    let write = format!(
        "insert into user_messages (user_id, message) values ('{}', 'm')",
        id.as_str().expect("a text")
    );
    owner
        .batch_execute(&write)
        .await
        .expect("without a token, as ever");
    let rows = owner
        .query_typed("select message from user_messages", &[])
        .await;
    assert_eq!(rows.expect("as ever")[0].get::<_, String>(0), "m");
}
