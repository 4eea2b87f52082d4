//! Which issuers and keys the owner may register.

use epigraph::{admin::migrate, postgres::Target};
use serde_json::{Value, json};
use tokio_postgres::{Client, types::Type};

use super::asking::{Key, ask, asked, assert_refused, base64url, changed};
use crate::support::{
    postgres::{Cluster, Settings, each_server, migrations},
    token,
};

each_server!(
    keys_of_every_usual_size_work,
    a_weak_or_malformed_key_is_refused,
    a_published_key_is_noted_and_a_removed_one_ends,
    a_key_of_an_older_database_is_kept_as_good_as_new,
    one_issuer_and_no_second_one,
);

async fn add(owner: &Client, jwk: &str) -> Result<String, tokio_postgres::Error> {
    owner
        .query_typed(
            "select okta.add_signing_key($1, $2::text::jsonb)",
            &[(&token::ISSUER, Type::TEXT), (&jwk, Type::TEXT)],
        )
        .await
        .map(|rows| rows[0].get(0))
}

async fn keys_of_every_usual_size_work(cluster: &Cluster) {
    // The last one is no multiple of eight.
    for bits in [2048, 3072, 4096, 2050] {
        let key = Key::of_bits(bits);
        let database = key.trusted_by(cluster).await;
        let size = format!("{bits}|{}", bits.div_ceil(8));
        database.shows("select bits, octets from okta.signing_key", &size);
        let client = database.user_session().await;
        for turn in 0..20 {
            let person = format!("00u-{turn}");
            let answer = ask(&client, &key.token_of(&person)).await;
            assert_eq!(answer.expect("it is good"), person);
        }
        let other = Key::of_bits(if bits == 2048 { 3072 } else { 2048 });
        let token = other.token(key.header(), token::claims("00u-joyce"));
        assert_refused(ask(&client, &token).await, "28E05", &token, "another key");
    }
}

async fn a_weak_or_malformed_key_is_refused(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let owner = database.owner_session().await;
    let sound = Key::of_bits(2048).jwk();
    let n = Key::of_bits(2048).rsa.n().to_vec();
    let with = |name: &str, value: Value| changed(sound.clone(), name, value);
    let (padded, blank) = (format!("{}=", base64url(&n)), format!(" {}", base64url(&n)));
    let foreign = format!("{}!", "A".repeat(682));
    let longer = [&n[..], &[1; 257]].concat();
    let modulus = |bytes: &[u8]| with("n", base64url(bytes).into());
    // 2^2048 - 1: all its bits are set, and 3 divides it.
    let multiple_of_three = [0xff; 256];
    let mut even = n.clone();
    even[255] &= 0xfe;
    let mut halved = n.clone();
    halved[0] &= 0x7f;
    for (jwk, says) in [
        (json!([]), "not a JSON object"),
        (json!("n"), "not a JSON object"),
        (with("kty", json!("EC")), "not an RSA key"),
        (with("kty", Value::Null), "not an RSA key"),
        (with("use", json!("enc")), "not for signatures"),
        (with("key_ops", json!(["encrypt"])), "not for signatures"),
        (with("alg", json!("RS512")), "another algorithm"),
        (with("alg", json!("none")), "another algorithm"),
        (with("d", json!("AQAB")), "private half"),
        (with("kid", Value::Null), "no usable name"),
        (with("kid", json!("")), "no usable name"),
        (with("kid", json!(1)), "no usable name"),
        (with("e", json!("Aw")), "another exponent"),
        (with("e", json!("AQ")), "another exponent"),
        (with("e", json!("AQAA")), "another exponent"),
        (with("e", json!("AAEAAQ")), "another exponent"),
        (with("e", json!(65537)), "another exponent"),
        (with("e", Value::Null), "another exponent"),
        (with("n", Value::Null), "no readable modulus"),
        (with("n", json!(7)), "no readable modulus"),
        (with("n", json!("")), "no readable modulus"),
        (with("n", json!(padded)), "no readable modulus"),
        (with("n", json!(blank)), "no readable modulus"),
        (modulus(&[&[0], &n[..]].concat()), "begins with zeros"),
        (modulus(&n[..128]), "fewer than 2048 bits"),
        (modulus(&halved), "fewer than 2048 bits"),
        (modulus(&[1]), "fewer than 2048 bits"),
        (modulus(&longer), "more than 4096 bits"),
        (modulus(&[0xff; 513]), "more than 4096 bits"),
        // Whatever takes long with a long number comes after its length.
        (modulus(&vec![0xfd; 40_000]), "more than 4096 bits"),
        (with("n", json!(foreign)), "no readable modulus"),
        (with("x5c", json!(["A".repeat(70_000)])), "more than 64 kB"),
        (modulus(&even), "small factors"),
        (modulus(&multiple_of_three), "small factors"),
    ] {
        let error = add(&owner, &jwk.to_string()).await.expect_err(says);
        let refusal = error.as_db_error().expect("the database says it");
        assert_eq!(refusal.code().code(), "22023", "{jwk}: {refusal:?}");
        assert!(refusal.message().contains(says), "{jwk}: {refusal:?}");
        assert!(refusal.hint().is_some());
        let said = format!("{refusal:?}");
        assert!(!said.contains(&base64url(&n)), "{said}");
    }
    let good = [
        sound.clone(),
        with("alg", Value::Null),
        with("use", Value::Null),
        with("key_ops", json!(["verify"])),
    ];
    for jwk in good {
        add(&owner, &jwk.to_string()).await.expect("it is good");
    }
}

async fn a_published_key_is_noted_and_a_removed_one_ends(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    let owner = database.owner_session().await;
    let token = key.token_of("00u-joyce");
    assert!(ask(&client, &token).await.is_ok());
    database.query("update okta.signing_key set added_at = 'epoch', last_published_at = 'epoch', missed_at = 'epoch'");
    let again = add(&owner, &key.jwk().to_string()).await.expect("again");
    assert_eq!(again, "known");
    let noted = "select added_at = 'epoch', last_published_at > now() - interval '1 minute', missed_at is null from okta.signing_key";
    database.shows(noted, "t|t|t");
    let header = key.header();
    let kid = header["kid"].as_str().expect("a name");
    let knows = format!("select okta.knows_key('{kid}'), okta.knows_key('other')");
    database.shows(&knows, "t|f");
    let remove = format!(
        "select okta.remove_signing_key('{}', '{kid}')",
        token::ISSUER
    );
    database.shows(&remove, "t");
    database.shows(&remove, "f");
    // Although this session had checked it before.
    assert_refused(ask(&client, &token).await, "28E04", &token, "removed");
    // Another key that goes by the same name.
    let mut other = Key::of_bits(3072).jwk();
    other["kid"] = kid.into();
    let added = add(&owner, &other.to_string()).await.expect("a good key");
    assert_eq!(added, "added");
    assert_refused(ask(&client, &token).await, "28E05", &token, "another key");
    let added = add(&owner, &key.jwk().to_string()).await;
    assert_eq!(added.expect("a good key"), "replaced");
    assert!(ask(&client, &token).await.is_ok());
    // Nor are others beside its own modulus, which a forgery could fit.
    for numbers in [
        "fold = 0, reciprocal = 0",
        "padding = padding - 1",
        "octets = octets + 1",
    ] {
        database.query(&format!("update okta.signing_key set {numbers}"));
        for outcome in ["replaced", "known"] {
            let added = add(&owner, &key.jwk().to_string()).await;
            assert_eq!(added.expect("a good key"), outcome, "{numbers}");
        }
        assert!(ask(&client, &token).await.is_ok(), "{numbers}");
    }
}

async fn a_key_of_an_older_database_is_kept_as_good_as_new(cluster: &Cluster) {
    let database = cluster.first_release();
    let keys = [2048, 2050, 3072, 4096].map(Key::of_bits);
    let published: Vec<_> = keys.iter().map(Key::jwk).collect();
    database.trust(token::ISSUER, token::AUDIENCE, &published);
    database.query("select okta.block('00u-woolf'); update okta.signing_key set added_at = 'epoch', last_published_at = 'epoch'");
    for (number, text) in migrations() {
        if number > 3 {
            database.apply(&text);
        }
    }
    database.grant();
    let client = database.user_session().await;
    for key in &keys {
        let answer = ask(&client, &key.token_of("00u-joyce")).await;
        assert_eq!(answer.expect("it is good"), "00u-joyce");
        let blocked = key.token_of("00u-woolf");
        assert_refused(ask(&client, &blocked).await, "28E11", &blocked, "blocked");
    }
    let noted = "select count(*) from okta.signing_key where added_at = 'epoch' and last_published_at = 'epoch' and missed_at is null";
    assert_eq!(database.query(noted), "4");
    let constants = "select kid, bits, octets, padding, reciprocal, irrelevant_digits, fold, folded_digits from okta.signing_key order by kid";
    let kept = database.query(constants);
    database.trust(token::ISSUER, token::AUDIENCE, &published);
    assert_eq!(database.query(constants), kept);
}

async fn one_issuer_and_no_second_one(cluster: &Cluster) {
    let (key, database, client) = asked(cluster).await;
    let owner = database.owner_session().await;
    let second = "select okta.add_issuer('https://other.example', 'a')";
    let second = owner.batch_execute(second).await;
    let error = second.expect_err("there is one");
    let refusal = error.as_db_error().expect("the database says it");
    assert_eq!(refusal.code().code(), "23505");
    let hint = refusal.hint().unwrap_or_default();
    assert!(hint.contains("okta.remove_issuer"), "{hint}");
    let jwk = key.jwk();
    for past in [
        "insert into okta.issuer values ('https://other.example', 'a')",
        &format!("select okta.add_signing_key('https://other.example', '{jwk}')"),
    ] {
        owner.batch_execute(past).await.expect_err(past);
    }

    let token = key.token_of("00u-joyce");
    assert!(ask(&client, &token).await.is_ok());
    let again = format!(
        "select okta.add_issuer('{}', 'another-client')",
        token::ISSUER
    );
    owner.batch_execute(&again).await.expect("another client");
    let answer = ask(&client, &token).await;
    assert_refused(answer, "28E07", &token, "another client");
}

#[tokio::test]
async fn an_owner_without_createrole_is_told_which_role_to_get() {
    let cluster = Cluster::start(Settings::default());
    let database = cluster.database();
    let owner = database.owner().user;
    database.query(&format!("alter role {owner} nocreaterole"));
    let target = Target::parse(&database.owner_url().into()).expect("a good connection string");
    let failure = migrate(&target).await.expect_err("there is no group");
    assert!(failure.what.contains("may make no roles"), "{failure}");
    let cure = failure.cure.clone().unwrap_or_default();
    database.shows("select to_regnamespace('okta') is null", "t");
    // What it says is all that it takes.
    let (_, statements) = cure.split_once('"').expect("SQL in quotes");
    let (statements, _) = statements.rsplit_once('"').expect("SQL in quotes");
    database.query(statements);
    migrate(&target).await.expect("now it applies");
    database.grant();
    let key = Key::of_bits(2048);
    database.trust(token::ISSUER, token::AUDIENCE, &[key.jwk()]);
    let answer = ask(&database.user_session().await, &key.token_of("00u-joyce")).await;
    assert_eq!(answer.expect("it is good"), "00u-joyce");
}
