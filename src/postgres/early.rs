//! What is sent before it is asked for: the first message of SCRAM together with the start, and the first transaction, if it only
//! reads, together with the last message of SCRAM. Two round trips less before the first row.
//!
//! It is a stream between TLS and `tokio-postgres`, which notices nothing: the server's question for a password is answered here,
//! and what the server answers to the transaction waits until the transaction is sent. TLS has verified the server by then; that
//! it knows the password as well is verified only afterwards.

use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretSlice, zeroize::Zeroize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use crate::private_file;

const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// RFC 7677, bound to the TLS connection.
const BOUND: &str = "SCRAM-SHA-256-PLUS";
/// RFC 7677.
const UNBOUND: &str = "SCRAM-SHA-256";

/// How a server asks for a password, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// By SCRAM that may be bound to the TLS connection, as PostgreSQL and Neon do over TLS.
    Bound,
    /// By SCRAM alone, as poolers do.
    Unbound,
    /// In another way, or not at all: nothing is sent early.
    Otherwise,
}

/// How a server was found to ask, kept for the next start. Without a place, or where nothing is kept, as most servers do.
#[derive(Clone)]
pub(crate) struct Memory(Option<PathBuf>);

impl Memory {
    /// In a file of the state directory, one for each server: only for those that ask differently.
    pub(crate) fn of(server: &str, state: Option<&Path>) -> Self {
        let name = format!("asks-{}", private_file::short_hash(server));
        Self(state.map(|state| state.join(name)))
    }

    /// What is kept counts for a week: servers are replaced.
    pub(crate) fn recall(&self) -> Asks {
        let kept = self.0.as_ref().and_then(|path| {
            let age = fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
            let is_recent = age < KEPT_FOR;
            is_recent.then(|| private_file::read(path, 64).ok())??
        });
        match kept.as_ref().map(|kept| kept.bytes.as_slice()) {
            Some(b"unbound") => Asks::Unbound,
            Some(b"otherwise") => Asks::Otherwise,
            _ => Asks::Bound,
        }
    }

    /// Writes it down. Where that fails, the next start finds out again.
    pub(crate) fn keep(&self, asks: Asks) {
        let Some(path) = &self.0 else { return };
        let _ = match asks {
            Asks::Bound => private_file::remove(path),
            Asks::Unbound => private_file::write(path, b"unbound").map(drop),
            Asks::Otherwise => private_file::write(path, b"otherwise").map(drop),
        };
    }
}

/// The server asks in another way than was assumed. The connection is of no use.
#[derive(Debug, thiserror::Error)]
#[error("the server asks for a password in another way than was assumed")]
pub(crate) struct AsksDifferently(pub(crate) Asks);

/// How far the session is.
enum Stage {
    /// Nothing is sent: the start is held back until the first message of SCRAM is there.
    Start,
    /// The start and the first message were sent together; the server's question comes, and is dropped.
    Asked,
    /// The next message is the last of SCRAM.
    Proof,
    /// The transaction is sent; its answer is held back behind the end of the start.
    Sent(SecretSlice<u8>),
    /// The session stands, and what `tokio-postgres` sends of these bytes was sent already.
    Claimed { bytes: SecretSlice<u8>, from: usize },
    /// What comes goes through.
    Open,
}

/// A stream that answers, sends and holds back as the module says.
pub(crate) struct Early<S> {
    inner: S,
    asks: Asks,
    transaction: Option<SecretSlice<u8>>,
    stage: Stage,
    /// What is to be sent with the next flush, and how much of it was.
    outgoing: Vec<u8>,
    sent: usize,
    /// What the server has sent: whole messages are passed on, or dropped.
    received: Vec<u8>,
    /// What may be read, and how much of it was.
    incoming: Vec<u8>,
    read: usize,
    reader: Option<Waker>,
}

impl<S> Early<S> {
    /// Takes what stands above TLS. The transaction is what will be the first that is sent on it.
    pub(super) fn new(inner: S, asks: Asks, transaction: Option<SecretSlice<u8>>) -> Self {
        Self {
            inner,
            asks,
            transaction,
            stage: if asks == Asks::Otherwise {
                Stage::Open
            } else {
                Stage::Start
            },
            outgoing: Vec::new(),
            sent: 0,
            received: Vec::new(),
            incoming: Vec::new(),
            read: 0,
            reader: None,
        }
    }

    /// Passes everything on from now on.
    fn open(&mut self) {
        self.stage = Stage::Open;
        self.incoming.append(&mut self.received);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Takes in the whole messages that have come.
    fn sort(&mut self) -> io::Result<()> {
        while let Some(length) = message(&self.received) {
            let tag = self.received[0];
            if tag == b'R' && matches!(self.stage, Stage::Asked) {
                let asks = asks(&self.received[..length]);
                if asks != self.asks {
                    return Err(io::Error::other(AsksDifferently(asks)));
                }
                self.received.drain(..length);
                self.stage = Stage::Proof;
                continue;
            }
            self.incoming.extend(self.received.drain(..length));
            match &self.stage {
                // A refusal: nothing more is to be held back.
                _ if tag == b'E' => self.open(),
                Stage::Sent(bytes) if tag == b'Z' => {
                    let bytes = bytes.clone();
                    self.stage = Stage::Claimed { bytes, from: 0 };
                }
                Stage::Asked | Stage::Proof | Stage::Sent(_) => continue,
                Stage::Start | Stage::Claimed { .. } | Stage::Open => {}
            }
            break;
        }
        Ok(())
    }
}

/// Returns the length of the first message, once it is whole.
fn message(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(1..5)?.try_into().map(u32::from_be_bytes).ok()?;
    let whole = usize::try_from(length).ok()?.checked_add(1)?;
    (bytes.len() >= whole).then_some(whole)
}

/// Returns how a server's question for a password asks.
fn asks(message: &[u8]) -> Asks {
    let Some((&[0, 0, 0, 10], mechanisms)) =
        message.get(5..).and_then(|body| body.split_first_chunk())
    else {
        return Asks::Otherwise;
    };
    let offers = |name: &str| {
        mechanisms
            .split(|byte| *byte == 0)
            .any(|it| it == name.as_bytes())
    };
    match (offers(BOUND), offers(UNBOUND)) {
        (true, _) => Asks::Bound,
        (false, true) => Asks::Unbound,
        (false, false) => Asks::Otherwise,
    }
}

/// Makes the `AuthenticationSASL` that the server is assumed to send.
fn question(asks: Asks) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 10];
    if asks == Asks::Bound {
        body.extend(BOUND.bytes().chain([0]));
    }
    body.extend(UNBOUND.bytes().chain([0, 0]));
    let length = u32::try_from(body.len() + 4).expect("it is short");
    let mut message = vec![b'R'];
    message.extend(length.to_be_bytes());
    message.append(&mut body);
    message
}

impl<S: AsyncRead + AsyncWrite + Unpin> Early<S> {
    /// Sends what is collected, to its end.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let rest = &self.outgoing[self.sent..];
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        if self.outgoing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // It held a token, or a proof of the password.
        self.outgoing.zeroize();
        self.sent = 0;
        Pin::new(&mut self.inner).poll_flush(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Early<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.read < this.incoming.len() {
                let rest = &this.incoming[this.read..];
                let taken = rest.len().min(buffer.remaining());
                buffer.put_slice(&rest[..taken]);
                this.read += taken;
                if this.read == this.incoming.len() {
                    this.incoming = Vec::new();
                    this.read = 0;
                }
                return Poll::Ready(Ok(()));
            }
            match this.stage {
                Stage::Open => return Pin::new(&mut this.inner).poll_read(cx, buffer),
                Stage::Start | Stage::Claimed { .. } => {
                    this.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Stage::Asked | Stage::Proof | Stage::Sent(_) => {}
            }
            let mut chunk = [0; 8192];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                // The end, after a part of a message or none.
                this.open();
                if this.incoming.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            this.received.extend_from_slice(chunk.filled());
            this.sort()?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Early<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.stage {
            Stage::Open => {
                ready!(this.poll_send(cx))?;
                Pin::new(&mut this.inner).poll_write(cx, bytes)
            }
            Stage::Start | Stage::Asked | Stage::Proof | Stage::Sent(_) => {
                this.outgoing.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Stage::Claimed { bytes: sent, from } => {
                let rest = &sent.expose_secret()[*from..];
                let taken = rest.len().min(bytes.len());
                if rest[..taken] != bytes[..taken] {
                    let error = io::Error::other("another transaction was sent early");
                    return Poll::Ready(Err(error));
                }
                *from += taken;
                if *from == sent.expose_secret().len() {
                    this.open();
                }
                Poll::Ready(Ok(taken))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.stage {
            Stage::Start if !this.outgoing.is_empty() && this.incoming.is_empty() => {
                let is_asked = this.outgoing.len() > start(&this.outgoing);
                if is_asked {
                    this.stage = Stage::Asked;
                    return this.poll_send(cx);
                }
                this.incoming = question(this.asks);
                if let Some(reader) = this.reader.take() {
                    reader.wake();
                }
                Poll::Ready(Ok(()))
            }
            Stage::Proof if !this.outgoing.is_empty() => {
                match this.transaction.take() {
                    Some(bytes) => {
                        this.outgoing.extend_from_slice(bytes.expose_secret());
                        this.stage = Stage::Sent(bytes);
                    }
                    None => this.open(),
                }
                this.poll_send(cx)
            }
            _ if this.sent < this.outgoing.len() => this.poll_send(cx),
            _ => Pin::new(&mut this.inner).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// Returns the length of the `StartupMessage`, which has no tag.
fn start(bytes: &[u8]) -> usize {
    let length = bytes
        .first_chunk()
        .map(|length| u32::from_be_bytes(*length));
    length
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(usize::MAX)
}

impl<S: TlsStream + Unpin> TlsStream for Early<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    const START: &[u8] = b"\0\0\0\x0cstartup!";
    const FIRST: &[u8] = b"p\0\0\0\x09first";
    const LAST: &[u8] = b"p\0\0\0\x08last";
    const TRANSACTION: &[u8] = b"Q\0\0\0\x0bselect\0";
    const CONTINUE: &[u8] = b"R\0\0\0\x09\0\0\0\x0b!";
    const STARTED: &[u8] = b"R\0\0\0\x09\0\0\0\x0c!R\0\0\0\x08\0\0\0\0S\0\0\0\x08a\0b\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    const ROWS: &[u8] = b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
    const REFUSAL: &[u8] = b"E\0\0\0\x05\0";

    fn sent_early(transaction: bool) -> Option<SecretSlice<u8>> {
        transaction.then(|| SecretSlice::from(TRANSACTION.to_vec()))
    }

    fn early(asks: Asks, transaction: bool) -> (Early<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(64 * 1024);
        (Early::new(near, asks, sent_early(transaction)), far)
    }

    /// Sends as `tokio-postgres` does, a message at a time.
    async fn send(client: &mut Early<DuplexStream>, bytes: &[u8]) {
        client.write_all(bytes).await.expect("it is taken");
        client.flush().await.expect("it is sent");
    }

    async fn reads(client: &mut Early<DuplexStream>, expected: &[u8]) {
        let mut read = vec![0; expected.len()];
        client.read_exact(&mut read).await.expect("it comes");
        assert_eq!(read, expected);
    }

    /// What the server has been sent by now.
    async fn receives(server: &mut DuplexStream, expected: &[&[u8]]) {
        let expected = expected.concat();
        let mut received = vec![0; expected.len()];
        server.read_exact(&mut received).await.expect("it comes");
        assert_eq!(received, expected);
        let more = futures_util::FutureExt::now_or_never(server.read_u8());
        assert!(more.is_none(), "more was sent: {more:?}");
    }

    /// Answers in two pieces.
    async fn answers(server: &mut DuplexStream, bytes: &[u8], cut: usize) {
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        server.write_all(head).await.expect("written");
        tokio::task::yield_now().await;
        server.write_all(tail).await.expect("written");
    }

    /// One that has sent its start and its first message at once.
    async fn begun(asks: Asks, transaction: bool) -> (Early<DuplexStream>, DuplexStream) {
        let (mut client, mut server) = early(asks, transaction);
        send(&mut client, START).await;
        reads(&mut client, &question(asks)).await;
        send(&mut client, FIRST).await;
        receives(&mut server, &[START, FIRST]).await;
        (client, server)
    }

    /// The next step: both have asked, and the client proves that it knows the password.
    async fn proves(
        client: &mut Early<DuplexStream>,
        server: &mut DuplexStream,
        asks: Asks,
        cut: usize,
    ) {
        answers(server, &[question(asks), CONTINUE.to_vec()].concat(), cut).await;
        reads(client, CONTINUE).await;
        send(client, LAST).await;
    }

    #[tokio::test]
    async fn two_flights_do_what_four_did_wherever_answers_are_cut() {
        for asks in [Asks::Bound, Asks::Unbound] {
            for cut in 0..90 {
                let (mut client, mut server) = begun(asks, true).await;
                proves(&mut client, &mut server, asks, cut).await;
                receives(&mut server, &[LAST, TRANSACTION]).await;
                answers(&mut server, &[STARTED, READY, ROWS].concat(), cut).await;
                reads(&mut client, STARTED).await;
                reads(&mut client, READY).await;
                let early = futures_util::FutureExt::now_or_never(client.read_u8());
                assert!(early.is_none(), "an answer to nothing: {early:?}");
                let (head, tail) = TRANSACTION.split_at(cut % TRANSACTION.len());
                send(&mut client, head).await;
                send(&mut client, tail).await;
                reads(&mut client, ROWS).await;
                send(&mut client, b"more").await;
                receives(&mut server, &[b"more"]).await;
                answers(&mut server, b"and on", cut).await;
                reads(&mut client, b"and on").await;
            }
        }
    }

    #[test]
    fn what_was_found_is_known_at_the_next_start() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let memory = |server| Memory::of(server, Some(state.path()));
        assert_eq!(memory("one:5432").recall(), Asks::Bound);
        for asks in [Asks::Unbound, Asks::Otherwise, Asks::Bound] {
            memory("one:5432").keep(asks);
            assert_eq!(memory("one:5432").recall(), asks);
            assert_eq!(memory("one:5433").recall(), Asks::Bound);
        }
        let nowhere = Memory::of("one:5432", None);
        nowhere.keep(Asks::Unbound);
        assert_eq!(nowhere.recall(), Asks::Bound);
    }

    #[tokio::test]
    async fn without_a_transaction_only_the_start_goes_early() {
        let (mut client, mut server) = begun(Asks::Bound, false).await;
        proves(&mut client, &mut server, Asks::Bound, 0).await;
        receives(&mut server, &[LAST]).await;
        answers(&mut server, &[STARTED, READY].concat(), 0).await;
        reads(&mut client, STARTED).await;
        reads(&mut client, READY).await;
    }

    #[tokio::test]
    async fn a_server_that_asks_in_another_way_is_noticed() {
        let md5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
        let trusts: &[u8] = b"R\0\0\0\x08\0\0\0\0";
        let (bound, unbound) = (question(Asks::Bound), question(Asks::Unbound));
        for (assumed, answer, found) in [
            (Asks::Bound, unbound.as_slice(), Asks::Unbound),
            (Asks::Unbound, bound.as_slice(), Asks::Bound),
            (Asks::Bound, md5, Asks::Otherwise),
            (Asks::Bound, trusts, Asks::Otherwise),
        ] {
            let (mut client, mut server) = begun(assumed, true).await;
            answers(&mut server, answer, 7).await;
            let error = client.read_u8().await.expect_err("it is of no use");
            let found_by = error.get_ref().and_then(|error| error.downcast_ref());
            assert!(matches!(found_by, Some(AsksDifferently(asks)) if *asks == found));
        }
    }

    #[tokio::test]
    async fn a_refusal_in_place_of_any_answer_is_passed_on() {
        for step in 0..3 {
            let (mut client, mut server) = begun(Asks::Bound, true).await;
            if step > 0 {
                answers(&mut server, &question(Asks::Bound), 3).await;
            }
            if step > 1 {
                answers(&mut server, CONTINUE, 3).await;
                reads(&mut client, CONTINUE).await;
                send(&mut client, LAST).await;
            }
            answers(&mut server, REFUSAL, 3).await;
            reads(&mut client, REFUSAL).await;
            drop(server);
            assert_eq!(client.read(&mut [0]).await.ok(), Some(0), "the end follows");
        }
    }

    #[tokio::test]
    async fn an_end_at_any_byte_is_an_end() {
        let whole = [
            question(Asks::Bound),
            CONTINUE.to_vec(),
            STARTED.to_vec(),
            READY.to_vec(),
        ];
        let whole = whole.concat();
        for cut in 0..whole.len() {
            let (mut client, mut server) = begun(Asks::Bound, true).await;
            server.write_all(&whole[..cut]).await.expect("written");
            drop(server);
            let mut read = Vec::new();
            client.read_to_end(&mut read).await.expect("an end");
            let dropped = question(Asks::Bound).len();
            let passed = if cut < dropped { 0 } else { dropped };
            assert_eq!(read, whole[passed..cut]);
        }
    }

    #[tokio::test]
    async fn no_other_transaction_takes_the_answer() {
        let (mut client, mut server) = begun(Asks::Bound, true).await;
        proves(&mut client, &mut server, Asks::Bound, 0).await;
        answers(&mut server, &[STARTED, READY, ROWS].concat(), 0).await;
        reads(&mut client, STARTED).await;
        reads(&mut client, READY).await;
        let another = b"Q\0\0\0\x0bdelete\0";
        assert!(client.write_all(another).await.is_err());
    }

    /// One that does not know the password can put what it likes in the place of its proof.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_out_of_turn_is_not_believed() {
        let asks = question(Asks::Unbound);
        for answers in [
            &[STARTED, READY, ROWS][..],
            &[ROWS],
            &[&asks, STARTED, READY, ROWS],
            &[&asks, b"R\0\0\0\x08\0\0\0\0", READY, ROWS],
            &[&asks, READY, ROWS],
            &[&asks, &asks, CONTINUE, STARTED, READY, ROWS],
            &[&asks, CONTINUE, STARTED, READY, ROWS],
        ] {
            let (client, mut server) = early(Asks::Unbound, true);
            let mut config = tokio_postgres::Config::new();
            config.user("nora").password("secret");
            let connecting = config.connect_raw(client, tokio_postgres::NoTls);
            let connecting = timeout(Duration::from_secs(1), connecting);
            let answering = async {
                server.read_u8().await.expect("a start");
                server.write_all(&answers.concat()).await.expect("written");
                server
            };
            let (connected, _server) = tokio::join!(connecting, answering);
            assert!(matches!(connected, Ok(Err(_))), "{answers:?}");
        }
    }
}
