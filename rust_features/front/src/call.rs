//! One call, from its headers to its answer. Whatever takes microseconds runs on the front's own thread; only a sender
//! that asked for the journal waits, on a thread of its own, and the engine bounds how many of those there are.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_engine::{Spooled, envelope, streamed};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{ClientStreamingService, Grpc, StreamingService};
use tonic::{Status, Streaming};

use crate::answer::{MAX_REQUEST_BYTES, failed, in_time, late, status, unreadable};
use crate::codec::Raw;
use crate::deadline::Deadline;
use crate::desk::{Calls, Desk};
use crate::method::Method;

type Answers = BoxStream<'static, Result<Bytes, Status>>;
type Pending<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

/// What became of a request in the engine; the outer error is a fault of ours, or a deadline.
type Outcome = Result<Result<Vec<u8>, Refusal>, Status>;

/// Answers a call whose headers came in at `arrived`, from `caller`.
pub(crate) async fn answer<C: Calls>(
    desk: Arc<Desk<C>>,
    caller: Arc<str>,
    arrived: Instant,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(method) = Method::at(request.uri().path()) else {
        return Status::unimplemented("Method not found!").into_http();
    };
    let call = Call {
        desk,
        caller,
        method,
        deadline: Deadline::of(request.headers(), arrived),
        waited: arrived.elapsed(),
    };
    let mut grpc = Grpc::new(Raw)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    match method {
        Method::TrackStream | Method::Watch | Method::ServerReflectionInfo => grpc.streaming(call, request).await,
        // As a stream of one: a unary call of tonic's would tell some errors in other words.
        _ => grpc.client_streaming(call, request).await,
    }
}

struct Call<C> {
    desk: Arc<Desk<C>>,
    caller: Arc<str>,
    method: Method,
    deadline: Deadline,
    /// Until the front's thread took the call up.
    waited: Duration,
}

impl<C> Clone for Call<C> {
    fn clone(&self) -> Self {
        Self {
            desk: Arc::clone(&self.desk),
            caller: Arc::clone(&self.caller),
            ..*self
        }
    }
}

impl<C: Calls> ClientStreamingService<Bytes> for Call<C> {
    type Response = Bytes;
    type Future = Pending<Bytes>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let call = self.clone();
        Box::pin(async move { call.unary(request.into_inner()).await.map(tonic::Response::new) })
    }
}

impl<C: Calls> StreamingService<Bytes> for Call<C> {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = Pending<Answers>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let call = self.clone();
        Box::pin(async move { call.stream(request.into_inner()).await.map(tonic::Response::new) })
    }
}

impl<C: Calls> Call<C> {
    async fn unary(self, mut requests: Streaming<Bytes>) -> Result<Bytes, Status> {
        self.admit()?;
        let request = self.first(&mut requests).await?;
        if self.method == Method::Check {
            return self.desk.health.check(&request);
        }
        let reply = self.engine(&request).await?;
        reply.map(Bytes::from).map_err(|refusal| status(&refusal))
    }

    async fn stream(self, mut requests: Streaming<Bytes>) -> Result<Answers, Status> {
        self.admit()?;
        let places = match self.method {
            Method::Watch => &self.desk.watchers,
            _ => &self.desk.streams,
        };
        let place = places.take().map_err(|refusal| self.refused(&refusal))?;
        let deadline = self.deadline;
        let answers = if self.method == Method::Watch {
            let request = self.first(&mut requests).await?;
            self.desk.health.watch(&request)?.boxed()
        } else {
            let each = move |request: Result<Bytes, Status>| {
                let call = self.clone();
                async move { call.one_of_many(&request.map_err(unreadable)?).await }
            };
            requests.then(each).boxed()
        };
        Ok(held(answers, place, deadline))
    }

    /// Refuses what waited too long; whoever gave up meanwhile is not worked for.
    fn admit(&self) -> Result<(), Status> {
        if self.deadline.has_passed() {
            return Err(late());
        }
        in_time(self.waited).map_err(|refusal| self.refused(&refusal))
    }

    fn refused(&self, refusal: &Refusal) -> Status {
        self.desk.metrics.refused(self.method, refusal.reason);
        status(refusal)
    }

    async fn first(&self, requests: &mut Streaming<Bytes>) -> Result<Bytes, Status> {
        let message = timeout_at(self.deadline.body_end(), requests.message()).await;
        let message = message.map_err(|_| late())?.map_err(unreadable)?;
        message.ok_or_else(|| Status::internal("the call brought no message"))
    }

    /// Answers one message of a stream.
    async fn one_of_many(&self, request: &[u8]) -> Result<Bytes, Status> {
        // A stream whose messages have all come in would keep the thread to itself.
        tokio::task::consume_budget().await;
        if self.method == Method::ServerReflectionInfo {
            return self.desk.reflection.answer(request);
        }
        let outcome = match envelope(request) {
            Ok(track) => self.engine(&track).await?,
            Err(refusal) => {
                self.desk.metrics.refused(self.method, refusal.reason);
                Err(refusal)
            }
        };
        Ok(streamed(&outcome).into())
    }

    /// The engine's answer, measured.
    async fn engine(&self, request: &[u8]) -> Outcome {
        let start = Instant::now();
        let outcome = match self.desk.quota.take(&self.caller, start.into_std()) {
            Ok(()) => self.work(request).await,
            Err(refusal) => Ok(Err(refusal)),
        };
        let metrics = &self.desk.metrics;
        if let Some(durations) = metrics.durations(self.method) {
            durations.record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        if let Ok(Err(refusal)) = &outcome {
            metrics.refused(self.method, refusal.reason);
        }
        outcome
    }

    async fn work(&self, request: &[u8]) -> Outcome {
        let calls = &self.desk.calls;
        let spooled = match self.method {
            Method::Score => return self.guarded(|| calls.score(request)),
            Method::Confirm => return self.guarded(|| calls.confirm(request)),
            Method::Explain => return self.guarded(|| calls.explain(request)),
            _ => self.guarded(|| calls.track(request))?,
        };
        match spooled {
            Ok(spooled) if spooled.waits() => self.wait(spooled).await,
            spooled => Ok(spooled.and_then(Spooled::reply)),
        }
    }

    async fn wait(&self, spooled: Spooled) -> Outcome {
        let reply = tokio::task::spawn_blocking(move || spooled.reply());
        until(self.deadline.end(), reply).await?.map_err(|_| self.fault())
    }

    /// A panic of the engine ends its call alone.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, Status> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| self.fault())
    }

    fn fault(&self) -> Status {
        self.desk.metrics.failed(self.method);
        failed()
    }
}

/// Holds a place for as long as the stream is open, at most until the deadline; an error ends it.
fn held(answers: Answers, place: OwnedSemaphorePermit, deadline: Deadline) -> Answers {
    let next = move |state: Option<(Answers, OwnedSemaphorePermit)>| async move {
        let (mut answers, place) = state?;
        match until(deadline.end(), answers.next()).await {
            Ok(Some(answer)) => {
                let goes_on = answer.is_ok();
                Some((answer, goes_on.then_some((answers, place))))
            }
            Ok(None) => None,
            Err(late) => Some((Err(late), None)),
        }
    };
    unfold(Some((answers, place)), next).boxed()
}

async fn until<T>(end: Option<Instant>, work: impl Future<Output = T>) -> Result<T, Status> {
    match end {
        Some(end) => timeout_at(end, work).await.map_err(|_| late()),
        None => Ok(work.await),
    }
}
