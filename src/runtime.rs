//! The loop: messages in, effects out; tasks and signals. Owns the traits of the terminal and the world.

use std::{
    future::{Future, poll_fn},
    io,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use crossterm::event::Event;
use futures_util::FutureExt;
use tokio::{runtime, select, time};

use crate::{
    app::{self, About, Effect, Model, Msg, Size},
    session::{self, Progress},
};

use signals::{Signal, Signals};
use tasks::Tasks;

mod services;
mod signals;
mod tasks;

#[cfg(test)]
mod tests;

/// How long writes may take to finish when the program ends. Whatever hangs, the person has the shell back in a second.
pub(crate) const FINISH: Duration = Duration::from_millis(800);

/// How many events are taken in before the screen is drawn: a flood of keys must not be drawn one by one.
const BATCH: usize = 256;

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

/// The terminal, as the loop sees it.
pub trait Console {
    /// Returns the size now.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn size(&self) -> io::Result<Size>;

    /// Shows the model.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn draw(&mut self, model: &Model) -> io::Result<()>;

    /// Waits for a key, a paste, or a new size; `None` when a terminal that was too slow can be shown what has changed
    /// meanwhile. An error means that the terminal is gone.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Event>>>;

    /// Forgets what is on the screen, so that the next frame draws every cell.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn redraw(&mut self) -> io::Result<()>;

    /// Sets every mode again, after somebody else had the terminal.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn resume(&mut self) -> io::Result<()>;

    /// Gives the terminal to the shell, and takes it back when the program is continued.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn suspend(&mut self) -> io::Result<()>;

    /// Hands a text to the clipboard of the terminal.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

/// Why the screens came to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The person quit.
    Quit {
        /// Whether the draft file holds something that was not saved: worth a line on the way out.
        draft_kept: bool,
    },
    /// A signal asked for it, by its number.
    Signal {
        /// The signal's number.
        number: u8,
        /// Whether the draft file holds something that was not saved.
        draft_kept: bool,
    },
}

/// Why the screens could not be shown, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard input or output is no terminal.
    #[error("the full screen needs a terminal")]
    NoTerminal,
    /// The terminal could not be taken over.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[source] io::Error),
    /// The terminal went away.
    #[error("the terminal is gone: {0}")]
    Lost(#[source] io::Error),
    /// The loop could not be set up.
    #[error("the program cannot run here: {0}")]
    Setup(#[source] io::Error),
}

/// Shows the screens until the person quits or a signal ends them, on the console that `take` takes over when signals are
/// listened to. The terminal is as it was when this returns; threads that hang may be left behind, so the caller ends the process.
///
/// # Errors
/// When there is no terminal, or it goes away.
///
/// # Panics
/// When a task did: a bug must not go on as if nothing had been. The terminal is given back before.
pub fn run<C: Console, S: Services>(
    about: About,
    services: S,
    take: impl FnOnce() -> io::Result<C>,
) -> Result<ExitReason, Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Setup)?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(Error::Setup)?;
        let mut console = take().map_err(|error| match error.kind() {
            io::ErrorKind::Unsupported => Error::NoTerminal,
            _ => Error::Terminal(error),
        })?;
        run_on(&mut console, &mut signals, about, services).await
    });
    // A keyring that hangs, hangs in a thread of its own; waiting for it would hang the quitting.
    runtime.shutdown_background();
    outcome
}

/// Runs the loop on a console, then lets writes finish. A panic goes on after that.
async fn run_on<C: Console, S: Services>(
    console: &mut C,
    signals: &mut Signals,
    about: About,
    services: S,
) -> Result<ExitReason, Error> {
    let size = console.size().map_err(Error::Terminal)?;
    let (mut model, effects) = app::init(about, size);
    let mut tasks = Tasks::new(Arc::new(services));
    let work = turn(console, signals, &mut model, &mut tasks, effects);
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    // Also after a panic: what was typed last must still reach the draft file.
    let _ = time::timeout(FINISH, async {
        tasks.finish(&mut model).await;
        // A session that was being renewed for an abandoned read is still written down.
        session::settle().await;
    })
    .await;
    let draft_kept = model.has_unsaved() && tasks.keeps_drafts();
    match ended {
        Ok(Ok(None)) => Ok(ExitReason::Quit { draft_kept }),
        Ok(Ok(Some(number))) => Ok(ExitReason::Signal { number, draft_kept }),
        Ok(Err(error)) => Err(Error::Lost(error)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Turns the loop until it ends: by itself, or by a signal, whose number is returned.
async fn turn<C: Console, S: Services>(
    console: &mut C,
    signals: &mut Signals,
    model: &mut Model,
    tasks: &mut Tasks<S>,
    first: Vec<Effect>,
) -> io::Result<Option<u8>> {
    let mut effects = first;
    loop {
        // Before the effects: something is to be seen before the network or the keyring is asked.
        console.draw(model)?;
        let mut stale = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Quit => return Ok(None),
                Effect::Copy(text) => console.copy(&text)?,
                Effect::Redraw => {
                    console.redraw()?;
                    stale = true;
                }
                Effect::Suspend => {
                    tasks.flush_draft().await;
                    console.suspend()?;
                    follow_size(console, model)?;
                    stale = true;
                }
                effect => tasks.start(effect),
            }
        }
        if stale {
            console.draw(model)?;
        }
        let msg = select! {
            biased;
            signal = signals.next() => match signal {
                Signal::Terminated(number) => return Ok(Some(number)),
                Signal::Continued => {
                    console.resume()?;
                    follow_size(console, model)?;
                    continue;
                }
            },
            msg = tasks.next() => msg,
            event = console.next() => match event? {
                Some(event) => Msg::Terminal(event),
                None => continue,
            },
        };
        effects = app::update(model, msg);
        // What is there already is taken in before the next frame.
        for _ in 0..BATCH {
            if !effects.is_empty() && !effects.iter().all(is_quiet) {
                break;
            }
            let Some(event) = already(console.next()).await.transpose()?.flatten() else {
                break;
            };
            effects.extend(app::update(model, Msg::Terminal(event)));
        }
    }
}

/// Returns what a future has ready, without waiting. It is polled with the waker of the loop: the event stream
/// remembers the first one that it sees.
async fn already<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

/// Says whether an effect may wait until the keys that are there already have been taken in.
fn is_quiet(effect: &Effect) -> bool {
    matches!(effect, Effect::KeepDraft(_) | Effect::DropDraft)
}

/// Tells the model the size, which may have changed while somebody else had the terminal.
fn follow_size<C: Console>(console: &C, model: &mut Model) -> io::Result<()> {
    let Size { columns, rows } = console.size()?;
    app::update(model, Msg::Terminal(Event::Resize(columns, rows)));
    Ok(())
}
