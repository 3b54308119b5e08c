//! Accepts connections, speaks HTTP/2 on them, and ends them in order.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{self, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::call::{Arrival, answer};
use crate::desk::{Calls, Desk};
use crate::phase::Phase;
use crate::pieces::Pieces;
use crate::socket::{Gathered, Reads};
use crate::tls::identity;

/// Connections open at once; one more is closed as soon as it is accepted.
const CONNECTION_LIMIT: usize = 8192;
/// Calls open at once on one connection; a client holds the others back.
const STREAM_LIMIT: u32 = 1024;
/// What a client may send of one message before it is read.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// A peer that is gone without a word is noticed after the two together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What a client introduces itself with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client has so long for each handshake: TLS, and its preface.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// From the cut to the end of the last connection.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// Between two tries where the system has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// One listening front.
pub(crate) struct Connections<C> {
    pub(crate) desk: Arc<Desk<C>>,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl<C: Calls> Connections<C> {
    /// Serves until the front drains and its last connection is closed, or the grace is over.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let shared = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
        let mut phase = shared.desk.phase.subscribe();
        let grace = loop {
            if let Phase::Draining(grace) = *phase.borrow_and_update() {
                break grace;
            }
            tokio::select! {
                _ = phase.changed() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                            let shared = Arc::clone(&shared);
                            tokio::spawn(async move {
                                shared.connection(stream, peer).await;
                                drop(place);
                            });
                        }
                    }
                    Err(_) => sleep(ACCEPT_RETRY).await,
                },
            }
        };
        drop(listener);
        let all = u32::try_from(CONNECTION_LIMIT).unwrap_or(u32::MAX);
        if timeout(grace, places.acquire_many(all)).await.is_err() {
            shared.desk.phase.send_replace(Phase::Cut);
            // Whoever does not take its last answer in time goes without.
            let _ = timeout(LAST_ANSWERS, places.acquire_many(all)).await;
        }
    }

    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        // Where that fails the connection is closed already.
        let _ = stream.set_nodelay(true);
        let address = peer.ip().to_canonical().to_string();
        let Some(tls) = &self.tls else {
            return self.http(stream, address).await;
        };
        let stream = tokio::select! {
            accepted = tls.accept(stream) => accepted,
            () = self.handshake_ends() => return,
        };
        let Ok(stream) = stream else { return };
        let certificates = stream.get_ref().1.peer_certificates();
        let own_name = certificates.and_then(|chain| chain.first()).and_then(identity);
        self.http(stream, own_name.unwrap_or(address)).await;
    }

    /// Waits for as long as a client may take to introduce itself.
    async fn handshake_ends(&self) {
        let mut phase = self.desk.phase.subscribe();
        let drains = phase.wait_for(|phase| *phase != Phase::Open);
        // Either end is one.
        let _ = timeout(HANDSHAKE_TIME, drains).await;
    }

    async fn http(&self, stream: impl AsyncRead + AsyncWrite + Unpin, caller: String) {
        let stream = Gathered::new(stream);
        let reads = Arc::clone(&stream.reads);
        let door = Door {
            desk: Arc::clone(&self.desk),
            caller: caller.into(),
            reads: Arc::clone(&reads),
        };
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .max_concurrent_streams(STREAM_LIMIT)
            // Deadlines may pass while the thread is held up: no caller's calls end those of others on its connection.
            .max_pending_accept_reset_streams(STREAM_LIMIT as usize)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), door);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            // Until its preface has come, a connection is neither kept alive nor shut down in order.
            () = self.handshake_ends() => if reads.lock().bytes < PREFACE.len() { return },
        }
        let mut phase = self.desk.phase.subscribe();
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = phase.wait_for(|phase| *phase != Phase::Open) => {}
        }
        connection.as_mut().graceful_shutdown();
        // How it ended concerns its client alone.
        let _ = connection.await;
    }
}

/// Where the calls of one connection come in.
struct Door<C> {
    desk: Arc<Desk<C>>,
    caller: Arc<str>,
    reads: Arc<Mutex<Reads>>,
}

impl<C: Calls> Service<Request<Incoming>> for Door<C> {
    type Response = Response<Pieces>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let desk = Arc::clone(&self.desk);
        let arrival = Arrival {
            caller: Arc::clone(&self.caller),
            read: time::Instant::now(),
            // Had it been there before the socket was drained, it would have been read then; before the front slept,
            // the front would not have slept.
            earliest: self.reads.lock().came_after.max(desk.queue.last_empty()).into(),
        };
        Box::pin(async move { Ok(answer(desk, arrival, request).await.map(Pieces::of)) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;
    use crate::front::{Front, FrontSettings};
    use crate::metrics::CallMetrics;
    use crate::queue::CallQueue;
    use crate::quota::Quota;
    use crate::testing::Broken;

    fn front() -> Front<Broken> {
        let settings = FrontSettings {
            address: "127.0.0.1:0",
            streams: 1,
            watchers: 1,
            services: Vec::new(),
            descriptors: &[],
            tls: None,
        };
        let queue = Arc::new(CallQueue::new(Duration::from_millis(50), None));
        let metrics = Arc::new(CallMetrics::default());
        let front = Front::bind(Arc::new(Broken), metrics, queue, Arc::new(Quota::new(0)), settings).unwrap();
        front.start().unwrap();
        front
    }

    /// One whose connection is taken, and who then says so much.
    fn client(front: &Front<Broken>, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", front.port())).unwrap();
        stream.set_read_timeout(Some(2 * HANDSHAKE_TIME)).unwrap();
        // The head of the front's own settings.
        stream.read_exact(&mut [0; 9]).unwrap();
        stream.write_all(words).unwrap();
        stream
    }

    #[test]
    fn a_client_that_does_not_introduce_itself_loses_its_place() {
        let front = front();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let mut idle = client(&front, &[PREFACE, &settings].concat());
        for mut silent in [client(&front, b""), client(&front, &PREFACE[..10])] {
            assert!(silent.read_to_end(&mut Vec::new()).is_ok());
        }
        idle.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let still_open = idle.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(still_open.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn the_end_does_not_wait_for_clients_that_have_not_introduced_themselves() {
        let front = front();
        let _silent = [client(&front, b""), client(&front, &PREFACE[..10])];
        let began = Instant::now();
        front.stop(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
