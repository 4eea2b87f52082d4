//! What a session remembers of a check: that it spares the arithmetic, and that nobody can make it spare anything else.

use openssl::rand::rand_bytes;
use serde_json::json;
use tokio_postgres::{Client, types::Type};

use super::asking::{Key, ask, assert_refused, claims_with, message};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(
    a_token_that_was_checked_is_not_computed_again,
    what_is_remembered_cannot_be_forged,
    everything_but_the_arithmetic_is_looked_at_again,
    no_setting_of_the_caller_changes_the_answer,
);

async fn remembered(client: &Client) -> String {
    let rows = client
        .query_typed(
            "select coalesce(current_setting('okta.verified', true), '')",
            &[],
        )
        .await
        .expect("anybody may read it");
    rows[0].get(0)
}

async fn pretend(client: &Client, verified: &str) {
    client
        .query_typed(
            "select set_config('okta.verified', $1, false)",
            &[(&verified, Type::TEXT)],
        )
        .await
        .expect("anybody may set it");
}

async fn a_token_that_was_checked_is_not_computed_again(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let [before, fresh] = [database.user_session().await, database.user_session().await];
    let token = key.token_of("00u-joyce");
    assert!(ask(&before, &token).await.is_ok());
    // From now on no signature comes out right.
    database.query("update okta.signing_key set padding = padding + 1");
    assert_eq!(
        ask(&before, &token).await.expect("it was checked"),
        "00u-joyce"
    );
    assert_refused(
        ask(&fresh, &token).await,
        "28E05",
        &token,
        "a fresh session",
    );
    let other = key.token_of("00u-woolf");
    assert_refused(ask(&before, &other).await, "28E05", &other, "another token");
}

async fn what_is_remembered_cannot_be_forged(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let [mine, hers] = [database.user_session().await, database.user_session().await];
    let token = key.token_of("00u-joyce");
    let signature = token.rsplit('.').next().expect("a signature");
    let forged = format!(
        "{}.{signature}",
        message(key.header(), token::claims("00u-woolf"))
    );
    assert!(ask(&mine, &token).await.is_ok());
    assert!(ask(&hers, &key.token_of("00u-woolf")).await.is_ok());
    let [of_mine, of_hers] = [remembered(&mine).await, remembered(&hers).await];
    assert_eq!([of_mine.len(), of_hers.len()], [64, 64]);
    assert_ne!(of_mine, of_hers);
    let mut random = [0; 32];
    rand_bytes(&mut random).expect("OpenSSL has randomness");
    let random = random
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
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
        &random,
        &plain,
        &of_mine,
        &of_hers,
        &of_hers.to_uppercase(),
        &"0".repeat(64),
        &"a".repeat(100_000),
    ] {
        pretend(&mine, verified).await;
        let what = format!("{verified:.70}");
        assert_refused(ask(&mine, &forged).await, "28E05", &forged, &what);
        // A refusal leaves nothing behind, and a good token is good whatever was set.
        assert_eq!(ask(&mine, &token).await.expect("it is good"), "00u-joyce");
        assert_eq!(remembered(&mine).await, of_mine);
    }
    // What it is made with is out of reach.
    let secret = mine
        .batch_execute("select hmac_inner from okta.signing_key")
        .await;
    let error = secret.expect_err("only the owner may");
    assert_eq!(error.code().expect("a code").code(), "42501");
    assert_eq!(
        database.query("select count(distinct hmac_inner) = count(*), min(length(hmac_inner)), min(length(hmac_outer)), bool_and(hmac_inner <> hmac_outer) from okta.signing_key"),
        "t|64|64|t"
    );
}

async fn everything_but_the_arithmetic_is_looked_at_again(cluster: &Cluster) {
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
