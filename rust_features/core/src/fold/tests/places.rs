//! Sessions and carts: whom they join, whom they do not, and for how long.

use proptest::prelude::*;

use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Channel, CheckoutStarted, Erased, Identified, IdentityKey, IdentityKeyKind, JournalMessage, Linked,
    MessageUnsubscribed, Unlinked,
};
use crate::feature::{CONTEXT_COUNT, TABLE, context_features};
use crate::fold::testing::{
    add, added, alias, at, cart_id, customer, decided, decision, device, email, folded, key, message, ordered, outcome,
    phone, session, tick, viewed, within,
};
use crate::ids::Alias;
use crate::state::{Cart, MAX_ACTORS, MAX_PLACES, SESSION_RETENTION_SECONDS, State};

/// The linked keys by number; 0 stands for a session.
fn linked(state: &State, given: Alias) -> Vec<u8> {
    let customer = state.customer(&[given]);
    let number = |alias: &Alias| if alias.is_session() { 0 } else { alias.0[0] };
    customer.aliases().iter().map(number).collect()
}

fn around(state: &State, number: u8) -> Vec<u8> {
    linked(state, alias(number))
}

fn views(state: &State, number: u8) -> f32 {
    let mut out = [0.0; CONTEXT_COUNT];
    context_features(state, &state.customer(&[alias(number)]), None, at(1000), &mut out);
    out[TABLE
        .iter()
        .position(|feature| feature.name == "session_views")
        .unwrap()]
}

fn checkout(cart: u8) -> Kind {
    let cart_id = cart_id(cart).to_string();
    Kind::CheckoutStarted(CheckoutStarted { cart_id })
}

fn seen(id: u64, keys: &[IdentityKey]) -> JournalMessage {
    message(id, 0, keys, Kind::Identified(Identified {}))
}

fn told(id: u64, pair: &[IdentityKey; 2], linked: bool) -> JournalMessage {
    let kind = if linked {
        Kind::Linked(Linked {})
    } else {
        Kind::Unlinked(Unlinked {})
    };
    message(id, 500, pair, kind)
}

/// The pixel names the device 11, the checkout the account 1 with the address 21.
fn pixel_and_checkout() -> State {
    folded(&[
        message(1, 0, &[device(11)], added(1, 1, 1)),
        message(2, 1, &[customer(1), email(21)], checkout(1)),
    ])
}

#[test]
fn device_and_account_that_act_on_one_cart_are_one_customer() {
    let state = pixel_and_checkout();
    for number in [1, 11, 21] {
        assert_eq!(around(&state, number), [1, 11, 21]);
    }
}

#[test]
fn a_guest_on_the_phone_and_an_account_in_one_session_are_one_customer() {
    let state = folded(&[
        within(1, message(1, 0, &[device(11), email(21)], viewed(1))),
        within(1, message(2, 1, &[customer(1)], viewed(2))),
    ]);
    for number in [1, 11, 21] {
        assert_eq!(around(&state, number), [1, 11, 21]);
        assert_eq!(views(&state, number).to_bits(), 2.0_f32.to_bits());
    }
}

#[test]
fn a_key_that_acts_alone_lists_no_place() {
    let state = folded(&[within(1, message(1, 0, &[customer(1), device(11)], added(1, 1, 1)))]);
    assert!(state.records.iter().all(|(_, record)| record.places().is_empty()));
    assert_eq!((state.sessions.len(), state.cart_count()), (1, 1));
}

#[test]
fn a_visit_without_a_key_counts_once_somebody_known_acts_in_its_session() {
    let unknown = Alias::of_session(session(1));
    let mut state = folded(&[
        within(1, message(1, 0, &[], viewed(1))),
        within(1, message(2, 1, &[], added(1, 2, 1))),
    ]);
    assert_eq!(state.cart(&cart_id(1)).unwrap().owner(), Some(unknown));
    for channel in [
        Channel::Email,
        Channel::Sms,
        Channel::Push,
        Channel::InApp,
        Channel::Webhook,
    ] {
        assert!(!state.customer(&[unknown]).reachable(channel));
    }
    add(&mut state, &within(1, seen(3, &[customer(1), email(21)])));
    assert_eq!(around(&state, 1), [1, 21, 0]);
    assert_eq!(views(&state, 1).to_bits(), 1.0_f32.to_bits());
    assert!(state.customer(&[unknown]).reachable(Channel::Email));
    add(&mut state, &message(4, 3, &[customer(1)], checkout(1)));
    add(&mut state, &within(1, message(5, 4, &[], added(1, 3, 1))));
    assert_eq!(state.cart(&cart_id(1)).unwrap().owner(), Some(alias(1)));
}

#[test]
fn an_event_without_key_and_session_or_that_tells_of_no_visit_is_nobodys() {
    let out = Outcome::Unsubscribed(MessageUnsubscribed { channels: vec![] });
    let mut state = folded(&[
        message(1, 0, &[], viewed(1)),
        within(1, message(2, 0, &[], Kind::Identified(Identified {}))),
        message(3, 0, &[customer(1), email(21)], added(1, 1, 1)),
        decided(1800, decision(50, 60, 1, 1800, 3, &[1, 21])),
    ]);
    assert_eq!(state.customer_count(), 2);
    add(
        &mut state,
        &within(1, message(4, 1900, &[], outcome(50, 60, Channel::Email, out))),
    );
    assert!(
        state.customer(&[alias(1)]).opted_out(Channel::Email),
        "the decision says whose it was"
    );
    assert_eq!(state.customer_count(), 2);
}

#[test]
fn what_the_shop_parted_stays_parted_until_it_links_again() {
    for early in [true, false] {
        let acts = [
            within(1, message(1, 0, &[], viewed(1))),
            within(1, message(2, 1, &[device(11)], viewed(1))),
            within(1, message(3, 2, &[customer(1)], viewed(1))),
        ];
        let parted = told(4, &[customer(1), device(11)], false);
        let mut state = State::new();
        for message in acts.iter().take(if early { 0 } else { 3 }) {
            add(&mut state, message);
        }
        add(&mut state, &parted);
        for message in &acts {
            add(&mut state, message);
        }
        assert_eq!(around(&state, 1), [1]);
        assert_eq!(around(&state, 11), [11]);
        assert_eq!(linked(&state, Alias::of_session(session(1))), [0]);
        add(&mut state, &told(5, &[customer(1), device(11)], true));
        assert_eq!(around(&state, 1), [1, 11, 0]);
    }
}

#[test]
fn a_session_of_two_accounts_joins_nobody() {
    let state = folded(&[
        within(1, message(1, 0, &[device(11)], viewed(1))),
        within(1, message(2, 1, &[customer(1)], viewed(1))),
        within(1, message(3, 2, &[customer(2)], viewed(1))),
    ]);
    assert_eq!([1, 2, 11].map(|number| around(&state, number)), [[1], [2], [11]]);
}

#[test]
fn a_cart_that_two_persons_devices_act_on_joins_nobody() {
    let by_event = folded(&[
        seen(1, &[customer(1), device(11)]),
        seen(2, &[customer(2), device(12)]),
        message(3, 0, &[device(11)], added(1, 1, 1)),
        message(4, 0, &[device(12)], added(1, 1, 1)),
    ]);
    let by_cart = folded(&[
        message(1, 0, &[device(11)], added(5, 1, 1)),
        message(2, 0, &[customer(1)], checkout(5)),
        message(3, 0, &[device(12)], added(6, 1, 1)),
        message(4, 0, &[customer(2)], checkout(6)),
        message(5, 0, &[device(11)], added(1, 1, 1)),
        message(6, 0, &[device(12)], added(1, 1, 1)),
    ]);
    for state in [by_event, by_cart] {
        assert_eq!([1, 2].map(|number| around(&state, number)), [[1, 11], [2, 12]]);
    }
}

#[test]
fn a_tablet_whose_carts_two_accounts_order_joins_nobody() {
    for accounts in [2, 5, 60] {
        let carts = (1..=accounts).flat_map(|number| {
            let id = u64::from(number) * 2;
            [
                message(id, 0, &[device(200)], added(number, 1, 1)),
                message(id + 1, 0, &[customer(number)], ordered(Some(number), &[1])),
            ]
        });
        let state = folded(&carts.collect::<Vec<_>>());
        for number in 1..=accounts {
            assert_eq!(around(&state, number), [number]);
        }
        assert_eq!(around(&state, 200), [200]);
    }
}

#[test]
fn a_place_with_too_many_actors_joins_nobody_whoever_came_first() {
    let most = u8::try_from(MAX_ACTORS).unwrap();
    let visits = |count: u8| -> Vec<_> {
        let visit = |number: u8| within(1, message(number.into(), 0, &[device(number)], viewed(1)));
        (1..=count).map(visit).collect()
    };
    let full = folded(&visits(most));
    assert!((1..=most).all(|number| around(&full, number).len() == MAX_ACTORS));
    let crowd = visits(most + 1);
    for state in [folded(&crowd), folded(crowd.iter().rev())] {
        assert!((1..=most + 1).all(|number| around(&state, number) == [number]));
    }
}

#[test]
fn beyond_the_places_of_a_record_each_joins_the_other_or_neither_does() {
    let count = u8::try_from(MAX_PLACES).unwrap() * 2;
    let visits = (1..=count).flat_map(|number| {
        let id = u64::from(number) * 2;
        [
            within(number, message(id, 0, &[email(200)], viewed(1))),
            within(number, message(id + 1, 0, &[device(number)], viewed(1))),
        ]
    });
    let visits: Vec<_> = visits.collect();
    for state in [folded(&visits), folded(visits.iter().rev())] {
        assert_eq!(state.records.get(&alias(200)).unwrap().places().len(), MAX_PLACES);
        let joined = around(&state, 200);
        for number in 1..=count {
            assert_eq!(around(&state, number).contains(&200), usize::from(number) <= MAX_PLACES);
            assert!(!joined.contains(&number) || usize::from(number) <= MAX_PLACES);
        }
    }
}

#[test]
fn which_places_a_record_lists_does_not_depend_on_when_one_is_crowded() {
    let least = within(0, message(1, 0, &[device(200)], viewed(1)));
    let crowd: Vec<_> = (0..=u8::try_from(MAX_ACTORS).unwrap())
        .map(|number| within(0, message(10 + u64::from(number), 0, &[device(number)], viewed(1))))
        .collect();
    let others: Vec<_> = (1..=u8::try_from(MAX_PLACES).unwrap())
        .flat_map(|number| {
            let visit = |id, key| within(number, message(id, 0, &[key], viewed(1)));
            [
                visit(100 + u64::from(number) * 2, device(200)),
                visit(101 + u64::from(number) * 2, device(100 + number)),
            ]
        })
        .collect();
    let before = folded(crowd.iter().chain([&least]).chain(&others));
    let after = folded([&crowd[0], &least].into_iter().chain(&others).chain(&crowd[1..]));
    assert_eq!(around(&before, 200).len(), MAX_PLACES);
    assert_eq!(around(&before, 200), around(&after, 200));
}

#[test]
fn a_join_lasts_as_long_as_its_place() {
    let mut state = folded(&[
        within(1, message(1, 0, &[], viewed(1))),
        within(1, message(2, 1, &[device(11)], viewed(1))),
        within(1, message(3, 2, &[customer(1)], viewed(1))),
    ]);
    let last = 2 + i64::from(SESSION_RETENTION_SECONDS);
    add(&mut state, &tick(last));
    assert_eq!(around(&state, 1), [1, 11, 0]);
    add(&mut state, &tick(last + 1));
    assert_eq!([1, 11].map(|number| around(&state, number)), [[1], [11]]);
    assert_eq!((state.sessions.len(), state.customer_count()), (0, 2));
    assert!(state.records.iter().all(|(_, record)| record.places().is_empty()));
    assert!(state.retention.sessions.is_empty() && state.retention.visits.is_empty());
}

#[test]
fn news_keep_a_place() {
    let day = i64::from(SESSION_RETENTION_SECONDS) - 10;
    let mut state = pixel_and_checkout();
    add(&mut state, &message(3, day, &[device(11)], added(1, 2, 1)));
    add(&mut state, &tick(2 * day));
    assert_eq!(around(&state, 1), [1, 11, 21]);
}

#[test]
fn an_erasure_takes_what_a_place_joins_and_nothing_is_led_to_it_afterwards() {
    let mut state = pixel_and_checkout();
    let forget = Kind::Erased(Erased {
        suppression_hashes: vec![],
    });
    add(&mut state, &message(3, 10, &[customer(1)], forget));
    for number in [1, 11, 21] {
        assert!(state.customer(&[alias(number)]).erased());
        assert_eq!(around(&state, number), [number]);
    }
    add(&mut state, &message(4, 20, &[device(12)], added(1, 1, 1)));
    add(&mut state, &message(5, 30, &[device(11)], added(1, 1, 1)));
    assert_eq!(around(&state, 12), [12]);
    assert!(!state.customer(&[alias(12)]).erased());
}

#[test]
fn a_cart_that_an_erasure_took_is_listed_by_nobody_and_its_next_visitors_join_those_alone() {
    let crowd = (1..=u8::try_from(MAX_ACTORS).unwrap() + 1).map(|number| {
        let second = i64::from(number);
        message(number.into(), second, &[device(number)], added(1, 1, 1))
    });
    let family = [device(30), device(31), customer(1), customer(2)];
    let family = family.into_iter().zip(100..);
    let family = family.map(|(key, id)| message(id, i64::try_from(id).unwrap(), &[key], added(2, 1, 1)));
    let forget = || {
        Kind::Erased(Erased {
            suppression_hashes: vec![],
        })
    };
    let mut state = folded(&crowd.chain(family).collect::<Vec<_>>());
    let owner = |state: &State, cart| state.cart(&cart_id(cart)).and_then(Cart::owner);
    let owners = [1, 2].map(|cart| owner(&state, cart).unwrap());
    add(&mut state, &message(200, 300, &[device(owners[0].0[0])], forget()));
    add(&mut state, &message(201, 300, &[customer(owners[1].0[0])], forget()));
    assert_eq!(state.cart_count(), 0);
    assert!(
        [30, 31, 1]
            .iter()
            .all(|number| state.records.get(&alias(*number)).unwrap().places().is_empty())
    );
    for number in [40, 41] {
        add(
            &mut state,
            &message(400 + u64::from(number), 400, &[device(number)], added(1, 1, 1)),
        );
    }
    assert_eq!([40, 1].map(|number| around(&state, number)), [vec![40, 41], vec![1]]);
}

#[test]
fn nobody_is_led_to_who_was_erased_before_a_second_key_came() {
    let forget = Kind::Erased(Erased {
        suppression_hashes: vec![],
    });
    let state = folded(&[
        message(1, 0, &[device(11)], added(1, 1, 1)),
        message(2, 10, &[device(11)], forget),
        message(3, 20, &[device(12)], added(1, 1, 1)),
    ]);
    assert_eq!(around(&state, 12), [12]);
}

#[test]
fn the_erasure_of_a_crowd_s_session_erases_none_of_them() {
    let mut state = folded(&[
        within(1, message(1, 0, &[customer(1)], viewed(1))),
        within(1, message(2, 0, &[customer(2)], viewed(1))),
    ]);
    let forget = Kind::Erased(Erased {
        suppression_hashes: vec![],
    });
    add(&mut state, &message(3, 10, &[customer(1)], forget));
    assert!(!state.customer(&[alias(2)]).erased());
}

#[test]
fn aliases_read_from_a_decision_act_nowhere_but_a_score_s_keys_do() {
    let sender = key(IdentityKeyKind::Alias, 11);
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 1, &[sender], added(1, 1, 1)),
    ]);
    assert_eq!(around(&state, 1), [1]);
    let mut scored = decided(1800, decision(50, 60, 1, 1800, 2, &[12]));
    scored.identity_keys = vec![device(12)];
    add(&mut state, &scored);
    assert_eq!(around(&state, 1), [1, 12]);
}

/// Few keys that act in few places, and what the shop says of some.
fn acts() -> impl Strategy<Value = Vec<JournalMessage>> {
    let keys = || {
        prop::sample::select(vec![
            vec![],
            vec![customer(1)],
            vec![customer(2)],
            vec![device(11)],
            vec![device(12)],
            vec![device(13)],
            vec![customer(1), device(11)],
            vec![device(13), email(21)],
            vec![email(21)],
            vec![phone(22)],
        ])
    };
    let pairs = vec![
        [customer(1), device(11)],
        [customer(1), customer(2)],
        [device(12), email(21)],
    ];
    let act = |id: u64, (keys, choice, pair): (Vec<IdentityKey>, u8, _)| match choice {
        0..12 => within(1 + choice % 4, message(id, 0, &keys, viewed(1))),
        12..24 => message(id, 0, &keys, added(1 + choice % 4, 1, 1)),
        24 => within(1, told(id, &pair, true)),
        25 | 26 => within(1, told(id, &pair, false)),
        _ => seen(id, &keys),
    };
    let choices = (keys(), 0..30_u8, prop::sample::select(pairs));
    prop::collection::vec(choices, 1..25).prop_map(move |choices| {
        choices
            .into_iter()
            .zip(1..)
            .map(|(choice, id)| act(id, choice))
            .collect()
    })
}

const NUMBERS: [u8; 7] = [1, 2, 11, 12, 13, 21, 22];

fn customers(state: &State) -> Vec<Vec<u8>> {
    let sessions = (1..5).map(|number| Alias::of_session(session(number)));
    let all = NUMBERS.into_iter().map(alias).chain(sessions);
    all.map(|alias| linked(state, alias)).collect()
}

proptest! {
    #[test]
    fn no_order_of_the_same_acts_changes_a_customer(
        (one, other) in acts().prop_flat_map(|acts| (Just(acts.clone()), Just(acts).prop_shuffle())),
    ) {
        prop_assert_eq!(customers(&folded(&one)), customers(&folded(&other)));
    }

    /// Where no address is, which may belong to two customers without joining them.
    #[test]
    fn each_of_two_accounts_and_devices_is_linked_with_the_other(acts in acts()) {
        let acts: Vec<_> = acts
            .into_iter()
            .filter(|message| message.identity_keys.iter().all(|key| key.alias[0] < 20))
            .collect();
        let state = folded(&acts);
        for one in NUMBERS {
            for other in around(&state, one) {
                prop_assert!(other == 0 || around(&state, other).contains(&one));
            }
        }
    }

    #[test]
    fn what_lasted_leaves_nothing_behind(acts in acts()) {
        let mut state = folded(&acts);
        for _ in 0..acts.len() {
            add(&mut state, &tick(2 * i64::from(SESSION_RETENTION_SECONDS)));
        }
        prop_assert_eq!((state.sessions.len(), state.cart_count()), (0, 0));
        prop_assert!(state.records.iter().all(|(alias, record)| !alias.is_session() && record.places().is_empty()));
    }
}
