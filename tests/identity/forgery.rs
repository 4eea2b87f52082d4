//! Signatures that someone made up. With the private key at hand a test can make every block that a forger would like to.

use openssl::{
    bn::{BigNum, BigNumContext, MsbOption},
    hash::MessageDigest,
    pkey::PKey,
    rsa::Padding,
    sha::{sha256, sha512},
    sign::Signer,
};
use tokio_postgres::types::Type;

use super::asking::{Key, ask, asked, assert_refused, message, with_signature};
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(
    a_block_that_is_not_byte_for_byte_right_is_refused,
    a_number_in_place_of_a_signature_is_refused,
    a_signature_is_written_in_one_way_only,
    the_arithmetic_is_exact,
    what_was_signed_cannot_be_changed,
);

/// The identifier of SHA-256 in front of a digest, as RFC 8017 has it.
const SHA256: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The same of others; behind them come 20 and 64 bytes.
const SHA1: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
const SHA512: &[u8] =
    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
/// That of SHA-256 as others write it: without its NULL, with lengths in the long form, and with the number of SHA-512.
const WITHOUT_NULL: &[u8] = b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
const LONG_FORM: &[u8] =
    b"\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const OTHER_NUMBER: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x20";

/// `00 01 FF .. FF 00` and then this, 256 bytes in all.
fn padded(content: &[u8]) -> Vec<u8> {
    let mut block = vec![0xff; 256 - content.len()];
    block[..2].copy_from_slice(&[0, 1]);
    *block.last_mut().expect("not empty") = 0;
    block.extend(content);
    block
}

async fn a_block_that_is_not_byte_for_byte_right_is_refused(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let message = message(key.header(), token::claims("00u-joyce"));
    let digest = sha256(message.as_bytes());
    let right = padded(&[SHA256, &digest].concat());
    let changed = |at: usize, byte: u8| {
        let mut block = right.clone();
        assert_ne!(block[at], byte);
        block[at] = byte;
        block
    };
    let info = |prefix: &[u8], digest: &[u8]| padded(&[prefix, digest].concat());
    let mut zeroed = right.clone();
    zeroed[2..204].fill(0);
    // Eight bytes of padding, what is right, and room for whatever makes it a cube.
    let short = [&right[..10], &[0], SHA256, &digest].concat();
    let behind = [short.clone(), vec![0xa5; 256 - short.len()]].concat();
    let zeros = [short.clone(), vec![0; 256 - short.len()]].concat();
    let before = [vec![0; 256 - short.len()], short].concat();
    let inside = [
        &right[..100],
        &[0],
        b"\x30\x82\x00\x66\x30\x42\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01",
        &[0x5a; 106],
        &digest[..],
    ]
    .concat();
    let forgeries: Vec<(&str, Vec<u8>)> = vec![
        ("the type of encryption", changed(1, 2)),
        ("the type 0", changed(1, 0)),
        ("no zero in front", changed(0, 1)),
        ("another first byte of padding", changed(2, 0xfe)),
        ("another byte of padding", changed(100, 0)),
        ("another last byte of padding", changed(203, 0x7f)),
        ("no separator", changed(204, 0xff)),
        ("another tag", changed(205, 0x31)),
        ("another last byte of digest", changed(255, right[255] ^ 1)),
        ("padding of zeros", zeroed),
        ("trailing garbage after short padding", behind),
        ("trailing zeros after short padding", zeros),
        ("zeros in front of short padding", before),
        ("garbage inside the parameters", inside),
        ("no NULL", info(WITHOUT_NULL, &digest)),
        ("lengths in the long form", info(LONG_FORM, &digest)),
        ("the identifier of SHA-512", info(OTHER_NUMBER, &digest)),
        ("the identifier of SHA-1", info(SHA1, &digest[..20])),
        ("a true SHA-512", info(SHA512, &sha512(message.as_bytes()))),
        ("the digest alone", padded(&digest)),
        ("the message itself", padded(&message.as_bytes()[..200])),
        ("another digest", info(SHA256, &sha256(b"something else"))),
    ];
    for (what, block) in forgeries {
        assert_eq!(block.len(), 256, "{what}");
        assert_ne!(block, right, "{what}");
        let token = with_signature(&message, &key.sign_block(&block));
        assert_refused(ask(&client, &token).await, "28E05", &token, what);
    }
    let pss = PKey::from_rsa(key.rsa.clone()).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &pss).expect("RSA signs");
    signer
        .set_rsa_padding(Padding::PKCS1_PSS)
        .expect("it pads so");
    let signature = signer
        .sign_oneshot_to_vec(message.as_bytes())
        .expect("it signs");
    let token = with_signature(&message, &signature);
    assert_refused(ask(&client, &token).await, "28E05", &token, "PSS");

    let token = with_signature(&message, &key.sign_block(&right));
    assert_eq!(
        ask(&client, &token).await.expect("this one is right"),
        "00u-joyce"
    );
}

async fn a_number_in_place_of_a_signature_is_refused(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let message = message(key.header(), token::claims("00u-joyce"));
    let right = key.sign(MessageDigest::sha256(), &message);
    let n = key.rsa.n().to_vec();
    let small = |number: u8| [vec![0; 255], vec![number]].concat();
    let minus_one = {
        let mut number = n.clone();
        // It is odd.
        number[255] -= 1;
        number
    };
    // The same remainder, and yet not the same signature.
    let mut sum = BigNum::new().expect("a number");
    let signature = BigNum::from_slice(&right).expect("a number");
    sum.checked_add(&signature, key.rsa.n()).expect("a sum");
    let mut negated = BigNum::new().expect("a number");
    negated
        .checked_sub(key.rsa.n(), &signature)
        .expect("a difference");
    for (what, signature) in [
        ("nothing", Vec::new()),
        ("zero", small(0)),
        ("one", small(1)),
        ("two", small(2)),
        ("n - 1", minus_one),
        ("n", n),
        ("all ones", vec![0xff; 256]),
        ("the signature plus n", sum.to_vec()),
        (
            "n minus the signature",
            negated.to_vec_padded(256).expect("it fits"),
        ),
        ("a zero in front", [vec![0], right.clone()].concat()),
        ("a zero behind", [right.clone(), vec![0]].concat()),
        ("one byte short", right[..255].to_vec()),
        ("without its first byte", right[1..].to_vec()),
        ("twice", right.repeat(2)),
        ("one byte", vec![1]),
        (
            "another key's",
            Key::of_bits(3072).sign(MessageDigest::sha256(), &message),
        ),
        ("backwards", right.iter().rev().copied().collect()),
    ] {
        let token = with_signature(&message, &signature);
        assert_refused(ask(&client, &token).await, "28E05", &token, what);
    }
}

async fn a_signature_is_written_in_one_way_only(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let good = key.token_of("00u-joyce");
    let (content, signature) = good.rsplit_once('.').expect("a signature");
    // 256 bytes end with four bits that no byte takes.
    let last = signature.chars().last().expect("a last character");
    let next = char::from(u8::try_from(last).expect("ASCII") + 1);
    for (what, signature) in [
        ("padding", format!("{signature}==")),
        ("a line end", format!("{signature}\n")),
        ("a blank before", format!(" {signature}")),
        (
            "a blank within",
            format!("{} {}", &signature[..4], &signature[4..]),
        ),
        (
            "a blank in place of one",
            format!("{} {}", &signature[..4], &signature[5..]),
        ),
        (
            "padding in place of two",
            format!("{}==", &signature[..340]),
        ),
        ("a foreign character", format!("{}é", &signature[..341])),
        ("the alphabet of base64", format!("{}+/", &signature[..340])),
        ("characters too many", format!("{signature}AAA")),
        ("one too many", format!("{signature}A")),
        ("one too few", signature[..341].to_owned()),
        ("bits left over", format!("{}{next}", &signature[..341])),
        ("nothing", String::new()),
    ] {
        let token = format!("{content}.{signature}");
        assert_refused(ask(&client, &token).await, "28E05", &token, what);
    }
    assert!(ask(&client, &good).await.is_ok());
}

/// Against OpenSSL's own numbers: any base below any modulus of a size that is taken.
async fn the_arithmetic_is_exact(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let owner = database.owner_session().await;
    let mut context = BigNumContext::new().expect("room for numbers");
    let number = |text: &str| BigNum::from_dec_str(text).expect("a number");
    let new = || BigNum::new().expect("a number");
    let exponent = number("65537");
    let mut moduli = Vec::new();
    for bits in [2048, 2049, 2055, 2056, 3071, 3072, 4089, 4095, 4096] {
        // The least, the greatest, and one between.
        let [mut least, mut greatest, mut between] = [(); 3].map(|()| new());
        least.set_bit(bits - 1).expect("it is set");
        least.set_bit(0).expect("it is set");
        greatest.set_bit(bits).expect("it is set");
        greatest.sub_word(1).expect("it is smaller");
        between.rand(bits, MsbOption::ONE, true).expect("random");
        moduli.extend([least, greatest, between]);
    }
    // Decimal digits are what PostgreSQL counts in.
    for digits in [617, 620, 621, 924, 925, 1232, 1233] {
        for end in ["1", "3"] {
            moduli.push(number(&format!("1{}{end}", "0".repeat(digits - 2))));
            moduli.push(number(&format!("{}{end}", "9".repeat(digits - 1))));
        }
    }
    for modulus in &moduli {
        let octets = modulus.num_bytes();
        let mut bases = vec![number("0"), number("1"), number("2")];
        for less in 1..4 {
            let mut base = BigNum::from_slice(&modulus.to_vec()).expect("a copy");
            base.sub_word(less).expect("it is smaller");
            bases.push(base);
        }
        for _ in 0..20 {
            let mut base = new();
            modulus.rand_range(&mut base).expect("random");
            bases.push(base);
        }
        let mut expected = Vec::new();
        let mut signatures = Vec::new();
        let digest = BigNum::from_slice(&sha256(b"message")).expect("a number");
        for base in &bases {
            let mut power = new();
            let powered = power.mod_exp(base, &exponent, modulus, &mut context);
            powered.expect("a power");
            // The padding that makes it right.
            let mut padding = new();
            padding.checked_sub(&power, &digest).expect("a difference");
            expected.push(padding.to_dec_str().expect("a text").to_string());
            signatures.push(base.to_vec_padded(octets).expect("it fits"));
        }
        let modulus = modulus.to_dec_str().expect("a text").to_string();
        let rows = owner
            .query_typed(
                "select okta.rs256_matches('message', t.signature, right_key), okta.rs256_matches('message', t.signature, wrong_key)
                 from unnest($1::bytea[], $2::text[]) t (signature, padding),
                    lateral (select c.* from okta.constants_of($3::text::numeric) c) c,
                    lateral (select k from jsonb_populate_record(null::okta.signing_key, to_jsonb(c)
                        || jsonb_build_object('modulus', $3::text::numeric, 'octets', $4::int, 'padding', t.padding::numeric)) k) r (right_key),
                    lateral (select k from jsonb_populate_record(r.right_key, jsonb_build_object('padding', t.padding::numeric + 1)) k) w (wrong_key)",
                &[
                    (&signatures, Type::BYTEA_ARRAY),
                    (&expected, Type::TEXT_ARRAY),
                    (&modulus, Type::TEXT),
                    (&octets, Type::INT4),
                ],
            )
            .await
            .expect("it gives an answer");
        assert_eq!(rows.len(), bases.len());
        for (row, base) in rows.iter().zip(&bases) {
            let answers: [bool; 2] = [row.get(0), row.get(1)];
            assert_eq!(answers, [true, false], "{base} ^ 65537 mod {modulus}");
        }
    }
}

async fn what_was_signed_cannot_be_changed(cluster: &Cluster) {
    let (key, _database, client) = asked(cluster).await;
    let mine = key.token_of("00u-joyce");
    assert!(ask(&client, &mine).await.is_ok());
    let (_, signature) = mine.rsplit_once('.').expect("a signature");
    let blank = message(format!("{} ", key.header()), token::claims("00u-joyce"));
    // Also now that this session has seen the true one.
    for forged in [key.forged(&mine), format!("{blank}.{signature}")] {
        let answer = ask(&client, &forged).await;
        assert_refused(answer, "28E05", &forged, "changed after signing");
    }
}
