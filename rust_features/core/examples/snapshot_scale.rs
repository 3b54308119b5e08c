//! What so many idle customers take in memory and on disk, and how long a restart from a snapshot takes. `cargo run --release
//! --example snapshot_scale -- FOLDER 1000000` makes customers and writes their snapshot; with `FOLDER` alone it loads that, as a
//! process that starts does. Prints one figure a line; `cart-recovery loadtest restart` and `state-size` read them. Each customer
//! came once, viewed four products, bought another and was not seen again.

mod support;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{
    Channel, CheckoutStarted, ConsentChanged, ConsentPurpose, ConsentState, Context, DeviceClass, IdentityKeyKind,
    JournalMessage, LegalBasis, OrderCompleted, ProductAdded, ProductViewed,
};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, CartId, Token};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::sharded::Sharded;
use cart_recovery_core::snapshot::{self, Snapshot};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use support::{START, id, resident_bytes, scatter};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Between two customers: all but the latest few thousand carts and event ids are forgotten.
const SPACING_MICROS: u64 = 600_000_000;
const STEP_MICROS: u64 = 30_000_000;
/// Customers before memory is first read.
const WARM_UP: u64 = 10_000;
const KEY: Key = Key([7; 32]);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("say in which folder the snapshot lies")?;
    match arguments.next() {
        Some(customers) => write(Path::new(&folder), customers.parse()?),
        None => load(Path::new(&folder)),
    }
}

fn write(folder: &Path, customers: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (mut state, mut directory) = (State::new(), Sharded::default());
    fill(&mut state, &mut directory, 0..WARM_UP)?;
    let before = resident_bytes();
    fill(&mut state, &mut directory, WARM_UP..WARM_UP + customers)?;
    println!(
        "bytes_per_customer {}",
        resident_bytes().saturating_sub(before) / customers
    );
    println!("digest {}", hexadecimal(state.digest()));
    let started = Instant::now();
    // The engine goes on with both.
    let frozen = Snapshot {
        state: state.frozen(),
        directory: directory.clone(),
        resume: Vec::new(),
    };
    println!("frozen_seconds {:.6}", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let written = snapshot::write(folder, &KEY, frozen, None, &AtomicBool::new(false))?;
    println!("written_seconds {:.3}", started.elapsed().as_secs_f64());
    println!("snapshot_bytes {}", written.bytes);
    Ok(())
}

fn fill(
    state: &mut State,
    directory: &mut Sharded<Token, Alias>,
    customers: Range<u64>,
) -> Result<(), Box<dyn std::error::Error>> {
    for customer in customers {
        for space in [CUSTOMER, EMAIL] {
            directory.insert(Token(id(space + 10, customer)), Alias(id(space, customer)));
        }
        for message in visit(customer) {
            let sequence = state.sequence() + 1;
            fold(state, sequence, &message)?;
        }
    }
    Ok(())
}

fn load(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let loaded = snapshot::load(folder, &KEY, |_| Some(()))?;
    let (loaded, ()) = loaded.newest.ok_or("the snapshot was refused")?;
    println!("loaded_seconds {:.3}", started.elapsed().as_secs_f64());
    println!("digest {}", hexadecimal(loaded.state.digest()));
    Ok(())
}

fn hexadecimal(digest: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(digest))
}

const CUSTOMER: u8 = 1;
const EMAIL: u8 = 2;
const CART: u8 = 3;
const EVENT: u8 = 4;

fn visit(customer: u64) -> Vec<JournalMessage> {
    let cart_id = CartId(id(CART, customer)).to_string();
    let line = |number: u64| {
        let product = scatter(customer * 16 + number) % 2000;
        support::line(product, product % 4, product % 40)
    };
    let bought = line(4);
    let mut kinds = vec![Kind::ConsentChanged(ConsentChanged {
        channel: Channel::Email as i32,
        purpose: ConsentPurpose::CartReminder as i32,
        state: ConsentState::Granted as i32,
        legal_basis: LegalBasis::Consent as i32,
        ..ConsentChanged::default()
    })];
    kinds.extend((0..4).map(|number| {
        Kind::ProductViewed(ProductViewed {
            product: Some(line(number)),
            dwell_seconds: 20,
        })
    }));
    kinds.push(Kind::ProductAdded(ProductAdded {
        cart_id: cart_id.clone(),
        line: Some(bought.clone()),
        currency_code: "EUR".to_owned(),
    }));
    kinds.push(Kind::CheckoutStarted(CheckoutStarted {
        cart_id: cart_id.clone(),
    }));
    kinds.push(Kind::OrderCompleted(OrderCompleted {
        cart_id,
        lines: vec![bought],
        ..OrderCompleted::default()
    }));
    let numbered = kinds.into_iter().zip(0..);
    numbered.map(|(kind, step)| message(customer, step, kind)).collect()
}

fn message(customer: u64, step: u64, kind: Kind) -> JournalMessage {
    let micros = i64::try_from(customer * SPACING_MICROS + step * STEP_MICROS).unwrap_or(i64::MAX);
    let keys = [
        (IdentityKeyKind::Customer, id(CUSTOMER, customer)),
        (IdentityKeyKind::Email, id(EMAIL, customer)),
    ];
    let time = Micros(START.0 + micros);
    let mut message = support::message(time, id(EVENT, customer * 16 + step), &keys, kind);
    if let Some(Content::Event(event)) = &mut message.content {
        event.context = Some(Context {
            device_class: DeviceClass::Phone as i32,
            locale: "de-DE".to_owned(),
            ..Context::default()
        });
    }
    message
}
