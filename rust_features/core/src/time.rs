//! Time is data: microseconds since 1970 UTC, handed in by the caller.

use prost_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Micros(pub i64);

const PER_SECOND: i64 = 1_000_000;

impl Micros {
    /// The last second of the year 9999, which every protobuf timestamp allows: the clock where events are checked
    /// against their own time, not against the wall's.
    pub const END_OF_TIME: Self = Self(253_402_300_799_000_000);

    /// Later by so many seconds, saturating.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(i64::from(seconds) * PER_SECOND))
    }

    /// Whole and fractional seconds from `earlier` to `self`; negative where `self` comes first.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }

    /// The protobuf form.
    #[must_use]
    pub fn to_timestamp(self) -> Timestamp {
        Timestamp {
            seconds: self.0.div_euclid(PER_SECOND),
            nanos: i32::try_from(self.0.rem_euclid(PER_SECOND) * 1000).unwrap_or_default(),
        }
    }

    /// From the protobuf form, cut to microseconds, saturating.
    #[must_use]
    pub fn from_timestamp(timestamp: &Timestamp) -> Self {
        Self(
            timestamp
                .seconds
                .saturating_mul(PER_SECOND)
                .saturating_add(i64::from(timestamp.nanos).div_euclid(1000)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protobuf_form_reads_back() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -1_700_000_000_123_456] {
            assert_eq!(Micros::from_timestamp(&Micros(micros).to_timestamp()), Micros(micros));
        }
    }
}
