//! What the database knows of Okta, and what it would mean to have it know something else.

use tokio_postgres::Transaction;

use super::{Owner, bounded};
use crate::{
    config,
    failure::{Failure, Kind},
};

/// Whose tokens count here, as they are registered; `None` in a database that was not set up yet.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn registration(owner: &mut Owner) -> Result<Option<config::Okta>, Failure> {
    bounded(owner.persist(async |owner: &mut Owner| {
        let (transaction, words) = owner.begin().await?;
        let work = async {
            let there: bool = transaction
                .query_typed_one(
                    "select pg_catalog.to_regclass('okta.issuer') is not null",
                    &[],
                )
                .await?
                .try_get(0)?;
            if !there {
                return Ok(None);
            }
            known(&transaction).await
        };
        work.await
            .map_err(|error: tokio_postgres::Error| words.explain(&error))
    }))
    .await
}

/// The same in a transaction, in a database that was set up.
pub(super) async fn known(
    transaction: &Transaction<'_>,
) -> Result<Option<config::Okta>, tokio_postgres::Error> {
    let rows = transaction
        .query_typed("select issuer, audience from okta.issuer", &[])
        .await?;
    rows.first()
        .map(|row| {
            Ok(config::Okta {
                issuer: row.try_get(0)?,
                client_id: row.try_get(1)?,
                client_secret: None,
            })
        })
        .transpose()
}

/// Says what would be different if `new` were registered in the place of `old`; `None` where they are the same.
#[must_use]
pub fn difference(old: &config::Okta, new: &config::Okta) -> Option<String> {
    if old.issuer != new.issuer {
        return Some(format!(
            "The database knows the issuer {}, and not {}. If it is replaced, every token of the old issuer is refused. Rows are kept by the subjects of the old issuer, so people of the new one do not find theirs.",
            old.issuer, new.issuer
        ));
    }
    (old.client_id != new.client_id).then(|| {
        format!(
            "The database knows the client id {}, and not {}. If it is replaced, every token for the old client id is refused, until each person has the new one in their configuration.",
            old.client_id, new.client_id
        )
    })
}

/// No one has said that it may be replaced.
#[must_use]
pub fn not_replaced(difference: &str) -> Failure {
    Failure::new(Kind::Usage, format!("{difference} Nothing was changed."))
        .cure("If that is what you want, run it again with --replace.")
}
