//! The loop: messages in, effects out; tasks and signals. Owns the traits of the terminal and the world.

use std::{
    any::Any, collections::VecDeque, future, future::Future, io, panic::AssertUnwindSafe,
    sync::Arc, time::Duration,
};

use crossterm::event::{Event, KeyEventKind};
use futures_util::FutureExt;
use tokio::{runtime, select, time};

use crate::{
    app::{self, About, Effect, Model, Msg, Order, Seen, Size},
    background,
    session::Progress,
};

pub(crate) use signals::Ends;
use signals::{Signal, Signals};
use tasks::Tasks;

mod services;
mod signals;
mod tasks;

#[cfg(test)]
mod tests;

/// How long writes may take to finish when the program ends. Whatever hangs, the person has the shell back in a second.
pub(crate) const FINISH: Duration = Duration::from_millis(800);

/// How many events are taken in before the screen is drawn at the latest: a flood of keys must not be drawn one by one,
/// and a paste without brackets must not be cut.
const BATCH: usize = 1 << 20;

/// How long a terminal takes at most between the parts of a paste.
const GAP: Duration = Duration::from_millis(20);

/// How long a letter is on its way to the screen before its frame is drawn. Drawing takes a processor for a tenth of a millisecond,
/// and it may be the one that the terminal needs to show the letter: without this it was there 16 % later (issue 14).
const LEAD: Duration = Duration::from_millis(1);

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

    /// Says whether the terminal has taken all that was drawn. Where it has not, [`Console::next`] returns when it has.
    fn is_shown(&mut self) -> bool;

    /// Shows the model.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn draw(&mut self, model: &Model) -> io::Result<()>;

    /// Shows a letter where the cursor is, at once, if nothing is there, and says whether it did. The next frame has it there as
    /// well, or takes it away.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn echo(&mut self, _letter: char) -> io::Result<bool> {
        Ok(false)
    }

    /// Waits for a key, a paste, or a new size; `None` when a terminal that was too slow can be shown what has changed
    /// meanwhile. An error means that the terminal is gone.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Event>>>;

    /// Returns a key, a paste, or a new size that is there already, without waiting.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn at_hand(&mut self) -> io::Result<Option<Event>>;

    /// Forgets what is on the screen, so that the next frame draws every cell.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn redraw(&mut self) -> io::Result<()>;

    /// Sets every mode again, after someone else had the terminal.
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

/// Why the screens came to their end, and what became of what was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ExitReason {
    /// The person quit.
    Quit { last: Last },
    /// A signal asked for it, by its number.
    Signal { number: u8, last: Last },
}

/// What became of what was under way at the end: worth a line on the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// Nothing was.
    Nothing,
    /// The change that was under way is done.
    Done(Order),
    /// It is not, or not wholly: what the screen would have said.
    Told(String),
    /// It did not come to its end in time.
    Unconfirmed(Order),
    /// A text is not saved, and in the draft file.
    Kept,
    /// A text is in the draft file, and its save did not come to its end in time.
    KeptUnconfirmed,
    /// A text is neither saved nor in the draft file: this is the last place where it is.
    OnlyCopy(String),
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
    /// A task, the view or an update panicked. It must go on: a bug is no reason to go on as if nothing had been.
    #[error("there is a bug in it")]
    Bug {
        /// What [`std::panic::resume_unwind`] takes.
        panic: Box<dyn Any + Send>,
        /// What became of what was under way.
        last: Last,
    },
}

/// Shows the screens until the person quits or a signal ends them, on the console that `take` takes over when signals are
/// listened to. The terminal is as it was when this returns; threads that hang may be left behind, so the caller ends the process.
///
/// # Errors
/// When there is no terminal, or it goes away, or there is a bug.
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

/// Runs the loop on a console, then lets writes finish.
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
    let ordered = model.order();
    // Also after a panic, or where the terminal has gone: what was typed last must still reach the draft file.
    if !matches!(ended, Ok(Ok(_)))
        && let Some(effect) = model.keep_unsaved()
    {
        tasks.start(effect);
    }
    let in_time = time::timeout(FINISH, async {
        tasks.finish(&mut model).await;
        // A session that was being renewed for an abandoned read is still written down.
        background::finish_background_work().await;
    })
    .await;
    let keeps_drafts = tasks.keeps_drafts();
    // What is dropped here may have a connection to end. Where something hangs, there is no time for that.
    tasks.close().await;
    if in_time.is_ok() {
        let _ = time::timeout(background::FAREWELL, background::finish_background_work()).await;
    }
    let last = match (model.unsaved(), keeps_drafts) {
        (None, _) => ordered.map_or(Last::Nothing, |order| end_of(order, &model)),
        (Some(_), true) if model.may_be_saved_already() => Last::KeptUnconfirmed,
        (Some(_), true) => Last::Kept,
        (Some(draft), false) => Last::OnlyCopy(draft.editor.text().to_owned()),
    };
    match ended {
        Ok(Ok(None)) => Ok(ExitReason::Quit { last }),
        Ok(Ok(Some(number))) => Ok(ExitReason::Signal { number, last }),
        Ok(Err(error)) => Err(Error::Lost(error)),
        Err(panic) => Err(Error::Bug { panic, last }),
    }
}

/// What became of a change that was under way when the loop ended.
fn end_of(order: Order, model: &Model) -> Last {
    if model.order().is_some() {
        return Last::Unconfirmed(order);
    }
    match &model.notice {
        Some(notice) if notice.tone.is_bad() => Last::Told(notice.to_string()),
        _ => Last::Done(order),
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
    let mut events = VecDeque::new();
    let mut seen = Seen::No;
    loop {
        // Before the effects: something is to be seen before the network or the keyring is asked.
        console.draw(model)?;
        let mut stale = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Quit => return Ok(None),
                Effect::CopyByTerminal(text) => console.copy(&text)?,
                Effect::Redraw => {
                    console.redraw()?;
                    stale = true;
                }
                Effect::Suspend => {
                    suspend(console, model, tasks).await?;
                    stale = true;
                }
                effect => tasks.start(effect),
            }
        }
        if stale {
            console.draw(model)?;
        }
        if !model.asks() {
            seen = Seen::No;
        } else if seen == Seen::No && console.is_shown() {
            // What is there by now was pressed before.
            let shown = model.clone();
            take_at_hand(console, &mut events)?;
            effects = app::take_in(model, &mut events, &mut seen);
            if *model == shown {
                seen = Seen::Yes;
            }
            continue;
        }
        effects = match next(console, signals, model, tasks, &mut events).await? {
            Next::Signal(Signal::Terminated(number)) => return Ok(Some(number)),
            Next::Signal(Signal::Stopped) => {
                suspend(console, model, tasks).await?;
                continue;
            }
            Next::Signal(Signal::Continued) => {
                console.resume()?;
                follow_size(console, model)?;
                continue;
            }
            Next::Msg(msg) => app::update(model, msg),
            Next::Gathered => app::take_in(model, &mut events, &mut seen),
        };
    }
}

/// What ends a wait.
enum Next {
    Signal(Signal),
    Msg(Msg),
    /// There are events of the terminal to be taken in.
    Gathered,
}

/// Waits for what comes next.
async fn next<C: Console, S: Services>(
    console: &mut C,
    signals: &mut Signals,
    model: &Model,
    tasks: &mut Tasks<S>,
    events: &mut VecDeque<Event>,
) -> io::Result<Next> {
    // What has happened by now, so that no flood of keys holds it up.
    select! {
        biased;
        signal = signals.next() => return Ok(Next::Signal(signal)),
        msg = tasks.next() => return Ok(Next::Msg(msg)),
        () = future::ready(()) => {}
    }
    // Then the terminal first: a person waits for what a key does, and each look at the others costs time.
    select! {
        biased;
        gathered = gather(console, model, events) => gathered.map(|()| Next::Gathered),
        signal = signals.next() => Ok(Next::Signal(signal)),
        msg = tasks.next() => Ok(Next::Msg(msg)),
    }
}

/// Waits for what comes from the terminal, and takes what is there already: it is shown in one frame. Nothing of it is lost
/// where something else comes first.
async fn gather<C: Console>(
    console: &mut C,
    model: &Model,
    events: &mut VecDeque<Event>,
) -> io::Result<()> {
    if events.is_empty() {
        events.extend(console.next().await?.filter(is_pressed));
        if let Some(letter) = app::echo(model, events)
            && console.echo(letter)?
        {
            let Ok(more) = time::timeout(LEAD, console.next()).await else {
                return Ok(());
            };
            events.extend(more?.filter(is_pressed));
        }
    }
    loop {
        take_at_hand(console, events)?;
        if events.len() >= BATCH || !app::may_go_on(model, events) {
            return Ok(());
        }
        match time::timeout(GAP, console.next()).await {
            Ok(Ok(Some(event))) => events.extend(Some(event).filter(is_pressed)),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) | Err(_) => return Ok(()),
        }
    }
}

/// Takes what is there already.
fn take_at_hand<C: Console>(console: &mut C, events: &mut VecDeque<Event>) -> io::Result<()> {
    while events.len() < BATCH
        && let Some(event) = console.at_hand()?
    {
        events.extend(Some(event).filter(is_pressed));
    }
    Ok(())
}

/// Says whether an event is more than a key that was let go: between the keys of a paste those would part them.
fn is_pressed(event: &Event) -> bool {
    !matches!(event, Event::Key(key) if key.kind == KeyEventKind::Release)
}

/// Gives the terminal to the shell until the program is continued. What was typed is in the draft file before.
async fn suspend<C: Console, S: Services>(
    console: &mut C,
    model: &mut Model,
    tasks: &mut Tasks<S>,
) -> io::Result<()> {
    tasks.flush_draft().await;
    console.suspend()?;
    follow_size(console, model)
}

/// Tells the model the size, which may have changed while someone else had the terminal.
fn follow_size<C: Console>(console: &C, model: &mut Model) -> io::Result<()> {
    let Size { columns, rows } = console.size()?;
    app::update(model, Msg::Terminal(Event::Resize(columns, rows)));
    Ok(())
}
