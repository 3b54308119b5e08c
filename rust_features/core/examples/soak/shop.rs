//! A shop whose customers come back: some fill a cart, most leave it, some order it after they were written to.

use std::error::Error;
use std::iter;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{
    Action, ActionTemplate, Channel, CheckoutStarted, ConsentChanged, ConsentPurpose, ConsentState, DecisionRecord,
    Exploration, Forest, Identity, IdentityKeyKind, JournalMessage, LegalBasis, Line, MessageOutcome, MessageSent,
    Node, OrderCompleted, Policy, ProductAdded, ProductUpdated, ProductViewed, StorefrontPolicy, Tree, message_outcome,
    node,
};
use cart_recovery_core::decide::{fire, to_message};
use cart_recovery_core::feature::{CONTEXT_COUNT, FEATURE_COUNT, schema_hash};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{CartId, Token};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::policy::Rules;
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use cart_recovery_core::trees::FactoredTrees;
use prost::Message;

use crate::support::{START, id, line, message, scatter};

/// Each customer's within the year: enough to fill every list of a record that has a bound.
const EVENTS_PER_CUSTOMER: u64 = 2000;
/// About as many as a visit has; it sets the pace of the clock.
const EVENTS_PER_VISIT: u64 = 8;
const YEAR_MICROS: u64 = 365 * 86_400 * 1_000_000;
const ABANDONMENT_SECONDS: u32 = 1800;
const PRODUCTS: u64 = 2000;
const VIEWS: u64 = 4;
const KEY: Key = Key([3; 32]);

const CUSTOMER: u8 = 1;
const EMAIL: u8 = 2;
const DEVICE: u8 = 3;
const CART: u8 = 4;
const EVENT: u8 = 5;
const SESSION: u8 = 6;

/// The shop and what is known of it.
pub struct Shop {
    pub state: State,
    /// Messages folded.
    pub events: u64,
    /// However long it is open.
    pub customers: u64,
    bundle: Bundle,
    visit_micros: u64,
}

impl Shop {
    /// Opens it for a year of about so many events.
    pub fn open(events: u64) -> Result<Self, Box<dyn Error>> {
        let mut shop = Self {
            state: State::new(),
            events: 0,
            bundle: bundle()?,
            customers: (events / EVENTS_PER_CUSTOMER).max(1),
            visit_micros: YEAR_MICROS / (events / EVENTS_PER_VISIT).max(1),
        };
        for product in 0..PRODUCTS {
            let update = ProductUpdated {
                product_id: product.to_string(),
                price_minor: Some(1999),
                stock: Some(7),
                ..ProductUpdated::default()
            };
            shop.happen(START, &[], Kind::ProductUpdated(update))?;
        }
        Ok(shop)
    }

    /// One visit, at first without a key, and what the visitor of some days ago does about his cart.
    pub fn visit(&mut self, number: u64) -> Result<(), Box<dyn Error>> {
        let mut time = Micros(START.0 + i64::try_from(number * self.visit_micros)?);
        let (nobody, keys) = ([].as_slice(), self.keys(number));
        for (at, kind) in iter::once(view(number, VIEWS)).chain(kinds(number)).enumerate() {
            let acting = if at == 0 { nobody } else { &keys };
            let event = message(time, id(EVENT, self.events), acting, kind);
            self.arrive(time, &within(number, event))?;
            time = time.plus_seconds(1);
        }
        let earlier = number.checked_sub(self.customers);
        if let Some(earlier) = earlier.filter(|earlier| fate(*earlier) == Fate::OrderedLater) {
            self.happen(time, &self.keys(earlier), order(earlier))?;
        }
        Ok(())
    }

    fn keys(&self, visit: u64) -> [(IdentityKeyKind, [u8; 16]); 3] {
        let customer = scatter(visit) % self.customers;
        [
            (IdentityKeyKind::Customer, id(CUSTOMER, customer)),
            (IdentityKeyKind::Email, id(EMAIL, customer)),
            (IdentityKeyKind::Anonymous, id(DEVICE, customer)),
        ]
    }

    /// Outside of a session.
    fn happen(&mut self, time: Micros, keys: &[(IdentityKeyKind, [u8; 16])], kind: Kind) -> Result<(), Box<dyn Error>> {
        let event = message(time, id(EVENT, self.events), keys, kind);
        self.arrive(time, &event)
    }

    /// Decides about what was left alone until then, and folds the event.
    fn arrive(&mut self, time: Micros, event: &JournalMessage) -> Result<(), Box<dyn Error>> {
        while let Some(due) = self.state.take_next_due(time, ABANDONMENT_SECONDS) {
            for record in fire(&self.state, &self.bundle, &[due], &KEY) {
                let sent = sent(&record, due.time);
                self.add(&to_message(record))?;
                if let Some(outcome) = sent {
                    let event = message(due.time, id(EVENT, self.events), &[], Kind::MessageOutcome(outcome));
                    self.add(&event)?;
                }
            }
        }
        self.add(event)
    }

    fn add(&mut self, message: &JournalMessage) -> Result<(), Box<dyn Error>> {
        fold(&mut self.state, self.events + 1, message)?;
        self.events += 1;
        Ok(())
    }
}

/// What becomes of the cart of a visit.
#[derive(PartialEq, Eq)]
enum Fate {
    None,
    Ordered,
    OrderedLater,
    Left,
}

fn fate(visit: u64) -> Fate {
    match scatter(visit ^ 1 << 41) % 4 {
        0 => Fate::None,
        1 => Fate::Ordered,
        2 => Fate::OrderedLater,
        _ => Fate::Left,
    }
}

fn cart_id(visit: u64) -> String {
    CartId(id(CART, visit)).to_string()
}

fn product(visit: u64, number: u64) -> Line {
    let random = scatter(visit ^ 1 << 40);
    line(
        (random >> 8).wrapping_add(number) % PRODUCTS,
        random >> 40 & 15,
        random >> 44 & 7,
    )
}

fn order(visit: u64) -> Kind {
    Kind::OrderCompleted(OrderCompleted {
        cart_id: cart_id(visit),
        lines: vec![product(visit, 0)],
        ..OrderCompleted::default()
    })
}

/// What the visitor does; consent is said anew now and then.
fn kinds(visit: u64) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if scatter(visit ^ 1 << 42).is_multiple_of(8) {
        kinds.push(consent());
    }
    kinds.extend((0..VIEWS).map(|number| view(visit, number)));
    if fate(visit) != Fate::None {
        kinds.push(Kind::ProductAdded(ProductAdded {
            cart_id: cart_id(visit),
            line: Some(product(visit, 0)),
            currency_code: "EUR".to_owned(),
        }));
        kinds.push(Kind::CheckoutStarted(CheckoutStarted {
            cart_id: cart_id(visit),
        }));
    }
    if fate(visit) == Fate::Ordered {
        kinds.push(order(visit));
    }
    kinds
}

fn view(visit: u64, number: u64) -> Kind {
    Kind::ProductViewed(ProductViewed {
        product: Some(product(visit, number)),
        dwell_seconds: 20,
    })
}

/// The event, in the session of the visit.
fn within(visit: u64, mut message: JournalMessage) -> JournalMessage {
    if let Some(Content::Event(event)) = &mut message.content {
        event.identity = Some(Identity {
            session_id: Token(id(SESSION, visit)).to_string(),
            ..Identity::default()
        });
    }
    message
}

fn consent() -> Kind {
    Kind::ConsentChanged(ConsentChanged {
        channel: Channel::Email.into(),
        purpose: ConsentPurpose::CartReminder.into(),
        state: ConsentState::Granted.into(),
        legal_basis: LegalBasis::Consent.into(),
        ..ConsentChanged::default()
    })
}

/// The report of the message that was decided on; none where nothing is to be sent.
fn sent(record: &DecisionRecord, time: Micros) -> Option<MessageOutcome> {
    let chosen = record.candidates.get(usize::try_from(record.chosen).ok()?)?;
    let channel = chosen.action.as_ref().map(Action::channel)?;
    (channel != Channel::None).then(|| MessageOutcome {
        decision_id: record.decision_id.clone(),
        send_id: record.send_id.clone(),
        channel: channel.into(),
        touch: record.touch,
        outcome: Some(message_outcome::Outcome::Sent(MessageSent {
            sent_time: Some(time.to_timestamp()),
            ..MessageSent::default()
        })),
        ..MessageOutcome::default()
    })
}

/// One reminder, by models that know nothing.
fn bundle() -> Result<Bundle, Box<dyn Error>> {
    let reminder = ActionTemplate {
        action_id: "email_reminder".to_owned(),
        channel: Channel::Email.into(),
        template_key: "reminder".to_owned(),
        ..ActionTemplate::default()
    };
    let company = StorefrontPolicy {
        currency_code: "EUR".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        abandonment_seconds: Some(ABANDONMENT_SECONDS),
        attribution_window_seconds: Some(259_200),
        holdout_basis_points: Some(500),
        max_touches: Some(1),
        touch_gap_seconds: Some(86_400),
        margin_basis_points: Some(4000),
        return_basis_points: Some(500),
        ..StorefrontPolicy::default()
    };
    let policy = Policy {
        version: "soak".to_owned(),
        actions: vec![reminder],
        company: Some(company),
        exploration: Some(Exploration {
            shortlist_size: 2,
            probability_floor: 0.1,
            gap_weight: 0.01,
        }),
        ..Policy::default()
    };
    Ok(Bundle {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        feature_schema_hash: schema_hash(),
        rules: Rules::read(&policy)?,
        baseline: Box::new(leaf(CONTEXT_COUNT, -2.0)?),
        effect: Box::new(leaf(FEATURE_COUNT, 0.5)?),
    })
}

fn leaf(features: usize, value: f64) -> Result<FactoredTrees, Box<dyn Error>> {
    let leaf = Node {
        node: Some(node::Node::Leaf(value)),
    };
    let forest = Forest {
        feature_count: u32::try_from(features)?,
        trees: vec![Tree { nodes: vec![leaf] }],
        ..Forest::default()
    };
    Ok(FactoredTrees::read(&forest.encode_to_vec())?)
}
