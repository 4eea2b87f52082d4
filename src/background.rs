//! Work beside the program's one thread: what may wait for a disk, and what must not stop half way.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    task::{self, JoinHandle},
};

use crate::failure::{Failure, Kind};

/// How long a connection may take to end in order.
pub(crate) const FAREWELL: Duration = Duration::from_millis(100);

thread_local! {
    /// How many things are under way that must not stop half way, on this thread's runtime: the program's has no other thread.
    static UNFINISHED: watch::Sender<usize> = watch::Sender::new(0);
}

/// As long as it lives, something is under way that must not stop half way.
pub(crate) struct Unfinished(watch::Sender<usize>);

impl Unfinished {
    pub(crate) fn begin() -> Self {
        let unfinished = UNFINISHED.with(Clone::clone);
        unfinished.send_modify(|count| *count += 1);
        Self(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Waits until what must not stop half way has come to its end: connections end in order, what was renewed is written down. For a
/// program that is about to end its runtime, which has to be that of one thread (`flavor = "current_thread"`); it sets the limit.
pub async fn finish_background_work() {
    let mut unfinished = UNFINISHED.with(watch::Sender::subscribe);
    // The sender lives as long as this thread.
    let _ = unfinished.wait_for(|count| *count == 0).await;
}

/// Begins what must not stop half way, also when no one waits for it.
pub(crate) fn begin<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let unfinished = Unfinished::begin();
    tokio::spawn(async move {
        let _unfinished = unfinished;
        work.await
    })
}

/// Runs to its end what must not stop half way, also when the caller stops waiting for it: a rotated refresh token is written down,
/// a sign-out is carried through.
///
/// # Errors
/// When the work fails, or the runtime ends first.
pub(crate) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    joined(begin(work)).await?
}

/// Does on a thread of its own what would keep the screen waiting: a file system may hang (a home directory on a network).
///
/// # Errors
/// When the runtime ends first.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    joined(task::spawn_blocking(work)).await
}

/// Waits for a task. Its panic goes on here.
async fn joined<T>(task: JoinHandle<T>) -> Result<T, Failure> {
    task.await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => ending(),
    })
}

/// No one is there any more to hear it.
pub(crate) fn ending() -> Failure {
    Failure::new(Kind::Failed, "The program is ending.").cure("Start it again.")
}
