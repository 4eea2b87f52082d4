//! Waits for what the terminal sends, and reads it. Where it sends bytes, no thread stands between it and the loop.

#[cfg(not(unix))]
use console as system;
#[cfg(unix)]
use unix as system;

pub(super) use system::Input;
pub(crate) use system::Keys;

#[cfg(unix)]
mod unix {
    use std::{
        io::{self, Stdin},
        time::Duration,
    };

    use crossterm::event::Event;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use tokio::{
        io::{Interest, unix::AsyncFd},
        select,
        signal::unix::{Signal, SignalKind, signal},
        time::{Instant, sleep_until},
    };

    use super::super::{decoded::Decoded, decoder::Decoder};

    /// How long the answer to a question may take, at the very end.
    const LATE: Duration = Duration::from_millis(300);

    /// The terminal's keys, pastes, answers and sizes.
    pub(in super::super) struct Input {
        terminal: AsyncFd<Stdin>,
        resized: Signal,
        decoder: Decoder,
        asked: Instant,
    }

    impl Input {
        /// Starts to listen. Nothing is read before it is asked for.
        #[expect(
            deprecated,
            reason = "its successor is unsafe because a file may be closed while it is registered: standard input never is"
        )]
        pub(in super::super) fn open() -> io::Result<Self> {
            Ok(Self {
                terminal: AsyncFd::with_interest(io::stdin(), Interest::READABLE)?,
                resized: signal(SignalKind::window_change())?,
                decoder: Decoder::default(),
                asked: Instant::now(),
            })
        }

        /// Expects an answer to the question where the cursor is.
        pub(in super::super) fn expect_cursor(&mut self) {
            self.decoder.expect_cursor();
            self.asked = Instant::now();
        }

        /// Takes what the terminal was asked for, and has not answered yet, for a short time: it must not reach the
        /// shell.
        pub(in super::super) fn take_late_answers(&mut self) {
            let until = self.asked + LATE;
            while self.decoder.expects_cursor() {
                let rest = until.saturating_duration_since(Instant::now());
                let more = is_readable(self.terminal.get_ref(), Some(rest)).unwrap_or(false);
                if !more || read(self.terminal.get_ref(), &mut self.decoder).is_err() {
                    return;
                }
            }
        }

        /// Waits for the next event or answer. Nothing is lost where the future is dropped.
        pub(in super::super) async fn next(&mut self) -> io::Result<Decoded> {
            loop {
                if let Some(decoded) = self.at_hand()? {
                    return Ok(decoded);
                }
                let deadline = self.decoder.deadline();
                select! {
                    biased;
                    ready = self.terminal.readable() => {
                        let mut ready = ready?;
                        if is_readable(self.terminal.get_ref(), Some(Duration::ZERO))? {
                            read(self.terminal.get_ref(), &mut self.decoder)?;
                        } else {
                            ready.clear_ready();
                        }
                    }
                    _ = self.resized.recv() => return Ok(Decoded::Resized),
                    () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                        // What came while the program had no time came in time.
                        if !is_readable(self.terminal.get_ref(), Some(Duration::ZERO))? {
                            self.decoder.give_up();
                        }
                    }
                }
            }
        }

        /// Returns what is there already.
        pub(in super::super) fn at_hand(&mut self) -> io::Result<Option<Decoded>> {
            loop {
                if let Some(decoded) = self.decoder.next() {
                    return Ok(Some(decoded));
                }
                if !is_readable(self.terminal.get_ref(), Some(Duration::ZERO))? {
                    return Ok(None);
                }
                read(self.terminal.get_ref(), &mut self.decoder)?;
            }
        }
    }

    /// Keys and pastes one after the other, for where there is no screen.
    #[derive(Default)]
    pub(crate) struct Keys(Decoder);

    impl Keys {
        /// Waits for the next one. Blocks.
        ///
        /// # Errors
        /// When the terminal cannot be read, or is gone.
        pub(crate) fn read(&mut self) -> io::Result<Event> {
            let terminal = io::stdin();
            loop {
                if let Some(decoded) = self.0.next() {
                    if let Decoded::Event(event) = decoded {
                        return Ok(event);
                    }
                    continue;
                }
                let rest = self.0.deadline().map(|deadline| deadline - Instant::now());
                if is_readable(&terminal, rest)? {
                    read(&terminal, &mut self.0)?;
                } else if rest.is_some_and(|rest| rest.is_zero()) {
                    self.0.give_up();
                }
            }
        }
    }

    /// Reads what is there.
    fn read(terminal: &Stdin, decoder: &mut Decoder) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match rustix::io::read(terminal, &mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                decoder.feed(&bytes[..count], Instant::now());
                Ok(())
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Says whether there is something to read, or an end, within a time; `None` waits for ever.
    fn is_readable(terminal: &Stdin, patience: Option<Duration>) -> io::Result<bool> {
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let mut asked = [PollFd::new(terminal, PollFlags::IN)];
        match poll(&mut asked, patience.as_ref()) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod console {
    use std::{io, time::Duration};

    use crossterm::event::{self, Event, EventStream};
    use futures_util::StreamExt;

    use super::super::decoded::Decoded;

    /// The console's keys and sizes. It tells no pastes: they come as keys in one moment.
    pub(in super::super) struct Input(EventStream);

    impl Input {
        /// Starts to listen.
        pub(in super::super) fn open() -> io::Result<Self> {
            Ok(Self(EventStream::new()))
        }

        /// Consoles are not asked.
        pub(in super::super) fn expect_cursor(&mut self) {}

        /// And answer nothing.
        pub(in super::super) fn take_late_answers(&mut self) {}

        /// Waits for the next event.
        pub(in super::super) async fn next(&mut self) -> io::Result<Decoded> {
            let event = self.0.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
            Ok(decoded(event))
        }

        /// Returns what is there already.
        pub(in super::super) fn at_hand(&mut self) -> io::Result<Option<Decoded>> {
            // Where it may take no time at all, crossterm does not even look at what it has read.
            const MOMENT: Duration = Duration::from_micros(50);

            if event::poll(MOMENT)? {
                return event::read().map(|event| Some(decoded(event)));
            }
            Ok(None)
        }
    }

    /// Keys one after the other, for where there is no screen.
    #[derive(Default)]
    pub(crate) struct Keys;

    impl Keys {
        /// Waits for the next one. Blocks.
        ///
        /// # Errors
        /// When the console cannot be read.
        pub(crate) fn read(&mut self) -> io::Result<Event> {
            event::read()
        }
    }

    fn decoded(event: Event) -> Decoded {
        match event {
            Event::Resize(..) => Decoded::Resized,
            event => Decoded::Event(event),
        }
    }
}
