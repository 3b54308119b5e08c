//! What the examples share: invented ids and messages, and readings of the process.

// Each example uses a part of it.
#![allow(dead_code)]

use std::time::Duration;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{Event, IdentityKey, IdentityKeyKind, JournalMessage, Line};
use cart_recovery_core::ids::EventId;
use cart_recovery_core::time::Micros;
use rustix::time::{ClockId, clock_gettime};

/// When every journal begins.
pub const START: Micros = Micros(1_700_000_000_000_000);

/// The finaliser of splitmix64.
pub fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// An id as evenly spread as a keyed hash or a drawn alias.
pub fn id(space: u8, number: u64) -> [u8; 16] {
    let first = scatter(number ^ u64::from(space) << 56);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&scatter(first ^ number).to_le_bytes());
    bytes
}

/// An event of the one storefront, received when it happened. Tokens and aliases are alike.
pub fn message(time: Micros, event_id: [u8; 16], keys: &[(IdentityKeyKind, [u8; 16])], kind: Kind) -> JournalMessage {
    let time = time.to_timestamp();
    let keys = keys.iter().map(|(kind, id)| IdentityKey {
        kind: *kind as i32,
        token: id.to_vec(),
        alias: id.to_vec(),
    });
    JournalMessage {
        received_time: Some(time),
        identity_keys: keys.collect(),
        imported: false,
        content: Some(Content::Event(Event {
            event_id: EventId(event_id).to_string(),
            storefront_id: "shop".to_owned(),
            event_time: Some(time),
            kind: Some(kind),
            ..Event::default()
        })),
    }
}

/// One unit of a product.
pub fn line(product: u64, category: u64, brand: u64) -> Line {
    Line {
        product_id: product.to_string(),
        quantity: 1,
        unit_price_minor: Some(1999),
        category_path: vec!["shop".to_owned(), category.to_string()],
        brand: brand.to_string(),
        ..Line::default()
    }
}

/// Time this thread has spent on a processor.
pub fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or_default();
    (Duration::from_secs(seconds) + Duration::from_nanos(spent.tv_nsec.unsigned_abs())).as_secs_f64()
}

/// Memory of this process.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.unwrap_or_default() * 4096
}
