//! A stream's messages from one sequence on, in their order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use async_nats::{ConnectOptions, Event, ServerAddr};
use futures_util::StreamExt;
use futures_util::stream::ReadyChunks;
use tokio::sync::Notify;

use crate::error::SessionError;
use crate::paced::paced;

/// Messages asked for at once: enough that the server never waits to be asked.
const ASKED: usize = 8192;
/// Messages handed on together.
const CHUNK: usize = 256;
/// A server with nothing to send says so at such intervals.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The server forgets a reader that is gone for so long.
const FORGET: Duration = Duration::from_secs(30);
/// An answer of the server that takes longer counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent connection is given up after some three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the servers are, and who we are.
pub(crate) struct Cluster {
    servers: Vec<ServerAddr>,
    credentials: Option<PathBuf>,
}

/// Where a message stands.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    pub(crate) sequence: u64,
    /// Messages of the stream that are still to come this way.
    pub(crate) pending: u64,
}

/// A consumer that is read.
pub(crate) struct Pull {
    messages: ReadyChunks<pull::Stream>,
    /// Messages that it had to bring when it began.
    pub(crate) pending: u64,
    /// Messages that came.
    came: u64,
}

impl Cluster {
    /// From URLs with commas between them, and a credentials file.
    pub(crate) fn find(nats_url: &str, credentials: Option<&Path>) -> Result<Self, SessionError> {
        let servers = nats_url.split(',').map(|address| address.trim().parse());
        let servers = servers.collect::<Result<_, _>>();
        Ok(Self {
            servers: servers.map_err(|error: std::io::Error| SessionError::Fatal(error.to_string()))?,
            credentials: credentials.map(Path::to_owned),
        })
    }

    /// A new connection; `lost` is told when it is of no more use.
    pub(crate) async fn connect(&self, lost: Arc<Notify>) -> Result<Context, SessionError> {
        let mut options = ConnectOptions::new()
            .name("cart-recovery journal")
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .max_reconnects(self.servers.len())
            .event_callback(move |event| {
                if matches!(event, Event::Disconnected | Event::Closed | Event::SlowConsumer(_)) {
                    lost.notify_one();
                }
                async {}
            });
        if let Some(path) = &self.credentials {
            let read = options.credentials_file(path).await;
            options = read.map_err(|error| SessionError::Fatal(format!("{}: {error}", path.display())))?;
        }
        let client = options.connect(self.servers.as_slice()).await;
        let client = client.map_err(SessionError::lost("connecting"))?;
        Ok(ContextBuilder::new().timeout(ANSWER_TIMEOUT).build(client))
    }
}

impl Pull {
    /// Begins with the messages of `stream` on subjects like `filter`, from sequence `first` on.
    pub(crate) async fn begin(stream: &Stream, filter: &str, first: u64) -> Result<Self, SessionError> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
            ack_policy: AckPolicy::None,
            filter_subject: filter.to_owned(),
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await;
        let consumer = consumer.map_err(SessionError::lost("making a consumer"))?;
        let builder = consumer.stream().max_messages_per_batch(ASKED).heartbeat(HEARTBEAT);
        let messages = builder.messages().await.map_err(SessionError::lost("reading"))?;
        Ok(Self {
            messages: messages.ready_chunks(CHUNK),
            pending: consumer.cached_info().num_pending,
            came: 0,
        })
    }

    /// Waits until something comes, and hands on what is here.
    pub(crate) async fn read(
        &mut self,
        mut each: impl FnMut(Position, &Message) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        let chunk = self.messages.next().await;
        let chunk = chunk.ok_or_else(|| SessionError::Lost("a stream's messages ended".to_owned()))?;
        for message in paced(chunk) {
            let message = message.map_err(SessionError::lost("reading"))?;
            let info = message.info().map_err(SessionError::lost("reading"))?;
            self.came += 1;
            if info.consumer_sequence != self.came {
                return Err(SessionError::Lost(format!(
                    "message {} of a consumer did not come",
                    self.came
                )));
            }
            let position = Position {
                sequence: info.stream_sequence,
                pending: info.pending,
            };
            each(position, &message)?;
        }
        Ok(())
    }
}
