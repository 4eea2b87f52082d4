//! Every token that is refused, and each reason; and the unusual ones that are good.

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use serde_json::{Value, json};

use super::asking::{
    Key, ask, asked, assert_refused, base64url, begin, changed, claims_with, message, who,
    with_signature,
};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
    token_cases::World,
};

each_server!(
    the_table_that_it_shares_with_the_program_holds,
    good_tokens_are_taken,
    a_token_that_cannot_be_read_is_refused,
    an_algorithm_or_header_of_ones_own_choice_is_refused,
    a_token_of_another_issuer_or_client_is_refused,
    a_token_at_another_time_is_refused,
    claims_that_are_unusable_are_refused,
    a_database_without_an_issuer_refuses_everybody,
    only_a_transaction_that_sees_what_was_committed_is_served,
    a_hostile_token_costs_no_more_than_a_good_one,
);

/// Asks with each of the tokens and expects each to be refused for the same reason.
async fn all_refused(cluster: &Cluster, code: &str, tokens: Vec<(String, String)>) {
    let (key, _database, client) = asked(cluster).await;
    for (what, token) in tokens {
        assert_refused(ask(&client, &token).await, code, &token, &what);
    }
    let good = ask(&client, &key.token_of("00u-joyce")).await;
    assert_eq!(good.expect("the rest is right"), "00u-joyce");
}

async fn the_table_that_it_shares_with_the_program_holds(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let header = key.header();
    let world = World {
        issuer: token::ISSUER,
        client_id: token::AUDIENCE,
        kid: header["kid"].as_str().expect("a name"),
        now: token::now(),
    };
    for (accepted, header, claims) in world.cases() {
        let answer = ask(&client, &key.token(&header, &claims)).await;
        assert_eq!(answer.is_ok(), accepted, "{header}.{claims}: {answer:?}");
        let Err(error) = answer else { continue };
        let code = error.code().expect("the database itself says it").code();
        assert!(code.starts_with("28E"), "{header}.{claims}: {error:?}");
        assert!(!format!("{error:?}").contains("woolf"), "{error:?}");
    }
}

async fn good_tokens_are_taken(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let now = token::now();
    let both = json!([token::AUDIENCE, "0oa-another"]);
    let mut listed = claims_with("aud", both);
    listed["azp"] = token::AUDIENCE.into();
    for claims in [
        token::claims("00u-joyce"),
        listed,
        claims_with("azp", token::AUDIENCE.into()),
        claims_with("iat", (now + 30).into()),
        claims_with("nbf", (now + 30).into()),
        claims_with("nbf", (now - 30).into()),
        claims_with("exp", (now + 30).into()),
        claims_with("iat", json!(1.7e9)),
        claims_with("groups", json!({"a": [1, null, {"b": "c"}]})),
    ] {
        let answer = ask(&client, &key.claiming(&claims)).await;
        assert_eq!(answer.expect("it is good"), "00u-joyce", "{claims}");
    }
    let header = changed(key.header(), "typ", "JWT".into());
    let answer = ask(&client, &key.token(header, token::claims("00u-joyce"))).await;
    assert_eq!(answer.expect("it is good"), "00u-joyce");
    for sub in [
        "'; drop table public.user_messages; --",
        "James Joyce 詹姆斯",
        "\\x00",
    ] {
        let answer = ask(&client, &key.token_of(sub)).await;
        assert_eq!(answer.expect("it is good"), sub);
    }
}

async fn a_token_that_cannot_be_read_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let good = key.token_of("00u-joyce");
    let [header, claims, signature]: [&str; 3] = good
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .expect("three parts");
    let mut tokens = Vec::new();
    let mut add = |what: &str, token: String| tokens.push((what.to_owned(), token));
    add("one part", header.into());
    add("two parts", format!("{header}.{claims}"));
    add("four parts", format!("{good}.{signature}"));
    add("a dot at the end", format!("{good}."));
    add("nothing but dots", "..".into());
    add("no header", format!(".{claims}.{signature}"));
    add(
        "padding in the header",
        format!("{header}=.{claims}.{signature}"),
    );
    add("a blank before", format!(" {good}"));
    add(
        "a line end within the header",
        format!("{}\n{}.{claims}.{signature}", &header[..4], &header[4..]),
    );
    let header = key.header();
    let kid = &header["kid"];
    for text in [
        String::new(),
        "{".into(),
        "[]".into(),
        "null".into(),
        "\"RS256\"".into(),
        "[".repeat(9000),
        format!(r#"{{"alg":"none","alg":"RS256","kid":{kid}}}"#),
        format!(r#"{{"x5t":"a","x5t":"a","alg":"RS256","kid":{kid}}}"#),
        format!(
            r#"{{"alg":"RS256","kid":{kid},"pad":"{}"}}"#,
            "x".repeat(470)
        ),
        format!(r#"{{"alg":"RS256","kid":"other","kid":{kid}}}"#),
        format!(r#"{{"alg":"RS256","kid":{kid}}} {{}}"#),
    ] {
        add(
            &format!("the header {text:.60}"),
            key.token(&text, token::claims("00u-joyce")),
        );
    }
    let sound = token::claims("00u-joyce").to_string();
    for text in [
        String::new(),
        "[]".into(),
        "null".into(),
        "1".into(),
        sound.replacen('{', r#"{"sub":"00u-woolf","#, 1),
        sound.replacen('{', r#"{"\u0073ub":"00u-woolf","#, 1),
        sound.replacen('{', r#"{"exp":99999999999,"#, 1),
        sound.replacen('{', r#"{"a":1e999999,"#, 1),
        sound.replace("00u-joyce", r"00u-joyce\u0000"),
        sound.replace("00u-joyce", r"00u-joyce\ud800"),
        format!("{sound}{{}}"),
    ] {
        add(
            &format!("the claims {text:.60}"),
            key.token(key.header(), text),
        );
    }
    for bytes in [&b"{\"sub\":\"\xff\"}"[..], b"\xef\xbb\xbf{}", b"\0"] {
        let message = format!(
            "{}.{}",
            base64url(key.header().to_string().as_bytes()),
            base64url(bytes)
        );
        let signature = key.sign(MessageDigest::sha256(), &message);
        add(
            &format!("the bytes {bytes:?}"),
            with_signature(&message, &signature),
        );
    }
    all_refused(cluster, "28E02", tokens).await;

    let none = [("no token".to_owned(), String::new())].to_vec();
    all_refused(cluster, "28E01", none).await;
    let long = [
        ("a megabyte".to_owned(), "a".repeat(1 << 20)),
        (
            "a long one that is good".to_owned(),
            key.claiming(&claims_with("groups", "x".repeat(16_384).into())),
        ),
    ];
    all_refused(cluster, "28E13", long.to_vec()).await;
}

async fn an_algorithm_or_header_of_ones_own_choice_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let claims = token::claims("00u-joyce");
    let with = |name: &str, value: Value| changed(key.header(), name, value);
    let mut tokens = Vec::new();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS384")),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("alg", json!("ES256")),
        ("alg", json!("EdDSA")),
        ("alg", json!("rs256")),
        ("alg", json!("RS256 ")),
        ("alg", json!(["RS256"])),
        ("alg", json!(256)),
        ("alg", Value::Null),
        ("kid", Value::Null),
        ("kid", json!(7)),
        ("kid", json!(["key-of-2048-bits"])),
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(["JWT"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
    ] {
        tokens.push((
            format!("{name}: {value}"),
            key.token(with(name, value), &claims),
        ));
    }
    let none = message(with("alg", json!("none")), &claims);
    tokens.push((
        "none without a signature".into(),
        with_signature(&none, b"x"),
    ));
    // Whoever checks what the token names would take the public key for the secret.
    let public = key.rsa.public_key_to_pem().expect("it has a public half");
    let secret = PKey::hmac(&public).expect("any bytes will do");
    let confused = message(with("alg", json!("HS256")), &claims);
    let tag = Signer::new(MessageDigest::sha256(), &secret)
        .and_then(|mut signer| signer.sign_oneshot_to_vec(confused.as_bytes()))
        .expect("OpenSSL makes an HMAC");
    tokens.push((
        "HS256 with the public key".into(),
        with_signature(&confused, &tag),
    ));
    for (alg, digest) in [
        ("RS384", MessageDigest::sha384()),
        ("RS512", MessageDigest::sha512()),
    ] {
        let message = message(with("alg", json!(alg)), &claims);
        let signature = key.sign(digest, &message);
        tokens.push((
            format!("a true {alg}"),
            with_signature(&message, &signature),
        ));
    }
    all_refused(cluster, "28E03", tokens).await;

    let unknown = [
        "",
        "unknown",
        "KEY-OF-2048-BITS",
        "key-of-2048-bits ",
        "' or true --",
        "../key",
    ]
    .map(|kid| {
        (
            format!("kid {kid:?}"),
            key.token(with("kid", json!(kid)), &claims),
        )
    });
    all_refused(cluster, "28E04", unknown.to_vec()).await;
}

async fn a_token_of_another_issuer_or_client_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let slash = format!("{}/", token::ISSUER);
    let issuers = [
        json!("https://evil.example/oauth2/default"),
        json!(slash),
        json!(token::ISSUER.to_uppercase()),
        json!([token::ISSUER]),
        json!(1),
        json!(""),
        Value::Null,
    ]
    .map(|iss| (format!("iss {iss}"), key.claiming(&claims_with("iss", iss))));
    all_refused(cluster, "28E06", issuers.to_vec()).await;

    let us = token::AUDIENCE;
    let other = "0oa-another-app";
    let clients = [
        (json!(other), Value::Null),
        (json!(us.to_uppercase()), Value::Null),
        (Value::Null, Value::Null),
        (Value::Null, json!(us)),
        (json!(""), Value::Null),
        (json!(1), Value::Null),
        (json!({us: 1}), json!(us)),
        (json!([us, other]), Value::Null),
        (json!([us, other]), json!(other)),
        (json!([other]), json!(us)),
        (json!([[us]]), json!(us)),
        (json!([]), json!(us)),
        (json!(us), json!(other)),
        (json!(us), json!([us])),
        (json!(us), json!(1)),
    ]
    .map(|(aud, azp)| {
        let mut claims = claims_with("aud", aud.clone());
        if !azp.is_null() {
            claims["azp"] = azp.clone();
        }
        (format!("aud {aud} azp {azp}"), key.claiming(&claims))
    });
    all_refused(cluster, "28E07", clients.to_vec()).await;
}

async fn a_token_at_another_time_is_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let now = token::now();
    let token = |name: &str, value: i64| {
        let claims = claims_with(name, value.into());
        (format!("{name} {value}"), key.claiming(&claims))
    };
    let old = [
        token("exp", now - 1),
        token("exp", now - 4000),
        token("exp", 0),
    ];
    all_refused(cluster, "28E08", old.to_vec()).await;
    let early = [
        token("nbf", now + 300),
        token("iat", now + 300),
        token("iat", now + 86_400 * 365),
    ];
    all_refused(cluster, "28E09", early.to_vec()).await;
}

async fn claims_that_are_unusable_are_refused(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let soon = token::now() + 600;
    let mut tokens = Vec::new();
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!(soon.to_string()),
            json!(-1),
            json!(1e300),
            json!(253_402_300_800_i64),
            json!(true),
            json!([soon]),
            json!({"a": soon}),
        ] {
            tokens.push((name, value));
        }
    }
    let long = "x".repeat(256);
    for value in [
        json!(""),
        json!(1),
        json!(["00u-joyce"]),
        json!({}),
        json!(true),
        json!(long),
        Value::Null,
    ] {
        tokens.push(("sub", value));
    }
    tokens.push(("exp", Value::Null));
    tokens.push(("iat", Value::Null));
    tokens.push((
        "events",
        json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
    ));
    tokens.push(("nonce", json!("a")));
    tokens.push(("scp", json!(["openid"])));
    tokens.push(("cid", json!(token::AUDIENCE)));
    let mut tokens: Vec<_> = tokens
        .into_iter()
        .map(|(name, value)| {
            (
                format!("{name} {value:.40}"),
                key.claiming(&claims_with(name, value)),
            )
        })
        .collect();
    for name in ["exp", "iat", "nbf", "sub"] {
        let sound = claims_with(name, Value::Null).to_string();
        let null = sound.replacen('{', &format!(r#"{{"{name}":null,"#), 1);
        tokens.push((format!("{name} null"), key.token(key.header(), null)));
    }
    all_refused(cluster, "28E10", tokens).await;
}

async fn a_database_without_an_issuer_refuses_everybody(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    database.query("select okta.remove_issuer(issuer) from okta.issuer");
    let token = key.token_of("00u-joyce");
    let answer = ask(&database.user_session().await, &token).await;
    assert_refused(answer, "28E12", &token, "no issuer");
    assert_eq!(database.query("select count(*) from okta.signing_key"), "0");
}

async fn only_a_transaction_that_sees_what_was_committed_is_served(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let token = key.token_of("00u-joyce");
    for (level, refused) in [
        ("serializable", true),
        ("repeatable read", true),
        ("read committed", false),
        ("read uncommitted", false),
    ] {
        for begun in [
            format!("begin isolation level {level}"),
            format!("set default_transaction_isolation = '{level}'; commit; begin"),
        ] {
            begin(&client, &begun, &token).await;
            let answer = who(&client).await;
            client.batch_execute("rollback").await.expect("it ends");
            if refused {
                assert_refused(answer, "28E14", &token, &begun);
            } else {
                assert_eq!(answer.expect("it is good"), "00u-joyce", "{begun}");
            }
        }
    }
}

/// Whoever makes up a token chooses its header, and what is not even signed: none of it is spelt out.
async fn a_hostile_token_costs_no_more_than_a_good_one(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let good = key.token_of("00u-joyce");
    let [_, claims, signature]: [&str; 3] = good
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .expect("three parts");
    let kid = &key.header()["kid"];
    let numbers = |count| vec!["1e131071"; count].join(",");
    let with = |member: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":{kid},{member}}}"#);
        format!("{}.{claims}.{signature}", base64url(header.as_bytes()))
    };
    let long = |header: &str, room: usize| {
        let payload = base64url(format!("[{}]", numbers(room / 13)).as_bytes());
        format!("{header}.{payload}.{signature}")
    };
    let sound = base64url(key.header().to_string().as_bytes());
    let tokens = [
        ".".repeat(16_384),
        with(&format!(r#""typ":[{}]"#, numbers(1_100))),
        with(&format!(r#""typ":[{}]"#, numbers(40))),
        with(&format!(r#""x5t":[{}]"#, numbers(40))),
        with(&format!(r#""crit":{}"#, "[".repeat(400))),
        long(&sound, 15_000),
        long(&sound, 15_000).replace(signature, &"A".repeat(600)),
        format!(
            "{sound}.{}.{signature}",
            base64url("[".repeat(11_000).as_bytes())
        ),
    ];
    for token in &tokens {
        // A good one takes a third of a millisecond; the worst of these once took a second and a half.
        client
            .batch_execute("set statement_timeout = '500ms'")
            .await
            .expect("it is set");
        let answer = ask(&client, token).await.expect_err("it is refused");
        let code = answer.code().expect("the database itself says it").code();
        assert!(
            ["28E02", "28E03", "28E05"].contains(&code),
            "{token:.80}: {answer:?}"
        );
    }
}
