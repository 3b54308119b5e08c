//! A small world for tests: one shopper, one cart, folded from messages.

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Cart, CartUpdated, Channel, ConsentChanged, ConsentPurpose, ConsentState, DecisionRecord, DecisionRequest, Event,
    IdentityKey, IdentityKeyKind, JournalMessage, Line, MessageOutcome, MessageSent, Money, OrderCompleted, Trigger,
};
use crate::fold::fold;
use crate::ids::{CartId, EventId};
use crate::keyed::{Key, public_hash};
use crate::state::State;
use crate::time::Micros;

/// Noon in Berlin on a Tuesday.
pub(crate) const NOON: Micros = Micros(1_709_636_400_000_000);
pub(crate) const CART: CartId = CartId([7; 16]);
pub(crate) const KEY: Key = Key([5; 32]);

/// The state and the next message's place.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) state: State,
}

pub(crate) fn alias(kind: IdentityKeyKind, number: u8) -> IdentityKey {
    IdentityKey {
        kind: kind.into(),
        token: vec![number; 16],
        alias: vec![number; 16],
    }
}

pub(crate) fn shopper() -> Vec<IdentityKey> {
    vec![
        alias(IdentityKeyKind::Customer, 1),
        alias(IdentityKeyKind::Email, 2),
        alias(IdentityKeyKind::Phone, 3),
    ]
}

pub(crate) fn line(product: &str, quantity: u32, price: i64) -> Line {
    Line {
        product_id: product.into(),
        quantity,
        unit_price_minor: Some(price),
        ..Line::default()
    }
}

pub(crate) fn cart(lines: Vec<Line>) -> Cart {
    Cart {
        cart_id: CART.to_string(),
        lines,
        currency_code: "EUR".into(),
        ..Cart::default()
    }
}

/// What an abandoned cart asks.
pub(crate) fn inactivity() -> DecisionRequest {
    DecisionRequest {
        storefront_id: "main".into(),
        identity_keys: shopper(),
        cart_id: CART.to_string(),
        trigger: Trigger::Inactivity.into(),
        ..DecisionRequest::default()
    }
}

impl World {
    /// A shopper who agreed to e-mails and text messages about carts and left one of 60.00 EUR at [`NOON`].
    pub(crate) fn abandoned() -> Self {
        let mut world = Self { state: State::new() };
        world.consent(NOON, Channel::Email, ConsentState::Granted);
        world.consent(NOON, Channel::Sms, ConsentState::Granted);
        world.fill_cart(NOON, vec![line("boots", 1, 4000), line("socks", 2, 1000)]);
        world
    }

    pub(crate) fn push(&mut self, time: Micros, content: Content) {
        self.push_of(shopper(), time, content);
    }

    pub(crate) fn push_of(&mut self, identity_keys: Vec<IdentityKey>, time: Micros, content: Content) {
        let message = JournalMessage {
            received_time: Some(time.to_timestamp()),
            identity_keys,
            imported: false,
            content: Some(content),
        };
        let sequence = self.state.sequence() + 1;
        fold(&mut self.state, sequence, &message).unwrap();
    }

    pub(crate) fn event(&mut self, time: Micros, kind: Kind) {
        self.event_of(shopper(), time, kind);
    }

    pub(crate) fn event_of(&mut self, identity_keys: Vec<IdentityKey>, time: Micros, kind: Kind) {
        let id = EventId(public_hash("test event", &[&self.state.sequence().to_le_bytes()]));
        let event = Event {
            event_id: id.to_string(),
            storefront_id: "main".into(),
            event_time: Some(time.to_timestamp()),
            kind: Some(kind),
            ..Event::default()
        };
        self.push_of(identity_keys, time, Content::Event(event));
    }

    /// A choice about cart reminders.
    pub(crate) fn consent(&mut self, time: Micros, channel: Channel, state: ConsentState) {
        self.choose(time, channel, ConsentPurpose::CartReminder, state);
    }

    pub(crate) fn choose(&mut self, time: Micros, channel: Channel, purpose: ConsentPurpose, state: ConsentState) {
        let consent = ConsentChanged {
            channel: channel.into(),
            purpose: purpose.into(),
            state: state.into(),
            ..ConsentChanged::default()
        };
        self.event(time, Kind::ConsentChanged(consent));
    }

    pub(crate) fn fill_cart(&mut self, time: Micros, lines: Vec<Line>) {
        self.event(
            time,
            Kind::CartUpdated(CartUpdated {
                cart: Some(cart(lines)),
            }),
        );
    }

    pub(crate) fn order(&mut self, time: Micros) {
        let order = OrderCompleted {
            order_id: CartId([9; 16]).to_string(),
            cart_id: CART.to_string(),
            lines: vec![line("boots", 1, 4000)],
            total: Some(Money {
                minor_units: 6000,
                currency_code: "EUR".into(),
            }),
            ..OrderCompleted::default()
        };
        self.event(time, Kind::OrderCompleted(order));
    }

    pub(crate) fn outcome(&mut self, time: Micros, record: &DecisionRecord, outcome: Outcome) {
        let channel = super::chosen(record)
            .and_then(|chosen| chosen.action.as_ref())
            .unwrap()
            .channel;
        let message = MessageOutcome {
            decision_id: record.decision_id.clone(),
            send_id: record.send_id.clone(),
            channel,
            touch: record.touch,
            outcome: Some(outcome),
            ..MessageOutcome::default()
        };
        self.event(time, Kind::MessageOutcome(message));
    }

    pub(crate) fn sent(&mut self, time: Micros, record: &DecisionRecord) {
        self.outcome(time, record, Outcome::Sent(MessageSent::default()));
    }
}
