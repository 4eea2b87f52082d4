//! That a session remembers nothing of a check: every call looks at everything anew.

use serde_json::json;
use tokio_postgres::types::Type;

use super::asking::{ask, asked, assert_refused, begin, claims_with, who};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(
    nothing_is_remembered_of_a_token,
    nothing_that_is_set_passes_for_a_check,
    everything_is_looked_at_every_time,
    no_setting_of_the_caller_changes_the_answer,
);

async fn nothing_is_remembered_of_a_token(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    let token = key.token_of("00u-joyce");
    let settings = "select array(select name || setting from pg_settings where name <> 'okta.id_token' order by name)";
    // The first call loads the language, with settings of its own.
    assert!(ask(&client, &key.token_of("00u-woolf")).await.is_ok());
    let set = async || {
        let rows = client.query_typed(settings, &[]).await;
        rows.expect("anybody may")[0].get::<_, Vec<String>>(0)
    };
    let before = set().await;
    assert!(ask(&client, &token).await.is_ok());
    assert_eq!(set().await, before);
    // From now on no signature comes out right.
    database.query("update okta.signing_key set padding = padding + 1");
    let again = ask(&client, &token).await;
    assert_refused(again, "28E05", &token, "the same token");
}

async fn nothing_that_is_set_passes_for_a_check(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    let token = key.token_of("00u-joyce");
    let forged = key.forged(&token);
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
        let pretend = "select set_config('okta.verified', $1, false)";
        let set = client
            .query_typed(pretend, &[(&verified, Type::TEXT)])
            .await;
        set.expect("anybody may set it");
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
    let (key, database, client) = asked(cluster).await;
    let token = key.claiming(&claims_with("exp", json!(token::now() + 3)));
    assert!(ask(&client, &token).await.is_ok());
    database.query("select okta.block('00u-joyce')");
    assert_refused(ask(&client, &token).await, "28E11", &token, "blocked");
    assert!(ask(&client, &key.token_of("00u-woolf")).await.is_ok());
    database.query("select okta.unblock('00u-joyce')");
    assert!(ask(&client, &token).await.is_ok());
    database.query("update okta.issuer set audience = 'another'");
    let answer = ask(&client, &token).await;
    assert_refused(answer, "28E07", &token, "another audience");
    database.query(&format!(
        "update okta.issuer set audience = '{}'",
        token::AUDIENCE
    ));
    // One transaction that stays open gains nothing: it ends with the token.
    client.batch_execute("begin").await.expect("it begins");
    let ended = loop {
        begin(&client, "savepoint before", &token).await;
        if let Err(error) = who(&client).await {
            break error;
        }
    };
    assert_eq!(ended.code().expect("a code").code(), "28E08");
}

async fn no_setting_of_the_caller_changes_the_answer(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let good = key.token_of("00u-joyce");
    let forged = key.forged(&good);
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
