//! The loop: messages in, effects out; tasks and signals. Owns the traits of the terminal and the world.

use std::future::Future;

use crate::{
    app::{Effect, Msg},
    session::{Identity, Progress, Quotes, Session, Vault},
};

/// The world, as the loop sees it: one order, one outcome.
pub trait Services: Send + Sync + 'static {
    /// Carries an effect out. `None` where there is nothing to report (an abandoned sign-in, a kept draft).
    /// Dropping the future abandons it.
    fn perform(
        &self,
        effect: Effect,
        progress: Progress,
    ) -> impl Future<Output = Option<Msg>> + Send;
}

impl<I: Identity, V: Vault, Q: Quotes> Services for Session<I, V, Q> {
    async fn perform(&self, _effect: Effect, _progress: Progress) -> Option<Msg> {
        todo!()
    }
}
