//! What takes TLS at once, without a question before it, as Neon's proxy does; behind it a server without TLS.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use openssl::{
    pkey::PKey,
    ssl::{self, NameType, ShutdownState, SslAcceptor, SslMethod, SslStream},
    x509::X509,
};

use super::{ca::Leaf, served::listen};

/// The front; it serves until the process ends.
pub(crate) struct TlsFront {
    port: u16,
    asked_for: Arc<Mutex<Vec<String>>>,
    ends: Arc<Mutex<Vec<End>>>,
}

/// How a client left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The last bytes that it sent, as many as `Terminate` has.
    pub(crate) last: Vec<u8>,
    /// Whether the farewell of TLS (`close_notify`) came after them.
    pub(crate) closed_tls: bool,
}

impl TlsFront {
    /// Stands before a server on the loopback interface that knows no TLS.
    pub(crate) fn before(server: u16, leaf: &Leaf) -> Self {
        Self::taking(server, leaf, false)
    }

    /// The same, but what comes together with the first message is lost, as in a pooler that does not expect it.
    pub(crate) fn before_one_message_at_a_time(server: u16, leaf: &Leaf) -> Self {
        Self::taking(server, leaf, true)
    }

    fn taking(server: u16, leaf: &Leaf, drops_what_comes_early: bool) -> Self {
        let mut builder = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server())
            .expect("OpenSSL has its settings");
        let certificate = X509::from_pem(&leaf.certificate_pem).expect("a certificate");
        let key = PKey::private_key_from_pem(&leaf.key_pem).expect("a key");
        builder.set_certificate(&certificate).expect("it fits");
        builder.set_private_key(&key).expect("it fits");
        builder.set_alpn_select_callback(|_, offered| {
            ssl::select_next_proto(b"\x0apostgresql", offered).ok_or(ssl::AlpnError::ALERT_FATAL)
        });
        let acceptor = builder.build();
        let (listener, port) = listen();
        let asked_for = Arc::new(Mutex::new(Vec::new()));
        let names = Arc::clone(&asked_for);
        let ends = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::clone(&ends);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (acceptor, names) = (acceptor.clone(), Arc::clone(&names));
                let ended = Arc::clone(&ended);
                thread::spawn(move || {
                    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server));
                    if let (Ok(mut client), Ok(server)) = (acceptor.accept(client), server) {
                        let name = client.ssl().servername(NameType::HOST_NAME);
                        let name = name.unwrap_or_default().to_owned();
                        names.lock().expect("no panic under lock").push(name);
                        let mut last = Vec::new();
                        relay(&mut client, server, drops_what_comes_early, &mut last).ok();
                        drain(&mut client);
                        let closed_tls = client.get_shutdown().contains(ShutdownState::RECEIVED);
                        let end = End { last, closed_tls };
                        ended.lock().expect("no panic under lock").push(end);
                    }
                });
            }
        });
        Self {
            port,
            asked_for,
            ends,
        }
    }

    /// How the clients left that have.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.ends.lock().expect("no panic under lock").clone()
    }

    /// The host names that clients have asked for (SNI): Neon finds the database by them.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().expect("no panic under lock").clone()
    }

    /// Forgets how they left.
    pub(crate) fn forget_ends(&self) {
        self.ends.lock().expect("no panic under lock").clear();
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Reads what a client still says to a server that has left.
fn drain(client: &mut SslStream<TcpStream>) {
    let patience = Some(Duration::from_secs(10));
    client.get_ref().set_read_timeout(patience).ok();
    while let Ok(1..) = client.read(&mut [0; 1024]) {}
}

/// Reads from either side in turn, because a TLS stream cannot be shared between two threads.
fn relay(
    client: &mut SslStream<TcpStream>,
    mut server: TcpStream,
    mut drops_what_comes_early: bool,
    last: &mut Vec<u8>,
) -> io::Result<()> {
    let turn = Some(Duration::from_millis(1));
    client.get_ref().set_nodelay(true)?;
    server.set_nodelay(true)?;
    client.get_ref().set_read_timeout(turn)?;
    server.set_read_timeout(turn)?;
    let mut buffer = [0; 16 * 1024];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return server.shutdown(Shutdown::Both),
            Ok(mut count) => {
                if std::mem::take(&mut drops_what_comes_early) {
                    let length = u32::from_be_bytes([buffer[0], buffer[1], buffer[2], buffer[3]]);
                    count = count.min(length as usize);
                }
                last.extend_from_slice(&buffer[..count]);
                last.drain(..last.len().saturating_sub(5));
                server.write_all(&buffer[..count])?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        match server.read(&mut buffer) {
            Ok(0) => return client.get_ref().shutdown(Shutdown::Write),
            Ok(count) => client.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
