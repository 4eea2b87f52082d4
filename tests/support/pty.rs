//! A program in a pseudo-terminal: what it shows, and a person's keys. The terminal answers no queries, as the dumbest ones do.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    process::Command,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process_group};
use vt100::Screen;

use super::{PATIENCE, alone, secrets, wait_for, wait_until};

/// The rows and columns of a terminal that does not know them.
const USUAL: (NonZeroU16, NonZeroU16) = match (NonZeroU16::new(24), NonZeroU16::new(80)) {
    (Some(rows), Some(columns)) => (rows, columns),
    _ => panic!("no size is zero"),
};

/// A key as terminals have sent it since the VT220.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// A character as it is.
    Char(char),
    /// Ctrl and a letter.
    Ctrl(char),
    Enter,
    /// Alt and Enter.
    AltEnter,
    Esc,
    Backspace,
    Up,
    Home,
}

impl Key {
    fn bytes(self) -> String {
        match self {
            Self::Char(char) => char.to_string(),
            Self::Ctrl(letter) => char::from(u8::try_from(letter).expect("ASCII") & 0x1f).into(),
            Self::Enter => "\r".into(),
            Self::AltEnter => "\x1b\r".into(),
            Self::Esc => "\x1b".into(),
            Self::Backspace => "\x7f".into(),
            Self::Up => "\x1b[A".into(),
            Self::Home => "\x1b[H".into(),
        }
    }
}

/// A program in a terminal of its own; it is killed at drop.
pub(crate) struct Pty {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    frozen: Arc<AtomicBool>,
    /// When the next key may be pressed.
    pressed: Option<Instant>,
}

/// What the terminal has received.
struct Seen {
    terminal: vt100::Parser<Asides>,
    raw: Vec<u8>,
    ended: bool,
}

/// What a program asks of a terminal beside its screen.
#[derive(Default)]
struct Asides {
    copied: Vec<Vec<u8>>,
}

impl vt100::Callbacks for Asides {
    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], base64: &[u8]) {
        self.copied.push(base64.to_vec());
    }
}

impl Pty {
    /// Starts a command in a terminal of this size, with its arguments, its directory and no more of an environment than
    /// the command sets, `PATH`, a UTF-8 locale and `TERM`: where the tests themselves run must not show.
    pub(crate) fn spawn(command: &Command, cols: u16, rows: u16) -> Self {
        let opening = alone();
        let pair = native_pty_system()
            .openpty(size(cols, rows))
            .expect("a pseudo-terminal");
        drop(opening);
        let child = pair
            .slave
            .spawn_command(builder(command))
            .expect("the program starts in the pseudo-terminal");
        // The end of the output shows only when no one but the program holds its side.
        drop(pair.slave);
        let (rows, cols) = non_zero(cols, rows);
        let seen = Seen {
            terminal: vt100::Parser::new_with_callbacks(rows, cols, 0, Asides::default()),
            raw: Vec::new(),
            ended: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let output = pair
            .master
            .try_clone_reader()
            .expect("a reader of the terminal");
        let frozen = Arc::new(AtomicBool::new(false));
        thread::spawn({
            let (seen, frozen) = (Arc::clone(&seen), Arc::clone(&frozen));
            move || watch(output, &seen, &frozen)
        });
        Self {
            keys: pair
                .master
                .take_writer()
                .expect("the first writer of the terminal"),
            master: pair.master,
            child,
            seen,
            frozen,
            pressed: None,
        }
    }

    /// Types a text, character by character.
    pub(crate) fn type_(&mut self, text: &str) {
        self.send(text.as_bytes());
    }

    /// Presses a key, as a person does: not in the same moment as another one, and nothing in the moment after it, for bytes
    /// that come together are a paste or a sequence.
    pub(crate) fn key(&mut self, key: Key) {
        self.send(key.bytes().as_bytes());
        let moment = Duration::from_millis(if matches!(key, Key::Esc) { 250 } else { 50 });
        self.pressed = Some(Instant::now() + moment);
    }

    /// Opens the editor and types into it. A letter that comes with the `e` would be a paste, see `src/app/typing.rs`.
    pub(crate) fn writes(&mut self, text: &str) {
        self.key(Key::Char('e'));
        self.sees_that("takes writing", |screen| {
            !screen.hide_cursor() && screen.contents().contains("Enter Save Quote")
        });
        self.type_(text);
    }

    /// Pastes a text as terminals do: in brackets if the program asked for them, and with carriage returns for line ends.
    pub(crate) fn paste(&mut self, text: &str) {
        let text = text.replace('\n', "\r");
        if self.bracketed_paste() {
            self.send(format!("\x1b[200~{text}\x1b[201~").as_bytes());
        } else {
            self.send(text.as_bytes());
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        if let Some(next) = self.pressed.take() {
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        self.keys
            .write_all(bytes)
            .and_then(|()| self.keys.flush())
            .expect("the terminal takes keys");
    }

    /// Stops to read what the program writes, as a terminal does that hangs, or goes on with it.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        {
            let (rows, cols) = non_zero(cols, rows);
            self.seen().terminal.set_size(rows, cols);
        }
        self.master
            .resize(size(cols, rows))
            .expect("the terminal can be resized");
    }

    /// Sends a signal to the foreground process group of the terminal, as its driver does for Ctrl-C.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = self.master.process_group_leader().and_then(Pid::from_raw);
        kill_process_group(group.expect("a foreground process group"), signal)
            .expect("the process group is there");
    }

    /// The process id of the program.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().expect("it has an id")
    }

    /// Waits until `text` is on the screen. Panics with the screen if it never comes or if the program ends without it.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        self.sees_that(&format!("shows {text:?}"), |screen| {
            shows(&screen.contents(), text)
        });
    }

    /// Presses a key that chooses what cannot be taken back, until the choice is made: one that comes before the program knows
    /// that the question is on the screen is no answer, and on a busy machine this terminal shows it earlier than that.
    #[track_caller]
    pub(crate) fn decides(&mut self, c: char) {
        let question = if c == 'y' { " n no" } else { "keep mine" };
        self.sees(question);
        let is_asked = |pty: &Self| shows(&pty.screen(), question);
        wait_until("the choice is made", || {
            self.key(Key::Char(c));
            let patience = Instant::now() + Duration::from_secs(2);
            while is_asked(self) && Instant::now() < patience {
                thread::sleep(Duration::from_millis(5));
            }
            (!is_asked(self)).then_some(())
        });
    }

    /// Deletes the quote, and means it.
    #[track_caller]
    pub(crate) fn deletes(&mut self) {
        self.key(Key::Char('d'));
        self.sees("Delete your quote?");
        self.decides('y');
    }

    /// Saves what is being written.
    #[track_caller]
    pub(crate) fn saves(&mut self) {
        self.key(Key::Enter);
        self.sees("Saved.");
    }

    /// Signs out, and means it.
    #[track_caller]
    pub(crate) fn signs_out(&mut self) {
        self.key(Key::Char('s'));
        self.sees("Sign out, here and at Okta?");
        self.decides('y');
    }

    /// Waits until a quote is on the screen as it is read, not as it is written.
    #[track_caller]
    pub(crate) fn reads(&mut self, quote: &str) {
        self.sees_that(&format!("shows the quote {quote:?}"), |screen| {
            let screen = screen.contents();
            screen.contains("Your quote is wonderful...") && shows(&screen, quote)
        });
    }

    /// Waits until `text` has gone from the screen.
    #[track_caller]
    pub(crate) fn sees_no_more(&mut self, text: &str) {
        self.sees_that(&format!("no longer shows {text:?}"), |screen| {
            !shows(&screen.contents(), text)
        });
    }

    /// Waits until `condition` holds of the screen.
    #[track_caller]
    pub(crate) fn sees_that(&mut self, what: &str, condition: impl Fn(&Screen) -> bool) {
        // What is looked for takes long to find out, so it is looked for where something has come.
        let (mut unseen, mut holds) = (0, false);
        let wait = |seen: &mut Seen| {
            if seen.raw.len() >= unseen {
                unseen = seen.raw.len() + 1;
                holds = condition(seen.terminal.screen());
            }
            !holds && !seen.ended
        };
        let (seen, _) = self
            .seen
            .1
            .wait_timeout_while(self.seen(), PATIENCE, wait)
            .expect("no panic under lock");
        let ended = seen.ended;
        drop(seen);
        assert!(
            holds,
            "the program never {what}{}. Its screen:\n{}",
            if ended { ": it ended" } else { "" },
            self.framed_screen()
        );
    }

    /// The text on the screen now: lines without their trailing blanks.
    pub(crate) fn screen(&self) -> String {
        self.seen().terminal.screen().contents()
    }

    /// What is on the screen now, with how it looks.
    pub(crate) fn look(&self) -> Screen {
        self.seen().terminal.screen().clone()
    }

    /// Where the cursor is: column and row, from 0.
    pub(crate) fn cursor(&self) -> (u16, u16) {
        let (row, col) = self.seen().terminal.screen().cursor_position();
        (col, row)
    }

    /// Whether the alternate screen is on.
    pub(crate) fn alternate_screen(&self) -> bool {
        self.seen().terminal.screen().alternate_screen()
    }

    /// Whether the program asked for brackets around what is pasted.
    pub(crate) fn bracketed_paste(&self) -> bool {
        self.seen().terminal.screen().bracketed_paste()
    }

    /// Whether the cursor is hidden.
    pub(crate) fn hide_cursor(&self) -> bool {
        self.seen().terminal.screen().hide_cursor()
    }

    /// Whether a person sees what they type and a whole line goes to the program at once: not so while a full-screen program runs.
    pub(crate) fn line_mode(&self) -> bool {
        use rustix::termios::LocalModes;
        // The master's side of a pseudo-terminal has the same settings.
        let modes = self
            .master
            .get_termios()
            .map(|termios| LocalModes::from_bits_retain(termios.local_flags.bits()));
        modes.is_some_and(|modes| modes.contains(LocalModes::ICANON | LocalModes::ECHO))
    }

    /// What was copied to the clipboard through the terminal (OSC 52), each as the base64 that was sent.
    pub(crate) fn copied(&self) -> Vec<Vec<u8>> {
        self.seen().terminal.callbacks().copied.clone()
    }

    /// How many bytes the program has written so far.
    pub(crate) fn bytes_written(&self) -> usize {
        self.seen().raw.len()
    }

    /// All that the program has written so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen().raw.clone()
    }

    /// Whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits until the program ends and all that it wrote has been seen.
    #[track_caller]
    pub(crate) fn exit_status(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the program never ended. Its screen:\n{}",
                self.framed_screen()
            );
            thread::sleep(Duration::from_millis(5));
        };
        wait_for("the terminal's last output", || self.seen().ended);
        status
    }

    fn framed_screen(&self) -> String {
        let seen = self.seen();
        let screen = seen.terminal.screen();
        let width = usize::from(screen.size().1.get());
        let edge = "-".repeat(width);
        let rows: Vec<String> = screen
            .rows(0, u16::MAX)
            .map(|row| format!("|{row}"))
            .collect();
        format!("+{edge}\n{}\n+{edge}", rows.join("\n"))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("no panic under lock")
    }
}

/// Whether a text is on a screen, also where it goes on on the next row.
pub(crate) fn shows(screen: &str, text: &str) -> bool {
    screen.contains(text) || words(screen).contains(text)
}

/// What a screen says, without its line ends, its frames, its large mark and the bars before what is told.
pub(crate) fn words(screen: &str) -> String {
    let drawn = |c: char| "╭─╮│╰╯▌▄▀█".contains(c);
    let parts = screen.split(|c: char| c.is_whitespace() || drawn(c));
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

impl Drop for Pty {
    fn drop(&mut self) {
        let foreground = self.master.process_group_leader();
        let leader = self.child.process_id().and_then(|id| id.try_into().ok());
        if !self.has_ended() {
            for group in [foreground, leader].into_iter().flatten() {
                if let Some(group) = Pid::from_raw(group) {
                    kill_process_group(group, Signal::KILL).ok();
                }
            }
            self.child.wait().ok();
        }
        if !thread::panicking() {
            secrets::none_in("what a terminal was shown", &self.raw());
        }
    }
}

fn watch(
    mut output: Box<dyn Read + Send>,
    (seen, changed): &(Mutex<Seen>, Condvar),
    frozen: &AtomicBool,
) {
    let mut buffer = [0; 8192];
    // When no one holds the other side any more, Linux reports an error and macOS an end of file.
    while let Ok(length @ 1..) = output.read(&mut buffer) {
        while frozen.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        let mut seen = seen.lock().expect("no panic under lock");
        seen.raw.extend_from_slice(&buffer[..length]);
        seen.terminal.process(&buffer[..length]);
        changed.notify_all();
    }
    seen.lock().expect("no panic under lock").ended = true;
    changed.notify_all();
}

/// A command as it starts in a terminal: see [`Pty::spawn`].
pub(crate) fn builder(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    builder.env("TERM", "xterm-256color");
    builder.env("LANG", "C.UTF-8");
    builder.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        }
    }
    let current = || std::env::current_dir().expect("we have a current directory");
    builder.cwd(command.get_current_dir().map_or_else(current, Into::into));
    builder
}

/// A size in cells alone.
pub(crate) fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn non_zero(cols: u16, rows: u16) -> (NonZeroU16, NonZeroU16) {
    // A terminal that does not know its size has one all the same.
    let one = |side, usual| NonZeroU16::new(side).unwrap_or(usual);
    (one(rows, USUAL.0), one(cols, USUAL.1))
}
