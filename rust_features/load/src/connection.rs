//! One HTTP/2 connection, and a unary call over it. On h2 itself: a generator often shares its machine with what it measures,
//! and tonic's channel took a fifth to a third more processor time a call.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{self, Builder, SendRequest};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

/// What the server may send before it is read: more than all calls that are open.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// Before a lost connection is opened again.
const REOPEN_DELAY: Duration = Duration::from_millis(100);
/// Of any unit, what a deadline's header has digits for.
const MOST: u128 = 99_999_999;
/// Of a message: not compressed, and its length.
pub(crate) const PREFIX: usize = 5;

/// A connection, opened again whenever it is lost; its clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: Rc<RefCell<SendRequest<Bytes>>>,
}

/// How to ask for one method.
#[derive(Clone)]
pub(crate) struct Head(Request<()>);

impl Head {
    /// Of calls to `method` on the server at `address`, which may take as long as `deadline`. None where these are no names.
    pub(crate) fn of(address: &str, method: &str, deadline: Duration) -> Option<Self> {
        let uri = Uri::builder().scheme("http").authority(address).path_and_query(method);
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri.build().ok()?;
        let headers = head.headers_mut();
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let timeout = match deadline.as_micros() {
            micros @ ..=MOST => format!("{micros}u"),
            _ => format!("{}S", u128::from(deadline.as_secs()).min(MOST)),
        };
        headers.insert("grpc-timeout", timeout.parse().ok()?);
        Some(Self(head))
    }
}

impl Connection {
    /// Connects, for so many calls in flight; the connection lives on in a task of the local set.
    pub(crate) async fn open(address: &str, in_flight_limit: usize) -> Result<Self, Box<dyn Error>> {
        let (sender, connection) = dial(address, in_flight_limit).await?;
        let sender = Rc::new(RefCell::new(sender));
        let shared = Rc::clone(&sender);
        spawn_local(keep(address.to_owned(), in_flight_limit, connection, shared));
        Ok(Self { sender })
    }

    /// Calls with a framed message, and waits for the whole answer, at most for `deadline`.
    pub(crate) async fn call(self, head: Head, frame: Bytes, deadline: Duration) -> Result<(), Status> {
        let sender = self.sender.borrow().clone();
        let answer = timeout(deadline, answer(sender, head.0, frame)).await;
        let (trailers, length) = answer
            .map_err(|_| Status::deadline_exceeded("no answer in time"))?
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let status = Status::from_header_map(&trailers);
        let status = status.unwrap_or_else(|| Status::internal("an answer without grpc-status"));
        match status.code() {
            Code::Ok if length < PREFIX => Err(Status::internal("an answer without a message")),
            Code::Ok => Ok(()),
            _ => Err(status),
        }
    }
}

type Dialled = (SendRequest<Bytes>, client::Connection<TcpStream>);

async fn dial(address: &str, in_flight_limit: usize) -> Result<Dialled, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let dialled = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // Answers to calls that were given up come all the same, and are no fault of the server.
        .max_concurrent_reset_streams(in_flight_limit)
        .max_local_error_reset_streams(None)
        .handshake(stream)
        .await?;
    Ok(dialled)
}

/// Drives a connection, and the next one once it is lost; what became of it is told by the calls that were on it.
async fn keep(
    address: String,
    in_flight_limit: usize,
    mut connection: client::Connection<TcpStream>,
    shared: Rc<RefCell<SendRequest<Bytes>>>,
) {
    loop {
        drop(connection.await);
        connection = loop {
            sleep(REOPEN_DELAY).await;
            if let Ok((sender, next)) = dial(&address, in_flight_limit).await {
                shared.replace(sender);
                break next;
            }
        };
    }
}

/// The trailers of the answer, and how many bytes it had; they are read and not looked at.
async fn answer(sender: SendRequest<Bytes>, head: Request<()>, frame: Bytes) -> Result<(HeaderMap, usize), h2::Error> {
    let (response, mut body) = sender.ready().await?.send_request(head, false)?;
    body.send_data(frame, true)?;
    let (head, mut body) = response.await?.into_parts();
    let mut length = 0;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        length += piece.len();
        body.flow_control().release_capacity(piece.len())?;
    }
    // A refusal may have its status beside the other headers.
    Ok((body.trailers().await?.unwrap_or(head.headers), length))
}

/// A message as it goes over the wire.
pub(crate) fn framed(message: &[u8]) -> BytesMut {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame
}
