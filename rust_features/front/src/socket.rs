//! A connection that makes one `write` of what is one reply: HTTP/2 hands headers, message and trailers over as several
//! slices, and as long as writes are not vectored it gathers small ones first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose writes are not vectored.
pub(crate) struct Gathered<S> {
    stream: S,
    pub(crate) reads: Arc<Mutex<Reads>>,
}

/// How a socket was read.
pub(crate) struct Reads {
    /// When last everything that had come in was read.
    drained: Instant,
    /// The same before the last bytes were read: they had not come in then.
    pub(crate) came_after: Instant,
    /// How much has come in so far.
    pub(crate) bytes: usize,
}

impl<S> Gathered<S> {
    pub(crate) fn new(stream: S) -> Self {
        let now = Instant::now();
        let reads = Reads {
            drained: now,
            came_after: now,
            bytes: 0,
        };
        Self {
            stream,
            reads: Arc::new(Mutex::new(reads)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let mut reads = self.reads.lock();
        if read.is_pending() {
            reads.drained = Instant::now();
        } else {
            reads.came_after = reads.drained;
            reads.bytes = reads.bytes.saturating_add(buffer.filled().len() - before);
        }
        drop(reads);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
