//! A connection that only reads, as quickly as a server sends. async-nats makes a map of every message's headers, which
//! takes longer than the fold of the message; here a message is a few slices of what was received. Whatever is asked,
//! made or written goes through async-nats.

mod login;
mod protocol;

use async_nats::ServerAddr;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) use login::Login;
pub(crate) use protocol::{Message, header};

use crate::error::SessionError;
use protocol::{Frame, parse};

/// Bytes received at once, so that a message is still in the cache when it is decoded.
const RECEIVED: usize = 256 << 10;
/// A server announces at most so many bytes of a message; more is a fault of the protocol.
const LONGEST_MESSAGE: usize = 64 << 20;
/// The one subscription of a connection.
const SUBSCRIPTION: &str = "1";

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection with one subscription.
pub(crate) struct Wire {
    socket: Box<dyn Socket>,
    received: BytesMut,
}

impl Wire {
    /// Connects to the first server that lets us in, and subscribes to `inbox`.
    pub(crate) async fn connect(servers: &[ServerAddr], login: &Login, inbox: &str) -> Result<Self, SessionError> {
        let mut last = SessionError::Lost("no server is named".to_owned());
        for server in servers {
            match login.enter(server).await {
                Ok(mut wire) => {
                    wire.send(&format!("SUB {inbox} {SUBSCRIPTION}\r\n")).await?;
                    return Ok(wire);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn new(socket: Box<dyn Socket>) -> Self {
        Self {
            socket,
            received: BytesMut::with_capacity(RECEIVED),
        }
    }

    /// Publishes a request whose answers come to `inbox`.
    pub(crate) async fn request(&mut self, subject: &str, inbox: &str, payload: &str) -> Result<(), SessionError> {
        self.send(&format!("PUB {subject} {inbox} {}\r\n{payload}\r\n", payload.len()))
            .await
    }

    /// Waits for messages and hands on all that are here whole, each once; whether the connection is lost then.
    pub(crate) async fn read(
        &mut self,
        mut each: impl FnMut(&Message<'_>) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        let mut is_answered = false;
        while !is_answered {
            let mut taken = 0;
            let mut pings = 0;
            while let Some((size, frame)) = parse(&self.received[taken..], LONGEST_MESSAGE)? {
                taken += size;
                match frame {
                    Frame::Message(message) => {
                        is_answered = true;
                        each(&message)?;
                    }
                    Frame::Ping => pings += 1,
                    Frame::Error(words) => return Err(SessionError::Lost(format!("the server says: {words}"))),
                    Frame::Other => {}
                }
            }
            self.received.advance(taken);
            for _ in 0..pings {
                self.send("PONG\r\n").await?;
            }
            if !is_answered {
                self.receive().await?;
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), SessionError> {
        self.received.reserve(RECEIVED / 4);
        match self.socket.read_buf(&mut self.received).await {
            Ok(0) => Err(SessionError::Lost("the server closed the connection".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(SessionError::Lost(format!("receiving: {error}"))),
        }
    }

    async fn send(&mut self, words: &str) -> Result<(), SessionError> {
        let sent = async {
            self.socket.write_all(words.as_bytes()).await?;
            self.socket.flush().await
        };
        sent.await.map_err(SessionError::lost("sending"))
    }
}
