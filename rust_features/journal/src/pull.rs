//! A stream's messages from one sequence on, in their order, over a connection of their own.

use std::path::Path;
use std::time::Duration;

use async_nats::ServerAddr;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use tokio::time::timeout;

use crate::error::SessionError;
use crate::wire::{Login, Message, Wire, header};

/// Messages asked for at once: enough that the server never waits to be asked.
const ASKED: usize = 8192;
/// Bytes asked for at once; with a half more, what the server may have sent ahead of us.
const ASKED_BYTES: usize = 32 << 20;
/// How long a request stands; the server tells how much of it was left.
const REQUEST: Duration = Duration::from_secs(30);
/// A server with nothing to send says so at such intervals.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The server forgets a reader that is gone for so long.
const FORGET: Duration = Duration::from_secs(30);

/// How readers come to the servers.
pub(crate) struct Door {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) login: Login,
}

/// A consumer made at the server, to be read from whatever thread.
pub(crate) struct Consumer {
    next_subject: String,
    inbox: String,
    /// Messages that it has still to bring.
    pub(crate) pending: u64,
}

/// Where a message stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    /// Its number among those that came this way, from 1.
    turn: u64,
    /// Messages of the stream that are still to come this way.
    pub(crate) pending: u64,
}

/// A consumer that is read.
pub(crate) struct Pull {
    wire: Wire,
    consumer: Consumer,
    request: String,
    /// Messages asked for that did not come yet.
    asked: usize,
    turn: u64,
}

impl Door {
    /// From URLs with commas between them, and a credentials file.
    pub(crate) fn find(nats_url: &str, credentials: Option<&Path>) -> Result<Self, SessionError> {
        let servers = nats_url.split(',').map(|address| address.trim().parse());
        let servers = servers.collect::<Result<_, _>>();
        Ok(Self {
            servers: servers.map_err(|error: std::io::Error| SessionError::Fatal(error.to_string()))?,
            login: credentials.map(Login::read).transpose()?.unwrap_or_default(),
        })
    }
}

impl Consumer {
    /// Of the messages of `stream` on subjects like `filter` from sequence `first` on.
    pub(crate) async fn make(
        context: &Context,
        stream: &Stream,
        filter: &str,
        first: u64,
    ) -> Result<Self, SessionError> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
            ack_policy: AckPolicy::None,
            filter_subject: filter.to_owned(),
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let made = stream.create_consumer(config).await;
        let made = made.map_err(SessionError::lost("making a consumer"))?;
        let info = made.cached_info();
        Ok(Self {
            next_subject: format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", info.stream_name, info.name),
            inbox: context.client().new_inbox(),
            pending: info.num_pending,
        })
    }

    /// Begins to read.
    pub(crate) async fn read(self, door: &Door) -> Result<Pull, SessionError> {
        Ok(Pull {
            wire: Wire::connect(&door.servers, &door.login, &self.inbox).await?,
            consumer: self,
            request: format!(
                r#"{{"batch":{ASKED},"max_bytes":{ASKED_BYTES},"expires":{},"idle_heartbeat":{}}}"#,
                REQUEST.as_nanos(),
                HEARTBEAT.as_nanos()
            ),
            asked: 0,
            turn: 0,
        })
    }
}

impl Pull {
    /// Waits until something comes, and hands on all that is here.
    pub(crate) async fn read(
        &mut self,
        mut each: impl FnMut(Place, &Message<'_>) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        if self.asked <= ASKED / 2 {
            let Consumer {
                next_subject, inbox, ..
            } = &self.consumer;
            self.wire.request(next_subject, inbox, &self.request).await?;
            self.asked += ASKED;
        }
        let Self { wire, asked, turn, .. } = self;
        let read = wire.read(|message| {
            if !message.status.is_empty() {
                *asked = asked.saturating_sub(given_up(message)?);
                return Ok(());
            }
            let place = Place::of(message.reply)?;
            *turn += 1;
            if place.turn != *turn {
                return Err(SessionError::Lost(format!("message {turn} of a consumer did not come")));
            }
            *asked = asked.saturating_sub(1);
            each(place, message)
        });
        let silent = |_| SessionError::Lost("the server fell silent".to_owned());
        timeout(HEARTBEAT * 3, read).await.map_err(silent)?
    }
}

/// What the end of a request says about it: how many of its messages will not come.
fn given_up(status: &Message<'_>) -> Result<usize, SessionError> {
    match status.status.split(' ').next().unwrap_or_default() {
        "100" => Ok(0),
        "404" | "408" | "409" if !status.status.contains("Consumer") => {
            let left = header(status.headers, "Nats-Pending-Messages").and_then(|left| left.parse().ok());
            Ok(left.unwrap_or(ASKED))
        }
        _ => Err(SessionError::Lost(format!("the server says: {}", status.status))),
    }
}

impl Place {
    /// From the subject of the acknowledgement: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<turn>.<time>.<pending>`,
    /// with domain and account before the stream and a token at the end where the server has domains (ADR-15).
    fn of(reply: &str) -> Result<Self, SessionError> {
        let skipped = if reply.bytes().filter(|byte| *byte == b'.').count() > 8 {
            7
        } else {
            5
        };
        let mut words = reply.split('.').skip(skipped).map(|word| word.parse().ok());
        let mut number = || words.next().flatten();
        let place = number().zip(number()).zip({
            number();
            number()
        });
        let ((sequence, turn), pending) =
            place.ok_or_else(|| SessionError::Lost(format!("the server sent a message from nowhere: {reply:?}")))?;
        Ok(Self {
            sequence,
            turn,
            pending,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_with_and_without_domain() {
        let place = Place {
            sequence: 7,
            turn: 3,
            pending: 9,
        };
        assert_eq!(Place::of("$JS.ACK.JOURNAL.c.1.7.3.1700000000.9").unwrap(), place);
        assert_eq!(
            Place::of("$JS.ACK.hub.acc.JOURNAL.c.1.7.3.1700000000.9.token").unwrap(),
            place
        );
        assert!(Place::of("$JS.ACK.JOURNAL.c.1.x.3.1700000000.9").is_err());
        assert!(Place::of("").is_err());
    }
}
