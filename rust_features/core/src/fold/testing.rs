//! A journal for tests: one storefront, persons and carts by number, times in seconds.

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Action, Candidate, Cart, Channel, DecisionRecord, DecisionRequest, Event, Identity, IdentityKey, IdentityKeyKind,
    JournalMessage, Line, MessageOutcome, Money, OrderCompleted, ProductAdded, ProductRemoved, ProductViewed, Tick,
    Trigger,
};
use crate::fold::{Folded, fold};
use crate::ids::{Alias, CartId, DecisionId, Token};
use crate::state::State;
use crate::time::Micros;

/// When every test journal begins.
pub(crate) const START: i64 = 1_700_000_000;
pub(crate) const STOREFRONT: &str = "shop";

pub(crate) fn at(seconds: i64) -> Micros {
    Micros((START + seconds) * 1_000_000)
}

pub(crate) fn alias(number: u8) -> Alias {
    Alias([number; 16])
}

pub(crate) fn cart_id(number: u8) -> CartId {
    CartId([number; 16])
}

pub(crate) fn key(kind: IdentityKeyKind, number: u8) -> IdentityKey {
    IdentityKey {
        kind: kind as i32,
        token: vec![number; 16],
        alias: alias(number).0.to_vec(),
    }
}

pub(crate) fn customer(number: u8) -> IdentityKey {
    key(IdentityKeyKind::Customer, number)
}

pub(crate) fn device(number: u8) -> IdentityKey {
    key(IdentityKeyKind::Anonymous, number)
}

pub(crate) fn email(number: u8) -> IdentityKey {
    key(IdentityKeyKind::Email, number)
}

pub(crate) fn phone(number: u8) -> IdentityKey {
    key(IdentityKeyKind::Phone, number)
}

/// The token of a session, which is no cart's.
pub(crate) fn session(number: u8) -> Token {
    let mut bytes = [number; 16];
    bytes[15] = !number;
    Token(bytes)
}

/// The message, if it is an event, in a session.
pub(crate) fn within(session_number: u8, mut message: JournalMessage) -> JournalMessage {
    if let Some(Content::Event(event)) = &mut message.content {
        event.identity = Some(Identity {
            session_id: session(session_number).to_string(),
            ..Identity::default()
        });
    }
    message
}

pub(crate) fn line(product: u8, quantity: u32) -> Line {
    Line {
        product_id: format!("product-{product}"),
        quantity,
        unit_price_minor: Some(1000 + i64::from(product)),
        list_price_minor: Some(1200 + i64::from(product)),
        category_path: vec!["shop".to_owned(), format!("category-{}", product % 5)],
        brand: format!("brand-{}", product % 3),
        ..Line::default()
    }
}

/// A message that happened and was received at `seconds`.
pub(crate) fn message(id: u64, seconds: i64, keys: &[IdentityKey], kind: Kind) -> JournalMessage {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    let event = Event {
        event_id: DecisionId(bytes).to_string(),
        storefront_id: STOREFRONT.to_owned(),
        event_time: Some(at(seconds).to_timestamp()),
        kind: Some(kind),
        ..Event::default()
    };
    wrap(seconds, keys, Content::Event(event))
}

fn wrap(seconds: i64, keys: &[IdentityKey], content: Content) -> JournalMessage {
    JournalMessage {
        received_time: Some(at(seconds).to_timestamp()),
        identity_keys: keys.to_vec(),
        imported: false,
        content: Some(content),
    }
}

pub(crate) fn tick(seconds: i64) -> JournalMessage {
    wrap(seconds, &[], Content::Tick(Tick {}))
}

pub(crate) fn suppressed(seconds: i64, keys: &[IdentityKey], channel: Channel) -> JournalMessage {
    wrap(
        seconds,
        keys,
        Content::Suppressed(crate::contract::Suppressed {
            channel: channel as i32,
        }),
    )
}

pub(crate) fn viewed(product: u8) -> Kind {
    Kind::ProductViewed(ProductViewed {
        product: Some(line(product, 1)),
        dwell_seconds: 7,
    })
}

pub(crate) fn added(cart: u8, product: u8, quantity: u32) -> Kind {
    Kind::ProductAdded(ProductAdded {
        cart_id: cart_id(cart).to_string(),
        line: Some(line(product, quantity)),
        currency_code: "EUR".to_owned(),
    })
}

pub(crate) fn removed(cart: u8, product: u8, quantity: u32) -> Kind {
    let line = Some(line(product, quantity));
    Kind::ProductRemoved(ProductRemoved {
        cart_id: cart_id(cart).to_string(),
        line,
    })
}

pub(crate) fn cart(number: u8, lines: &[(u8, u32)]) -> Cart {
    Cart {
        cart_id: cart_id(number).to_string(),
        lines: lines
            .iter()
            .map(|(product, quantity)| line(*product, *quantity))
            .collect(),
        currency_code: "EUR".to_owned(),
        shipping_minor: Some(490),
        ..Cart::default()
    }
}

pub(crate) fn ordered(cart: Option<u8>, products: &[u8]) -> Kind {
    Kind::OrderCompleted(OrderCompleted {
        cart_id: cart.map(|cart| cart_id(cart).to_string()).unwrap_or_default(),
        lines: products.iter().map(|product| line(*product, 1)).collect(),
        total: Some(Money {
            minor_units: 2500,
            currency_code: "EUR".to_owned(),
        }),
        discount_minor: 100,
        ..OrderCompleted::default()
    })
}

pub(crate) fn outcome(decision: u8, send: u8, channel: Channel, outcome: Outcome) -> Kind {
    Kind::MessageOutcome(MessageOutcome {
        decision_id: cart_id(decision).to_string(),
        send_id: cart_id(send).to_string(),
        channel: channel as i32,
        touch: 1,
        outcome: Some(outcome),
        ..MessageOutcome::default()
    })
}

/// A decision to send an e-mail about the cart, taken at `seconds` against the state of `state_sequence`.
pub(crate) fn decision(
    id: u8,
    send: u8,
    cart: u8,
    seconds: i64,
    state_sequence: u64,
    aliases: &[u8],
) -> DecisionRecord {
    let candidate = |action_id: &str, channel, offer: &str| Candidate {
        action: Some(Action {
            action_id: action_id.to_owned(),
            channel: channel as i32,
            offer_id: offer.to_owned(),
            discount_minor: 200,
            send_time: Some(at(seconds + 3600).to_timestamp()),
            ..Action::default()
        }),
        eligible: true,
        propensity: 0.5,
        ..Candidate::default()
    };
    DecisionRecord {
        decision_id: cart_id(id).to_string(),
        send_id: cart_id(send).to_string(),
        request: Some(DecisionRequest {
            storefront_id: STOREFRONT.to_owned(),
            cart_id: cart_id(cart).to_string(),
            trigger: Trigger::Inactivity as i32,
            ..DecisionRequest::default()
        }),
        state_sequence,
        clock: Some(at(seconds).to_timestamp()),
        abandonment_time: Some(at(seconds).to_timestamp()),
        aliases: aliases.iter().map(|number| alias(*number).0.to_vec()).collect(),
        candidates: vec![
            candidate("none", Channel::None, ""),
            candidate("email", Channel::Email, "ten"),
        ],
        chosen: 1,
        touch: 1,
        cart_value_minor: Some(2000),
        ..DecisionRecord::default()
    }
}

pub(crate) fn decided(seconds: i64, record: DecisionRecord) -> JournalMessage {
    wrap(seconds, &[], Content::Decision(record))
}

/// Folds the messages as sequences 1, 2, …
pub(crate) fn folded<'a>(messages: impl IntoIterator<Item = &'a JournalMessage>) -> State {
    let mut state = State::new();
    for message in messages {
        add(&mut state, message);
    }
    state
}

/// Folds one more message.
pub(crate) fn add(state: &mut State, message: &JournalMessage) -> Folded {
    fold(state, state.sequence() + 1, message).unwrap()
}
