//! What the database knows of Okta, and what it would mean to have it know something else.

use tokio_postgres::{Error, Row};

use super::{Owner, Step, bounded};
use crate::{
    config,
    failure::{Failure, Kind},
    postgres::refused,
};

/// Whose tokens count here, as they are registered; `None` in a database that was not set up yet.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn registration(owner: &mut Owner) -> Result<Option<config::Okta>, Failure> {
    bounded(owner.persist(async |owner: &mut Owner| {
        owner
            .step(async |step: &Step<'_>| {
                let is_there = "select pg_catalog.to_regclass('okta.issuer') is not null";
                if step.value(is_there, &[]).await? {
                    Ok(known(step).await?)
                } else {
                    Ok(None)
                }
            })
            .await
    }))
    .await
}

/// The issuer that the database knows, and the client id that its tokens must be made for.
///
/// # Errors
/// When none is registered, or the database refuses.
pub async fn registered_issuer(owner: &mut Owner) -> Result<config::Okta, Failure> {
    owner
        .step(async |step: &Step<'_>| Ok(known(step).await?.ok_or_else(no_issuer)?))
        .await
}

/// The same in a step, in a database that was set up.
pub(super) async fn known(step: &Step<'_>) -> Result<Option<config::Okta>, Error> {
    let rows = step
        .rows("select issuer, audience from okta.issuer", &[])
        .await?;
    let read = |row: &Row| {
        Ok(config::Okta {
            issuer: row.try_get(0)?,
            client_id: row.try_get(1)?,
            client_secret: None,
        })
    };
    rows.first().map(read).transpose()
}

pub(super) fn no_issuer() -> Failure {
    refused("No issuer is registered in this database.").cure("Run `epigraph admin setup` first.")
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
