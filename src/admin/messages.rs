//! What an administrator is told, in one piece.

use serde_json::json;

use super::*;
use crate::failure::list;

/// What would be different with these.
fn different(issuer: &str, client_id: &str) -> String {
    let okta = |issuer: &str, client_id: &str| config::Okta {
        issuer: issuer.into(),
        client_id: client_id.into(),
        client_secret: None,
    };
    difference(
        &okta("https://example.okta.com", "0oa1"),
        &okta(issuer, client_id),
    )
    .expect("it is different")
}

#[test]
fn every_message_of_an_administrators_work() {
    insta::assert_snapshot!(list([
        not_set_up("neondb"),
        old_tables("neondb"),
        not_allowed("alex", "permission denied for schema okta"),
        closed_public("alex"),
        too_slow(),
        collided(),
        busy(),
        access::no_person("epigraph_readers"),
        access::no_access("epigraph_nora"),
        access::of_another_database("epigraph_nora", "shop"),
        access::set_by_another("epigraph_nora"),
        access::put_there_by_another("epigraph_nora", "epigraph_user_16384"),
        access::makes_no_roles("alex", "epigraph_nora", "epigraph_user_16384"),
        access::no_group("epigraph_user_16384"),
        access::needed("epigraph_nora", "view notes depends on function f()"),
        access::no_random_numbers(),
        access::role_named("nora barnacle").expect_err("refused"),
        registration::no_issuer(),
        keys::no_key(
            "https://org.okta.com",
            " The key a is left out: it is not an RSA key."
        ),
        migrate::too_slow(),
        migrate::another_version(),
        migrate::unknown(),
        migrate::raised("The column user_id is no text", Some("Rename the table")),
        migrate::not_allowed("alex"),
        migrate::foreign_table("user_messages"),
        migrate::group_not_made("epigraph_user_16384", "alex"),
        verify::does_not_hold("read rows, make a table"),
        not_replaced(&different("https://other.okta.com", "0oa1")),
        not_replaced(&different("https://example.okta.com", "0oa2")),
    ]));
}

#[test]
fn every_problem_that_the_status_names() {
    let now = chrono::Local::now();
    let published = |days| status::RegisteredKey {
        kid: "a".into(),
        bits: 2048,
        added_at: now,
        last_published_at: now + chrono::TimeDelta::days(days),
    };
    let ahead = status::keys_problem(&[published(3)], now).expect("a problem");
    let day = now + chrono::TimeDelta::days(3);
    insta::assert_snapshot!(
        [
            status::OLD_TABLES.to_owned(),
            status::NO_ISSUER.to_owned(),
            status::TWO_ISSUERS.to_owned(),
            status::NEW_TABLES.to_owned(),
            status::no_group("epigraph_user_16384"),
            status::unshown_access("epigraph_nora"),
            status::keys_problem(&[], now).expect("a problem"),
            status::keys_problem(&[published(-30)], now).expect("a problem"),
            ahead.replace(&day.format("%Y-%m-%d").to_string(), "2026-12-01"),
            access::owns_things("owner of database stall\n2 objects in database shop"),
            access::still_there(&too_slow()),
            access::still_connected(&too_slow()),
            access::somebody_elses("epigraph_nora"),
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
