//! That a session remembers nothing of a check: every call looks at everything anew.

use serde_json::json;
use tokio_postgres::{Client, types::Type};

use super::asking::{Key, ask, assert_refused, claims_with, message};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(
    nothing_is_remembered_of_a_token,
    nothing_that_is_set_passes_for_a_check,
    everything_is_looked_at_every_time,
    a_block_takes_effect_within_one_statement,
    no_setting_of_the_caller_changes_the_answer,
);

async fn pretend(client: &Client, verified: &str) {
    client
        .query_typed(
            "select set_config('okta.verified', $1, false)",
            &[(&verified, Type::TEXT)],
        )
        .await
        .expect("anybody may set it");
}

async fn nothing_is_remembered_of_a_token(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    let token = key.token_of("00u-joyce");
    let settings = "select array(select name || setting from pg_settings where name <> 'okta.id_token' order by name)";
    // The first call loads the language, with settings of its own.
    assert!(ask(&client, &key.token_of("00u-woolf")).await.is_ok());
    let before = client
        .query_typed(settings, &[])
        .await
        .expect("anybody may");
    assert!(ask(&client, &token).await.is_ok());
    let after = client
        .query_typed(settings, &[])
        .await
        .expect("anybody may");
    assert_eq!(
        before[0].get::<_, Vec<String>>(0),
        after[0].get::<_, Vec<String>>(0)
    );
    // From now on no signature comes out right.
    database.query("update okta.signing_key set padding = padding + 1");
    assert_refused(
        ask(&client, &token).await,
        "28E05",
        &token,
        "the same token",
    );
}

async fn nothing_that_is_set_passes_for_a_check(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    let token = key.token_of("00u-joyce");
    let signature = token.rsplit('.').next().expect("a signature");
    let forged = format!(
        "{}.{signature}",
        message(key.header(), token::claims("00u-woolf"))
    );
    assert!(ask(&client, &token).await.is_ok());
    let plain = openssl::sha::sha256(forged.as_bytes());
    let plain = plain
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    for verified in [
        "",
        "t",
        "true",
        "on",
        "1",
        "00u-woolf",
        &forged,
        &plain,
        &"0".repeat(64),
        &"a".repeat(100_000),
    ] {
        pretend(&client, verified).await;
        let what = format!("{verified:.70}");
        assert_refused(ask(&client, &forged).await, "28E05", &forged, &what);
        assert_eq!(ask(&client, &token).await.expect("it is good"), "00u-joyce");
    }
    // Whoever reads all of it learns what Okta publishes, and what follows from that.
    assert_eq!(
        database.query(
            "select string_agg(attname, ' ' order by attname) from pg_attribute
             where attrelid = 'okta.signing_key'::regclass and attnum > 0 and not attisdropped"
        ),
        "added_at bits fold folded_digits irrelevant_digits issuer kid last_published_at missed_at modulus octets padding reciprocal"
    );
}

async fn everything_is_looked_at_every_time(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    let token = key.claiming(&claims_with("exp", json!(token::now() + 3)));
    assert!(ask(&client, &token).await.is_ok());
    database.query("select okta.block('00u-joyce')");
    assert_refused(ask(&client, &token).await, "28E11", &token, "blocked");
    database.query("select okta.unblock('00u-joyce')");
    database.query("update okta.issuer set audience = 'another'");
    assert_refused(
        ask(&client, &token).await,
        "28E07",
        &token,
        "another audience",
    );
    database.query(&format!(
        "update okta.issuer set audience = '{}'",
        token::AUDIENCE
    ));
    // One transaction that stays open gains nothing: it ends with the token.
    client.batch_execute("begin").await.expect("it begins");
    let ended = loop {
        client
            .batch_execute("savepoint before")
            .await
            .expect("it is set");
        client
            .query_typed(
                "select set_config('okta.id_token', $1, true)",
                &[(&token, Type::TEXT)],
            )
            .await
            .expect("it is set");
        let answer = client.query_typed("select okta.user_id()", &[]).await;
        if let Err(error) = answer {
            break error;
        }
    };
    assert_eq!(ended.code().expect("a code").code(), "28E08");
}

/// A statement may run for long, and hands out row after row.
async fn a_block_takes_effect_within_one_statement(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    for (shut_out, code) in [
        ("select okta.block('00u-joyce')", "28E11"),
        (
            "select okta.remove_signing_key(issuer, kid) from okta.signing_key",
            "28E04",
        ),
    ] {
        let database = key.trusted_by(cluster).await;
        let client = database.user_session().await;
        let token = key.token_of("00u-joyce");
        client
            .batch_execute("set okta.id_token = ''; begin")
            .await
            .expect("it begins");
        client
            .query_typed(
                "select set_config('okta.id_token', $1, true)",
                &[(&token, Type::TEXT)],
            )
            .await
            .expect("it is set");
        client
            .batch_execute(
                "declare rows cursor for select okta.user_id() from generate_series(1, 5)",
            )
            .await
            .expect("it is declared");
        let fetch = || client.query_typed("fetch 1 from rows", &[]);
        for _ in 0..2 {
            assert_eq!(
                fetch().await.expect("a row")[0].get::<_, &str>(0),
                "00u-joyce"
            );
        }
        database.query(shut_out);
        let answer = fetch().await.map(|rows| rows[0].get(0));
        assert_refused(answer, code, &token, shut_out);
    }
}

async fn no_setting_of_the_caller_changes_the_answer(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    let good = key.token_of("00u-joyce");
    let signature = good.rsplit('.').next().expect("a signature");
    let forged = format!(
        "{}.{signature}",
        message(key.header(), token::claims("00u-woolf"))
    );
    let expired = key.claiming(&claims_with("exp", json!(token::now() - 1)));
    client
        .batch_execute(
            "set search_path = pg_temp, public; set bytea_output = 'escape'; set standard_conforming_strings = off;
             set escape_string_warning = off; set backslash_quote = on; set transform_null_equals = on; set array_nulls = off;
             set datestyle = 'German, DMY'; set intervalstyle = 'sql_standard'; set timezone = 'Pacific/Kiritimati';
             set extra_float_digits = -15; set quote_all_identifiers = on; set client_encoding = 'UTF8';
             set plan_cache_mode = force_custom_plan; set plpgsql.check_asserts = off;
             set enable_indexscan = off; set enable_seqscan = off; set xmloption = document; set row_security = off",
        )
        .await
        .expect("they can be set");
    assert_eq!(ask(&client, &good).await.expect("it is good"), "00u-joyce");
    assert_refused(ask(&client, &forged).await, "28E05", &forged, "forged");
    assert_refused(ask(&client, &expired).await, "28E08", &expired, "expired");
}
