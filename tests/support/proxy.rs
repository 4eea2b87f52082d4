//! A network of our own: a TCP proxy on the loopback interface that counts connections, bytes and round trips, and that
//! can be slow, silent, or cut.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::served::listen;

/// What has passed through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that were made.
    pub(crate) connections: usize,
    /// How often a client had to wait for the other side: once for the connection itself, and once for everything that it
    /// sends before the next answer reaches it.
    pub(crate) round_trips: usize,
    /// Bytes from clients.
    pub(crate) requested: usize,
    /// Bytes to clients.
    pub(crate) answered: usize,
}

/// The proxy. It ends when it is dropped.
pub(crate) struct Proxy {
    network: Arc<Network>,
    port: u16,
}

#[derive(Default)]
struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "every trouble comes alone or with any other"
)]
struct State {
    server: u16,
    delay: Duration,
    requests_held: bool,
    answers_held: bool,
    refuses: bool,
    closed: bool,
    /// How long each byte takes, where they come one by one.
    trickle: Option<Duration>,
    fuse: Option<Fuse>,
    counts: Counts,
    open: Vec<Arc<Line>>,
}

/// What happens to the connections once so many bytes more have passed in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    pub(crate) way: Way,
    /// How many bytes still pass.
    pub(crate) after: usize,
    pub(crate) then: Break,
    /// Whether new connections are refused from that moment on.
    pub(crate) refuse: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Break {
    /// It is closed in order (FIN).
    Closed,
    /// It is reset (RST).
    Reset,
    /// Nothing passes any more, and no one is told.
    Silent,
}

/// One connection through the proxy.
struct Line {
    client: TcpStream,
    server: TcpStream,
    cut: AtomicBool,
    silent: AtomicBool,
    /// Whether an answer has reached the client since it last sent something.
    answered: AtomicBool,
    /// Whether the client sends nothing any more.
    hung_up: AtomicBool,
    /// Whether one of its ways has come to its end.
    half_over: AtomicBool,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// From a client to the server.
    Request,
    /// From the server to a client.
    Answer,
}

impl Proxy {
    /// Leads to a port of the loopback interface.
    pub(crate) fn to(server: u16) -> Self {
        let (listener, port) = listen();
        let network = Arc::new(Network::default());
        network.state().server = server;
        let shared = Arc::clone(&network);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.state().closed {
                    break;
                }
                if let Ok(client) = client {
                    shared.accept(client);
                }
            }
        });
        Self { network, port }
    }

    /// Leads nowhere until [`Proxy::lead_to`]: for a server that must know beforehand how it is reached.
    pub(crate) fn to_nowhere() -> Self {
        Self::to(0)
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What has passed through since the start, or since [`Proxy::forget`].
    pub(crate) fn counts(&self) -> Counts {
        self.network.state().counts
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.network.state().open.len()
    }

    /// Counts from zero.
    pub(crate) fn forget(&self) {
        self.network.state().counts = Counts::default();
    }

    /// Makes every byte take this long in either direction.
    pub(crate) fn delay(&self, delay: Duration) {
        self.network.state().delay = delay;
    }

    /// Leads new connections to another port.
    pub(crate) fn lead_to(&self, server: u16) {
        self.network.state().server = server;
    }

    /// Holds back what clients send, or lets it go.
    pub(crate) fn hold_requests(&self, hold: bool) {
        self.network.state().requests_held = hold;
        self.network.changed.notify_all();
    }

    /// Holds back what the server sends, or lets it go.
    pub(crate) fn hold_answers(&self, hold: bool) {
        self.network.state().answers_held = hold;
        self.network.changed.notify_all();
    }

    /// Closes new connections at once, or lets them be made.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.network.state().refuses = refuse;
    }

    /// Cuts every connection, and lets no new one be made.
    pub(crate) fn lose(&self) {
        self.refuse(true);
        self.cut();
    }

    /// Lets nothing through any more on the connections that are open, without closing them: no one is told.
    pub(crate) fn silence(&self) {
        self.network.end(Break::Silent);
    }

    /// Cuts every connection; what is held back on it is lost.
    pub(crate) fn cut(&self) {
        self.network.end(Break::Closed);
    }

    /// Lets the bytes through one by one, each after a while, or as they come.
    pub(crate) fn trickle(&self, each: Option<Duration>) {
        self.network.state().trickle = each;
    }

    /// Breaks the connections when so many bytes more have passed; one fuse at a time, and none takes the last one out.
    pub(crate) fn fuse(&self, fuse: Option<Fuse>) {
        self.network.state().fuse = fuse;
    }

    /// Whether the fuse is still there.
    pub(crate) fn has_fuse(&self) -> bool {
        self.network.state().fuse.is_some()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.state().closed = true;
        self.cut();
        // Wakes the thread that accepts.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under lock")
    }

    fn end(&self, how: Break) {
        let mut state = self.state();
        if how == Break::Silent {
            for line in &state.open {
                line.silent.store(true, Ordering::SeqCst);
            }
            return;
        }
        let open = std::mem::take(&mut state.open);
        drop(state);
        for line in open {
            line.end(how);
        }
        self.changed.notify_all();
    }

    /// How many of so many bytes still pass before the fuse goes, if it goes here.
    fn burn(&self, way: Way, count: usize) -> Option<(usize, Fuse)> {
        let mut state = self.state();
        let fuse = state.fuse.as_mut().filter(|fuse| fuse.way == way)?;
        if count < fuse.after {
            fuse.after -= count;
            return None;
        }
        let fuse = *fuse;
        state.fuse = None;
        state.refuses |= fuse.refuse;
        Some((fuse.after, fuse))
    }

    fn accept(self: &Arc<Self>, client: TcpStream) {
        let mut state = self.state();
        if state.refuses {
            return;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, state.server));
        let Ok(server) = TcpStream::connect(address) else {
            return;
        };
        client.set_nodelay(true).expect("a socket option");
        server.set_nodelay(true).expect("a socket option");
        state.counts.connections += 1;
        state.counts.round_trips += 1;
        let line = Arc::new(Line {
            client,
            server,
            cut: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            answered: AtomicBool::new(true),
            hung_up: AtomicBool::new(false),
            half_over: AtomicBool::new(false),
        });
        state.open.push(Arc::clone(&line));
        drop(state);
        for way in [Way::Request, Way::Answer] {
            let (sender, receiver) = mpsc::channel();
            let (network, along) = (Arc::clone(self), Arc::clone(&line));
            thread::spawn(move || network.read(&along, way, &sender));
            let (network, along) = (Arc::clone(self), Arc::clone(&line));
            thread::spawn(move || network.write(&along, way, &receiver));
        }
    }

    fn read(&self, line: &Line, way: Way, sender: &mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut source = match way {
            Way::Request => &line.client,
            Way::Answer => &line.server,
        };
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            let mut state = self.state();
            if way == Way::Request {
                state.counts.requested += count;
                line.answered.store(false, Ordering::SeqCst);
            }
            let due = Instant::now() + state.delay;
            drop(state);
            if sender.send((due, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
        if way == Way::Request {
            line.hung_up.store(true, Ordering::SeqCst);
        }
    }

    fn write(&self, line: &Line, way: Way, receiver: &mpsc::Receiver<(Instant, Vec<u8>)>) {
        let mut sink = match way {
            Way::Request => &line.server,
            Way::Answer => &line.client,
        };
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let state = self
                .changed
                .wait_while(self.state(), |state| {
                    let held = match way {
                        Way::Request => state.requests_held,
                        Way::Answer => state.answers_held,
                    };
                    (held || line.silent.load(Ordering::SeqCst)) && !line.cut.load(Ordering::SeqCst)
                })
                .expect("no panic under lock");
            let trickle = state.trickle;
            drop(state);
            if line.cut.load(Ordering::SeqCst) {
                break;
            }
            let burnt = self.burn(way, bytes.len());
            let bytes = burnt.map_or(&bytes[..], |(passing, _)| &bytes[..passing]);
            if way == Way::Answer && !bytes.is_empty() {
                // Before the bytes leave: the client may answer them at once.
                let was_answered = line.answered.swap(true, Ordering::SeqCst);
                let mut state = self.state();
                state.counts.answered += bytes.len();
                // No one waits for the answer to a farewell.
                if !was_answered && !line.hung_up.load(Ordering::SeqCst) {
                    state.counts.round_trips += 1;
                }
            }
            let written = match trickle {
                None => sink.write_all(bytes),
                Some(each) => bytes.chunks(1).try_for_each(|byte| {
                    thread::sleep(each);
                    sink.write_all(byte)
                }),
            };
            if let Some((_, fuse)) = burnt {
                self.end(fuse.then);
            }
            if written.is_err() {
                break;
            }
        }
        // One side has ended, and so has the other.
        sink.shutdown(Shutdown::Write).ok();
        // A test may make more connections, one after the other, than a process may have files.
        if line.half_over.swap(true, Ordering::SeqCst) {
            self.state()
                .open
                .retain(|open| !std::ptr::eq(&raw const **open, line));
        }
    }
}

impl Line {
    fn end(&self, how: Break) {
        self.cut.store(true, Ordering::SeqCst);
        for side in [&self.client, &self.server] {
            if how == Break::Reset {
                // Dissolves the association, which the other side is told by a reset.
                rustix::net::connect_unspec(side).ok();
            }
            side.shutdown(Shutdown::Both).ok();
        }
    }
}
