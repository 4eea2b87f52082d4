//! Every token that is refused, and each reason; and the unusual ones that are good.

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use serde_json::{Value, json};

use super::asking::{Key, ask, assert_refused, base64url, claims_with, message, with_signature};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(
    good_tokens_are_taken,
    a_token_that_cannot_be_read_is_refused,
    an_algorithm_or_header_of_ones_own_choice_is_refused,
    a_token_of_another_issuer_or_client_is_refused,
    a_token_at_another_time_is_refused,
    claims_that_are_unusable_are_refused,
    a_database_without_an_issuer_refuses_everybody,
    who_is_blocked_is_refused_until_unblocked,
);

/// Asks with each of the tokens and expects each to be refused for the same reason.
async fn all_refused(cluster: &Cluster, code: &str, tokens: Vec<(String, String)>) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    for (what, token) in tokens {
        assert_refused(ask(&client, &token).await, code, &token, &what);
    }
    let good = ask(&client, &key.token_of("00u-joyce")).await;
    assert_eq!(good.expect("the rest is right"), "00u-joyce");
}

async fn good_tokens_are_taken(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
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
    let mut header = key.header();
    header["typ"] = "JWT".into();
    let answer = ask(&client, &key.token(header, token::claims("00u-joyce"))).await;
    assert_eq!(answer.expect("it is good"), "00u-joyce");
    for sub in [
        "'; drop table public.user_messages; --",
        "James Joyce 詹姆斯",
        " ",
        "\\x00",
    ] {
        let answer = ask(&client, &key.token_of(sub)).await;
        assert_eq!(answer.expect("it is good"), sub);
    }
}

#[expect(clippy::too_many_lines, reason = "one table")]
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
    add("padding", format!("{good}=="));
    add(
        "padding in the header",
        format!("{header}=.{claims}.{signature}"),
    );
    add("a line end", format!("{good}\n"));
    add("a blank before", format!(" {good}"));
    add(
        "a blank within",
        good.replacen(
            signature,
            &format!("{} {}", &signature[..4], &signature[4..]),
            1,
        ),
    );
    add(
        "a line end within the header",
        format!("{}\n{}.{claims}.{signature}", &header[..4], &header[4..]),
    );
    add(
        "a foreign character",
        format!("{header}.{claims}.{}é", &signature[..340]),
    );
    add(
        "the alphabet of base64",
        format!("{header}.{claims}.{}+/", &signature[..340]),
    );
    add("one character too many", format!("{good}AAA"));
    // 256 bytes end with four bits that no byte takes.
    let last = signature.chars().last().expect("a last character");
    let next = char::from(u8::try_from(last).expect("ASCII") + 1);
    add(
        "bits left over",
        format!("{header}.{claims}.{}{next}", &signature[..341]),
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
        format!(r#"{{"alg":"RS256","alg":"none","kid":{kid}}}"#),
        format!(r#"{{"alg":"RS256","\u0061lg":"none","kid":{kid}}}"#),
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
    let with = |name: &str, value: Value| {
        let mut header = key.header();
        let all = header.as_object_mut().expect("an object");
        match value {
            Value::Null => all.remove(name),
            value => all.insert(name.to_owned(), value),
        };
        header
    };
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
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
        ("jwk", key.jwk()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("anything", json!(1)),
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
        (json!([us]), Value::Null),
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
            json!(1.5),
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

async fn who_is_blocked_is_refused_until_unblocked(cluster: &Cluster) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    let token = key.token_of("00u-joyce");
    assert!(ask(&client, &token).await.is_ok());
    assert_eq!(
        database.query("select okta.block('00u-joyce'), okta.block('00u-joyce')"),
        "t|f"
    );
    assert_refused(ask(&client, &token).await, "28E11", &token, "blocked");
    assert!(ask(&client, &key.token_of("00u-woolf")).await.is_ok());
    assert_eq!(
        database.query("select okta.unblock('00u-joyce'), okta.unblock('00u-joyce')"),
        "t|f"
    );
    assert!(ask(&client, &token).await.is_ok());
}
