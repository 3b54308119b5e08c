//! How fast this machine folds and reads features, in processor time, so that others may work meanwhile: `cargo run --release
//! --example fold_rate -- 1000000`, the number of events. Prints one figure a line; `cart-recovery loadtest fold` reads them.

mod support;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::{IdentityKeyKind, JournalMessage, OrderCompleted, ProductAdded, ProductViewed};
use cart_recovery_core::feature::{CONTEXT_COUNT, context_features};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, CartId};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use prost::Message;
use support::{START, id, line, processor_seconds, scatter};

/// As in the extension.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CUSTOMERS: u64 = 100_000;
/// Messages that are made at a time.
const CHUNK: u64 = 50_000;
const SPACING_MICROS: i64 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events: u32 = std::env::args().nth(1).ok_or("say how many events")?.parse()?;
    let mut state = State::new();
    let (mut folding, mut decoding) = (0.0, 0.0);
    for first in (0..u64::from(events)).step_by(usize::try_from(CHUNK)?) {
        let encoded: Vec<Vec<u8>> = (first..u64::from(events).min(first + CHUNK))
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
    println!("folded_per_second {:.0}", f64::from(events) / folding);
    println!("decoded_per_second {:.0}", f64::from(events) / decoding);
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
    // So that nothing of it is left out.
    std::hint::black_box(sum);
    let nanoseconds = (processor_seconds() - started) * 1e9 / f64::from(u32::try_from(CUSTOMERS).unwrap_or(u32::MAX));
    println!("features_nanoseconds {nanoseconds:.0}");
}

/// A repeatable mix: twelve views, three additions and an order in every sixteen events.
fn event(number: u64) -> JournalMessage {
    let random = scatter(number);
    let person = random % CUSTOMERS;
    let line = line(random >> 20 & 0xfff, random >> 40 & 0xf, random >> 44 & 0x7);
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
    let time = Micros(START.0 + i64::try_from(number).unwrap_or_default() * SPACING_MICROS);
    let keys = [
        (IdentityKeyKind::Customer, id(1, person)),
        (IdentityKeyKind::Anonymous, id(2, person)),
    ];
    support::message(time, id(4, number), &keys, kind)
}
