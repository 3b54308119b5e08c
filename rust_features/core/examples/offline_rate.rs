//! Measures how many events a second of CPU time the offline engine takes, deadlines and decisions included, models
//! left out (a bundle's have a speed of their own): `cargo run --release --example offline_rate -- 3000000`. CPU time
//! holds on a machine that others use too.

use std::sync::Arc;
use std::time::Duration;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::{
    ActionTemplate, CartViewed, Channel, Event, Identity, Line, OrderCompleted, Policy, ProductAdded, ProductViewed,
    StorefrontPolicy, TrackRequest,
};
use cart_recovery_core::edge::Edge;
use cart_recovery_core::feature::{CONTEXT_COUNT, FEATURE_COUNT, schema_hash};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::offline::{Offline, Setup};
use cart_recovery_core::policy::Rules;
use cart_recovery_core::time::Micros;
use cart_recovery_core::trees::Evaluator;
use mimalloc::MiMalloc;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};

/// As in the extension module.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const START: i64 = 1_700_000_000_000_000;
const EVENTS_PER_VISIT: u64 = 6;
const VISITS_AT_ONCE: u64 = 200;
const BATCH: u64 = 100_000;

/// Answers the same for every row.
struct Constant(usize);

impl Evaluator for Constant {
    fn features(&self) -> usize {
        self.0
    }

    fn margins(&self, _rows: &[f32], out: &mut [f64]) {
        out.fill(-1.0);
    }
}

fn bundle() -> Result<Bundle, Box<dyn std::error::Error>> {
    let reminder = ActionTemplate {
        action_id: "email_reminder".into(),
        channel: Channel::Email.into(),
        template_key: "reminder".into(),
        ..ActionTemplate::default()
    };
    let company = StorefrontPolicy {
        currency_code: "EUR".into(),
        time_zone: "UTC".into(),
        abandonment_seconds: Some(1800),
        attribution_window_seconds: Some(259_200),
        holdout_basis_points: Some(0),
        max_touches: Some(1),
        touch_gap_seconds: Some(86_400),
        margin_basis_points: Some(3000),
        return_basis_points: Some(0),
        ..StorefrontPolicy::default()
    };
    let policy = Policy {
        actions: vec![reminder],
        company: Some(company),
        ..Policy::default()
    };
    Ok(Bundle {
        id: "rate".into(),
        feature_schema_hash: schema_hash(),
        rules: Rules::read(&policy)?,
        baseline: Box::new(Constant(CONTEXT_COUNT)),
        effect: Box::new(Constant(FEATURE_COUNT)),
    })
}

fn line(number: u64) -> Line {
    Line {
        product_id: format!("product-{}", number % 5000),
        quantity: 1,
        unit_price_minor: Some(1999),
        category_path: vec!["shoes".into(), "boots".into()],
        brand: "brand".into(),
        ..Line::default()
    }
}

/// Visits of six events; every fifth one buys.
fn request(number: u64) -> Vec<u8> {
    let step = number / VISITS_AT_ONCE % EVENTS_PER_VISIT;
    let visit = number / (VISITS_AT_ONCE * EVENTS_PER_VISIT) * VISITS_AT_ONCE + number % VISITS_AT_ONCE;
    let cart_id = format!("cart-{visit}");
    let currency_code = "EUR".to_owned();
    let kind = match step {
        0 | 1 => Kind::ProductViewed(ProductViewed {
            product: Some(line(number)),
            dwell_seconds: 20,
        }),
        2 | 3 => Kind::ProductAdded(ProductAdded {
            cart_id,
            line: Some(line(number)),
            currency_code,
        }),
        5 if visit.is_multiple_of(5) => Kind::OrderCompleted(OrderCompleted {
            order_id: format!("order-{visit}"),
            cart_id,
            ..Default::default()
        }),
        _ => Kind::CartViewed(CartViewed { cart_id }),
    };
    let identity = Identity {
        customer_id: format!("customer-{}", visit % 300_000),
        session_id: format!("session-{visit}"),
        ..Identity::default()
    };
    let event = Event {
        event_id: format!("event-{number}"),
        storefront_id: "main".into(),
        event_time: Some(Micros(START + i64::try_from(number).unwrap_or(i64::MAX) * 20_000).to_timestamp()),
        identity: Some(identity),
        kind: Some(kind),
        ..Event::default()
    };
    TrackRequest {
        event: Some(event),
        acknowledge: 0,
    }
    .encode_to_vec()
}

/// User and system time of the process so far.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let mut offline = Offline::new(Setup {
        edge: Edge::without_dispatcher(Key([1; 32])),
        bundle: Some(Arc::new(bundle()?)),
        run_seed: [2; 32],
        offer: Key([3; 32]),
        keep_journal: false,
    });
    let mut spent = Duration::ZERO;
    let mut decisions = 0;
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<Vec<u8>> = (first..count.min(first + BATCH)).map(request).collect();
        let start = cpu_time();
        let refused = offline.run(batch.iter().map(Vec::as_slice));
        spent += cpu_time().saturating_sub(start);
        decisions += offline.take_decisions().len();
        if let Some(row) = refused.first() {
            return Err(row.refusal.clone().into());
        }
    }
    let rate = f64::from(u32::try_from(count)?) / spent.as_secs_f64();
    println!("{count} events, {decisions} decisions, {spent:.2?} of CPU time, {rate:.0} events/s");
    Ok(())
}
