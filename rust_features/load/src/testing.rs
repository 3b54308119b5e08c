//! A plan for tests.

use std::time::Duration;

use crate::{Kind, Plan};

/// Calls of one kind over one connection to nobody.
pub(crate) fn plan(requests: Vec<Vec<u8>>, rate: f64, duration: Duration) -> Plan {
    let kind = Kind {
        method: "/a.B/C".to_owned(),
        weight: 1.0,
        requests,
    };
    Plan {
        address: "127.0.0.1:1".to_owned(),
        kinds: vec![kind],
        rate,
        duration,
        connections: 1,
        deadline: Duration::from_secs(1),
        objective: Duration::from_millis(5),
        in_flight_limit: 1,
        seed: 1,
        first_number: 1,
    }
}
