//! Tokens of any shape, and what the database answers to them.

use std::{collections::HashMap, sync::LazyLock, sync::Mutex};

use openssl::{
    base64::encode_block,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::{Padding, Rsa},
    sign::Signer,
};
use serde_json::{Value, json};
use tokio_postgres::{Client, types::Type};

use crate::support::{
    postgres::{Cluster, Database},
    token,
};

/// A key whose private half a test may do anything with.
pub(crate) struct Key {
    pub(crate) rsa: Rsa<Private>,
    kid: String,
}

impl Key {
    /// The key of a size; made once, because that takes a while.
    pub(crate) fn of_bits(bits: u32) -> Self {
        static KEYS: LazyLock<Mutex<HashMap<u32, Rsa<Private>>>> = LazyLock::new(Mutex::default);
        let rsa = KEYS
            .lock()
            .expect("no panic under lock")
            .entry(bits)
            .or_insert_with(|| Rsa::generate(bits).expect("OpenSSL makes an RSA key"))
            .clone();
        let kid = format!("key-of-{bits}-bits");
        Self { rsa, kid }
    }

    /// The public half as Okta publishes it.
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid,
            "e": base64url(&self.rsa.e().to_vec()), "n": base64url(&self.rsa.n().to_vec()),
        })
    }

    /// The header that Okta writes.
    pub(crate) fn header(&self) -> Value {
        json!({ "kid": self.kid, "alg": "RS256" })
    }

    /// A signature with a digest of one's choice.
    pub(crate) fn sign(&self, digest: MessageDigest, message: &str) -> Vec<u8> {
        let key = PKey::from_rsa(self.rsa.clone()).expect("an RSA key is a key");
        let mut signer = Signer::new(digest, &key).expect("RSA signs it");
        signer
            .sign_oneshot_to_vec(message.as_bytes())
            .expect("OpenSSL signs")
    }

    /// What only the holder of the private key can do: makes this block, as long as the modulus, come out of the check.
    pub(crate) fn sign_block(&self, block: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; block.len()];
        self.rsa
            .private_encrypt(block, &mut signature, Padding::NONE)
            .expect("the block is smaller than the modulus");
        signature
    }

    /// A token of these bytes with a true signature.
    pub(crate) fn token(&self, header: impl ToString, claims: impl ToString) -> String {
        let message = message(header, claims);
        let signature = self.sign(MessageDigest::sha256(), &message);
        with_signature(&message, &signature)
    }

    /// A token with these claims that is as it should be otherwise.
    pub(crate) fn claiming(&self, claims: &Value) -> String {
        self.token(self.header(), claims)
    }

    /// A token of a person that is as it should be.
    pub(crate) fn token_of(&self, user_id: &str) -> String {
        self.claiming(&token::claims(user_id))
    }

    /// What another person would like to have: their claims, with the signature of this token.
    pub(crate) fn forged(&self, token: &str) -> String {
        let (_, signature) = token.rsplit_once('.').expect("a signature");
        let content = message(self.header(), token::claims("00u-woolf"));
        format!("{content}.{signature}")
    }

    /// A database that takes tokens signed with this key.
    pub(crate) async fn trusted_by<'a>(&self, cluster: &'a Cluster) -> Database<'a> {
        let database = cluster.migrated().await;
        database.trust(token::ISSUER, token::AUDIENCE, &[self.jwk()]);
        database
    }
}

/// What is signed of a token.
#[expect(
    clippy::needless_pass_by_value,
    reason = "texts, numbers and JSON alike, without a mark on each"
)]
pub(crate) fn message(header: impl ToString, claims: impl ToString) -> String {
    let [header, claims] =
        [header.to_string(), claims.to_string()].map(|part| base64url(part.as_bytes()));
    format!("{header}.{claims}")
}

/// A token of what is signed and of the signature.
pub(crate) fn with_signature(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", base64url(signature))
}

/// The bytes in the alphabet of tokens.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    encode_block(bytes)
        .replace('\n', "")
        .replace('+', "-")
        .replace('/', "_")
        .trim_end_matches('=')
        .to_owned()
}

/// An object that differs in one point; null for a member that is not there.
pub(crate) fn changed(mut object: Value, name: &str, value: Value) -> Value {
    let all = object.as_object_mut().expect("an object");
    match value {
        Value::Null => all.remove(name),
        value => all.insert(name.to_owned(), value),
    };
    object
}

/// Claims that differ from good ones in one point.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    changed(token::claims("00u-joyce"), name, value)
}

/// Begins a transaction with a token.
pub(crate) async fn begin(client: &Client, how: &str, token: &str) {
    client.batch_execute(how).await.expect("it begins");
    client
        .query_typed(
            "select set_config('okta.id_token', $1, true)",
            &[(&token, Type::TEXT)],
        )
        .await
        .expect("anybody may set it");
}

/// Asks who has the token of this transaction.
pub(crate) async fn who(client: &Client) -> Result<String, tokio_postgres::Error> {
    let answer = client.query_typed("select okta.user_id()", &[]).await;
    Ok(answer?[0].get(0))
}

/// Asks the database who has this token, in a transaction of its own as the program does.
pub(crate) async fn ask(client: &Client, token: &str) -> Result<String, tokio_postgres::Error> {
    begin(client, "begin read only", token).await;
    let answer = who(client).await;
    client.batch_execute("commit").await?;
    answer
}

/// A key, a database that takes tokens signed with it, and a session of a person there.
pub(crate) async fn asked(cluster: &Cluster) -> (Key, Database<'_>, Client) {
    let key = Key::of_bits(2048);
    let database = key.trusted_by(cluster).await;
    let client = database.user_session().await;
    (key, database, client)
}

/// Expects that a token is refused for this reason, with a hint, and without a word of it in the error.
#[track_caller]
pub(crate) fn assert_refused(
    answer: Result<String, tokio_postgres::Error>,
    code: &str,
    token: &str,
    what: &str,
) {
    let Err(error) = answer else {
        panic!("{what}: accepted as {answer:?}")
    };
    let refusal = error.as_db_error().expect("the database itself says it");
    assert_eq!(refusal.code().code(), code, "{what}: {refusal:?}");
    assert!(refusal.hint().is_some(), "{what}: {refusal:?}");
    let said = format!("{refusal:?}");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!said.contains(part), "{what}: {said}");
    }
    assert!(!said.contains("joyce"), "{what}: {said}");
}
