//! Signing keys, random identifiers in Okta's shapes, and the compact form of a JWT.

use std::sync::Mutex;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Private},
    rand::rand_bytes,
    rsa::Rsa,
    sha::sha256,
    sign::Signer,
};
use serde_json::{Value, json};

use crate::support::secrets;

/// One RSA key of an authorization server.
pub(crate) struct SigningKey {
    id: String,
    key: PKey<Private>,
}

impl SigningKey {
    /// Makes a new key with an identifier of its own.
    pub(crate) fn new() -> Self {
        Self::of_bits(2048)
    }

    /// The same of another size.
    pub(crate) fn of_bits(bits: u32) -> Self {
        let (id, key) = (token(), new_key(bits));
        Self { id, key }
    }

    /// The key that an organisation makes as its so many: all of this process share them (under other identifiers), because making one
    /// takes a while.
    pub(crate) fn nth(number: usize) -> Self {
        static KEYS: Mutex<Vec<PKey<Private>>> = Mutex::new(Vec::new());
        let mut keys = KEYS.lock().expect("no panic under lock");
        while keys.len() <= number {
            keys.push(new_key(2048));
        }
        let (id, key) = (token(), keys[number].clone());
        Self { id, key }
    }

    /// Returns the public half as an entry of a key set.
    pub(crate) fn jwk(&self) -> Value {
        let rsa = self.key.rsa().expect("the key is an RSA key");
        json!({
            "kty": "RSA",
            "alg": "RS256",
            "kid": self.id,
            "use": "sig",
            "e": base64url(&rsa.e().to_vec()),
            "n": base64url(&rsa.n().to_vec()),
        })
    }

    /// Returns the header that Okta writes: the algorithm and the key's identifier, nothing else.
    pub(crate) fn header(&self) -> Value {
        json!({ "kid": self.id, "alg": "RS256" })
    }

    /// A token with these claims and the header that Okta writes.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }

    /// Signs a token with RS256, whatever its header claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        if header["alg"] == "none" {
            return format!("{input}.");
        }
        let signer = Signer::new(MessageDigest::sha256(), &self.key);
        let proof = signer.and_then(|mut signer| signer.sign_oneshot_to_vec(input.as_bytes()));
        let token = format!("{input}.{}", base64url(&proof.expect("OpenSSL signs")));
        secrets::know(&token);
        token
    }
}

fn new_key(bits: u32) -> PKey<Private> {
    Rsa::generate(bits)
        .and_then(PKey::from_rsa)
        .expect("OpenSSL makes an RSA key")
}

/// Hashes an access token the way `at_hash` wants it: the left half of its SHA-256.
pub(crate) fn half_hash(token: &str) -> String {
    base64url(&sha256(token.as_bytes())[..16])
}

/// Makes an opaque token of 43 characters, the shape of Okta's refresh tokens.
pub(crate) fn token() -> String {
    base64url(&random::<32>())
}

/// Makes a random identifier that begins as Okta's do, for example `oae` or `ID.`.
pub(crate) fn identifier(prefix: &str) -> String {
    format!("{prefix}{}", base64url(&random::<16>()))
}

/// Makes a device code: a random UUID.
pub(crate) fn device_code() -> String {
    let mut bytes = random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [0..8, 8..12, 12..16, 16..20, 20..32]
        .map(|part| &hex[part])
        .join("-")
}

/// Makes a user code: eight capital letters, no dash, and no vowel that could spell a word.
pub(crate) fn user_code() -> String {
    const LETTERS: &[u8; 16] = b"BCDFGHJKLMNPQRST";
    let letter = |byte| char::from(LETTERS[usize::from(byte % 16)]);
    random::<8>().into_iter().map(letter).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_bytes(&mut bytes).expect("OpenSSL has randomness");
    bytes
}

fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
