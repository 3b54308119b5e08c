//! One call, from its headers to its answer. Whatever takes microseconds runs on the front's own thread, which waits for
//! no more than a batch of the fold; calls whose answers wait for a sync do so on threads of a pool with a bound.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_engine::{Spooled, envelope, streamed};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{ClientStreamingService, Grpc, StreamingService};
use tonic::{Status, Streaming};

use crate::answer::{MAX_REQUEST_BYTES, failed, late, status, stopping, unreadable};
use crate::deadline::Deadline;
use crate::desk::{Calls, Desk};
use crate::method::Method;
use crate::phase::cut;
use cart_recovery_raw::Raw;

type Answers = BoxStream<'static, Result<Bytes, Status>>;
type Pending<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

/// What became of a request in the engine; the outer error is a fault of ours, or a deadline.
type Outcome = Result<Result<Vec<u8>, Refusal>, Status>;

/// A call as it came in.
pub(crate) struct Arrival {
    pub(crate) caller: Arc<str>,
    /// When its head was read.
    pub(crate) read: Instant,
    /// When it may have come in, at the earliest.
    pub(crate) earliest: Instant,
}

/// Answers a call.
pub(crate) async fn answer<C: Calls>(
    desk: Arc<Desk<C>>,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(method) = Method::at(request.uri().path()) else {
        return Status::unimplemented("Method not found!").into_http();
    };
    let call = Call {
        desk,
        caller: arrival.caller,
        method,
        deadline: Deadline::of(request.headers(), arrival.read),
        waited: arrival.earliest.elapsed(),
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
    /// At most, until the front's thread took the call up.
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
        // A probe that is shed would have a busy scorer taken for a broken one.
        if self.method != Method::Check {
            self.admit()?;
        }
        let request = self.first(&mut requests).await?;
        if self.method == Method::Check {
            return self.desk.health.check(&request);
        }
        let reply = self.engine(&request).await?;
        reply.map(Bytes::from).map_err(|refusal| status(&refusal))
    }

    async fn stream(self, mut requests: Streaming<Bytes>) -> Result<Answers, Status> {
        let slots = match self.method {
            Method::Watch => &self.desk.watchers,
            _ => &self.desk.streams,
        };
        let slot = slots.take().map_err(|refusal| self.refused(&refusal))?;
        let call = self.clone();
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
        Ok(call.held(answers, slot))
    }

    /// Refuses what waited too long; whoever gave up meanwhile is not worked for.
    fn admit(&self) -> Result<(), Status> {
        if self.deadline.has_passed() {
            return Err(late());
        }
        self.desk
            .queue
            .admit(self.waited)
            .map_err(|refusal| self.refused(&refusal))
    }

    fn refused(&self, refusal: &Refusal) -> Status {
        self.desk.metrics.refused(self.method, refusal.reason);
        status(refusal)
    }

    async fn first(&self, requests: &mut Streaming<Bytes>) -> Result<Bytes, Status> {
        let message = timeout_at(self.deadline.body_end(), requests.message()).await;
        let message = message.map_err(|_| late())?.map_err(unreadable)?;
        message.ok_or_else(|| Status::unimplemented("the call brought no message"))
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
        let worked = if calls.wait_for_disk() {
            self.work_aside(request).await?
        } else {
            self.guarded(|| run(calls.as_ref(), self.method, request))?
        };
        match worked {
            Ok(Worked::Answered(reply)) => Ok(Ok(reply)),
            Ok(Worked::Spooled(spooled)) if spooled.waits() => {
                // It is spooled, and nobody may be told to try another scorer.
                let unknown = status(&Refusal::new(Reason::NotYetJournalled));
                self.until_or(spooled.reply(), unknown).await
            }
            Ok(Worked::Spooled(spooled)) => Ok(spooled.reply().await),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Works on a thread where waiting holds up nobody; those that wait at once share a sync. An event of a stream waits its
    /// turn, as its sender does.
    async fn work_aside(&self, request: &[u8]) -> Result<Result<Worked, Refusal>, Status> {
        let (desk, method, queued) = (Arc::clone(&self.desk), self.method, Instant::now());
        let thread = self.until(Arc::clone(&desk.disk).acquire_owned()).await?;
        let thread = thread.map_err(|_| stopping())?;
        if method != Method::TrackStream
            && let Err(refusal) = desk.queue.admit(queued.elapsed())
        {
            return Ok(Err(refusal));
        }
        let request = request.to_vec();
        let worked = tokio::task::spawn_blocking(move || {
            let worked = run(desk.calls.as_ref(), method, &request);
            drop(thread);
            worked
        });
        // What the engine has begun, it ends, whatever the front does.
        self.until_or(worked, late()).await?.map_err(|_| self.fault())
    }

    /// A panic of the engine ends its call alone.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, Status> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| self.fault())
    }

    fn fault(&self) -> Status {
        self.desk.metrics.failed(self.method);
        failed()
    }

    /// Holds a slot for as long as the stream is open; an error ends it.
    fn held(self, answers: Answers, slot: OwnedSemaphorePermit) -> Answers {
        let next = |state: Option<(Self, Answers, OwnedSemaphorePermit)>| async move {
            let (call, mut answers, slot) = state?;
            match call.until(answers.next()).await {
                Ok(Some(answer)) => {
                    let goes_on = answer.is_ok();
                    Some((answer, goes_on.then_some((call, answers, slot))))
                }
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        };
        unfold(Some((self, answers, slot)), next).boxed()
    }

    /// Waits for `work`, until the caller's deadline or the end of the front.
    async fn until<T>(&self, work: impl Future<Output = T>) -> Result<T, Status> {
        self.until_or(work, stopping()).await
    }

    /// [`Self::until`], with what to say at the end of the front.
    async fn until_or<T>(&self, work: impl Future<Output = T>, at_the_end: Status) -> Result<T, Status> {
        let late_at = async {
            match self.deadline.end() {
                Some(end) => sleep_until(end).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = late_at => Err(late()),
            () = cut(self.desk.phase.subscribe()) => Err(at_the_end),
        }
    }
}

/// What the engine made of a request.
enum Worked {
    Answered(Vec<u8>),
    /// The sender may have asked for the journal.
    Spooled(Spooled),
}

/// Has the engine work on a request, on the thread that asks.
fn run<C: Calls>(calls: &C, method: Method, request: &[u8]) -> Result<Worked, Refusal> {
    match method {
        Method::Score => calls.score(request).map(Worked::Answered),
        Method::Confirm => calls.confirm(request).map(Worked::Answered),
        Method::Explain => calls.explain(request).map(Worked::Answered),
        _ => calls.track(request).map(Worked::Spooled),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Semaphore, watch};

    use super::*;
    use crate::desk::Slots;
    use crate::health::Health;
    use crate::metrics::CallMetrics;
    use crate::phase::Phase;
    use crate::queue::CallQueue;
    use crate::quota::Quota;
    use crate::reflection::Reflection;
    use crate::testing::Broken;

    fn call(method: Method, calls_per_second: u32, waited: Duration, timeout: &'static str) -> Call<Broken> {
        let headers = [(
            http::HeaderName::from_static("grpc-timeout"),
            http::HeaderValue::from_static(timeout),
        )];
        let desk = Desk {
            calls: Arc::new(Broken),
            metrics: Arc::new(CallMetrics::default()),
            queue: Arc::new(CallQueue::new(Duration::from_millis(50), None)),
            quota: Arc::new(Quota::new(calls_per_second)),
            health: Health::new(),
            phase: watch::Sender::new(Phase::Open),
            reflection: Reflection::new(Vec::new(), &[]).unwrap(),
            streams: Slots::new(1),
            watchers: Slots::new(1),
            disk: Arc::new(Semaphore::new(1)),
        };
        Call {
            desk: Arc::new(desk),
            caller: "caller".into(),
            method,
            deadline: Deadline::of(&headers.into_iter().collect(), Instant::now()),
            waited,
        }
    }

    #[tokio::test]
    async fn a_panic_of_the_engine_ends_its_call_alone() {
        let call = call(Method::Score, 0, Duration::ZERO, "1H");
        let failed = call.engine(b"").await.unwrap_err();
        assert_eq!(failed.code(), tonic::Code::Internal);
        let refused = call.engine(b"more").await.unwrap().unwrap_err();
        assert_eq!(refused.reason, Reason::NoBundle);
        assert_eq!(call.desk.metrics.failures(), [(Method::Score, 1)]);
        assert_eq!(call.desk.metrics.refusals(), [(Method::Score, Reason::NoBundle, 1)]);
        assert_eq!(call.desk.metrics.durations(Method::Score).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn over_its_quota_a_caller_does_not_reach_the_engine() {
        let call = call(Method::Explain, 1, Duration::ZERO, "1H");
        assert_eq!(
            call.engine(b"more").await.unwrap().unwrap_err().reason,
            Reason::NoBundle
        );
        assert_eq!(
            call.engine(b"").await.unwrap().unwrap_err().reason,
            Reason::QuotaExceeded
        );
    }

    #[tokio::test]
    async fn what_waited_too_long_is_shed_and_what_is_late_is_not_worked_for() {
        let waited = call(Method::Track, 0, Duration::from_millis(51), "1H")
            .admit()
            .unwrap_err();
        assert_eq!(waited.code(), tonic::Code::ResourceExhausted);
        assert_eq!(waited.metadata().get("grpc-retry-pushback-ms").unwrap(), "100");
        call(Method::Track, 0, Duration::from_millis(50), "1H").admit().unwrap();
        let late = call(Method::Track, 0, Duration::ZERO, "0n").admit().unwrap_err();
        assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn whoever_gives_up_before_a_thread_for_the_disk_is_free_leaves_nothing() {
        let call = call(Method::Track, 0, Duration::ZERO, "1m");
        let taken = Arc::clone(&call.desk.disk).acquire_owned().await.unwrap();
        let late = call.work_aside(b"more").await.err().unwrap();
        assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(Arc::strong_count(&call.desk), 1);
        drop(taken);
    }

    #[tokio::test]
    async fn work_is_waited_for_until_the_deadline_or_the_end_of_the_front() {
        let late = call(Method::Track, 0, Duration::ZERO, "1m");
        let code = late.until(pending::<()>()).await.unwrap_err().code();
        assert_eq!(code, tonic::Code::DeadlineExceeded);
        let open = call(Method::Track, 0, Duration::ZERO, "1H");
        open.desk.phase.send_replace(Phase::Cut);
        assert_eq!(
            open.until(pending::<()>()).await.unwrap_err().code(),
            tonic::Code::Unavailable
        );
        assert_eq!(open.until(async { 1 }).await.unwrap(), 1);
    }
}
