//! What an administrator is told, in one piece.

use serde_json::json;

use super::*;
use crate::failure::list;

#[test]
fn every_message_of_an_administrators_work() {
    insta::assert_snapshot!(list([
        not_set_up("neondb"),
        not_allowed("alex", "permission denied for schema okta"),
        too_slow(),
        access::no_person("epigraph_user"),
        access::no_access("epigraph_nora"),
        access::makes_no_roles("alex", "epigraph_nora"),
        access::no_group(),
        access::no_random_numbers(),
        access::role_named("nora barnacle").expect_err("refused"),
        keys::no_issuer(),
        keys::no_key(
            "https://org.okta.com",
            " The key a is left out: it is no RSA key."
        ),
        migrate::too_slow(),
        migrate::another_version(),
        migrate::unknown(),
        migrate::raised("The column user_id is no text", Some("Rename the table")),
        migrate::not_allowed("alex"),
        verify::does_not_hold("read the row of another person, make a table"),
    ]));
}

#[test]
fn every_problem_that_the_status_names() {
    let now = chrono::Local::now();
    let old = status::RegisteredKey {
        kid: "a".into(),
        bits: 2048,
        added_at: now,
        last_published_at: now - chrono::TimeDelta::days(30),
    };
    insta::assert_snapshot!(
        [
            status::OLD_TABLES.to_owned(),
            status::NO_ISSUER.to_owned(),
            status::TWO_ISSUERS.to_owned(),
            status::NEW_TABLES.to_owned(),
            status::no_group("epigraph_user_16384"),
            status::unshown_access("epigraph_nora"),
            status::keys_problem(&[], now).expect("a problem"),
            status::keys_problem(&[old], now).expect("a problem"),
            access::owns_things("owner of table notes"),
            access::still_there(&too_slow()),
        ]
        .join("\n")
    );
}

#[test]
fn every_reason_to_leave_a_key_out() {
    let keys = [
        json!({"kty": "RSA"}),
        json!({"kid": "a", "kty": "EC"}),
        json!({"kid": "a", "kty": "RSA", "use": "enc"}),
        json!({"kid": "a", "kty": "RSA", "alg": "RS512"}),
    ];
    let reasons = keys.map(|key| keys::usable(&key).expect_err("refused"));
    insta::assert_snapshot!(reasons.join("\n"));
}
