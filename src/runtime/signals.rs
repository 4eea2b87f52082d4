//! What the operating system says to the program.

use std::io;

#[cfg(unix)]
pub(crate) use unix::Ends;
#[cfg(unix)]
pub(super) use unix::Signals;
#[cfg(windows)]
pub(crate) use windows::Ends;

/// A signal that the loop acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The program is to end; by the signal's number.
    Terminated(u8),
    /// The program is to stop until it is continued, as at Ctrl-Z.
    #[cfg_attr(windows, expect(dead_code, reason = "only Unix stops programs"))]
    Stopped,
    /// The program was stopped, and goes on.
    #[cfg_attr(windows, expect(dead_code, reason = "only Unix stops programs"))]
    Continued,
}

#[cfg(unix)]
mod unix {
    use std::{
        process::{Command, Stdio},
        task::{Context, Poll},
    };

    use tokio::signal::unix::{self, SignalKind};

    use super::{Signal, io};

    /// The signals that end the program.
    pub(crate) struct Ends(Vec<(u8, unix::Signal)>);

    impl Ends {
        /// Starts to listen to those that the program was not told to ignore.
        ///
        /// # Errors
        /// When the operating system refuses.
        pub(crate) fn listen() -> io::Result<Self> {
            let mask = match ignored() {
                // Nothing is printed on a terminal under `nohup`, and the screens need one: only a command tries.
                None => tried(&mut Command::new("/bin/sh")),
                Some(mask) => mask,
            };
            Self::listen_unless(mask)
        }

        fn listen_unless(mask: u64) -> io::Result<Self> {
            let ends = [
                SignalKind::hangup(),
                SignalKind::interrupt(),
                SignalKind::quit(),
                SignalKind::terminate(),
            ];
            let heard = ends.into_iter().filter(|kind| !is_in(mask, *kind));
            let listened = heard.map(|kind| {
                let number = u8::try_from(kind.as_raw_value()).unwrap_or(u8::MAX);
                Ok((number, unix::signal(kind)?))
            });
            listened.collect::<io::Result<_>>().map(Self)
        }

        /// Waits for the next one, and returns its number.
        pub(crate) async fn next(&mut self) -> u8 {
            std::future::poll_fn(|context| self.poll(context)).await
        }

        fn poll(&mut self, context: &mut Context<'_>) -> Poll<u8> {
            for (number, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        }
    }

    /// The signals that the screens listen to.
    pub(in super::super) struct Signals {
        ends: Ends,
        stopped: Option<unix::Signal>,
        continued: unix::Signal,
    }

    impl Signals {
        /// Starts to listen.
        pub(in super::super) fn listen() -> io::Result<Self> {
            let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
            let go_on = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
            let mask = ignored().unwrap_or_default();
            Ok(Self {
                ends: Ends::listen_unless(mask)?,
                stopped: (!is_in(mask, stop))
                    .then(|| unix::signal(stop))
                    .transpose()?,
                continued: unix::signal(go_on)?,
            })
        }

        /// Waits for the next one.
        pub(in super::super) async fn next(&mut self) -> Signal {
            let stopped = async {
                match &mut self.stopped {
                    Some(stopped) => drop(stopped.recv().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                number = self.ends.next() => Signal::Terminated(number),
                () = stopped => Signal::Stopped,
                _ = self.continued.recv() => Signal::Continued,
            }
        }
    }

    /// Which signals the program was started to ignore, as `nohup` does and a shell for its background: the lowest bit is signal 1.
    /// To be asked before anything listens. Only Linux says so without unsafe code; elsewhere it is `None`.
    fn ignored() -> Option<u64> {
        // `status` says it as well, in three times the time. The name of the program, which may hold anything, ends at the last
        // bracket; the mask is the 31st after it (proc_pid_stat(5)).
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_ascii_whitespace().nth(30)?.parse().ok()
    }

    /// Finds it out by a shell, which inherits what is ignored and can then not trap it (POSIX, `trap`).
    fn tried(shell: &mut Command) -> u64 {
        const TRY: &str = "for n in 1 2 3; do heard=; trap heard=1 $n; kill -$n $$; [ \"$heard\" ] || echo $n; done";
        let output = shell
            .args(["-c", TRY])
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let numbers = output.map(|output| output.stdout).unwrap_or_default();
        let numbers = String::from_utf8_lossy(&numbers);
        let numbers = numbers.lines().filter_map(|line| line.parse::<u32>().ok());
        numbers.fold(0, |mask, number| mask | 1 << (number - 1))
    }

    fn is_in(mask: u64, kind: SignalKind) -> bool {
        (1..=64).contains(&kind.as_raw_value()) && mask >> (kind.as_raw_value() - 1) & 1 == 1
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_shell_finds_out_which_signals_are_ignored() {
            // The tests may run under `nohup` themselves.
            let here = ignored().unwrap_or_default() & 0b111;
            for (ignored, mask) in [("", 0b000), ("HUP", 0b001), ("HUP INT QUIT", 0b111)] {
                let mut shell = Command::new("/bin/sh");
                let prepare = format!("trap '' {ignored}; exec /bin/sh \"$@\"");
                shell.args([
                    "-c",
                    if ignored.is_empty() {
                        "exec /bin/sh \"$@\""
                    } else {
                        &prepare
                    },
                    "sh",
                ]);
                assert_eq!(tried(&mut shell), mask | here, "{ignored:?}");
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use tokio::signal::windows;

    use super::io;

    /// What ends the program: a key, or the end of the window, of the log-on or of the machine. Windows waits 5 s for it.
    pub(crate) struct Ends {
        interrupt: windows::CtrlC,
        break_key: windows::CtrlBreak,
        close: windows::CtrlClose,
        log_off: windows::CtrlLogoff,
        shutdown: windows::CtrlShutdown,
    }

    impl Ends {
        /// Starts to listen.
        ///
        /// # Errors
        /// When the operating system refuses.
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: windows::ctrl_c()?,
                break_key: windows::ctrl_break()?,
                close: windows::ctrl_close()?,
                log_off: windows::ctrl_logoff()?,
                shutdown: windows::ctrl_shutdown()?,
            })
        }

        /// Waits for the next one, and returns the number of the signal that it is in the C library, or elsewhere.
        pub(crate) async fn next(&mut self) -> u8 {
            tokio::select! {
                _ = self.interrupt.recv() => 2,
                _ = self.break_key.recv() => 21,
                _ = self.close.recv() => 1,
                _ = self.log_off.recv() => 1,
                _ = self.shutdown.recv() => 15,
            }
        }
    }
}

/// The signals that the screens listen to.
#[cfg(windows)]
pub(super) struct Signals(Ends);

#[cfg(windows)]
impl Signals {
    /// Starts to listen.
    pub(super) fn listen() -> io::Result<Self> {
        Ends::listen().map(Self)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        Signal::Terminated(self.0.next().await)
    }
}
