//! Prints what so many idle customers take in memory and on disk, and how long a restart from a snapshot takes:
//! `cargo run --release --example snapshot_scale -- 1000000 FOLDER`. Each customer came once, viewed four products,
//! bought one and was not seen again.

mod support;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::{
    Channel, CheckoutStarted, ConsentChanged, ConsentPurpose, ConsentState, IdentityKeyKind, JournalMessage,
    LegalBasis, OrderCompleted, ProductAdded, ProductViewed,
};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, CartId, Token};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::sharded::Sharded;
use cart_recovery_core::snapshot::{self, Snapshot};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use support::{START, id, resident_bytes};

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
    let (Some(customers), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("say how many customers, and a folder for the snapshot".into());
    };
    let customers: u64 = customers.parse()?;
    let (mut state, mut directory) = (State::new(), Sharded::default());
    let mut before = 0;
    let started = Instant::now();
    for customer in 0..WARM_UP + customers {
        if customer == WARM_UP {
            before = resident_bytes();
        }
        for space in [CUSTOMER, EMAIL] {
            directory.insert(Token(id(space + 10, customer)), Alias(id(space, customer)));
        }
        for message in visit(customer) {
            let sequence = state.sequence() + 1;
            fold(&mut state, sequence, &message)?;
        }
        if customer % (customers / 10).max(1) == 0 {
            println!(
                "{customer} customers, {} MiB, {} carts",
                resident_bytes() >> 20,
                state.cart_count()
            );
        }
    }
    println!(
        "{} events folded and made in {:.1?}",
        state.sequence(),
        started.elapsed()
    );
    println!(
        "{} bytes for each customer, directory included",
        (resident_bytes() - before) / customers
    );
    let started = Instant::now();
    let digest = state.digest();
    println!("digest in {:.1?}", started.elapsed());
    restart(Path::new(&folder), state, directory, digest)
}

fn restart(
    folder: &Path,
    state: State,
    directory: Sharded<Token, Alias>,
    digest: [u8; 16],
) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let frozen = Snapshot {
        state: state.frozen(),
        directory: directory.clone(),
        resume: Vec::new(),
    };
    println!("frozen in {:.1?}", started.elapsed());
    let started = Instant::now();
    let written = snapshot::write(folder, &KEY, frozen, &AtomicBool::new(false))?;
    println!("{} MiB written in {:.1?}", written.bytes >> 20, started.elapsed());
    drop((state, directory));
    let started = Instant::now();
    let loaded = snapshot::load(folder, &KEY, |_| Some(()))?;
    let (loaded, ()) = loaded.newest.ok_or("the snapshot was refused")?;
    println!("loaded in {:.1?}, {} MiB", started.elapsed(), resident_bytes() >> 20);
    if loaded.state.digest() != digest {
        return Err("the digest differs".into());
    }
    println!("the digest is equal");
    std::fs::remove_file(written.path)?;
    Ok(())
}

const CUSTOMER: u8 = 1;
const EMAIL: u8 = 2;
const CART: u8 = 3;
const EVENT: u8 = 4;

fn visit(customer: u64) -> Vec<JournalMessage> {
    let cart_id = CartId(id(CART, customer)).to_string();
    let line = |number: u64| support::line((customer * 7 + number) % 2000, number % 16, customer % 40);
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
        line: Some(line(3)),
        currency_code: "EUR".to_owned(),
    }));
    kinds.push(Kind::CheckoutStarted(CheckoutStarted {
        cart_id: cart_id.clone(),
    }));
    kinds.push(Kind::OrderCompleted(OrderCompleted {
        cart_id,
        lines: vec![line(3)],
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
    support::message(time, id(EVENT, customer * 16 + step), &keys, kind)
}
