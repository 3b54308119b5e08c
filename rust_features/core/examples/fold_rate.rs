//! Prints how fast this machine folds and reads features, in processor time, so that others may work meanwhile: `cargo run --release --example fold_rate`.

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{
    Event, IdentityKey, IdentityKeyKind, JournalMessage, Line, OrderCompleted, ProductAdded, ProductViewed,
};
use cart_recovery_core::feature::{CONTEXT_COUNT, context_features};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, CartId, EventId};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use prost::Message;

const CUSTOMERS: u64 = 100_000;
const EVENTS: u64 = 1_000_000;
const CHUNK: u64 = 50_000;
const START_SECONDS: i64 = 1_700_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = resident_bytes();
    let mut state = State::new();
    let (mut folding, mut decoding) = (0.0, 0.0);
    for first in (0..EVENTS).step_by(usize::try_from(CHUNK)?) {
        let encoded: Vec<Vec<u8>> = (first..first + CHUNK)
            .map(|number| event(number).encode_to_vec())
            .collect();
        let started = processor_seconds();
        let messages: Vec<_> = encoded
            .iter()
            .map(|bytes| JournalMessage::decode(bytes.as_slice()))
            .collect::<Result<_, _>>()?;
        decoding += processor_seconds() - started;
        let started = processor_seconds();
        for message in &messages {
            let sequence = state.sequence() + 1;
            fold(&mut state, sequence, message)?;
        }
        folding += processor_seconds() - started;
    }
    let grown = resident_bytes().saturating_sub(before);
    let rate = |seconds: f64| f64::from(u32::try_from(EVENTS).unwrap_or(u32::MAX)) / seconds / 1e6;
    println!(
        "fold: {:.2} M events/s; decode: {:.2} M events/s",
        rate(folding),
        rate(decoding)
    );
    println!(
        "{} records, {} carts, {} bytes of growth each",
        state.customer_count(),
        state.cart_count(),
        grown / CUSTOMERS
    );
    read_features(&state);
    Ok(())
}

fn read_features(state: &State) {
    let clock = state.journal_time().plus_seconds(1800);
    let mut out = [0.0; CONTEXT_COUNT];
    let mut sum = 0.0;
    let started = processor_seconds();
    for number in 0..CUSTOMERS {
        let person = scatter(number) % CUSTOMERS;
        let cart = state.cart(&CartId(id(3, person)));
        context_features(state, &state.customer(&[Alias(id(1, person))]), cart, clock, &mut out);
        sum += out[1];
    }
    let nanoseconds = (processor_seconds() - started) * 1e9 / f64::from(u32::try_from(CUSTOMERS).unwrap_or(u32::MAX));
    println!("features: {nanoseconds:.0} ns per customer, links and lookups included ({sum:.0} units)");
}

/// A repeatable mix: seven views, two additions and an order in every ten events.
fn event(number: u64) -> JournalMessage {
    let random = scatter(number);
    let person = random % CUSTOMERS;
    let line = Line {
        product_id: (random >> 20 & 0xfff).to_string(),
        quantity: 1,
        unit_price_minor: Some(1999),
        category_path: vec!["shop".to_owned(), (random >> 40 & 0xf).to_string()],
        brand: (random >> 44 & 0x7).to_string(),
        ..Line::default()
    };
    let cart_id = CartId(id(3, person)).to_string();
    let kind = match random >> 50 & 0xf {
        0..3 => Kind::ProductAdded(ProductAdded {
            cart_id,
            line: Some(line),
            currency_code: "EUR".to_owned(),
        }),
        3 => Kind::OrderCompleted(OrderCompleted {
            cart_id,
            lines: vec![line],
            ..OrderCompleted::default()
        }),
        _ => Kind::ProductViewed(ProductViewed {
            product: Some(line),
            dwell_seconds: 5,
        }),
    };
    let time = Micros(START_SECONDS * 1_000_000 + i64::try_from(number).unwrap_or_default() * 20_000).to_timestamp();
    let key = |kind: IdentityKeyKind, space| IdentityKey {
        kind: kind as i32,
        token: id(space, person).to_vec(),
        alias: id(space, person).to_vec(),
    };
    JournalMessage {
        received_time: Some(time),
        identity_keys: vec![key(IdentityKeyKind::Customer, 1), key(IdentityKeyKind::Anonymous, 2)],
        imported: false,
        content: Some(Content::Event(Event {
            event_id: EventId(id(4, number)).to_string(),
            storefront_id: "shop".to_owned(),
            event_time: Some(time),
            kind: Some(kind),
            ..Event::default()
        })),
    }
}

fn id(space: u64, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&scatter(space << 48 | number).to_le_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The finaliser of splitmix64.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Time this thread has spent on a processor.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or_default()
        * 4096
}
