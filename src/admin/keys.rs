//! Okta's signing keys in the database: registered when they appear, retired when nothing signed with them can be valid any more.

use serde_json::Value;
use tokio_postgres::Error;

use super::{
    Halt, Owner, Step,
    registration::{difference, known, not_replaced, registered_issuer},
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

const KNOWN: &str = "select kid from okta.signing_key where issuer = $1 order by added_at, kid";
const MISS: &str = "\
with missed as (
    update okta.signing_key set missed_at = coalesce(missed_at, pg_catalog.now()) where issuer = $1 and kid = $2 returning missed_at)
select from missed where missed_at < pg_catalog.now() - $3::text::interval";

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
    owner
        .step_alone(async |step: &Step<'_>| {
            if let Some(known) = known(step).await?
                && let Some(difference) = difference(&known, okta)
            {
                if !replace {
                    return Err(not_replaced(&difference).into());
                }
                if known.issuer != okta.issuer {
                    step.rows("select okta.remove_issuer($1)", &[&known.issuer])
                        .await?;
                }
            }
            let add = "select okta.add_issuer($1, $2)";
            step.rows(add, &[&okta.issuer, &okta.client_id]).await?;
            store(step, &okta.issuer, published).await
        })
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
    owner
        .step(async |step: &Step<'_>| store(step, &known.issuer, &published).await)
        .await
}

async fn store(step: &Step<'_>, issuer: &str, published: &[Value]) -> Result<KeyReport, Halt> {
    // Two jobs at once do it one after the other.
    step.batch_execute("lock table okta.signing_key in share row exclusive mode")
        .await?;
    let known = step.rows(KNOWN, &[issuer]).await?;
    let mut report = KeyReport {
        issuer: issuer.to_owned(),
        ..KeyReport::default()
    };
    for key in published {
        match add(step, issuer, key).await? {
            Err(why) => report.left_out.push(why),
            Ok((id, outcome)) => match outcome.as_str() {
                "added" => report.registered.push(id),
                "replaced" => report.replaced.push(id),
                _ => report.still_published.push(id),
            },
        }
    }
    let stored = [
        &report.registered[..],
        &report.still_published,
        &report.replaced,
    ]
    .concat();
    if stored.is_empty() {
        let why = report.left_out.first();
        let why = why.map_or(String::new(), |why| format!(" {why}"));
        return Err(no_key(issuer, &why).into());
    }
    for row in known {
        let id: String = row.try_get(0)?;
        if stored.contains(&id) {
            continue;
        }
        // Missed from now on at the latest, and removed where every token that it signed has expired.
        if step
            .rows(MISS, &[issuer, &id, LONGEST_LIFE])
            .await?
            .is_empty()
        {
            report.kept.push(id);
        } else {
            let remove = "select okta.remove_signing_key($1, $2)";
            step.rows(remove, &[issuer, &id]).await?;
            report.retired.push(id);
        }
    }
    Ok(report)
}

pub(super) fn no_key(issuer: &str, why: &str) -> Failure {
    let what = format!(
        "{issuer} publishes no signing key that the database can use; nothing was changed.{why}"
    );
    Failure::new(Kind::Okta, what)
        .cure("Check the issuer; the keys of an Okta authorization server are RSA keys for RS256.")
}

/// Adds one key and returns its id and what became of it (see `okta.add_signing_key`), or says why it is left out. The others are
/// added all the same.
async fn add(
    step: &Step<'_>,
    issuer: &str,
    key: &Value,
) -> Result<Result<(String, String), String>, Error> {
    let id = match usable(key) {
        Ok(id) => id,
        Err(why) => return Ok(Err(why)),
    };
    step.batch_execute("savepoint key").await?;
    let add = "select okta.add_signing_key($1, $2::text::jsonb)";
    match step.value(add, &[issuer, &key.to_string()]).await {
        Ok(outcome) => {
            step.batch_execute("release key").await?;
            Ok(Ok((id.to_owned(), outcome)))
        }
        Err(error) => {
            let why = reason(&error).ok_or(error)?;
            step.batch_execute("rollback to key").await?;
            Ok(Err(left_out(id, &why)))
        }
    }
}

/// Why the function that adds keys refuses one: it knows what a good key is.
fn reason(error: &Error) -> Option<String> {
    let refusal = error.as_db_error()?;
    let code = refusal.code().code();
    let is_its = code.starts_with("28E") || code.starts_with("22") || code == "P0001";
    is_its.then(|| clause(refusal.message()))
}

/// Returns the id of a key that signs ID tokens, or says why it is none.
pub(super) fn usable(key: &Value) -> Result<&str, String> {
    let Some(id) = key["kid"].as_str().filter(|id| !id.is_empty()) else {
        return Err(
            "A key without an id is left out: the database finds keys by their ids.".into(),
        );
    };
    let is_else = |name: &str, wanted: &str| key.get(name).is_some_and(|value| value != wanted);
    if key["kty"] != "RSA" {
        Err(left_out(id, "it is not an RSA key"))
    } else if is_else("use", "sig") {
        Err(left_out(id, "it is not for signatures"))
    } else if is_else("alg", "RS256") {
        Err(left_out(id, "it is not for RS256"))
    } else {
        Ok(id)
    }
}

fn left_out(id: &str, why: &str) -> String {
    format!("The key {} is left out: {why}.", clause(id))
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
