//! The terminal: taken over on [`Terminal::take`], given back however the program ends.

use std::{
    io::{self, IsTerminal},
    panic,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor,
    event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, EventStream},
    queue, style,
    terminal::{
        self, BeginSynchronizedUpdate, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
        EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use futures_util::StreamExt;
use ratatui::{Terminal as Screen, layout::Rect};
use tokio::{select, sync::Notify};

use crate::{
    app::{Model, Size},
    runtime::Console,
    view,
};

use backend::Frames;
use output::{Output, output};

mod backend;
mod output;

/// Whether the modes are set. They are taken back once, by what comes first: the end, a signal, or a panic.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A task has panicked, and no one may be waiting for it: what drives a connection, for example.
static PANICKED: Notify = Notify::const_new();

/// What a panic on another thread had to say while the screen was shown.
static UNTOLD: Mutex<Option<String>> = Mutex::new(None);

/// A frame smaller than this is on the screen at once anyway; the bracket would cost more bytes than a key does.
const WORTH_BRACKETING: usize = 512;

/// The real terminal.
pub struct Terminal {
    screen: Screen<Frames>,
    output: &'static Output,
    /// Whether the screen shows less than the model says, because the terminal did not take the frame before.
    behind: bool,
    /// Whether the size has changed since the last frame. It may be what it was before, but not what the screen shows.
    resized: bool,
    /// Dropped while a shell has the terminal: as long as it lives, it eats the shell's keys.
    events: Option<EventStream>,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When standard input or output is no terminal, or refuses.
    pub fn take() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the full screen needs a terminal",
            ));
        }
        // What the person wants about colours is settled in the theme; crossterm's own way of leaving
        // them out also takes bold and reverse away, and the QR code needs its black on white.
        style::force_color_output(true);
        give_back_on_panic(thread::current().id());
        let output = output()?;
        set_modes()?;
        Ok(Self {
            screen: Screen::new(Frames::default()).inspect_err(|_| give_back())?,
            output,
            behind: false,
            resized: false,
            events: Some(EventStream::new()),
        })
    }

    /// Puts the size that the terminal has by now into the news of another one.
    fn sized(&mut self, event: Event) -> io::Result<Event> {
        match event {
            Event::Resize(..) => {
                self.resized = true;
                size().map(|(columns, rows)| Event::Resize(columns, rows))
            }
            event => Ok(event),
        }
    }

    /// Sets the size again, which makes the next frame draw every cell. (`clear` would ask the terminal where its
    /// cursor is, and wait for an answer that the event stream eats.)
    fn forget_screen(&mut self) -> io::Result<()> {
        self.screen.backend_mut().forget();
        let Size { columns, rows } = self.size()?;
        self.screen.resize(Rect::new(0, 0, columns, rows))
    }
}

impl Console for Terminal {
    fn size(&self) -> io::Result<Size> {
        let (columns, rows) = size()?;
        Ok(Size { columns, rows })
    }

    fn draw(&mut self, model: &Model) -> io::Result<()> {
        // After a panic the terminal is back in other hands.
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Frames that a slow terminal could not show in time would only be in the way of the newest one.
        self.behind = self.output.is_behind();
        if self.behind {
            return Ok(());
        }
        if std::mem::take(&mut self.resized) {
            self.forget_screen()?;
        }
        self.screen.draw(|frame| view::draw(model, frame))?;
        let mut frame = self.screen.backend_mut().take();
        if frame.len() > WORTH_BRACKETING {
            let mut bracketed = Vec::with_capacity(frame.len() + 16);
            queue!(bracketed, BeginSynchronizedUpdate)?;
            bracketed.append(&mut frame);
            queue!(bracketed, EndSynchronizedUpdate)?;
            frame = bracketed;
        }
        self.output.send(&frame)
    }

    async fn next(&mut self) -> io::Result<Option<Event>> {
        let events = self.events.get_or_insert_with(EventStream::new);
        let event = select! {
            biased;
            event = events.next() => event,
            // Its message is printed, and the terminal is in other hands: going on would leave the person with neither.
            () = PANICKED.notified() => panic::resume_unwind(Box::new("a task has panicked")),
            () = self.output.caught_up(), if self.behind => return Ok(None),
        };
        let event = event.ok_or(io::ErrorKind::UnexpectedEof)??;
        self.sized(event).map(Some)
    }

    fn at_hand(&mut self) -> io::Result<Option<Event>> {
        // Where it may take no time at all, crossterm does not even look at what it has read. The stream, which asks in
        // that way, would hand over one key of a paste after the other, with a thread and a frame between them.
        const MOMENT: Duration = Duration::from_micros(50);

        if self.events.is_none() || !event::poll(MOMENT)? {
            return Ok(None);
        }
        let event = event::read()?;
        self.sized(event).map(Some)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.forget_screen()
    }

    fn resume(&mut self) -> io::Result<()> {
        // Another program that had the terminal meanwhile may have left it in any mode.
        give_back();
        set_modes()?;
        self.forget_screen()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.events = None;
        give_back();
        stop_until_continued();
        set_modes()?;
        self.events = Some(EventStream::new());
        self.forget_screen()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        self.output.send(&bytes)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.events = None;
        give_back();
    }
}

/// Returns the columns and rows. A terminal that does not know, such as a serial line, is taken for the usual one.
fn size() -> io::Result<(u16, u16)> {
    Ok(match terminal::size()? {
        (0, _) | (_, 0) => (80, 24),
        size => size,
    })
}

fn set_modes() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut bytes = Vec::new();
    // A character that the terminal takes for wider than we do must not push the rest to the next row.
    queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        DisableLineWrap,
        cursor::Hide
    )
    .and_then(|()| output()?.send(&bytes))
    .inspect_err(|_| give_back())
}

/// Takes every mode back, once. A step that fails keeps none of the others from being made: the terminal may be gone.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    let _ = queue!(
        bytes,
        EndSynchronizedUpdate,
        style::SetAttribute(style::Attribute::Reset),
        DisableBracketedPaste,
        EnableLineWrap,
        LeaveAlternateScreen,
        cursor::Show
    );
    if let Ok(output) = output() {
        output.end(&bytes);
    }
    let _ = terminal::disable_raw_mode();
}

/// Gives the terminal back before the message of a panic is printed, where the panic ends the program.
///
/// The loop and its tasks run on one thread. A panic on another one (a keyring call that was given up) doesn't end the
/// program, so it must not touch the screen: its waiter hears of it, and may end the program with it.
fn give_back_on_panic(main: ThreadId) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == main {
                give_back();
                print(info);
                PANICKED.notify_one();
            } else if TAKEN.load(Ordering::SeqCst) {
                *UNTOLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
            } else {
                print(info);
            }
        }));
    });
}

/// Returns what a panic had to say that could not be told while the screen was shown: for an end by it.
#[must_use]
pub fn untold_panic() -> Option<String> {
    let mut untold = UNTOLD.lock().unwrap_or_else(PoisonError::into_inner);
    untold.take()
}

/// Stops the whole job, as the kernel does at Ctrl-Z in a terminal that is not raw. Returns when it goes on;
/// at once where no shell is there to continue it, for the kernel stops no orphans.
#[cfg(unix)]
fn stop_until_continued() {
    use rustix::process::{Signal, kill_current_process_group};

    // The kernel's own signal for Ctrl-Z is listened to: it also comes from outside. This one does the same,
    // and SIGSTOP would stop an orphan as well.
    let _ = kill_current_process_group(Signal::TTOU);
}

#[cfg(not(unix))]
fn stop_until_continued() {}
