//! Shutting one person out, and letting them in again.

use super::{Owner, Step, bounded};
use crate::failure::Failure;

/// Shuts a person out at once, whatever tokens they still have. Says whether they were not before.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn block(owner: &mut Owner, user_id: &str) -> Result<bool, Failure> {
    change(owner, user_id, "select okta.block($1)").await
}

/// Lets a person in again. Says whether they were blocked.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn unblock(owner: &mut Owner, user_id: &str) -> Result<bool, Failure> {
    change(owner, user_id, "select okta.unblock($1)").await
}

// Out of turn: it has to work at once, and touches nothing but one row.
async fn change(owner: &mut Owner, user_id: &str, statement: &str) -> Result<bool, Failure> {
    bounded(owner.persist(async |owner: &mut Owner| {
        owner
            .step(async |step: &Step<'_>| Ok(step.value(statement, &[user_id]).await?))
            .await
    }))
    .await
}
