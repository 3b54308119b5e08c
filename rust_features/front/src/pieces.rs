//! A reply that leaves in one `write`: HTTP/2 copies small pieces of it between headers and trailers, where it would
//! write a larger one for itself.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Frame;
use tonic::Status;
use tonic::body::Body;

/// Bytes of a piece; from 1,024 on it would be written for itself.
const PIECE: usize = 1000;

/// A body that is handed on in pieces.
pub(crate) struct Pieces {
    body: Body,
    rest: Bytes,
}

impl Pieces {
    pub(crate) fn of(body: Body) -> Self {
        let rest = Bytes::new();
        Self { body, rest }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = PIECE.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::body::Body as _;

    use super::*;

    /// A message in one frame, and trailers.
    struct Message(Option<Bytes>, bool);

    impl hyper::body::Body for Message {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            if let Some(data) = self.0.take() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let ended = std::mem::replace(&mut self.1, true);
            Poll::Ready((!ended).then(|| Ok(Frame::trailers(http::HeaderMap::new()))))
        }

        fn is_end_stream(&self) -> bool {
            self.1
        }
    }

    /// Sizes of the pieces, their bytes, and whether trailers came last.
    async fn pieces_of(message: &Bytes) -> (Vec<usize>, Vec<u8>, bool) {
        let mut pieces = Pieces::of(Body::new(Message(Some(message.clone()), false)));
        let (mut sizes, mut bytes, mut trailers) = (Vec::new(), Vec::new(), false);
        while let Some(frame) = poll_fn(|context| Pin::new(&mut pieces).poll_frame(context)).await {
            assert!(!trailers);
            match frame.unwrap().into_data() {
                Ok(data) => {
                    sizes.push(data.len());
                    bytes.extend(data);
                }
                Err(_) => trailers = true,
            }
        }
        assert!(pieces.is_end_stream());
        (sizes, bytes, trailers)
    }

    #[tokio::test]
    async fn a_message_comes_whole_in_pieces_and_its_trailers_last() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2560, 100_000] {
            let message: Bytes = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let (sizes, bytes, trailers) = pieces_of(&message).await;
            assert_eq!((bytes.as_slice(), trailers), (message.as_ref(), true));
            assert!(sizes.iter().all(|size| *size <= PIECE));
            assert_eq!(sizes.len(), length.div_ceil(PIECE).max(1));
        }
    }
}
