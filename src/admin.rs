//! What an administrator does: brings the database up to this program's schema.

use crate::{failure::Failure, postgres::Target};

/// Applies the migrations that the database lacks and returns the names of those it applied. All or nothing.
///
/// # Errors
/// When the database cannot be reached or refuses; nothing is left half done.
pub async fn migrate(_target: &Target) -> Result<Vec<String>, Failure> {
    todo!()
}
