//! A front as Neon's proxy is: TLS, asked for or at once; errors of its own, all of them as XX000; and a compute behind it
//! that may have to be started, which takes its time after the password was checked.

use std::{
    collections::VecDeque,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};
use tokio_native_tls::{TlsAcceptor, TlsConnector};

use super::{
    ca,
    postgres::Cluster,
    served::{Served, listen},
};

/// How far the front goes along with a connection before its trouble begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// The TCP connection stands.
    Dialled,
    /// TLS stands, and the client has said whom it wants.
    Secured,
    /// The password was checked.
    Authenticated,
}

/// What happens then.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// An error of the proxy's own with this text, and the end of the connection.
    Refusal(String),
    /// Nothing more.
    Silence,
    /// A pause until the compute runs: so long after the first connection that asked for it.
    ColdStart(Duration),
}

/// The front; it ends when it is dropped.
pub(crate) struct Neon {
    port: u16,
    state: Arc<Mutex<State>>,
    _served: Served,
}

#[derive(Default)]
struct State {
    troubles: VecDeque<(Stage, Then)>,
    lasting: Option<(Stage, Then)>,
    connections: usize,
    awake_at: Option<Instant>,
}

impl Neon {
    /// Stands before a cluster, with the certificate that the cluster has too: so channel binding holds from end to end.
    pub(crate) fn before(cluster: &Cluster) -> Self {
        let (listener, port) = listen();
        let state = Arc::new(Mutex::new(State::default()));
        let (server, shared) = (cluster.port(), Arc::clone(&state));
        Self {
            port,
            state,
            _served: Served::on(listener, move |listener| serve(listener, server, shared)),
        }
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made since the last time.
    pub(crate) fn connections(&self) -> usize {
        std::mem::take(&mut self.state().connections)
    }

    /// Has a trouble for one connection, after those that had one before.
    pub(crate) fn once(&self, stage: Stage, then: Then) {
        self.state().troubles.push_back((stage, then));
    }

    /// Has a trouble for every connection from now on, or none any more. A compute that was started sleeps again.
    pub(crate) fn always(&self, trouble: Option<(Stage, Then)>) {
        let mut state = self.state();
        state.troubles.clear();
        state.awake_at = None;
        state.lasting = trouble;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic under lock")
}

async fn serve(listener: TcpListener, server: u16, state: Arc<Mutex<State>>) {
    let acceptor = ca::localhost().acceptor();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let trouble = {
            let mut state = locked(&state);
            state.connections += 1;
            state.troubles.pop_front().or_else(|| state.lasting.clone())
        };
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        // It ends as networks do: no one is told why.
        tokio::spawn(async move {
            attend(client, server, &acceptor, trouble, &state)
                .await
                .ok()
        });
    }
}

/// Leads one connection through its stages.
async fn attend(
    mut client: TcpStream,
    server: u16,
    acceptor: &TlsAcceptor,
    trouble: Option<(Stage, Then)>,
    state: &Mutex<State>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    if let Some((Stage::Dialled, Then::Silence)) = &trouble {
        return fall_silent(client).await;
    }
    let mut first = [0];
    client.peek(&mut first).await?;
    // 22 is how a TLS handshake begins; anything else is the question whether there is TLS.
    if first[0] != 22 {
        client.read_exact(&mut [0; 8]).await?;
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await.map_err(io::Error::other)?;
    let startup = packet(&mut client).await?;
    let then = match trouble {
        Some((Stage::Secured, Then::Silence)) => return fall_silent(client).await,
        Some((Stage::Secured, Then::Refusal(text))) => return refuse(client, &text).await,
        Some((Stage::Authenticated, then)) => Some(then),
        None => None,
        Some(trouble) => panic!("nothing of Neon's does this: {trouble:?}"),
    };

    let mut compute = dial(server).await?;
    compute.write_all(&startup).await?;
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_compute, mut to_compute) = tokio::io::split(compute);
    let asks = async {
        copy(&mut from_client, &mut to_compute).await?;
        to_compute.shutdown().await
    };
    let answers = async {
        // Through the sign-in message by message.
        loop {
            let mut kind = [0];
            from_compute.read_exact(&mut kind).await?;
            let body = packet(&mut from_compute).await?;
            to_client.write_all(&[&kind[..], &body].concat()).await?;
            if kind == *b"R" && body[4..8] == [0; 4] {
                break;
            }
        }
        match then {
            None => {}
            Some(Then::Silence) => std::future::pending().await,
            Some(Then::Refusal(text)) => return refuse(to_client, &text).await,
            Some(Then::ColdStart(takes)) => {
                let awake_at = *locked(state)
                    .awake_at
                    .get_or_insert_with(|| Instant::now() + takes);
                sleep_until(awake_at).await;
            }
        }
        copy(&mut from_compute, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! {
        ended = asks => ended,
        ended = answers => ended,
    }
}

/// Waits until the client goes.
async fn fall_silent(mut client: impl AsyncRead + Unpin) -> io::Result<()> {
    copy(&mut client, &mut tokio::io::sink()).await.map(drop)
}

/// An error as Neon's proxy writes them: severity, the one SQLSTATE that it knows, and a text.
async fn refuse(mut client: impl AsyncWrite + Unpin, text: &str) -> io::Result<()> {
    let fields = format!("SERROR\0CXX000\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("a short text");
    let message = [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat();
    client.write_all(&message).await?;
    client.shutdown().await
}

/// Reads what a length stands before, with its length.
async fn packet(source: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    source.read_exact(&mut packet).await?;
    let length = u32::from_be_bytes(packet[..].try_into().expect("four bytes"));
    packet.resize(usize::try_from(length).expect("a short one").max(4), 0);
    source.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

async fn dial(server: u16) -> io::Result<tokio_native_tls::TlsStream<TcpStream>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    stream.set_nodelay(true)?;
    // Length and code of the question whether there is TLS.
    stream
        .write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
        .await?;
    stream.read_exact(&mut [0]).await?;
    // What is tested is the way to this front, not the way behind it.
    let tls = native_tls::TlsConnector::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .map_err(io::Error::other)?;
    TlsConnector::from(tls)
        .connect("localhost", stream)
        .await
        .map_err(io::Error::other)
}
