//! People: links, permissions, erasure.

use chrono_tz::Tz;
use proptest::prelude::*;

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{
    Channel, ConsentChanged, ConsentPurpose, ConsentState, Context, Erased, Identified, Linked, PaymentFailed,
    PreferenceSet, Unlinked,
};
use crate::fold::testing::{
    add, added, alias, at, cart_id, customer, device, email, folded, message, phone, suppressed, viewed,
};
use crate::state::{MAX_ALIASES, State};

fn linked(state: &State, number: u8) -> Vec<u8> {
    state
        .customer(&[alias(number)])
        .aliases()
        .iter()
        .map(|alias| alias.0[0])
        .collect()
}

#[test]
fn keys_of_one_event_are_one_person() {
    let state = folded(&[
        message(1, 0, &[customer(1), device(2)], viewed(1)),
        message(2, 1, &[customer(1), email(3)], Kind::Identified(Identified {})),
    ]);
    assert_eq!(linked(&state, 2), [1, 2, 3]);
    assert_eq!(linked(&state, 9), [9]);
    assert!(state.customer(&[alias(2)]).reachable(Channel::Email));
    assert!(!state.customer(&[alias(2)]).reachable(Channel::Sms));
}

#[test]
fn unlinking_removes_the_edge_until_the_shop_links_again() {
    let mut state = folded(&[message(1, 0, &[customer(1), device(2)], viewed(1))]);
    add(
        &mut state,
        &message(2, 10, &[customer(1), device(2)], Kind::Unlinked(Unlinked {})),
    );
    assert_eq!(linked(&state, 1), [1]);
    assert_eq!(state.customer(&[alias(1), alias(2)]).aliases(), [alias(1)]);
    add(&mut state, &message(3, 20, &[customer(1), device(2)], viewed(1)));
    assert_eq!(linked(&state, 1), [1]);
    add(
        &mut state,
        &message(4, 30, &[customer(1), device(2)], Kind::Linked(Linked {})),
    );
    assert_eq!(linked(&state, 1), [1, 2]);
}

#[test]
fn a_device_that_two_log_in_from_chains_nobody() {
    let mut state = folded(&[
        message(1, 0, &[customer(1), device(9)], viewed(1)),
        message(2, 1, &[customer(2), device(9)], viewed(1)),
        message(3, 2, &[customer(2), email(3)], viewed(1)),
    ]);
    assert_eq!(linked(&state, 1), [1]);
    assert_eq!(linked(&state, 2), [2, 3]);
    assert_eq!(linked(&state, 9), [9]);
    assert_eq!(state.customer(&[alias(2), alias(9)]).aliases(), [alias(2), alias(3)]);
    let erased = Kind::Erased(Erased {
        suppression_hashes: vec![],
    });
    add(&mut state, &message(4, 3, &[customer(1), device(9)], erased));
    assert!(!state.customer(&[alias(2)]).erased());
}

#[test]
fn a_device_is_the_persons_again_once_the_other_is_parted_from_it() {
    let state = folded(&[
        message(1, 0, &[customer(1), device(9)], viewed(1)),
        message(2, 1, &[customer(2), device(9)], viewed(1)),
        message(3, 2, &[customer(2), device(9)], Kind::Unlinked(Unlinked {})),
    ]);
    assert_eq!(linked(&state, 1), [1, 9]);
    assert_eq!(linked(&state, 2), [2]);
}

#[test]
fn a_shared_address_belongs_to_each_and_joins_none() {
    let state = folded(&[
        message(1, 0, &[customer(1), email(9)], viewed(1)),
        message(2, 1, &[customer(2), email(9)], viewed(1)),
        message(3, 2, &[customer(3), email(9)], viewed(1)),
    ]);
    assert_eq!(linked(&state, 1), [1, 9]);
    assert_eq!(linked(&state, 2), [2, 9]);
}

#[test]
fn a_customer_is_bounded() {
    let chain = |number: u8| message(number.into(), 0, &[customer(number), customer(number + 1)], viewed(1));
    let state = folded(&(1..60).map(chain).collect::<Vec<_>>());
    assert_eq!(state.customer(&[alias(30)]).aliases().len(), MAX_ALIASES);
}

#[test]
fn permissions_follow_the_latest_word_of_any_alias() {
    let consent = |state| {
        Kind::ConsentChanged(ConsentChanged {
            channel: Channel::Email as i32,
            purpose: ConsentPurpose::CartReminder as i32,
            state: state as i32,
            ..ConsentChanged::default()
        })
    };
    let prefer = |channels: &[Channel]| {
        Kind::PreferenceSet(PreferenceSet {
            channels: channels.iter().map(|channel| *channel as i32).collect(),
            time_zone: "Europe/Berlin".to_owned(),
        })
    };
    let mut state = folded(&[
        message(1, 0, &[customer(1), email(2)], consent(ConsentState::Granted)),
        message(2, 10, &[email(2)], prefer(&[Channel::Sms])),
    ]);
    let granted = |state: &State| {
        let consent = state
            .customer(&[alias(1)])
            .consent(Channel::Email, ConsentPurpose::CartReminder)
            .copied();
        consent.map(|consent| consent.value.state)
    };
    assert_eq!(granted(&state), Some(ConsentState::Granted));
    assert!(state.customer(&[alias(1)]).opted_out(Channel::Email));
    assert!(!state.customer(&[alias(1)]).opted_out(Channel::Sms));
    assert_eq!(
        state.customer(&[alias(1)]).time_zones().as_slice(),
        [Tz::Europe__Berlin]
    );
    add(
        &mut state,
        &message(3, 20, &[customer(1)], consent(ConsentState::Granted)),
    );
    assert!(!state.customer(&[alias(1)]).opted_out(Channel::Email));
    add(
        &mut state,
        &message(4, 30, &[email(2)], consent(ConsentState::Withdrawn)),
    );
    assert_eq!(granted(&state), Some(ConsentState::Withdrawn));
    assert_eq!(granted(&folded(&[])), None);
}

#[test]
fn an_old_grant_told_again_lifts_no_later_opt_out() {
    let grant = |given: i64| {
        Kind::ConsentChanged(ConsentChanged {
            channel: Channel::Email as i32,
            purpose: ConsentPurpose::CartReminder as i32,
            state: ConsentState::Granted as i32,
            given_time: Some(at(given).to_timestamp()),
            ..ConsentChanged::default()
        })
    };
    let refused = Kind::PreferenceSet(PreferenceSet {
        channels: vec![Channel::Sms as i32],
        ..PreferenceSet::default()
    });
    let mut state = folded(&[
        message(1, 0, &[email(2)], grant(0)),
        message(2, 10, &[email(2)], refused),
        message(3, 20, &[email(2)], grant(0)),
    ]);
    assert!(state.customer(&[alias(2)]).opted_out(Channel::Email));
    add(&mut state, &message(4, 30, &[email(2)], grant(25)));
    assert!(!state.customer(&[alias(2)]).opted_out(Channel::Email));
}

#[test]
fn a_withdrawal_that_names_the_time_of_its_grant_holds() {
    for number in 0..20 {
        let choice = |state: ConsentState| {
            Kind::ConsentChanged(ConsentChanged {
                channel: Channel::Email as i32,
                purpose: ConsentPurpose::CartReminder as i32,
                state: state as i32,
                given_time: Some(at(0).to_timestamp()),
                ..ConsentChanged::default()
            })
        };
        let state = folded(&[
            message(100 + number, 5, &[email(2)], choice(ConsentState::Granted)),
            message(number, 10, &[email(2)], choice(ConsentState::Withdrawn)),
        ]);
        let customer = state.customer(&[alias(2)]);
        let consent = customer.consent(Channel::Email, ConsentPurpose::CartReminder);
        assert_eq!(
            consent.map(|consent| consent.value.state),
            Some(ConsentState::Withdrawn)
        );
    }
}

#[test]
fn a_word_on_profiling_lifts_no_opt_out() {
    let profiling = Kind::ConsentChanged(ConsentChanged {
        channel: Channel::Email as i32,
        purpose: ConsentPurpose::Profiling as i32,
        state: ConsentState::Granted as i32,
        ..ConsentChanged::default()
    });
    let nothing = Kind::PreferenceSet(PreferenceSet {
        channels: vec![Channel::Sms as i32],
        ..PreferenceSet::default()
    });
    let state = folded(&[
        message(1, 0, &[email(2)], nothing),
        message(2, 10, &[email(2)], profiling),
    ]);
    assert!(state.customer(&[alias(2)]).opted_out(Channel::Email));
}

#[test]
fn a_withdrawal_survives_the_loss_of_a_link() {
    let objection = Kind::ConsentChanged(ConsentChanged {
        purpose: ConsentPurpose::Profiling as i32,
        state: ConsentState::Withdrawn as i32,
        ..ConsentChanged::default()
    });
    let state = folded(&[
        message(1, 0, &[customer(1), device(2)], objection),
        message(2, 10, &[customer(1), device(2)], Kind::Unlinked(Unlinked {})),
    ]);
    assert!(state.customer(&[alias(1)]).profiling_objected());
    assert!(state.customer(&[alias(2)]).profiling_objected());
}

#[test]
fn suppression_holds_for_the_channel() {
    let state = folded(&[suppressed(0, &[email(2)], Channel::Email)]);
    assert!(state.customer(&[alias(2)]).suppressed(Channel::Email));
    assert!(!state.customer(&[alias(2)]).suppressed(Channel::Sms));
}

#[test]
fn erasure_leaves_only_that_it_happened() {
    let mut state = folded(&[
        message(1, 0, &[customer(1), device(2)], added(1, 1, 1)),
        message(2, 0, &[customer(5)], added(2, 1, 1)),
        message(
            3,
            10,
            &[customer(1)],
            Kind::Erased(Erased {
                suppression_hashes: vec![],
            }),
        ),
    ]);
    for number in [1, 2] {
        let gone = state.customer(&[alias(number)]);
        assert!(gone.erased() && gone.suppressed(Channel::Email));
        assert_eq!(gone.activities().count(), 0);
        assert_eq!(linked(&state, number), [number]);
    }
    assert!(state.cart(&cart_id(1)).is_none());
    assert!(state.cart(&cart_id(2)).is_some());
    add(&mut state, &message(4, 20, &[customer(1), device(2)], viewed(1)));
    assert_eq!(state.customer(&[alias(1)]).activities().count(), 0);
}

#[test]
fn language_and_zone_come_from_the_latest_context_that_names_any() {
    let with = |id, seconds, locale: &str, zone: &str| {
        let mut told = message(id, seconds, &[customer(1)], viewed(1));
        if let Some(Content::Event(event)) = &mut told.content {
            let context = Context {
                locale: locale.to_owned(),
                time_zone: zone.to_owned(),
                ..Context::default()
            };
            event.context = Some(context);
        }
        told
    };
    let state = folded(&[
        with(1, 10, "de-DE", "Europe/Berlin"),
        with(2, 5, "en-US", "America/New_York"),
        with(3, 20, "invented", "Mars/Base"),
    ]);
    assert_eq!(state.customer(&[alias(1)]).language(), Some("de-DE"));
    assert_eq!(
        state.customer(&[alias(1)]).time_zones().as_slice(),
        [Tz::Europe__Berlin]
    );
}

#[test]
fn a_robots_pace_is_noticed() {
    let messages: Vec<_> = (0..700).map(|id| message(id, 0, &[device(1)], viewed(1))).collect();
    let state = folded(&messages);
    assert!(state.customer(&[alias(1)]).suspected_robot());
    assert!(!folded(&messages[..100]).customer(&[alias(1)]).suspected_robot());
}

#[test]
fn cards_tried_in_a_row_are_noticed() {
    let failed = |id: u64, seconds| {
        let failure = PaymentFailed {
            cart_id: cart_id(u8::try_from(id).unwrap()).to_string(),
            failure_code: "declined".to_owned(),
        };
        message(id, seconds, &[device(1)], Kind::PaymentFailed(failure))
    };
    let suspected = |pause: i64| {
        let messages: Vec<_> = (1..6_u64)
            .map(|id| failed(id, i64::try_from(id).unwrap() * pause))
            .collect();
        [4, 5].map(|count| {
            folded(&messages[..count])
                .customer(&[alias(1)])
                .suspected_card_testing()
        })
    };
    assert_eq!(suspected(60), [false, true], "from the fifth on, whatever the cart");
    assert_eq!(suspected(3600), [false, false], "not over several visits");
}

proptest! {
    #[test]
    fn links_do_not_depend_on_their_order_and_can_be_undone(
        pairs in prop::collection::vec((1..8_u8, 1..8_u8), 1..20),
        undone in (1..8_u8, 1..8_u8),
        devices in 0..8_u8,
    ) {
        let key = |number| if number < devices { device(number) } else { customer(number) };
        let link = |id: u64, pair: &(u8, u8)| message(id, 0, &[key(pair.0), key(pair.1)], Kind::Identified(Identified {}));
        let forward: Vec<_> = pairs.iter().zip(1..).map(|(pair, id)| link(id, pair)).collect();
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        let (mut one, other) = (folded(&forward), folded(&backward));
        for number in 1..8 {
            prop_assert_eq!(linked(&one, number), linked(&other, number));
        }
        let same = |pair: &(u8, u8)| *pair == undone || (pair.1, pair.0) == undone;
        add(&mut one, &message(99, 5, &[key(undone.0), key(undone.1)], Kind::Unlinked(Unlinked {})));
        let without = folded(forward.iter().zip(&pairs).filter(|(_, pair)| !same(pair)).map(|(message, _)| message));
        for number in 1..8 {
            prop_assert_eq!(linked(&one, number), linked(&without, number));
        }
    }
}

fn forget() -> Kind {
    Kind::Erased(Erased {
        suppression_hashes: vec![],
    })
}

#[test]
fn an_erasure_takes_whoever_it_names_and_every_device_of_theirs() {
    let mut state = folded(&[
        message(1, 0, &[customer(1), email(2)], Kind::Identified(Identified {})),
        message(2, 1, &[customer(1), email(2)], Kind::Unlinked(Unlinked {})),
    ]);
    let devices = 100..120;
    for number in devices.clone() {
        add(
            &mut state,
            &message(number.into(), 2, &[customer(1), device(number)], viewed(1)),
        );
    }
    // Somebody else's, too.
    add(&mut state, &message(200, 3, &[customer(3), device(100)], viewed(1)));
    add(&mut state, &message(201, 4, &[customer(1), email(2)], forget()));
    for number in [1, 2].into_iter().chain(devices.skip(1)) {
        assert!(state.customer(&[alias(number)]).erased(), "{number}");
    }
    assert!(!state.customer(&[alias(100)]).erased());
    assert!(!state.customer(&[alias(3)]).erased());
}

#[test]
fn an_erasure_takes_as_many_keys_as_an_event_may_name() {
    let keys: Vec<_> = [customer(1), device(2)]
        .into_iter()
        .chain((10..26).map(email))
        .collect();
    let mut state = folded(&[message(1, 0, &keys, viewed(1))]);
    add(&mut state, &message(2, 1, &keys, forget()));
    assert!((10..26).all(|number| state.customer(&[alias(number)]).erased()));
}

/// The address was seen with more accounts than it keeps, so that the last of them knows it and it knows nothing of that.
#[test]
fn an_erased_key_stays_so_where_others_still_know_it() {
    let mut state = State::new();
    for number in 1..=65 {
        add(
            &mut state,
            &message(
                number.into(),
                0,
                &[customer(number), email(200)],
                Kind::Identified(Identified {}),
            ),
        );
    }
    add(&mut state, &message(100, 1, &[email(200)], forget()));
    let keys = [customer(65), email(200), phone(201)];
    add(&mut state, &message(101, 2, &keys, Kind::Identified(Identified {})));
    assert_eq!(linked(&state, 201), [65, 201]);
    let erased = state.records.get(&alias(200)).unwrap();
    assert!(erased.erased && erased.edges.is_empty());
}
