//! Where relay and feed stand: what a start from a snapshot needs beside the state.

use async_nats::jetstream::stream::Stream;
use cart_recovery_core::ids::SpoolId;
use serde::{Deserialize, Serialize};

use crate::seen::SeenSpools;
use crate::streams::Streams;

/// The place up to which the journal is folded, and what of spools and CONTACTS is known there.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Resume {
    pub(crate) sequence: u64,
    pub(crate) seen: SeenSpools,
    pub(crate) contacts_next: u64,
    pub(crate) origin: Option<Origin>,
}

/// Which journal and which CONTACTS: when each was made, nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    journal: i128,
    contacts: i128,
}

impl Origin {
    pub(crate) fn of(streams: &Streams) -> Self {
        let made = |stream: &Stream| stream.cached_info().created.unix_timestamp_nanos();
        Self {
            journal: made(&streams.journal),
            contacts: made(&streams.contacts),
        }
    }
}

impl Resume {
    /// As bytes, for a snapshot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// From such bytes; `None` where they are none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// Whether the message of the spool is folded.
    #[must_use]
    pub fn holds(&self, spool: SpoolId, offset: u64) -> bool {
        self.seen.contains(spool, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The highest offset whose end is a number.
    const LAST: u64 = u64::MAX - 1;

    /// Its bytes stand sealed in a snapshot; should another writer have written them, a start must live on all the same.
    #[test]
    fn any_bytes_are_no_resume_or_one_to_go_on_from() {
        let mut resume = Resume {
            sequence: 900,
            contacts_next: 77,
            origin: Some(Origin {
                journal: 1 << 60,
                contacts: -5,
            }),
            ..Resume::default()
        };
        let spools = [SpoolId([1; 16]), SpoolId([0xff; 16])];
        for offset in [0, 1, 5, LAST] {
            for spool in spools {
                resume.seen.insert(spool, offset, offset);
            }
        }
        let bytes = resume.encode();
        let read = Resume::decode(&bytes).unwrap();
        assert!(read.holds(spools[0], LAST) && !read.holds(spools[0], 6));
        let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
        let changed = (0..bytes.len() * 8).map(|bit| {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        });
        for bytes in cut.chain(changed) {
            let Some(mut resume) = Resume::decode(&bytes) else {
                continue;
            };
            for (spool, offset) in spools.into_iter().zip([LAST, 4]) {
                resume.seen.insert(spool, offset, 1);
            }
        }
    }
}
