//! Laws: total, once, indifferent to order.

use proptest::prelude::*;
use prost::Message;

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    CartUpdated, Channel, CheckoutStarted, ConsentChanged, ConsentPurpose, ConsentState, IdentityKey, IdentityKeyKind,
    JournalMessage, Linked, MessageClicked, MessageSent, MessageUnsubscribed, ProductUpdated, Unlinked,
};
use crate::feature::{CONTEXT_COUNT, TABLE, context_features};
use crate::fold::testing::{
    START, added, alias, at, cart, cart_id, customer, device, email, folded, key, message, ordered, outcome, removed,
    viewed, within,
};
use crate::fold::{Folded, fold};
use crate::state::State;

pub(crate) const PERSONS: u8 = 3;

/// The keys with which a person may appear; each has a customer, a device and an address.
fn keys(person: u8, way: u8) -> Vec<IdentityKey> {
    let numbers = [person, 100 + person, 200 + person];
    match way {
        0 => vec![customer(numbers[0])],
        1 => vec![device(numbers[1])],
        2 => vec![customer(numbers[0]), device(numbers[1])],
        3 => vec![customer(numbers[0]), email(numbers[2])],
        4 => vec![],
        _ => vec![key(IdentityKeyKind::Alias, numbers[2])],
    }
}

fn kind(choice: u8, person: u8, product: u8, quantity: u32) -> Kind {
    let number = 10 + person;
    match choice {
        0 | 1 => viewed(product),
        2..=4 => added(number, product, quantity),
        5 => removed(number, product, quantity),
        6 => Kind::CartUpdated(CartUpdated {
            cart: Some(cart(number, &[(product, quantity), (product + 1, 1)])),
        }),
        7 => Kind::CheckoutStarted(CheckoutStarted {
            cart_id: cart_id(number).to_string(),
        }),
        8 => ordered((quantity > 1).then_some(number), &[product]),
        9 => outcome(product, product, Channel::Email, Outcome::Sent(MessageSent::default())),
        10 => outcome(
            product,
            product,
            Channel::Email,
            Outcome::Clicked(MessageClicked::default()),
        ),
        11 => outcome(
            product,
            product,
            Channel::Sms,
            Outcome::Unsubscribed(MessageUnsubscribed { channels: vec![] }),
        ),
        12 => Kind::ConsentChanged(ConsentChanged {
            channel: Channel::Email as i32,
            purpose: ConsentPurpose::CartReminder as i32,
            state: if quantity > 1 {
                ConsentState::Granted
            } else {
                ConsentState::Withdrawn
            } as i32,
            ..ConsentChanged::default()
        }),
        13 => Kind::Linked(Linked {}),
        14 => Kind::Unlinked(Unlinked {}),
        _ => Kind::ProductUpdated(ProductUpdated {
            product_id: format!("product-{product}"),
            price_minor: Some(900 + i64::from(quantity)),
            stock: (quantity > 1).then_some(quantity),
            ..ProductUpdated::default()
        }),
    }
}

prop_compose! {
    pub(crate) fn any_message()(
        choice in 0..16_u8, person in 0..PERSONS, way in 0..6_u8, product in 0..6_u8, quantity in 1..4_u32,
        seconds in 0..170_000_i64, session in 0..6_u8, cart in 0..4 * PERSONS,
    ) -> Told {
        // One cart in four is not the person's own.
        let owner = if cart < PERSONS { cart } else { person };
        Told { seconds, keys: keys(person, way), kind: kind(choice, owner, product, quantity), session }
    }
}

/// When it happened, whom it names, what it was, and in which session, 0 for none.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    seconds: i64,
    keys: Vec<IdentityKey>,
    kind: Kind,
    session: u8,
}

impl Told {
    pub(crate) fn message(&self, id: u64) -> JournalMessage {
        let message = message(id, self.seconds, &self.keys, self.kind.clone());
        if self.session > 0 {
            within(self.session, message)
        } else {
            message
        }
    }
}

/// Messages without the wall of text that their debug form is.
#[derive(Clone)]
pub(crate) struct Messages(pub(crate) Vec<JournalMessage>);

impl std::fmt::Debug for Messages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for message in &self.0 {
            let Some(Content::Event(event)) = &message.content else {
                continue;
            };
            let keys: Vec<u8> = message.identity_keys.iter().map(|key| key.alias[0]).collect();
            let time = event.event_time.as_ref().map_or(0, |time| time.seconds - START);
            let name = event.kind.as_ref().map_or("", Kind::name);
            let session = event.identity.as_ref().map_or("", |identity| &identity.session_id);
            writeln!(formatter, "{time} {keys:?} {name} {} {session}", event.event_id)?;
        }
        Ok(())
    }
}

pub(crate) fn any_journal() -> impl Strategy<Value = Messages> {
    prop::collection::vec(any_message(), 1..60).prop_map(|told| {
        let numbered = told.iter().zip(1..);
        Messages(numbered.map(|(told, id)| told.message(id)).collect())
    })
}

/// Everything that is an integer or a flag about a person, as text.
fn plain(state: &State, person: u8) -> String {
    let known = state.customer(&[alias(person)]);
    let cart = state.cart(&cart_id(10 + person));
    let mut lines: Vec<_> = cart
        .into_iter()
        .flat_map(crate::state::Cart::lines)
        .map(|line| (line.item(), line.quantity()))
        .collect();
    lines.sort_unstable();
    let activities: Vec<_> = known
        .activities()
        .map(|activity| {
            (
                activity.first,
                activity.last(),
                activity.orders,
                &activity.moments,
                &activity.recent_orders,
            )
        })
        .collect();
    format!(
        "{:?}",
        (
            known.aliases(),
            (
                lines,
                cart.map(|cart| (cart.value_minor(), cart.owner(), cart.changed(), known.ordered(cart)))
            ),
            cart.map(|cart| (
                cart.first_activity(),
                cart.last_activity(),
                cart.stage(),
                cart.version()
            )),
            activities,
            (
                known.sends_within(None, 1 << 20, at(170_000)),
                known.opted_out(Channel::Email)
            ),
            known.consent(Channel::Email, ConsentPurpose::CartReminder),
        )
    )
}

fn features(state: &State, person: u8) -> [f32; CONTEXT_COUNT] {
    let mut out = [0.0; CONTEXT_COUNT];
    let cart = state.cart(&cart_id(10 + person));
    context_features(state, &state.customer(&[alias(person)]), cart, at(170_000), &mut out);
    out
}

fn near(left: f32, right: f32) -> bool {
    let tolerance = 1e-5 * left.abs().max(right.abs()) + 1e-9;
    (left.is_nan() && right.is_nan()) || (left - right).abs() <= tolerance
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(Messages(journal) in any_journal(), seed in any::<u64>()) {
        let mut shuffled: Vec<&JournalMessage> = journal.iter().collect();
        let mut random = seed;
        for last in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(random >> 33).unwrap() % (last + 1);
            shuffled.swap(last, other);
        }
        let (forward, backward) = (folded(&journal), folded(shuffled));
        for person in 0..PERSONS {
            prop_assert_eq!(plain(&forward, person), plain(&backward, person));
            for ((left, right), feature) in
                features(&forward, person).into_iter().zip(features(&backward, person)).zip(&TABLE)
            {
                prop_assert!(near(left, right), "{}: {left} and {right}", feature.name);
            }
        }
    }

    #[test]
    fn an_event_counts_once(Messages(journal) in any_journal(), again in any::<prop::sample::Index>()) {
        let repeated = again.get(&journal);
        let mut state = folded(&journal);
        let mut once = state.clone();
        prop_assert_eq!(fold(&mut state, 1000, repeated), Ok(Folded::Duplicate));
        prop_assert_eq!(state.sequence(), 1000);
        once.sequence = 1000;
        once.duplicates = 1;
        prop_assert_eq!(state.digest(), once.digest());
    }

    #[test]
    fn a_sequence_counts_once(Messages(journal) in any_journal()) {
        let mut state = folded(&journal);
        let digest = state.digest();
        for (message, sequence) in journal.iter().zip(1..) {
            prop_assert_eq!(fold(&mut state, sequence, message), Ok(Folded::Duplicate));
        }
        prop_assert_eq!(state.digest(), digest);
    }

    #[test]
    fn packing_changes_nothing(Messages(journal) in any_journal()) {
        let unpacked = folded(&journal);
        let mut packed = State::new();
        for (message, sequence) in journal.iter().zip(1..) {
            prop_assert!(fold(&mut packed, sequence, message).is_ok());
            packed.records.pack_all();
        }
        prop_assert_eq!(packed.digest(), unpacked.digest());
        for person in 0..PERSONS {
            prop_assert_eq!(plain(&packed, person), plain(&unpacked, person));
            prop_assert_eq!(features(&packed, person).map(f32::to_bits), features(&unpacked, person).map(f32::to_bits));
        }
    }

    #[test]
    fn features_keep_their_range(Messages(journal) in any_journal()) {
        let state = folded(&journal);
        for person in 0..PERSONS {
            for (value, feature) in features(&state, person).into_iter().zip(&TABLE) {
                let (low, high) = feature.range;
                let kept = if value.is_nan() { feature.missing != "never" } else { (low..=high).contains(&value) };
                prop_assert!(kept, "{} is {value}", feature.name);
            }
        }
    }

    #[test]
    fn any_bytes_that_decode_fold(bytes in prop::collection::vec(any::<u8>(), 0..200), Messages(journal) in any_journal()) {
        let mut state = folded(&journal);
        if let Ok(message) = JournalMessage::decode(bytes.as_slice()) {
            let _ = fold(&mut state, 1000, &message);
        }
    }

    #[test]
    fn a_message_with_damaged_bytes_folds(
        Messages(journal) in any_journal(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut state = State::new();
        for (message, sequence) in journal.iter().zip(1..) {
            let mut bytes = message.encode_to_vec();
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            if let Ok(message) = JournalMessage::decode(bytes.as_slice()) {
                let _ = fold(&mut state, sequence, &message);
                features(&state, 1);
            }
        }
    }
}

#[test]
fn an_unknown_kind_stops_the_fold() {
    let mut state = State::new();
    let unknown = JournalMessage {
        content: None,
        ..message(1, 0, &[], viewed(1))
    };
    assert!(fold(&mut state, 1, &unknown).is_err());
    let mut nameless = message(1, 0, &[], viewed(1));
    if let Some(Content::Event(event)) = &mut nameless.content {
        event.kind = None;
    }
    assert!(fold(&mut state, 1, &nameless).is_err());
    assert_eq!(state.sequence(), 0);
}
