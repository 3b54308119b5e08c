//! The deployment that requests arrive at: an edge, a bundle, and a shop in which one shopper has a past.

use std::sync::LazyLock;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::{
    ActionTemplate, Channel, ConsentChanged, ConsentPurpose, ConsentState, Contact, Event, Exploration, Forest,
    Identity, IdentityKey, JournalMessage, LegalBasis, Line, Node, Offer, Policy, ProductAdded, ProductUpdated, Split,
    StorefrontPolicy, TrackRequest, Tree, node, offer, split,
};
use cart_recovery_core::edge::Edge;
use cart_recovery_core::feature::{CONTEXT_COUNT, FEATURE_COUNT, schema_hash};
use cart_recovery_core::fold::fold;
use cart_recovery_core::keyed::Key;
use cart_recovery_core::policy::Rules;
use cart_recovery_core::state::State;
use cart_recovery_core::time::Micros;
use cart_recovery_core::trees::FactoredTrees;
use prost::Message;

/// When every request arrives: 2025-06-02, noon UTC.
pub(crate) const NOW: Micros = Micros(1_748_865_600_000_000);
/// When the shopper left the cart.
const EARLIER: Micros = Micros(NOW.0 - 7_200_000_000);
pub(crate) const ABANDONMENT_SECONDS: u32 = 1800;

static EDGE: LazyLock<Edge> = LazyLock::new(|| Edge::new(Key([1; 32]), [9; 32]));
static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle {
    id: "0123456789abcdef0123456789abcdef".to_owned(),
    feature_schema_hash: schema_hash(),
    rules: Rules::read(&policy()).expect("the policy is sound"),
    baseline: Box::new(stumps(CONTEXT_COUNT)),
    effect: Box::new(stumps(FEATURE_COUNT)),
});
static PAST: LazyLock<State> = LazyLock::new(told);

pub(crate) fn edge() -> &'static Edge {
    &EDGE
}

pub(crate) fn bundle() -> &'static Bundle {
    &BUNDLE
}

pub(crate) fn decision_key() -> Key {
    Key([3; 32])
}

/// What the shop knows before every request.
pub(crate) fn past() -> &'static State {
    &PAST
}

/// Gives every key its alias: its token.
pub(crate) fn name(keys: &mut [IdentityKey]) {
    for key in keys {
        key.alias.clone_from(&key.token);
    }
}

fn policy() -> Policy {
    let action = |action_id: &str, channel: Channel, offer_id: &str| ActionTemplate {
        action_id: action_id.to_owned(),
        channel: channel.into(),
        offer_id: offer_id.to_owned(),
        delay_seconds: 3600,
        template_key: "reminder".to_owned(),
        ..ActionTemplate::default()
    };
    Policy {
        version: "fuzz".to_owned(),
        actions: vec![
            action("email_reminder", Channel::Email, ""),
            action("email_ten_percent", Channel::Email, "ten_percent"),
            action("sms_reminder", Channel::Sms, ""),
            action("push_reminder", Channel::Push, ""),
        ],
        offers: vec![Offer {
            offer_id: "ten_percent".to_owned(),
            label: "10 % off".to_owned(),
            terms: Some(offer::Terms::PercentBasisPoints(1000)),
            code: Some(offer::Code::DerivedCodePrefix("CR".to_owned())),
            valid_seconds: 259_200,
            ..Offer::default()
        }],
        company: Some(StorefrontPolicy {
            currency_code: "EUR".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            abandonment_seconds: Some(ABANDONMENT_SECONDS),
            attribution_window_seconds: Some(259_200),
            holdout_basis_points: Some(1000),
            max_touches: Some(3),
            touch_gap_seconds: Some(86_400),
            margin_basis_points: Some(4000),
            return_basis_points: Some(500),
            ..StorefrontPolicy::default()
        }),
        exploration: Some(Exploration {
            shortlist_size: 3,
            probability_floor: 0.05,
            gap_weight: 0.01,
        }),
        ..Policy::default()
    }
}

/// A tree of two leaves for each feature.
fn stumps(features: usize) -> FactoredTrees {
    let leaf = |value| Node {
        node: Some(node::Node::Leaf(value)),
    };
    let tree = |feature| {
        let split = Split {
            feature,
            left: 1,
            right: 2,
            missing_left: feature % 2 == 0,
            test: Some(split::Test::AtMost(1.5)),
            ..Split::default()
        };
        let root = Node {
            node: Some(node::Node::Split(split)),
        };
        Tree {
            nodes: vec![root, leaf(-0.01), leaf(0.02)],
        }
    };
    let feature_count = u32::try_from(features).expect("there are few features");
    let forest = Forest {
        feature_count,
        trees: (0..feature_count).map(tree).collect(),
        ..Forest::default()
    };
    FactoredTrees::read(&forest.encode_to_vec()).expect("the forest is sound")
}

/// What the shopper is after.
pub(crate) fn line() -> Line {
    Line {
        product_id: "p1".to_owned(),
        quantity: 2,
        unit_price_minor: Some(1999),
        category_path: vec!["shoes".to_owned()],
        ..Line::default()
    }
}

/// A shopper who agreed to reminders, filled a cart, and left it.
fn told() -> State {
    let kinds = [
        Kind::ConsentChanged(ConsentChanged {
            channel: Channel::Email.into(),
            purpose: ConsentPurpose::CartReminder.into(),
            state: ConsentState::Granted.into(),
            legal_basis: LegalBasis::Consent.into(),
            ..ConsentChanged::default()
        }),
        Kind::ProductUpdated(ProductUpdated {
            product_id: "p1".to_owned(),
            price_minor: Some(1899),
            currency_code: "EUR".to_owned(),
            stock: Some(3),
            ..ProductUpdated::default()
        }),
        Kind::ProductAdded(ProductAdded {
            cart_id: "c1".to_owned(),
            line: Some(line()),
            currency_code: "EUR".to_owned(),
        }),
    ];
    let mut state = State::new();
    for (kind, sequence) in kinds.into_iter().zip(1..) {
        fold(&mut state, sequence, &message(sequence, EARLIER, kind)).expect("the event is of a known kind");
    }
    state
}

/// What the shopper does, as the journal gets it; `id` tells events apart.
pub(crate) fn message(id: u64, time: Micros, kind: Kind) -> JournalMessage {
    let tracked = edge()
        .track(&track(id, time, kind), time, false, &|_| true)
        .expect("the event is sound");
    let mut message = tracked.frame.message.expect("an event is a message");
    name(&mut message.identity_keys);
    message
}

fn track(id: u64, time: Micros, kind: Kind) -> Vec<u8> {
    let event = Event {
        event_id: format!("e{id}"),
        storefront_id: "shop".to_owned(),
        event_time: Some(time.to_timestamp()),
        identity: Some(Identity {
            customer_id: "ann".to_owned(),
            contacts: vec![Contact {
                channel: Channel::Email.into(),
                address: "ann@example.com".to_owned(),
            }],
            ..Identity::default()
        }),
        kind: Some(kind),
        ..Event::default()
    };
    let request = TrackRequest {
        event: Some(event),
        ..TrackRequest::default()
    };
    request.encode_to_vec()
}
