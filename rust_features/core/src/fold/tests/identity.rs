//! Who is one customer: across devices, at shared keys, under suspicion, at the bounds.

use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Channel, CheckoutStarted, ConsentChanged, ConsentPurpose, ConsentState, Erased, Identified, IdentityKey,
    IdentityKeyKind, JournalMessage, Linked, MessageClicked, MessageSent, Unlinked,
};
use crate::feature::{CONTEXT_COUNT, TABLE, context_features};
use crate::fold::testing::{
    add, added, alias, at, cart_id, customer, device, email, folded, key, message, outcome, phone, viewed,
};
use crate::state::{MAX_ALIASES, MAX_EDGES, State};

const DAY: u32 = 86_400;

fn linked(state: &State, number: u8) -> Vec<u8> {
    let customer = state.customer(&[alias(number)]);
    customer.aliases().iter().map(|alias| alias.0[0]).collect()
}

/// Messages with running ids, one second apart.
fn journal(told: impl IntoIterator<Item = (Vec<IdentityKey>, Kind)>) -> Vec<JournalMessage> {
    let numbered = told.into_iter().zip(1_u32..);
    numbered
        .map(|((keys, kind), number)| message(number.into(), number.into(), &keys, kind))
        .collect()
}

fn seen(keys: Vec<IdentityKey>) -> (Vec<IdentityKey>, Kind) {
    (keys, Kind::Identified(Identified {}))
}

fn feature(state: &State, number: u8, name: &str) -> f32 {
    let mut out = [0.0; CONTEXT_COUNT];
    let customer = state.customer(&[alias(number)]);
    context_features(state, &customer, state.cart(&cart_id(1)), at(1000), &mut out);
    out[TABLE.iter().position(|feature| feature.name == name).unwrap()]
}

fn suspected(state: &State, number: u8) -> bool {
    state.customer(&[alias(number)]).suspect().is_some()
}

fn granted(state: &State, number: u8) -> bool {
    let customer = state.customer(&[alias(number)]);
    let consent = customer.consent(Channel::Email, ConsentPurpose::CartReminder);
    consent.is_some_and(|consent| consent.value.state == ConsentState::Granted)
}

fn sends(state: &State, number: u8) -> u32 {
    state.customer(&[alias(number)]).sends_within(None, DAY, at(1000))
}

fn grant() -> Kind {
    Kind::ConsentChanged(ConsentChanged {
        channel: Channel::Email as i32,
        purpose: ConsentPurpose::CartReminder as i32,
        state: ConsentState::Granted as i32,
        ..ConsentChanged::default()
    })
}

fn mail(told: Outcome) -> (Vec<IdentityKey>, Kind) {
    (
        vec![key(IdentityKeyKind::Alias, 13)],
        outcome(40, 41, Channel::Email, told),
    )
}

/// Browses on the phone 11 and signs up for e-mails at 13, clicks one on the laptop 12, signs in there as 1 to check out.
fn across_devices() -> Vec<JournalMessage> {
    let checkout = CheckoutStarted {
        cart_id: cart_id(1).to_string(),
    };
    journal([
        (vec![device(11)], viewed(1)),
        (vec![device(11)], added(1, 1, 1)),
        (vec![device(11), email(13)], grant()),
        mail(Outcome::Sent(MessageSent::default())),
        mail(Outcome::Clicked(MessageClicked::default())),
        (vec![device(12)], viewed(2)),
        (
            vec![customer(1), device(12), email(13)],
            Kind::CheckoutStarted(checkout),
        ),
    ])
}

#[test]
fn a_phone_a_laptop_and_an_account_are_one_customer_with_one_cap_one_consent_one_history() {
    let state = folded(&across_devices());
    for number in [1, 11, 12, 13] {
        assert_eq!(linked(&state, number), [1, 11, 12, 13]);
        assert_eq!(sends(&state, number), 1);
        assert!(granted(&state, number));
        let history = ["linked_aliases", "session_views", "session_adds", "session_steps"];
        let read = history.map(|name| feature(&state, number, name).to_bits());
        assert_eq!(read, [4.0, 2.0, 1.0, 4.0].map(f32::to_bits));
        assert!((feature(&state, number, "email_click_rate") - 1.0).abs() < 1e-6);
    }
}

#[test]
fn before_the_sign_in_two_devices_are_two() {
    let state = folded(&across_devices()[..6]);
    assert_eq!(linked(&state, 11), [11, 13]);
    assert_eq!(linked(&state, 12), [12]);
    assert_eq!(sends(&state, 12), 0);
}

#[test]
fn a_family_tablet_and_a_kiosk_join_nobody_and_no_history() {
    for accounts in [2, 5, 60] {
        let visits = (1..=accounts).flat_map(|number| {
            let account = vec![customer(number), device(200), email(100 + number)];
            let sent = outcome(number, number, Channel::Email, Outcome::Sent(MessageSent::default()));
            [
                (vec![device(200)], viewed(1)),
                (account, grant()),
                (vec![key(IdentityKeyKind::Alias, 100 + number)], sent),
            ]
        });
        let state = folded(&journal(visits));
        for number in 1..=accounts {
            assert_eq!(linked(&state, number), [number, 100 + number]);
            assert_eq!(sends(&state, number), 1);
            assert!((feature(&state, number, "views_30d")).abs() < 1e-6);
            assert!(!suspected(&state, number));
        }
        assert_eq!(linked(&state, 200), [200]);
    }
}

/// Three guests at one device with one telephone number: too many for a link, too alike for three persons.
fn guests(count: u8) -> Vec<JournalMessage> {
    journal((1..=count).map(|number| seen(vec![device(200), email(number), phone(201)])))
}

#[test]
fn customers_with_a_device_and_an_address_in_common_are_suspected_to_be_one() {
    assert!(
        !suspected(&folded(&guests(2)), 1),
        "two addresses of one person are linked"
    );
    let state = folded(&guests(3));
    for number in 1..=3 {
        assert_eq!(linked(&state, number), [number, 201]);
        assert!(suspected(&state, number));
    }
    let crowd = folded(&guests(9));
    assert!((1..=9).all(|number| !suspected(&crowd, number)), "a till is no person");
}

#[test]
fn a_device_or_an_address_alone_is_no_suspicion() {
    let state = folded(&journal([
        seen(vec![customer(1), device(200), phone(201)]),
        seen(vec![customer(2), device(200), email(12)]),
        seen(vec![customer(3), phone(201)]),
        seen(vec![customer(4), phone(201)]),
    ]));
    for number in 1..=4 {
        assert!(!suspected(&state, number));
    }
}

#[test]
fn what_is_in_common_may_have_been_seen_with_any_key_of_the_two() {
    let state = folded(&journal([
        seen(vec![customer(1), phone(201)]),
        seen(vec![customer(1), email(11)]),
        seen(vec![email(11), device(200)]),
        seen(vec![customer(2), device(200)]),
        seen(vec![customer(2), email(12)]),
        seen(vec![email(12), phone(201)]),
        seen(vec![customer(3), device(200)]),
        seen(vec![email(13), phone(201)]),
        seen(vec![email(14), phone(201)]),
    ]));
    let found: Vec<_> = [1, 2, 3, 13, 14]
        .into_iter()
        .filter(|number| suspected(&state, *number))
        .collect();
    assert_eq!(found, [1, 2]);
}

#[test]
fn a_word_of_the_shop_ends_the_suspicion_either_way() {
    let tell = |told: [Kind; 3]| {
        let mut state = folded(&guests(3));
        for (kind, (pair, id)) in told.into_iter().zip([([1, 2], 100), ([2, 3], 101), ([1, 3], 102)]) {
            add(&mut state, &message(id, 100, &pair.map(email), kind));
        }
        state
    };
    let one = tell([
        Kind::Linked(Linked {}),
        Kind::Linked(Linked {}),
        Kind::Linked(Linked {}),
    ]);
    assert_eq!(linked(&one, 1), [1, 2, 3, 201]);
    let three = tell([
        Kind::Unlinked(Unlinked {}),
        Kind::Unlinked(Unlinked {}),
        Kind::Unlinked(Unlinked {}),
    ]);
    assert_eq!(linked(&three, 1), [1, 201]);
    for number in 1..=3 {
        assert!(!suspected(&one, number));
        assert!(!suspected(&three, number));
    }
    let halves = tell([
        Kind::Linked(Linked {}),
        Kind::Unlinked(Unlinked {}),
        Kind::Unlinked(Unlinked {}),
    ]);
    assert_eq!([1, 2, 3].map(|number| suspected(&halves, number)), [false; 3]);
}

#[test]
fn an_address_is_kept_among_hundreds_of_devices() {
    let devices = || (20..240).map(|number| seen(vec![customer(1), device(number)]));
    for order in [false, true] {
        let address = || std::iter::once(seen(vec![customer(1), email(250)]));
        let told: Vec<_> = if order {
            address().chain(devices()).collect()
        } else {
            devices().chain(address()).collect()
        };
        let state = folded(&journal(told));
        let aliases = linked(&state, 1);
        assert_eq!(aliases.len(), MAX_ALIASES);
        assert!(aliases.contains(&250));
        assert_eq!(state.records.get(&alias(1)).unwrap().edges.len(), MAX_EDGES);
    }
}

#[test]
fn the_shop_can_link_what_has_all_its_edges() {
    let mut told: Vec<_> = (20..120).map(|number| seen(vec![customer(1), email(number)])).collect();
    told.push((vec![customer(1), customer(250)], Kind::Linked(Linked {})));
    let state = folded(&journal(told));
    let aliases = linked(&state, 250);
    assert!(aliases.contains(&1));
    assert!(
        state
            .records
            .get(&alias(1))
            .unwrap()
            .edges
            .iter()
            .any(|edge| edge.other == alias(250))
    );
}

#[test]
fn the_erasure_of_a_kiosk_erases_none_of_its_customers() {
    let mut told: Vec<_> = (1..=100)
        .map(|number| seen(vec![customer(number), device(200)]))
        .collect();
    told.push((
        vec![device(200)],
        Kind::Erased(Erased {
            suppression_hashes: vec![],
        }),
    ));
    let state = folded(&journal(told));
    assert!(state.customer(&[alias(200)]).erased());
    for number in 1..=100 {
        assert!(!state.customer(&[alias(number)]).erased());
    }
}
