//! Okta's signing keys in the database: registered when they appear, retired when nothing signed with them can be valid any more.

use serde_json::Value;
use tokio_postgres::{Transaction, types::Type};

use super::{
    Owner, Words, bounded, capitalised,
    registration::{difference, known, not_replaced},
};
use crate::{
    config,
    failure::{Failure, Kind},
    okta::Okta,
    text::clause,
};

/// The longest life of a token at Okta (an access token of a custom authorization server): a key that has been gone for
/// longer has signed nothing that still counts. How long it has been gone is known from the first run that missed it.
const LONGEST_LIFE: &str = "24 hours";

/// What was done about the keys, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyReport {
    /// The issuer whose keys they are.
    pub issuer: String,
    /// Not known before.
    pub registered: Vec<String>,
    /// Known before, and published still.
    pub still_published: Vec<String>,
    /// Known before by another key's numbers: what the other one signed is refused from now on.
    pub replaced: Vec<String>,
    /// Not published any more, and kept until the last token that they signed is over.
    pub kept: Vec<String>,
    /// Removed.
    pub retired: Vec<String>,
    /// Published, and of no use here: each a sentence that says why.
    pub left_out: Vec<String>,
}

/// Registers the issuer and the audience of its tokens, and the keys that it publishes. What was registered before and is
/// another one goes, if it may be replaced.
///
/// # Errors
/// When none of the keys can be used, another issuer or audience is registered, or the database refuses.
pub async fn register(
    owner: &mut Owner,
    okta: &config::Okta,
    published: &[Value],
    replace: bool,
) -> Result<KeyReport, Failure> {
    bounded(owner.persist(async |owner: &mut Owner| {
        let (mut transaction, words) = owner.begin_alone().await?;
        let known = known(&transaction)
            .await
            .map_err(|error| words.explain(&error))?;
        if let Some(known) = known
            && let Some(difference) = difference(&known, okta)
        {
            if !replace {
                return Err(not_replaced(&difference));
            }
            if known.issuer != okta.issuer {
                transaction
                    .query_typed(
                        "select okta.remove_issuer($1)",
                        &[(&known.issuer, Type::TEXT)],
                    )
                    .await
                    .map_err(|error| words.explain(&error))?;
            }
        }
        transaction
            .query_typed(
                "select okta.add_issuer($1, $2)",
                &[(&okta.issuer, Type::TEXT), (&okta.client_id, Type::TEXT)],
            )
            .await
            .map_err(|error| words.explain(&error))?;
        let report = store(&mut transaction, words, &okta.issuer, published).await?;
        transaction
            .commit()
            .await
            .map_err(|error| words.explain(&error))?;
        Ok(report)
    }))
    .await
}

/// Fetches the keys of the issuer that the database knows, registers new ones and retires those that are over.
///
/// `ask` makes the client for it: the database says whom to ask, so that a weekly job needs nothing but its string.
///
/// # Errors
/// When Okta or the database cannot be reached or refuses; the keys are then as they were.
pub async fn refresh_keys(
    owner: &mut Owner,
    ask: impl FnOnce(config::Okta) -> Result<Okta, Failure>,
) -> Result<KeyReport, Failure> {
    let known = registered_issuer(owner).await?;
    let published = ask(known.clone())?.signing_keys().await?;
    bounded(async {
        let (mut transaction, words) = owner.begin().await?;
        let report = store(&mut transaction, words, &known.issuer, &published).await?;
        transaction
            .commit()
            .await
            .map_err(|error| words.explain(&error))?;
        Ok(report)
    })
    .await
}

/// The issuer that the database knows, and the client id that its tokens must be made for.
///
/// # Errors
/// When none is registered, or the database refuses.
pub async fn registered_issuer(owner: &mut Owner) -> Result<config::Okta, Failure> {
    bounded(async {
        let (transaction, words) = owner.begin().await?;
        let rows = transaction
            .query_typed("select issuer, audience from okta.issuer", &[])
            .await
            .map_err(|error| words.explain(&error))?;
        let row = rows.first().ok_or_else(no_issuer)?;
        Ok(config::Okta {
            issuer: row.get(0),
            client_id: row.get(1),
            client_secret: None,
        })
    })
    .await
}

async fn store(
    transaction: &mut Transaction<'_>,
    words: Words<'_>,
    issuer: &str,
    published: &[Value],
) -> Result<KeyReport, Failure> {
    let failed = |error: tokio_postgres::Error| words.explain(&error);
    // Two jobs at once do it one after the other.
    transaction
        .batch_execute("lock table okta.signing_key in share row exclusive mode")
        .await
        .map_err(failed)?;
    let mut known: Vec<String> = transaction
        .query_typed(
            "select kid from okta.signing_key where issuer = $1 order by added_at, kid",
            &[(&issuer, Type::TEXT)],
        )
        .await
        .map_err(failed)?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let mut report = KeyReport {
        issuer: issuer.to_owned(),
        ..KeyReport::default()
    };
    for key in published {
        let id = match usable(key) {
            Ok(id) => id.to_owned(),
            Err(why) => {
                report.left_out.push(why);
                continue;
            }
        };
        match add(transaction, words, issuer, &id, key).await? {
            Err(why) => report.left_out.push(why),
            Ok(outcome) => match outcome.as_str() {
                "added" => report.registered.push(id),
                "replaced" => report.replaced.push(id),
                _ => report.still_published.push(id),
            },
        }
    }
    let published = [
        &report.registered,
        &report.still_published,
        &report.replaced,
    ];
    if published.iter().all(|keys| keys.is_empty()) {
        let why = report
            .left_out
            .first()
            .map_or(String::new(), |why| format!(" {why}"));
        return Err(no_key(issuer, &why));
    }
    known.retain(|id| !report.still_published.contains(id) && !report.replaced.contains(id));
    for id in known {
        if is_over(transaction, words, issuer, &id).await? {
            report.retired.push(id);
        } else {
            report.kept.push(id);
        }
    }
    Ok(report)
}

/// Notes that a key was missed, and removes it where every token that it signed has expired. Says whether it did.
async fn is_over(
    transaction: &Transaction<'_>,
    words: Words<'_>,
    issuer: &str,
    id: &str,
) -> Result<bool, Failure> {
    let failed = |error: tokio_postgres::Error| words.explain(&error);
    let over = transaction
        .query_typed(
            "with missed as (update okta.signing_key set missed_at = coalesce(missed_at, pg_catalog.now()) \
                 where issuer = $1 and kid = $2 returning missed_at) \
             select from missed where missed_at < pg_catalog.now() - $3::text::interval",
            &[
                (&issuer, Type::TEXT),
                (&id, Type::TEXT),
                (&LONGEST_LIFE, Type::TEXT),
            ],
        )
        .await
        .map_err(failed)?;
    if over.is_empty() {
        return Ok(false);
    }
    transaction
        .query_typed(
            "select okta.remove_signing_key($1, $2)",
            &[(&issuer, Type::TEXT), (&id, Type::TEXT)],
        )
        .await
        .map_err(failed)?;
    Ok(true)
}

pub(super) fn no_issuer() -> Failure {
    Failure::new(Kind::Database, "No issuer is registered in this database.")
        .cure("Run `epigraph admin setup` first.")
}

pub(super) fn no_key(issuer: &str, why: &str) -> Failure {
    Failure::new(
        Kind::Okta,
        format!(
            "{issuer} publishes no signing key that the database can use; nothing was changed.{why}"
        ),
    )
    .cure("Check the issuer; the keys of an Okta authorization server are RSA keys for RS256.")
}

/// Adds one key and returns what became of it (see `okta.add_signing_key`), or says why the database does not take it.
/// The others are added all the same.
async fn add(
    transaction: &mut Transaction<'_>,
    words: Words<'_>,
    issuer: &str,
    id: &str,
    key: &Value,
) -> Result<Result<String, String>, Failure> {
    let failed = |error: tokio_postgres::Error| words.explain(&error);
    let savepoint = transaction.savepoint("key").await.map_err(failed)?;
    let added = savepoint
        .query_typed(
            "select okta.add_signing_key($1, $2::text::jsonb)",
            &[(&issuer, Type::TEXT), (&key.to_string(), Type::TEXT)],
        )
        .await;
    let error = match added {
        Ok(rows) => {
            savepoint.commit().await.map_err(failed)?;
            return Ok(Ok(rows.first().map(|row| row.get(0)).unwrap_or_default()));
        }
        Err(error) => error,
    };
    // Refused by the function itself, which knows what a good key is.
    let refusal = error.as_db_error().filter(|refusal| {
        let code = refusal.code().code();
        code.starts_with("28E") || code.starts_with("22") || code == "P0001"
    });
    let Some(refusal) = refusal else {
        return Err(failed(error));
    };
    let why = format!("{} is left out: {}.", shown(id), clause(refusal.message()));
    savepoint.rollback().await.map_err(failed)?;
    Ok(Err(capitalised(&why)))
}

/// Returns the id of a key that signs ID tokens, or says why it is none.
pub(super) fn usable(key: &Value) -> Result<&str, String> {
    let Some(id) = key["kid"].as_str().filter(|id| !id.is_empty()) else {
        return Err(
            "A key without an id is left out: the database finds keys by their ids.".into(),
        );
    };
    if key["kty"] != "RSA" {
        return Err(format!("{} is left out: it is not an RSA key.", shown(id)));
    }
    if key.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(format!(
            "{} is left out: it is not for signatures.",
            shown(id)
        ));
    }
    if key.get("alg").is_some_and(|algorithm| algorithm != "RS256") {
        return Err(format!("{} is left out: it is not for RS256.", shown(id)));
    }
    Ok(id)
}

fn shown(id: &str) -> String {
    format!("The key {}", clause(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_key_that_signs_id_tokens_is_of_use() {
        assert_eq!(usable(&json!({"kid": "a", "kty": "RSA"})), Ok("a"));
        assert_eq!(
            usable(&json!({"kid": "a", "kty": "RSA", "use": "sig", "alg": "RS256"})),
            Ok("a")
        );
        for (key, why) in [
            (json!({"kty": "RSA"}), "without an id"),
            (json!({"kid": "", "kty": "RSA"}), "without an id"),
            (json!({"kid": 1, "kty": "RSA"}), "without an id"),
            (json!({"kid": "a", "kty": "EC"}), "not an RSA key"),
            (json!({"kid": "a"}), "not an RSA key"),
            (
                json!({"kid": "a", "kty": "RSA", "use": "enc"}),
                "not for signatures",
            ),
            (
                json!({"kid": "a", "kty": "RSA", "alg": "RS512"}),
                "not for RS256",
            ),
            (json!("text"), "without an id"),
        ] {
            let answer = usable(&key).expect_err("it is of no use");
            assert!(answer.contains(why), "{key}: {answer}");
        }
    }
}
