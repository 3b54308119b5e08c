//! A front from its address to its end: bound when made, served by one thread of its own, drained when stopped.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

use crate::connections::Connections;
use crate::desk::{Calls, Desk, Slots};
use crate::health::Health;
use crate::metrics::CallMetrics;
use crate::phase::Phase;
use crate::queue::CallQueue;
use crate::quota::Quota;
use crate::reflection::Reflection;
use crate::tls::{TlsError, TlsFiles, acceptor};

/// How a front is made.
pub struct FrontSettings<'a> {
    /// `HOST:PORT`; port 0 takes a free one.
    pub address: &'a str,
    /// Streams open at once, reflection's included.
    pub streams: usize,
    /// Watchers of health at once.
    pub watchers: usize,
    /// Names of the services that reflection lists.
    pub services: Vec<String>,
    /// Serialised `FileDescriptorSet` of these services.
    pub descriptors: &'a [u8],
    /// TLS, or plain text.
    pub tls: Option<&'a TlsFiles>,
}

/// Why there is no front.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The address is in use, or not of this machine.
    #[error("cannot bind {address}: {error}")]
    Bind {
        /// As in the settings.
        address: String,
        /// The system's words.
        error: io::Error,
    },
    /// The system gives no thread or no event queue.
    #[error("the system gives no runtime: {0}")]
    System(#[from] io::Error),
    /// The descriptors are none.
    #[error("descriptors: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A thread that sleeps for less has found something in its sockets at once.
const LEAST_SLEEP: Duration = Duration::from_micros(50);
/// Calls that wait for the disk at once; further ones wait for a thread.
const DISK_WAITERS: usize = 64;

/// One listening gRPC server.
pub struct Front<C> {
    port: u16,
    desk: Arc<Desk<C>>,
    idle: Mutex<Option<(TcpListener, Runtime, Connections<C>)>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<C: Calls> Front<C> {
    /// Binds the address; nothing is answered before [`Self::start`].
    ///
    /// # Errors
    /// Where address, TLS files or descriptors cannot be used.
    pub fn bind(
        calls: Arc<C>,
        metrics: Arc<CallMetrics>,
        queue: Arc<CallQueue>,
        quota: Arc<Quota>,
        settings: FrontSettings<'_>,
    ) -> Result<Self, FrontError> {
        let tls = settings.tls.map(acceptor).transpose()?;
        let listener = TcpListener::bind(settings.address).map_err(|error| FrontError::Bind {
            address: settings.address.to_owned(),
            error,
        })?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let desk = Arc::new(Desk {
            calls,
            metrics,
            queue: Arc::clone(&queue),
            quota,
            health: Health::new(),
            phase: watch::Sender::new(Phase::Open),
            reflection: Reflection::new(settings.services, settings.descriptors)?,
            streams: Slots::new(settings.streams),
            watchers: Slots::new(settings.watchers),
            disk: Arc::new(Semaphore::new(DISK_WAITERS)),
        });
        let connections = Connections {
            desk: Arc::clone(&desk),
            tls,
        };
        let (sleeps, wakes) = notice_rest(queue);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(sleeps)
            .on_thread_unpark(wakes)
            .max_blocking_threads(DISK_WAITERS)
            .build()?;
        Ok(Self {
            port,
            desk,
            idle: Mutex::new(Some((listener, runtime, connections))),
            thread: Mutex::default(),
        })
    }

    /// The port in use.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Accepts calls: events at once, scoring only after [`Self::set_scoring`] as far as health says. A second start
    /// changes nothing.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(&self) -> Result<(), FrontError> {
        let Some((listener, runtime, connections)) = self.idle.lock().take() else {
            return Ok(());
        };
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("front".to_owned()).spawn(move || {
            runtime.block_on(connections.serve(listener));
            // Calls that wait for the disk end by themselves.
            runtime.shutdown_background();
        })?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Tells health whether decisions can be taken.
    pub fn set_scoring(&self, serving: bool) {
        self.desk.health.set_scoring(serving);
    }

    /// Says `NOT_SERVING`, accepts no new call and waits for those that run, at most for `grace`.
    pub fn stop(&self, grace: Duration) {
        self.desk.health.end();
        self.desk.phase.send_replace(Phase::Draining(grace));
        self.idle.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of its thread has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// What a runtime does before and after its thread sleeps, so that `queue` knows when it was empty.
fn notice_rest(queue: Arc<CallQueue>) -> (impl Fn(), impl Fn()) {
    let asleep = Arc::new(Mutex::new(Instant::now()));
    let falling_asleep = Arc::clone(&asleep);
    let sleeps = move || *falling_asleep.lock() = Instant::now();
    let wakes = move || {
        if asleep.lock().elapsed() > LEAST_SLEEP {
            queue.found_empty();
        }
    };
    (sleeps, wakes)
}

impl<C> Drop for Front<C> {
    fn drop(&mut self) {
        self.desk.phase.send_replace(Phase::Draining(Duration::ZERO));
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}
