//! Who is one customer, in the golden journal: linked by an account, unlinked, at a shared device, with a visit across
//! devices, held back, linked by a telephone number, joined by a cart and by a session. `customers.tsv` holds for each key
//! of these its linked keys, 255 for a session, and whether they are held back.

use std::fmt::Write;

use super::HOUR;
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{CheckoutStarted, Identified, IdentityKey, JournalMessage, Linked, Unlinked};
use crate::fold::fold;
use crate::fold::testing::{
    added, alias, cart_id, customer, decided, decision, device, email, message, phone, session, viewed, within,
};
use crate::ids::Alias;
use crate::replay::Journal;
use crate::state::State;

/// The session of one case.
const SESSION: u8 = 95;
const BEGIN: i64 = 100 * HOUR;
/// The keys of the cases.
const KEYS: std::ops::Range<u8> = 20..100;

fn seen(keys: Vec<IdentityKey>) -> (Vec<IdentityKey>, Kind) {
    (keys, Kind::Identified(Identified {}))
}

fn checkout(cart: u8) -> Kind {
    Kind::CheckoutStarted(CheckoutStarted {
        cart_id: cart_id(cart).to_string(),
    })
}

/// What is told of keys, one minute after another.
type Events = Vec<(Vec<IdentityKey>, Kind)>;

/// The events of each case, the cart it leaves, and the aliases that its decision names. The last one happens in a session,
/// which its decision names too.
fn cases() -> Vec<(Events, u8, Vec<u8>)> {
    let linked = vec![
        (vec![device(22)], viewed(1)),
        seen(vec![customer(21), device(22)]),
        seen(vec![customer(21), email(23)]),
        (vec![customer(21), email(24)], Kind::Linked(Linked {})),
        (vec![customer(21), device(22)], added(21, 1, 1)),
    ];
    let unlinked = vec![
        seen(vec![customer(31), device(32), email(33)]),
        (vec![device(32)], viewed(2)),
        (vec![customer(31), device(32)], Kind::Unlinked(Unlinked {})),
        (vec![device(32), email(33)], Kind::Unlinked(Unlinked {})),
        (vec![customer(31)], added(31, 1, 1)),
    ];
    let shared = vec![
        seen(vec![customer(41), device(43), email(44)]),
        seen(vec![customer(42), device(43), email(45)]),
        (vec![device(43)], viewed(2)),
        (vec![customer(41), device(43)], added(41, 1, 1)),
    ];
    let across = vec![
        (vec![device(51)], viewed(1)),
        (vec![device(51), email(53)], added(56, 1, 1)),
        (vec![device(52)], viewed(2)),
        seen(vec![customer(54), device(52), email(53)]),
    ];
    let guest = |number| seen(vec![device(64), email(number), phone(65)]);
    let held_back = vec![
        guest(61),
        guest(62),
        guest(63),
        (vec![device(64), email(61), phone(65)], added(61, 1, 1)),
    ];
    let by_phone = vec![
        seen(vec![customer(71), phone(73)]),
        (vec![device(72), phone(73)], added(71, 1, 1)),
        (vec![customer(71)], viewed(2)),
    ];
    let by_cart = vec![
        (vec![device(82)], viewed(1)),
        (vec![device(82)], added(81, 1, 1)),
        (vec![customer(81), email(83)], checkout(81)),
    ];
    let by_session = vec![
        (vec![], viewed(1)),
        (vec![device(92)], added(91, 1, 1)),
        seen(vec![customer(91), email(93)]),
    ];
    vec![
        (linked, 21, vec![21, 22, 23, 24]),
        (unlinked, 31, vec![31, 33]),
        (shared, 41, vec![41, 44]),
        (across, 56, vec![51, 52, 53, 54]),
        (held_back, 61, vec![61, 65]),
        (by_phone, 71, vec![71, 72, 73]),
        (by_cart, 81, vec![81, 82, 83]),
        (by_session, 91, vec![91, 92, 93]),
    ]
}

/// The messages of the cases, to come after `before` others; each case ends with a decision about its cart.
pub(super) fn people(before: usize) -> Vec<JournalMessage> {
    let mut messages = Vec::new();
    for (case, (told, cart, aliases)) in (0..).zip(cases()) {
        let start = BEGIN + case * HOUR;
        for ((keys, kind), minute) in told.into_iter().zip(0..) {
            let id = 1000 + messages.len() as u64;
            let message = message(id, start + 60 * minute, &keys, kind);
            messages.push(if cart == 91 { within(SESSION, message) } else { message });
        }
        let (clock, sequence) = (start + HOUR / 2, before + messages.len());
        let mut record = decision(cart, cart + 100, cart, clock, sequence as u64, &aliases);
        if cart == 91 {
            record.aliases.push(Alias::of_session(session(SESSION)).0.to_vec());
        }
        messages.push(decided(clock, record));
    }
    messages
}

fn text(state: &State) -> String {
    let mut text = String::from("key\tlinked\theld_back\n");
    for number in KEYS.filter(|number| state.records.get(&alias(*number)).is_some()) {
        let customer = state.customer(&[alias(number)]);
        let linked: Vec<_> = customer.aliases().iter().map(|alias| alias.0[0].to_string()).collect();
        let held_back = customer.suspect().is_some();
        writeln!(text, "{number}\t{}\t{held_back}", linked.join(" ")).unwrap();
    }
    text
}

/// The customers after the journal; each decision of a case names the one that the state had then.
pub(super) fn customers_text(journal: &Journal<'_>) -> String {
    let mut state = State::new();
    for (sequence, payload) in journal.messages() {
        let message: crate::contract::JournalMessage = crate::replay::decode(sequence, payload).unwrap();
        if let Some(Content::Decision(record)) = &message.content {
            let aliases: Vec<_> = record
                .aliases
                .iter()
                .filter_map(|alias| Alias::from_bytes(alias))
                .collect();
            if aliases.first().is_some_and(|alias| KEYS.contains(&alias.0[0])) {
                assert_eq!(state.customer(&aliases[..1]).aliases(), aliases);
            }
        }
        fold(&mut state, sequence, &message).unwrap();
    }
    text(&state)
}
