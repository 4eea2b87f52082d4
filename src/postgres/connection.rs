//! One connection: found, dialled, secured, signed in. Every step is bounded in time.

use std::{
    io,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed;
use deadpool_postgres::ClientWrapper;
use futures_util::{StreamExt, stream::FuturesUnordered};
use parking_lot::Mutex;
use secrecy::SecretSlice;
use tokio::{
    net::TcpStream,
    sync::{OnceCell, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_postgres::{
    Client, NoTls,
    config::{ChannelBinding, SslNegotiation},
    tls::TlsConnect,
};

use super::{
    early::{Asks, Early, Memory},
    error::Error,
    target::{Target, Tls},
};
use crate::{
    account::Activity,
    background::{FAREWELL, Unfinished, begin, on_a_thread},
    failure::{Cause, Failure, Kind},
    session::Progress,
    tls,
};

/// How long a session may take to start, where the connection string does not say: Neon may have to start a compute for it.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a statement's answer may take: longer than the server lets a statement run.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long one address may take to accept a TCP connection.
const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// How long an address is tried alone before the next one is tried beside it (RFC 8305 section 8).
const HEAD_START: Duration = Duration::from_millis(250);
/// A session that takes longer than this after the TCP connection stands is held up by a compute that starts.
const WAKING_AFTER: Duration = Duration::from_secs(1);
/// How long a server that was reached ahead of time may be left waiting: it may give up, and a network in between may forget.
const HEAD_START_HOLDS: Duration = Duration::from_secs(5);

/// An open session. Dropping it ends it, whatever is under way: in order where the server lets it be done at once, and the end of the
/// program waits for that.
pub(crate) struct Connection {
    // Dropped first, so that the time runs when the driver hears that there is no client any more.
    _end: End,
    client: ClientWrapper,
}

/// Tells the driver of a connection that it is no longer wanted.
struct End(Option<oneshot::Sender<Unfinished>>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(driver) = self.0.take() {
            // A driver that has ended has nothing left to do.
            driver.send(Unfinished::begin()).ok();
        }
    }
}

impl Connection {
    fn new<S, T>(client: Client, driver: tokio_postgres::Connection<S, T>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (end, ended) = oneshot::channel();
        tokio::spawn(drive(driver, ended));
        Self {
            _end: End(Some(end)),
            // The wrapper aborts the task that it is given, before a server could be told that the session is over.
            client: ClientWrapper::new(client, tokio::spawn(async {})),
        }
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

tokio::task_local! {
    /// Where the making of a connection says what it waits for: the pool makes it inside its `get`, which takes no argument.
    pub(super) static PROGRESS: Progress;
    /// The transaction that will be the first on the connection, as it is sent.
    pub(super) static FIRST: Option<SecretSlice<u8>>;
}

impl managed::Manager for Connector {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        let progress = PROGRESS.try_with(Clone::clone);
        self.connect(
            &progress.unwrap_or_else(|_| Progress::silent()),
            &Mutex::default(),
        )
        .await
    }

    /// Asks the connection alone: a question to the server would cost a round trip, and keep Neon awake.
    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &managed::Metrics,
    ) -> managed::RecycleResult<Error> {
        if connection.is_closed() {
            return Err(managed::RecycleError::message("it is closed"));
        }
        Ok(())
    }
}

/// When each step of connecting was done, for `doctor`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) resolved: Option<Duration>,
    pub(crate) dialled: Option<Duration>,
    pub(crate) secured: Option<Duration>,
    pub(crate) signed_in: Option<Duration>,
    pub(crate) direct: bool,
}

/// A server that is reached, and what TLS needs; neither has been told anything yet.
type Reached = (
    Result<TcpStream, Error>,
    Result<Option<native_tls::TlsConnector>, Error>,
);

/// What makes connections: the target, the TLS settings (read once), and what was learnt about the server.
pub(crate) struct Connector {
    pub(crate) target: Target,
    tls: Arc<OnceCell<native_tls::TlsConnector>>,
    /// What was begun while it was not known yet for whom, and when.
    ahead: Mutex<Option<(Instant, JoinHandle<Reached>)>>,
    negotiates: AtomicBool,
    asks: Mutex<Asks>,
    memory: Memory,
    /// Whether what is kept has been read.
    recalled: OnceCell<()>,
    /// Whether the server said nothing to what was sent early.
    was_silent: AtomicBool,
}

impl Connector {
    /// What is learnt is kept in a directory for state, if there is one.
    pub(crate) fn new(target: Target, state: Option<&Path>) -> Self {
        let memory = Memory::of(&format!("{}:{}", target.host, target.port), state);
        Self {
            target,
            tls: Arc::default(),
            ahead: Mutex::default(),
            negotiates: AtomicBool::new(false),
            asks: Mutex::new(Asks::Bound),
            memory,
            recalled: OnceCell::new(),
            was_silent: AtomicBool::new(false),
        }
    }

    /// Opens a session. `steps` is filled in as far as it goes.
    pub(crate) async fn connect(
        &self,
        progress: &Progress,
        steps: &Mutex<Steps>,
    ) -> Result<Connection, Error> {
        progress.report(Activity::ConnectingDatabase);
        let begun = Instant::now();
        let limit = self.target.connect_timeout.unwrap_or(START_LIMIT);
        let outcome = timeout(limit, self.connect_either_way(progress, steps))
            .await
            .unwrap_or(Err(Error::StartTimedOut));
        self.weigh(&outcome);
        let ms = begun.elapsed().as_millis();
        match &outcome {
            Ok(_) => tracing::debug!(target: "epigraph", ms, "connected to the database"),
            Err(error) => {
                let cause = error.cause(&[]).line().unwrap_or_default();
                tracing::debug!(target: "epigraph", ms, "no connection to the database, {error}: {cause}");
            }
        }
        outcome
    }

    async fn connect_either_way(
        &self,
        progress: &Progress,
        steps: &Mutex<Steps>,
    ) -> Result<Connection, Error> {
        loop {
            let negotiation = match self.target.tls {
                Tls::Direct => SslNegotiation::Direct,
                Tls::DirectIfTaken if !self.negotiates.load(Ordering::Relaxed) => {
                    SslNegotiation::Direct
                }
                _ => SslNegotiation::Postgres,
            };
            let outcome = self.connect_once(negotiation, progress, steps).await;
            let Err(error) = outcome else { return outcome };
            if let Some(found) = error.asks_differently() {
                tracing::debug!(target: "epigraph", ?found, "the server asks for a password in another way than was assumed");
                self.learn(found);
            } else if self.target.tls == Tls::DirectIfTaken
                && negotiation == SslNegotiation::Direct
                && error.refuses_direct_tls()
            {
                self.negotiates.store(true, Ordering::Relaxed);
            } else if self.asks() != Asks::Otherwise && error.is_about_the_protocol() {
                self.learn(Asks::Otherwise);
            } else {
                return Err(error);
            }
        }
    }

    /// Where a session did not come about, what was sent early may be why: the next attempt does without. That a server was silent
    /// until then is kept.
    fn weigh(&self, outcome: &Result<Connection, Error>) {
        let mut asks = self.asks.lock();
        match outcome {
            Ok(_) if self.was_silent.swap(false, Ordering::Relaxed) => self.keep(*asks),
            Err(error) if *asks != Asks::Otherwise && error.may_be_confused() => {
                let was_silent = matches!(error, Error::StartTimedOut);
                self.was_silent.store(was_silent, Ordering::Relaxed);
                *asks = Asks::Otherwise;
            }
            _ => {}
        }
    }

    fn asks(&self) -> Asks {
        *self.asks.lock()
    }

    /// Remembers how the server asks. A second surprise ends all guessing.
    fn learn(&self, found: Asks) {
        let must_be_bound = self.target.config.get_channel_binding() == ChannelBinding::Require;
        let mut asks = self.asks.lock();
        *asks = match *asks {
            Asks::Bound if !must_be_bound => found,
            _ => Asks::Otherwise,
        };
        self.keep(*asks);
    }

    fn keep(&self, asks: Asks) {
        let memory = self.memory.clone();
        begin(on_a_thread(move || memory.keep(asks)));
    }

    /// Finds out how the server was found to ask before.
    async fn recall(&self) {
        let recalling = async {
            let memory = self.memory.clone();
            if let Ok(asks) = on_a_thread(move || memory.recall()).await {
                *self.asks.lock() = asks;
            }
        };
        self.recalled.get_or_init(|| recalling).await;
    }

    async fn connect_once(
        &self,
        negotiation: SslNegotiation,
        progress: &Progress,
        steps: &Mutex<Steps>,
    ) -> Result<Connection, Error> {
        let reaching = async {
            if let Some(begun) = self.begun_ahead()
                && let Ok(reached) = begun.await
            {
                return reached;
            }
            reach(&self.target, &self.tls, steps).await
        };
        let ((stream, connector), ()) = tokio::join!(reaching, self.recall());
        let stream = stream?;
        let start = self.start(stream, connector, negotiation, steps);
        tokio::pin!(start);
        tokio::select! {
            result = &mut start => result,
            () = sleep(WAKING_AFTER) => {
                progress.report(Activity::WakingDatabase);
                start.await
            }
        }
    }

    /// Begins to reach the server. A connection that is not made of it is closed when the next one is, or at the end.
    pub(super) fn head_start(&self) {
        let mut ahead = self.ahead.lock();
        if ahead.is_none() {
            let (target, tls) = (self.target.clone(), Arc::clone(&self.tls));
            let begun = tokio::spawn(async move { reach(&target, &tls, &Mutex::default()).await });
            *ahead = Some((Instant::now(), begun));
        }
    }

    /// Takes what was begun ahead of time, where it is of use.
    fn begun_ahead(&self) -> Option<JoinHandle<Reached>> {
        let mut ahead = self.ahead.lock();
        let (when, begun) = ahead.take()?;
        if when.elapsed() < HEAD_START_HOLDS {
            return Some(begun);
        }
        begun.abort();
        None
    }

    async fn start(
        &self,
        stream: TcpStream,
        connector: Result<Option<native_tls::TlsConnector>, Error>,
        negotiation: SslNegotiation,
        steps: &Mutex<Steps>,
    ) -> Result<Connection, Error> {
        let begun = Instant::now();
        note(steps, |steps| {
            steps.direct = negotiation == SslNegotiation::Direct;
        });
        let mut config = self.target.config.clone();
        config.ssl_negotiation(negotiation);
        let connection = match connector? {
            None => {
                let (client, connection) = config
                    .connect_raw(stream, NoTls)
                    .await
                    .map_err(Error::Start)?;
                Connection::new(client, connection)
            }
            Some(connector) => {
                let first = FIRST.try_with(Clone::clone).ok().flatten();
                let tls = Timed {
                    inner: postgres_native_tls::TlsConnector::new(connector, &self.target.host),
                    begun,
                    steps,
                    early: (self.asks(), first),
                };
                let (client, connection) = config
                    .connect_raw(stream, tls)
                    .await
                    .map_err(Error::Start)?;
                Connection::new(client, connection)
            }
        };
        note(steps, |steps| {
            steps.signed_in = Some(
                begun
                    .elapsed()
                    .saturating_sub(steps.secured.unwrap_or_default()),
            );
        });
        Ok(connection)
    }
}

/// Reaches the server. Reading the trust store takes as long as reaching a near one: side by side.
async fn reach(
    target: &Target,
    tls: &OnceCell<native_tls::TlsConnector>,
    steps: &Mutex<Steps>,
) -> Reached {
    tokio::join!(dial(target, steps), connector(target, tls))
}

async fn dial(target: &Target, steps: &Mutex<Steps>) -> Result<TcpStream, Error> {
    let begun = Instant::now();
    let Target {
        host,
        port,
        address,
        ..
    } = target;
    let addresses: Vec<SocketAddr> = match address {
        Some(address) => vec![(*address, *port).into()],
        None => tokio::net::lookup_host((host.as_str(), *port))
            .await
            .map_err(Error::Resolve)?
            .collect(),
    };
    if addresses.is_empty() {
        return Err(Error::Resolve(io::ErrorKind::NotFound.into()));
    }
    note(steps, |steps| {
        steps.resolved = Some(begun.elapsed());
        steps.addresses.clone_from(&addresses);
    });
    let begun = Instant::now();
    let stream = dial_any(addresses).await.map_err(Error::Dial)?;
    // One operation is several small messages: they must not wait for each other's acknowledgement.
    stream.set_nodelay(true).map_err(Error::Dial)?;
    note(steps, |steps| steps.dialled = Some(begun.elapsed()));
    Ok(stream)
}

async fn connector(
    target: &Target,
    tls: &OnceCell<native_tls::TlsConnector>,
) -> Result<Option<native_tls::TlsConnector>, Error> {
    if target.tls == Tls::Off {
        return Ok(None);
    }
    tls.get_or_try_init(|| async {
        let target = target.clone();
        on_a_thread(move || tls_connector(&target)).await.flatten()
    })
    .await
    .map(|connector| Some(connector.clone()))
    .map_err(Error::Setup)
}

fn note(steps: &Mutex<Steps>, change: impl FnOnce(&mut Steps)) {
    change(&mut steps.lock());
}

/// Carries what is said on a connection. Once it is no longer wanted there is a moment for the answer that is outstanding, for
/// `Terminate`, and for the farewell of TLS; without them, Neon's proxy logs a warning.
async fn drive<S, T>(
    connection: tokio_postgres::Connection<S, T>,
    end: oneshot::Receiver<Unfinished>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => Some(outcome),
        _unfinished = end => timeout(FAREWELL, connection).await.ok(),
    };
    match outcome {
        Some(Ok(())) => {
            tracing::debug!(target: "epigraph", "the database connection was closed");
        }
        Some(Err(error)) => {
            let cause = super::error::cause(&error, &[]).line().unwrap_or_default();
            tracing::debug!(target: "epigraph", "the database connection was lost: {cause}");
        }
        None => tracing::debug!(target: "epigraph", "the database connection was dropped"),
    }
}

/// Dials the addresses in their order, each a little after the one before, and keeps the first connection that stands.
async fn dial_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut dialling = FuturesUnordered::new();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    loop {
        match waiting.next() {
            Some(address) => dialling.push(timeout(DIAL_LIMIT, TcpStream::connect(address))),
            None if dialling.is_empty() => return Err(failed),
            None => {}
        }
        tokio::select! {
            Some(result) = dialling.next() => match result {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = io::ErrorKind::TimedOut.into(),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

pub(super) fn unusable_roots(path: &Path, what: &str) -> Failure {
    let path = path.display();
    let what = format!("The file {path} (sslrootcert in the connection string) {what}.");
    Failure::new(Kind::Config, what)
        .cure("Name a file of certificates in PEM form, or leave sslrootcert out: the system's trust store is always used.")
}

fn tls_connector(target: &Target) -> Result<native_tls::TlsConnector, Failure> {
    let mut builder = tls::builder()?;
    if let Some(path) = &target.extra_roots {
        let unusable = |what: &str| unusable_roots(path, what);
        let pem =
            std::fs::read(path).map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        let blocks = tls::blocks(&String::from_utf8_lossy(&pem));
        if blocks.is_empty() {
            return Err(unusable("contains no certificate"));
        }
        for block in blocks {
            let root = native_tls::Certificate::from_pem(block.as_bytes()).map_err(|error| {
                unusable("contains a damaged certificate").because(Cause::of(error))
            })?;
            builder.add_root_certificate(root);
        }
    }
    postgres_native_tls::set_postgresql_alpn(&mut builder);
    builder
        .build()
        .map_err(|error| tls::refused_settings().because(Cause::of(error)))
}

/// A TLS connector that takes note of when the handshake was done, and sends early what can be.
struct Timed<'a> {
    inner: postgres_native_tls::TlsConnector,
    begun: Instant,
    steps: &'a Mutex<Steps>,
    early: (Asks, Option<SecretSlice<u8>>),
}

type Secured = Early<postgres_native_tls::TlsStream<TcpStream>>;

impl<'a> TlsConnect<TcpStream> for Timed<'a> {
    type Stream = Secured;
    type Error = native_tls::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, native_tls::Error>> + Send + 'a>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        Box::pin(async move {
            let stream = self.inner.connect(stream).await?;
            note(self.steps, |steps| {
                steps.secured = Some(self.begun.elapsed());
            });
            let (asks, first) = self.early;
            Ok(Early::new(stream, asks, first))
        })
    }
}
