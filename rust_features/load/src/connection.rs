//! One HTTP/2 connection, and a unary call over it. On h2 itself: a generator often shares its machine with what it measures,
//! and tonic's channel took a fifth to a third more processor time a call.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tonic::{Code, Status};

/// What the server may send before it is read: more than all calls that are open.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// Calls whose late answers are known as such.
const RESET_STREAMS: usize = 20_000;
/// Of a message: not compressed, and its length.
const PREFIX: usize = 5;

/// An open connection; its clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
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
        let timeout = format!("{}u", deadline.as_micros().min(99_999_999));
        headers.insert("grpc-timeout", timeout.parse().ok()?);
        Some(Self(head))
    }
}

impl Connection {
    /// Connects; the connection lives on in a task of the local set.
    pub(crate) async fn open(address: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // Answers to calls that were given up come all the same, and are no fault of the server.
            .max_concurrent_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(None)
            .handshake(stream)
            .await?;
        // Its calls tell what became of it.
        spawn_local(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Calls, and waits for the whole answer, at most for `deadline`.
    pub(crate) async fn call(self, head: Head, message: &[u8], deadline: Duration) -> Result<(), Status> {
        let answer = timeout(deadline, answer(self.sender, head.0, framed(message))).await;
        let trailers = answer
            .map_err(|_| Status::deadline_exceeded("no answer in time"))?
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let status = Status::from_header_map(&trailers);
        let status = status.unwrap_or_else(|| Status::internal("an answer without grpc-status"));
        if status.code() == Code::Ok { Ok(()) } else { Err(status) }
    }
}

/// The trailers of the answer; its message is read and not looked at.
async fn answer(sender: SendRequest<Bytes>, head: Request<()>, message: Bytes) -> Result<HeaderMap, h2::Error> {
    let (response, mut body) = sender.ready().await?.send_request(head, false)?;
    body.send_data(message, true)?;
    let (head, mut body) = response.await?.into_parts();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    // A refusal may have its status beside the other headers.
    Ok(body.trailers().await?.unwrap_or(head.headers))
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}
