//! What the operating system says to the program.

use std::io;

/// A signal that the loop acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The program is to end; by the signal's number.
    Terminated(u8),
    /// The program is to stop until it is continued, as at Ctrl-Z.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix stops programs"))]
    Stopped,
    /// The program was stopped, and goes on.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix stops programs"))]
    Continued,
}

#[cfg(unix)]
mod unix {
    use std::task::{Context, Poll};

    use tokio::signal::unix::{self, SignalKind};

    use super::{Signal, io};

    /// The signals that are listened to.
    pub(in super::super) struct Signals {
        ends: Vec<(u8, unix::Signal)>,
        stopped: Option<unix::Signal>,
        continued: unix::Signal,
    }

    impl Signals {
        /// Starts to listen.
        pub(in super::super) fn listen() -> io::Result<Self> {
            let ends = [
                SignalKind::hangup(),
                SignalKind::interrupt(),
                SignalKind::quit(),
                SignalKind::terminate(),
            ];
            let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
            let ignored = ignored();
            Ok(Self {
                ends: ends
                    .into_iter()
                    .filter(|kind| !ignored(*kind))
                    .map(|kind| {
                        let number = u8::try_from(kind.as_raw_value()).unwrap_or(u8::MAX);
                        Ok((number, unix::signal(kind)?))
                    })
                    .collect::<io::Result<_>>()?,
                stopped: (!ignored(stop)).then(|| unix::signal(stop)).transpose()?,
                continued: unix::signal(SignalKind::from_raw(
                    rustix::process::Signal::CONT.as_raw(),
                ))?,
            })
        }

        /// Waits for the next one.
        pub(in super::super) async fn next(&mut self) -> Signal {
            std::future::poll_fn(|context| self.poll(context)).await
        }

        fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
            for (number, signal) in &mut self.ends {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(Signal::Terminated(*number));
                }
            }
            if let Some(stopped) = &mut self.stopped
                && stopped.poll_recv(context).is_ready()
            {
                return Poll::Ready(Signal::Stopped);
            }
            self.continued.poll_recv(context).map(|_| Signal::Continued)
        }
    }

    /// Returns which signals the program was started to ignore, as `nohup` does and a shell for its background.
    /// To be asked before anything listens. Only Linux says so without unsafe code.
    pub(crate) fn ignored() -> impl Fn(SignalKind) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0);
        move |kind| {
            (1..=64).contains(&kind.as_raw_value()) && mask >> (kind.as_raw_value() - 1) & 1 == 1
        }
    }
}

#[cfg(unix)]
pub(super) use unix::Signals;
#[cfg(unix)]
pub(crate) use unix::ignored;

/// The signals that are listened to.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Starts to listen.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one. `2` is what an interrupt is everywhere.
    pub(super) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Terminated(2),
            Err(_) => std::future::pending().await,
        }
    }
}
