//! The terminal: taken over on [`Terminal::take`], given back however the program ends.

use std::{
    env,
    io::{self, IsTerminal},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste, Event},
    queue,
    style::{self, Print},
    terminal::{
        self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
        EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use parking_lot::Mutex;
use ratatui::{Terminal as Screen, layout::Rect};
use tokio::{select, sync::Notify};

use crate::{
    app::{Model, Size},
    runtime::Console,
    text, view,
};

use backend::Frames;
use decoded::Decoded;
use input::Input;
use output::{Output, output};

mod at_once;
mod backend;
mod decoded;
#[cfg(unix)]
mod decoder;
mod input;
mod output;
#[cfg(unix)]
mod sequences;

pub(crate) use input::Keys;

/// Whether the modes are set. They are taken back once, by what comes first: the end, a signal, or a panic.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether kitty's keyboard protocol is on. It is taken back with the modes.
static TELLS_KEYS_APART: AtomicBool = AtomicBool::new(false);

/// Other programs may have left on: inserting, reports of the mouse, the focus, colours and sizes, keys that are told in other
/// ways, a part of the screen that scrolls by itself, other character sets. All of them are off before anything is drawn.
const MODES_OFF: &str = concat!(
    "\x1b[?1;6;9;1000;1001;1002;1003;1004;1005;1006;1015;1016;2031;2048l",
    "\x1b[4l\x1b>\x1b[>4m\x1b(B\x0f\x1b[r\x1b[m",
);

/// On in kitty's keyboard protocol: keys that are the same byte otherwise, such as Enter and Shift-Enter, are told apart.
const TELL_KEYS_APART: &[u8] = b"\x1b[>5u";

/// Whether it has kitty's keyboard protocol, and how many cells a mark of ambiguous width takes. What is written for that
/// is gone before it is seen.
const QUESTIONS: &str = "\x1b[?u\x1b[H\u{201c}\x1b[6n";

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
    /// Whether someone waits until all of it is on the screen.
    awaited: bool,
    /// Whether the size has changed since the last frame. It may be what it was before, but not what the screen shows.
    resized: bool,
    input: Input,
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
        let mut input = Input::open()?;
        input.expect_cursor();
        let output = output();
        set_modes()?;
        Ok(Self {
            screen: size()
                .and_then(|size| Screen::new(Frames::of(size.into())))
                .inspect_err(|_| give_back())?,
            output,
            behind: false,
            awaited: false,
            resized: false,
            input,
        })
    }

    /// Takes in what has come. Answers are not for the loop.
    fn take_in(&mut self, decoded: Decoded) -> io::Result<Option<Event>> {
        match decoded {
            Decoded::Event(event) => Ok(Some(event)),
            Decoded::Resized => {
                self.resized = true;
                size().map(|(columns, rows)| Some(Event::Resize(columns, rows)))
            }
            Decoded::HasKeyboardProtocol => {
                if !TELLS_KEYS_APART.swap(true, Ordering::SeqCst) {
                    self.output.send(TELL_KEYS_APART)?;
                }
                Ok(None)
            }
            Decoded::CursorColumn(column) => {
                // A mark of one cell was written before it was asked, or of two.
                let is_wide = column == 3;
                let as_thought = is_wide == text::measures_wide();
                text::ambiguous_is_wide(is_wide);
                self.screen
                    .backend_mut()
                    .trust_widths(matches!(column, 2 | 3));
                if as_thought {
                    return Ok(None);
                }
                self.resized = true;
                size().map(|(columns, rows)| Some(Event::Resize(columns, rows)))
            }
        }
    }

    /// Takes the terminal over once more.
    fn take_again(&mut self) -> io::Result<()> {
        self.input.expect_cursor();
        set_modes()?;
        self.forget_screen()
    }

    /// Sets the size again, which makes the next frame draw every cell. (`clear` would ask the terminal where its
    /// cursor is, and wait for an answer that the event stream eats.)
    fn forget_screen(&mut self) -> io::Result<()> {
        let (columns, rows) = size()?;
        self.screen.backend_mut().forget((columns, rows).into());
        self.screen.resize(Rect::new(0, 0, columns, rows))
    }
}

impl Console for Terminal {
    fn size(&self) -> io::Result<Size> {
        let (columns, rows) = size()?;
        Ok(Size { columns, rows })
    }

    fn is_shown(&mut self) -> bool {
        self.awaited = self.output.is_busy();
        !self.awaited
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

    fn echo(&mut self, letter: char) -> io::Result<bool> {
        if !TAKEN.load(Ordering::SeqCst) || self.behind || self.resized {
            return Ok(false);
        }
        let frames = self.screen.backend_mut();
        frames.echo(letter)?;
        let bytes = frames.take();
        self.output.send(&bytes)?;
        Ok(!bytes.is_empty())
    }

    async fn next(&mut self) -> io::Result<Option<Event>> {
        loop {
            let decoded = select! {
                biased;
                decoded = self.input.next() => decoded?,
                // Its message is printed, and the terminal is in other hands: going on would leave the person with neither.
                () = PANICKED.notified() => panic::resume_unwind(Box::new("a task has panicked")),
                () = self.output.caught_up(), if self.behind || self.awaited => {
                    self.awaited = false;
                    return Ok(None);
                }
            };
            if let Some(event) = self.take_in(decoded)? {
                return Ok(Some(event));
            }
        }
    }

    fn at_hand(&mut self) -> io::Result<Option<Event>> {
        while let Some(decoded) = self.input.at_hand()? {
            if let Some(event) = self.take_in(decoded)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.forget_screen()
    }

    fn resume(&mut self) -> io::Result<()> {
        // Another program that had the terminal meanwhile may have left it in any mode.
        give_back();
        self.take_again()
    }

    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        stop_until_continued();
        self.take_again()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        let is_screen = |term: String| term == "screen" || term.starts_with("screen.");
        let in_tmux = env::var_os("TMUX").is_some();
        if !in_tmux && (env::var_os("STY").is_some() || env::var("TERM").is_ok_and(is_screen)) {
            bytes = through_screen(&bytes);
        }
        self.output.send(&bytes)
    }
}

/// Wraps a sequence for GNU screen, which hands strings of limited length to its terminal as they are, and prints others.
fn through_screen(sequence: &[u8]) -> Vec<u8> {
    // It ends a string at ST; an OSC also ends at BEL, which may lie in a string.
    let sequence = sequence.strip_suffix(b"\x1b\\").unwrap_or(sequence);
    let mut wrapped = Vec::new();
    for part in sequence.chunks(240).chain([&b"\x07"[..]]) {
        wrapped.extend_from_slice(b"\x1bP");
        wrapped.extend_from_slice(part);
        wrapped.extend_from_slice(b"\x1b\\");
    }
    wrapped
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.input.take_late_answers();
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
        Print(MODES_OFF),
        EnableBracketedPaste,
        DisableLineWrap,
        cursor::Hide,
        Print(QUESTIONS),
        // Where there is no other screen, what was on this one is in the way.
        Clear(ClearType::All)
    )
    .and_then(|()| output().send(&bytes))
    .inspect_err(|_| give_back())
}

/// Takes every mode back, once. A step that fails keeps none of the others from being made: the terminal may be gone.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    if TELLS_KEYS_APART.swap(false, Ordering::SeqCst) {
        bytes.extend_from_slice(b"\x1b[<u");
    }
    let last_row = size().map_or(0, |(_, rows)| rows - 1);
    let _ = queue!(
        bytes,
        EndSynchronizedUpdate,
        style::SetAttribute(style::Attribute::Reset),
        DisableBracketedPaste,
        EnableLineWrap,
        // Where there is no other screen, the shell goes on in a row of its own.
        cursor::MoveTo(0, last_row),
        Clear(ClearType::UntilNewLine),
        LeaveAlternateScreen,
        cursor::Show
    );
    output().end(&bytes);
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
                *UNTOLD.lock() = Some(info.to_string());
            } else {
                print(info);
            }
        }));
    });
}

/// Returns what a panic had to say that could not be told while the screen was shown: for an end by it.
#[must_use]
pub fn untold_panic() -> Option<String> {
    let mut untold = UNTOLD.lock();
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
