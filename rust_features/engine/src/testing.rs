//! An engine's inside without a journal, for tests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{Cart, CartUpdated, Event, JournalMessage, Line, Policy, StorefrontPolicy};
use cart_recovery_core::edge::Edge;
use cart_recovery_core::feature::{CONTEXT_COUNT, FEATURE_COUNT, schema_hash};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{CartId, SpoolId};
use cart_recovery_core::keyed::{Key, public_hash};
use cart_recovery_core::policy::Rules;
use cart_recovery_core::spool::{Durability, Spool};
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use cart_recovery_core::trees::Evaluator;
use parking_lot::RwLock;

use crate::clock::Clock;
use crate::counters::Counters;
use crate::directory::Directory;
use crate::in_flight::InFlight;
use crate::live::Live;

/// A model that knows nothing.
struct Even(usize);

impl Evaluator for Even {
    fn features(&self) -> usize {
        self.0
    }

    fn margins(&self, _context: &[f32], _actions: &[f32], out: &mut [f64]) {
        out.fill(0.0);
    }
}

/// T is half an hour, a deadline stale after an hour.
fn bundle() -> Bundle {
    let company = StorefrontPolicy {
        currency_code: "EUR".into(),
        time_zone: "Europe/Berlin".into(),
        abandonment_seconds: Some(1800),
        stale_after_seconds: Some(3600),
        attribution_window_seconds: Some(259_200),
        holdout_basis_points: Some(0),
        max_touches: Some(1),
        touch_gap_seconds: Some(86_400),
        margin_basis_points: Some(4000),
        return_basis_points: Some(500),
        ..StorefrontPolicy::default()
    };
    let policy = Policy {
        company: Some(company),
        ..Policy::default()
    };
    Bundle {
        id: "0123456789abcdef0123456789abcdef".into(),
        feature_schema_hash: schema_hash(),
        rules: Rules::read(&policy).unwrap(),
        baseline: Box::new(Even(CONTEXT_COUNT)),
        effect: Box::new(Even(FEATURE_COUNT)),
    }
}

/// Caught up with an empty journal, its spool in `folder`.
pub fn live(folder: &Path, spool_limit_bytes: u64, durability: Durability) -> Live {
    let key = || Key([1; 32]);
    Live {
        edge: Edge::new(key(), [9; 32]),
        decision_key: key(),
        offer_key: key(),
        clock: Clock::events(),
        spool: Arc::new(Spool::open(folder, SpoolId([1; 16]), spool_limit_bytes, durability).unwrap()),
        state: RwLock::new(State::new()),
        directory: Directory::default(),
        in_flight: InFlight::default(),
        counters: Counters::default(),
        bundle: RwLock::new(Some(Arc::new(bundle()))),
        caught_up: AtomicBool::new(true),
        stopping: AtomicBool::new(false),
        folded_at: AtomicI64::new(0),
        settled: AtomicBool::new(true),
    }
}

/// Folds a cart of its own for each number.
pub fn cart_updated(state: &mut State, number: u64, time: Micros) {
    let cart = Cart {
        cart_id: CartId(public_hash("test cart", &[&number.to_le_bytes()])).to_string(),
        lines: vec![Line {
            product_id: "boots".into(),
            quantity: 1,
            ..Line::default()
        }],
        ..Cart::default()
    };
    let event = Event {
        storefront_id: "shop".into(),
        event_time: Some(time.to_timestamp()),
        kind: Some(Kind::CartUpdated(CartUpdated { cart: Some(cart) })),
        ..Event::default()
    };
    let message = JournalMessage {
        received_time: Some(time.to_timestamp()),
        content: Some(Content::Event(event)),
        ..JournalMessage::default()
    };
    fold(state, state.sequence() + 1, &message).unwrap();
}
