use proptest::prelude::*;
use prost::Message;

use super::{ConfirmKeys, Verdict, confirm};
use crate::bundle::testing::bundle;
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    CartUpdated, CartViewed, Channel, ConfirmRequest, ConsentChanged, ConsentPurpose, ConsentState, DecisionApproved,
    DecisionHeld, DecisionRecord, DecisionRequest, Erased, Event, Identified, IdentityKeyKind, MessageSkipped,
    MessageUnsubscribed, PaymentFailed, Policy, ProductUpdated, Reason, Trigger, Unlinked,
};
use crate::decide::testing::{CART, KEY, NOON, World, alias, cart, inactivity, line};
use crate::decide::{chosen, decide};
use crate::ids::CartId;
use crate::keyed::Key;
use crate::policy::testing::policy;
use crate::state::State;
use crate::time::Micros;

const SECOND: i64 = 1_000_000;
const ABANDONED: Micros = Micros(NOON.0 + 1800 * SECOND);
const DUE: Micros = Micros(ABANDONED.0 + 3600 * SECOND);

fn keys() -> ConfirmKeys {
    ConfirmKeys {
        decision: KEY,
        offer: Key([6; 32]),
    }
}

/// A policy that always takes one action.
fn always(action_id: &str) -> Policy {
    let mut policy = policy();
    policy.company.as_mut().unwrap().holdout_basis_points = Some(0);
    policy.actions.retain(|action| action.action_id == action_id);
    policy.exploration = None;
    policy
}

/// An abandoned cart and the folded decision to take the action.
fn pending(action_id: &str) -> (World, DecisionRecord) {
    let mut world = World::abandoned();
    let record = decide(
        &world.state,
        &bundle(&always(action_id)),
        &inactivity(),
        ABANDONED,
        &KEY,
    );
    assert_eq!(chosen(&record).unwrap().action.as_ref().unwrap().action_id, action_id);
    world.push(ABANDONED, Content::Decision(record.clone()));
    (world, record)
}

fn ask(world: &World, record: &DecisionRecord, now: Micros, touch: u32, claimed: bool) -> Verdict {
    let request = ConfirmRequest {
        decision_id: record.decision_id.clone(),
        minimum_sequence: 0,
        touch,
        claimed,
    };
    confirm(&world.state, &bundle(&always("email_reminder")), &request, now, &keys()).unwrap()
}

fn verdict(world: &World, record: &DecisionRecord) -> Verdict {
    ask(world, record, DUE, 0, false)
}

#[test]
fn an_undisturbed_send_goes_with_all_that_its_template_needs() {
    let (mut world, record) = pending("email_reminder");
    let product = ProductUpdated {
        product_id: "boots".into(),
        title: "Boots".into(),
        url: "https://shop.example/boots".into(),
        ..Default::default()
    };
    world.event(DUE, Kind::ProductUpdated(product));
    let Verdict::Go(go) = verdict(&world, &record) else {
        panic!("it did not go")
    };
    let cart = go.cart.unwrap();
    let boots = cart.lines.iter().find(|line| line.product_id == "boots").unwrap();
    assert_eq!((boots.title.as_str(), boots.unit_price_minor), ("Boots", Some(4000)));
    assert_eq!(cart.currency_code, "EUR");
    assert_eq!(go.aliases[0], [2; 16], "the e-mail's alias comes first");
    assert_eq!(go.caps[0].rule_id, "all_week");
    assert!(go.offer_code.is_empty());
    assert!(matches!(ask(&world, &record, DUE, 0, true), Verdict::Go(_)));
}

#[test]
fn of_two_addresses_the_one_nearer_to_the_shopper_comes_first() {
    let (mut world, record) = pending("email_reminder");
    for key in [alias(IdentityKeyKind::Customer, 1), alias(IdentityKeyKind::Email, 0)] {
        let event = Event {
            storefront_id: "main".into(),
            kind: Some(Kind::Identified(Identified {})),
            ..Event::default()
        };
        let keys = vec![key, alias(IdentityKeyKind::Anonymous, 9)];
        world.push_of(keys, DUE, Content::Event(event));
    }
    let Verdict::Go(go) = verdict(&world, &record) else {
        panic!("it did not go")
    };
    assert_eq!(go.aliases[..2], [vec![2; 16], vec![0; 16]]);
}

#[test]
fn a_derived_code_belongs_to_the_decision_and_the_key() {
    let (world, record) = pending("email_ten_percent");
    let request = ConfirmRequest {
        decision_id: record.decision_id.clone(),
        ..Default::default()
    };
    let bundle = bundle(&always("email_ten_percent"));
    let code = |key: u8| {
        let keys = ConfirmKeys {
            decision: KEY,
            offer: Key([key; 32]),
        };
        match confirm(&world.state, &bundle, &request, DUE, &keys).unwrap() {
            Verdict::Go(go) => go.offer_code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(6).len(), 12);
    assert!(code(6).starts_with("CR") && code(6).bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(code(6), code(6));
    assert_ne!(code(6), code(7));
}

#[test]
fn each_change_that_forbids_the_send_is_named() {
    type Change = fn(&mut World, &DecisionRecord);
    let cases: [(Change, Reason); 8] = [
        (|world, _| world.order(DUE), Reason::CartOrdered),
        (
            |world, _| world.consent(DUE, Channel::Email, ConsentState::Withdrawn),
            Reason::OptedOut,
        ),
        (
            |world, _| world.event(DUE, Kind::Erased(Erased::default())),
            Reason::Erased,
        ),
        (|world, _| world.fill_cart(DUE, Vec::new()), Reason::CartEmpty),
        (
            |world, _| world.fill_cart(DUE, vec![line("hat", 1, 100)]),
            Reason::CartChanged,
        ),
        (|world, record| world.sent(DUE, record), Reason::AlreadyClaimed),
        (
            |world, record| {
                let said = MessageUnsubscribed { channels: Vec::new() };
                world.outcome(DUE, record, Outcome::Unsubscribed(said));
            },
            Reason::AlreadyClaimed,
        ),
        (
            |world, record| {
                let skipped = MessageSkipped {
                    reason: Reason::CapReached.into(),
                    ..MessageSkipped::default()
                };
                world.outcome(DUE, record, Outcome::Skipped(skipped));
            },
            Reason::CapReached,
        ),
    ];
    for (change, reason) in cases {
        let (mut world, record) = pending("email_reminder");
        change(&mut world, &record);
        assert_eq!(verdict(&world, &record), Verdict::Skip(reason));
    }
}

#[test]
fn everything_sold_out_is_not_written_about() {
    let (mut world, record) = pending("email_reminder");
    for product in ["boots", "socks"] {
        let gone = ProductUpdated {
            product_id: product.into(),
            stock: Some(0),
            ..Default::default()
        };
        world.event(DUE, Kind::ProductUpdated(gone));
    }
    assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::OutOfStock));
}

#[test]
fn an_expired_offer_and_a_late_touch_are_not_sent() {
    let (world, record) = pending("email_ten_percent");
    let request = ConfirmRequest {
        decision_id: record.decision_id.clone(),
        ..Default::default()
    };
    let at =
        |policy: &Policy, now: i64| confirm(&world.state, &bundle(policy), &request, Micros(now), &keys()).unwrap();
    let mut patient = always("email_ten_percent");
    patient.company.as_mut().unwrap().latest_touch_seconds = Some(90 * 86_400);
    let expired = ABANDONED.0 + 4 * 86_400 * SECOND;
    assert_eq!(at(&patient, expired), Verdict::Skip(Reason::OfferExpired));
    assert_eq!(
        at(&always("email_ten_percent"), expired),
        Verdict::Skip(Reason::TooLate)
    );
}

#[test]
fn a_shopper_who_is_active_again_is_left_alone_for_t() {
    let (mut world, record) = pending("email_reminder");
    world.event(
        DUE,
        Kind::CartViewed(CartViewed {
            cart_id: CART.to_string(),
        }),
    );
    let time = Micros(DUE.0 + 1800 * SECOND);
    assert_eq!(
        verdict(&world, &record),
        Verdict::WaitUntil {
            time,
            reason: Reason::CartActive
        }
    );
    assert_eq!(ask(&world, &record, DUE, 0, true), Verdict::Skip(Reason::CartActive));
    assert!(matches!(ask(&world, &record, time, 0, false), Verdict::Go(_)));
}

#[test]
fn quiet_hours_at_the_send_are_waited_for() {
    let (world, record) = pending("sms_reminder");
    let request = ConfirmRequest {
        decision_id: record.decision_id.clone(),
        ..Default::default()
    };
    // 23:00 in Berlin.
    let night = Micros(NOON.0 + 11 * 3600 * SECOND);
    let morning = Micros(NOON.0 + 20 * 3600 * SECOND);
    let answer = confirm(&world.state, &bundle(&always("sms_reminder")), &request, night, &keys()).unwrap();
    assert_eq!(
        answer,
        Verdict::WaitUntil {
            time: morning,
            reason: Reason::QuietHours
        }
    );
}

#[test]
fn a_decision_for_a_new_version_supersedes_the_old_one() {
    let (mut world, record) = pending("email_reminder");
    world.fill_cart(DUE, vec![line("hat", 1, 5000)]);
    let later = Micros(DUE.0 + 1800 * SECOND);
    let newer = decide(
        &world.state,
        &bundle(&always("email_reminder")),
        &inactivity(),
        later,
        &KEY,
    );
    world.push(later, Content::Decision(newer.clone()));
    assert_eq!(
        ask(&world, &record, later, 0, false),
        Verdict::Skip(Reason::DecisionSuperseded)
    );
    assert!(matches!(ask(&world, &newer, later, 0, false), Verdict::Go(_)));
    // What crosses a message that is being sent is told whatever else has happened.
    world.consent(later, Channel::Email, ConsentState::Withdrawn);
    let told = ask(&world, &record, later, 0, true);
    assert!(
        matches!(told, Verdict::Skip(Reason::ConsentMissing | Reason::OptedOut)),
        "{told:?}"
    );
    world.order(later);
    assert_eq!(ask(&world, &record, later, 0, true), Verdict::Skip(Reason::CartOrdered));
}

#[test]
fn a_held_decision_waits_for_its_approval() {
    let (mut world, record) = pending("email_reminder");
    let decision_id = record.decision_id.clone();
    world.event(
        DUE,
        Kind::DecisionHeld(DecisionHeld {
            decision_id: decision_id.clone(),
        }),
    );
    assert_eq!(verdict(&world, &record), Verdict::Held);
    assert_eq!(
        ask(&world, &record, DUE, 0, true),
        Verdict::Skip(Reason::HeldForApproval)
    );
    let after = Micros(DUE.0 + SECOND);
    world.event(after, Kind::DecisionApproved(DecisionApproved { decision_id }));
    assert!(matches!(verdict(&world, &record), Verdict::Go(_)));
}

#[test]
fn a_later_touch_is_decided_anew_and_only_once() {
    let (mut world, record) = pending("email_reminder");
    world.sent(DUE, &record);
    let next_day = Micros(DUE.0 + 86_400 * SECOND);
    let Verdict::DecidedAnew {
        record: second,
        repeated,
    } = ask(&world, &record, next_day, 2, false)
    else {
        panic!("it was not decided anew")
    };
    assert!(!repeated);
    assert_eq!(
        (second.touch, second.request.as_ref().unwrap().trigger()),
        (2, Trigger::TouchDue)
    );
    assert_eq!(second.abandonment_time, record.abandonment_time);
    world.push(next_day, Content::Decision((*second).clone()));
    let Verdict::DecidedAnew {
        record: again,
        repeated,
    } = ask(&world, &record, Micros(next_day.0 + SECOND), 2, false)
    else {
        panic!("it was not decided anew")
    };
    assert!(repeated);
    assert_eq!(again.encode_to_vec(), second.encode_to_vec());
    assert_eq!(
        ask(&world, &record, next_day, 4, false),
        Verdict::Skip(Reason::TouchesExhausted)
    );
    world.order(next_day);
    assert_eq!(
        ask(&world, &record, next_day, 3, false),
        Verdict::Skip(Reason::CartOrdered)
    );
}

#[test]
fn a_decision_that_is_not_known_is_refused() {
    let (world, _) = pending("email_reminder");
    for decision_id in ["", "00000000000000000000000000000000"] {
        let request = ConfirmRequest {
            decision_id: decision_id.into(),
            ..Default::default()
        };
        let refusal = confirm(&world.state, &bundle(&always("email_reminder")), &request, DUE, &keys());
        assert_eq!(refusal.unwrap_err().reason, Reason::DecisionUnknown);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_goes_after_an_order_an_opt_out_or_a_newer_decision(
        stops in prop::collection::vec(0_u8..4, 1..4), minutes in 0_i64..4000, claimed in any::<bool>(),
    ) {
        let (mut world, record) = pending("email_reminder");
        for (index, stop) in stops.iter().enumerate() {
            let time = Micros(DUE.0 + i64::try_from(index).unwrap() * SECOND);
            match stop {
                0 => world.order(time),
                1 => world.consent(time, Channel::Email, ConsentState::Withdrawn),
                2 => world.event(time, Kind::Erased(Erased::default())),
                _ => {
                    world.fill_cart(time, vec![line("hat", 1, 5000 + i64::try_from(index).unwrap())]);
                    let bundle = bundle(&always("email_reminder"));
                    let newer = decide(&world.state, &bundle, &inactivity(), time, &KEY);
                    world.push(time, Content::Decision(newer));
                }
            }
        }
        let now = Micros(DUE.0 + minutes * 60 * SECOND);
        prop_assert!(!matches!(ask(&world, &record, now, 0, claimed), Verdict::Go(_)));
    }
}

#[test]
fn whoever_turns_out_to_be_held_out_is_not_written_to() {
    let (mut world, record) = pending("email_reminder");
    // As a decision of another of the person's aliases, met only now.
    let mut drawn = record.clone();
    drawn.decision_id = "1".repeat(32);
    drawn.clock = Some(Micros(ABANDONED.0 - 1).to_timestamp());
    drawn.holdout = true;
    world.push(DUE, Content::Decision(drawn));
    assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::Holdout));
}

#[test]
fn whoever_tries_out_cards_after_the_decision_is_not_written_to() {
    let (mut world, record) = pending("email_reminder");
    for _ in 0..5 {
        // About another cart: news about its own supersedes a decision.
        let failure = PaymentFailed {
            cart_id: CartId([8; 16]).to_string(),
            failure_code: "declined".into(),
        };
        world.event(DUE, Kind::PaymentFailed(failure));
    }
    assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::SuspectedCardTesting));
    assert!(Verdict::ends_sequence(Reason::SuspectedCardTesting));
}

#[test]
fn an_address_that_was_unlinked_after_the_decision_is_not_written_to() {
    let (mut world, record) = pending("email_reminder");
    assert!(matches!(verdict(&world, &record), Verdict::Go(_)));
    for other in [alias(IdentityKeyKind::Customer, 1), alias(IdentityKeyKind::Phone, 3)] {
        let pair = vec![other, alias(IdentityKeyKind::Email, 2)];
        world.event_of(pair, DUE, Kind::Unlinked(Unlinked {}));
    }
    assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::NotReachable));
}

/// The cart is the device's, which the decision did not see: it was asked for by an account and an address.
#[test]
fn an_address_that_was_unlinked_is_not_written_to_either_where_another_acts_in_the_cart() {
    for (customer, email) in [(1, 2), (2, 1)] {
        let [customer, email] =
            [(IdentityKeyKind::Customer, customer), (IdentityKeyKind::Email, email)].map(|(kind, id)| alias(kind, id));
        let mut world = World { state: State::new() };
        let both = vec![customer, email.clone()];
        world.event_of(both.clone(), NOON, Kind::Identified(Identified {}));
        let consent = ConsentChanged {
            channel: Channel::Email.into(),
            purpose: ConsentPurpose::CartReminder.into(),
            state: ConsentState::Granted.into(),
            ..ConsentChanged::default()
        };
        world.event_of(vec![email], NOON, Kind::ConsentChanged(consent));
        let filled = CartUpdated {
            cart: Some(cart(vec![line("boots", 1, 6000)])),
        };
        let device = alias(IdentityKeyKind::Anonymous, 20);
        world.event_of(vec![device], NOON, Kind::CartUpdated(filled));
        let request = DecisionRequest {
            identity_keys: both.clone(),
            ..inactivity()
        };
        let record = decide(
            &world.state,
            &bundle(&always("email_reminder")),
            &request,
            ABANDONED,
            &KEY,
        );
        world.push_of(Vec::new(), ABANDONED, Content::Decision(record.clone()));
        assert!(matches!(verdict(&world, &record), Verdict::Go(_)));
        world.event_of(both, DUE, Kind::Unlinked(Unlinked {}));
        assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::ConsentMissing));
    }
}

#[test]
fn a_suspected_same_person_is_not_written_to() {
    let (mut world, record) = pending("email_reminder");
    let tablet = || alias(IdentityKeyKind::Anonymous, 20);
    world.event_of(
        vec![alias(IdentityKeyKind::Customer, 1), tablet()],
        DUE,
        Kind::Identified(Identified {}),
    );
    for number in [30, 31, 32] {
        let guest = alias(IdentityKeyKind::Email, number);
        let keys = vec![tablet(), guest, alias(IdentityKeyKind::Phone, 3)];
        world.event_of(keys, DUE, Kind::Identified(Identified {}));
    }
    assert_eq!(verdict(&world, &record), Verdict::Skip(Reason::SuspectedSamePerson));
}
