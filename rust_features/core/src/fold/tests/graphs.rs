//! The law of identity on graphs beyond every bound: which customers there are follows from the edges alone, whatever
//! the order in which they came. An erasure alone counts where it stands: it takes what was linked by then.

use proptest::prelude::*;

use crate::contract::event::Kind;
use crate::contract::{Erased, Identified, IdentityKey, IdentityKeyKind, JournalMessage, Linked, Unlinked};
use crate::fold::testing::{add, added, alias, folded, key, message, viewed, within};
use crate::state::{MAX_ALIASES, MAX_EDGES, MAX_PLACES, State};

const KEYS: u8 = 240;

fn kind(number: u8) -> IdentityKeyKind {
    match number / (KEYS / 8) {
        0..3 => IdentityKeyKind::Customer,
        3..6 => IdentityKeyKind::Anonymous,
        6 => IdentityKeyKind::Email,
        _ => IdentityKeyKind::Phone,
    }
}

/// Carts and sessions; few enough that some are crowded and some keys act in more than a record lists.
const PLACES: u8 = 40;

/// A pair of keys and what is told of it, or one of them in a cart or session. A sender behind the edge names aliases, but
/// says nothing by naming them together.
#[derive(Clone, Copy, Debug)]
struct Told {
    one: u8,
    other: u8,
    choice: u8,
}

impl Told {
    fn message(self, id: u64) -> JournalMessage {
        let by_kind = |number| key(kind(number), number);
        let by_alias = |number| key(IdentityKeyKind::Alias, number);
        let at = i64::try_from(id).unwrap_or_default();
        let place = self.other % PLACES;
        let (keys, kind): (Vec<IdentityKey>, _) = match self.choice {
            0 => ([self.one, self.other].map(by_alias).to_vec(), Kind::Linked(Linked {})),
            1 => ([self.one, self.other].map(by_kind).to_vec(), Kind::Linked(Linked {})),
            2 | 3 => (
                [self.one, self.other].map(by_kind).to_vec(),
                Kind::Unlinked(Unlinked {}),
            ),
            4..=13 => return within(place, message(id, at, &[by_kind(self.one)], viewed(1))),
            14..=18 => (vec![by_kind(self.one)], added(place, 1, 1)),
            19 => return within(place, message(id, at, &[], added(place, 1, 1))),
            _ => (
                [self.one, self.other].map(by_kind).to_vec(),
                Kind::Identified(Identified {}),
            ),
        };
        message(id, at, &keys, kind)
    }
}

prop_compose! {
    /// Few keys have most of the edges: kiosks, shops' own addresses, and accounts with a new device each day.
    fn told()(hub in 0..8_u8, any in 0..KEYS, other in 0..KEYS, at_hub in 0..4_u8, choice in 0..40_u8) -> Told {
        let one = if at_hub > 0 { hub * (KEYS / 8) } else { any };
        Told { one, other, choice }
    }
}

fn several(most: usize) -> impl Strategy<Value = Vec<Told>> {
    prop::collection::vec(told(), 0..most)
}

/// Few keys of each kind, so that many are shared by some.
fn neighbourhood() -> impl Strategy<Value = Vec<Told>> {
    let any = || prop::sample::select(vec![0, 1, 2, 3, 4, 100, 101, 102, 190, 191, 192, 220, 221]);
    let told = (any(), any(), 0..40_u8).prop_map(|(one, other, choice)| Told { one, other, choice });
    prop::collection::vec(told, 5..60)
}

/// The same messages in two orders.
fn two_orders(first_id: u64, told: Vec<Told>) -> impl Strategy<Value = (Vec<JournalMessage>, Vec<JournalMessage>)> {
    let messages: Vec<_> = told
        .into_iter()
        .zip(first_id..)
        .map(|(told, id)| told.message(id))
        .collect();
    (Just(messages.clone()), Just(messages).prop_shuffle())
}

type Orders = (Vec<JournalMessage>, Vec<JournalMessage>);

fn orders(first_id: u64, most: usize) -> impl Strategy<Value = Orders> {
    several(most).prop_flat_map(move |told| two_orders(first_id, told))
}

/// What the state says of who is who, around each key.
fn customers(state: &State) -> Vec<(Vec<u8>, bool, bool)> {
    let around = |number| {
        let customer = state.customer(&[alias(number)]);
        let numbers = customer.aliases().iter().map(|alias| alias.0[0]).collect();
        (numbers, customer.erased(), customer.suspect().is_some())
    };
    (0..KEYS).map(around).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_order_of_the_same_links_changes_a_customer((one, other) in orders(1, 900)) {
        let (one, other) = (folded(&one), folded(&other));
        prop_assert_eq!(customers(&one), customers(&other));
        for number in 0..KEYS {
            prop_assert!(one.customer(&[alias(number)]).aliases().len() <= MAX_ALIASES);
            let Some(record) = one.records.get(&alias(number)) else { continue };
            prop_assert!(record.edges.len() <= MAX_EDGES && record.places().len() <= MAX_PLACES);
        }
    }

    #[test]
    fn what_came_before_an_erasure_and_what_came_after_have_no_order(
        before in orders(1, 500),
        erased in prop::collection::vec(0..KEYS, 1..4),
        after in orders(2000, 300),
    ) {
        let tell = |before: &[JournalMessage], after: &[JournalMessage]| {
            let mut state = folded(before);
            for (number, id) in erased.iter().zip(1000..) {
                let forget = Kind::Erased(Erased { suppression_hashes: vec![] });
                add(&mut state, &message(id, 1000, &[key(kind(*number), *number)], forget));
            }
            for message in after {
                add(&mut state, message);
            }
            state
        };
        prop_assert_eq!(customers(&tell(&before.0, &after.0)), customers(&tell(&before.1, &after.1)));
    }

    #[test]
    fn each_of_two_suspects_the_other(told in neighbourhood()) {
        let messages: Vec<_> = told.into_iter().zip(1..).map(|(told, id)| told.message(id)).collect();
        let state = folded(&messages);
        for number in 0..KEYS {
            let customer = state.customer(&[alias(number)]);
            let Some(suspect) = customer.suspect() else { continue };
            let other = state.customer(&[suspect]);
            let bounded = customer.aliases().len() < MAX_ALIASES && other.aliases().len() < MAX_ALIASES;
            prop_assert!(!customer.aliases().contains(&suspect));
            prop_assert!(!bounded || other.suspect().is_some());
        }
    }
}

/// A key that went at the bound has forgotten that it was met, and weighs no less for that once the shop speaks of it.
#[test]
fn what_the_shop_said_weighs_the_same_whether_or_not_it_was_met_before() {
    let pair = |one: u8, other: u8| [one, other].map(|number| key(IdentityKeyKind::Customer, number));
    let met = message(1, 0, &pair(1, 239), Kind::Identified(Identified {}));
    let said = message(2, 0, &pair(1, 239), Kind::Linked(Linked {}));
    let parted = (2..66).map(|number| message(number.into(), 0, &pair(1, number), Kind::Unlinked(Unlinked {})));
    let parted: Vec<_> = parted
        .skip(1)
        .chain([message(90, 0, &pair(1, 2), Kind::Unlinked(Unlinked {}))])
        .collect();
    let early: Vec<_> = [&met, &said].into_iter().chain(&parted).collect();
    let late: Vec<_> = [&met].into_iter().chain(&parted).chain([&said]).collect();
    let linked = |messages: Vec<&JournalMessage>| folded(messages).customer(&[alias(1)]).aliases().to_vec();
    assert_eq!(linked(early), linked(late));
}
