use proptest::prelude::*;
use prost::Message;

use super::testing::{CART, KEY, NOON, World, alias, cart, inactivity, line};
use super::{Occasion, answer, chosen, decide, execute};
use crate::bundle::Bundle;
use crate::bundle::testing::bundle;
use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    BudgetPrice, BudgetPricesUpdated, Candidate, Channel, ChannelPaused, ConsentPurpose, ConsentState, DecisionRecord,
    Identified, IdentityKeyKind, Line, Linked, Money, PaymentFailed, Policy, ProductUpdated, ProductViewed, Reason,
    Unlinked, offer,
};
use crate::policy::testing::policy;
use crate::time::Micros;

const LATER: Micros = Micros(NOON.0 + 1_800_000_000);

/// The test policy without a holdout.
fn open_policy() -> Policy {
    let mut policy = policy();
    policy.company.as_mut().unwrap().holdout_basis_points = Some(0);
    policy
}

fn decided(world: &World, policy: &Policy) -> DecisionRecord {
    decide(&world.state, &bundle(policy), &inactivity(), LATER, &KEY)
}

fn candidate<'a>(record: &'a DecisionRecord, action_id: &str) -> &'a Candidate {
    let named = |candidate: &&Candidate| candidate.action.as_ref().unwrap().action_id == action_id;
    record.candidates.iter().find(named).unwrap()
}

fn reasons(record: &DecisionRecord, action_id: &str) -> Vec<Reason> {
    candidate(record, action_id).reasons().collect()
}

fn eligible(record: &DecisionRecord) -> Vec<String> {
    let eligible = record.candidates.iter().filter(|candidate| candidate.eligible);
    eligible
        .map(|candidate| candidate.action.as_ref().unwrap().action_id.clone())
        .collect()
}

#[test]
fn every_action_of_an_abandoned_cart_is_weighed_against_doing_nothing() {
    let record = decided(&World::abandoned(), &open_policy());
    assert_eq!(
        eligible(&record),
        ["none", "email_reminder", "email_ten_percent", "sms_reminder"]
    );
    assert_eq!(candidate(&record, "none").value_minor.to_bits(), 0);
    assert_eq!(record.cart_value_minor, Some(6000));
    assert_eq!(record.touch, 1);
    assert_eq!(record.state_sequence, 3);
}

#[test]
fn what_is_not_eligible_is_not_scored_and_nothing_always_is() {
    let mut world = World::abandoned();
    world.consent(LATER, Channel::Sms, ConsentState::Withdrawn);
    let record = decided(&world, &open_policy());
    for candidate in &record.candidates {
        assert_eq!(candidate.recovery_probability > 0.0, candidate.eligible);
        assert_eq!(candidate.margin_log_odds.to_bits() != 0, candidate.eligible);
        assert!(candidate.eligible || candidate.value_minor.to_bits() == 0);
    }
    assert!(!candidate(&record, "sms_reminder").eligible);
    assert!(candidate(&record, "none").recovery_probability > 0.0);
}

#[test]
fn a_value_is_the_arithmetic_of_its_parts() {
    let record = decided(&World::abandoned(), &open_policy());
    let (none, offered) = (candidate(&record, "none"), candidate(&record, "email_ten_percent"));
    let discount = offered.recovery_probability * 600.0;
    let kept = record.margin_minor * 0.95;
    let gain = (offered.recovery_probability - none.recovery_probability) * kept;
    assert!((record.margin_minor - 2400.0).abs() < 1e-9);
    assert!((offered.budget_cost_minor - 0.1 * discount).abs() < 1e-9);
    assert!((offered.contact_cost_minor - 0.1).abs() < 1e-9);
    assert!((offered.value_minor - (gain - discount - 0.1 - 0.1 * discount)).abs() < 1e-9);
}

#[test]
fn a_discount_already_given_is_no_margin() {
    let mut world = World::abandoned();
    let before = decided(&world, &open_policy()).margin_minor;
    let boots = Line {
        discount_minor: 1500,
        ..line("boots", 1, 4000)
    };
    world.fill_cart(LATER, vec![boots, line("socks", 2, 1000)]);
    let after = decided(&world, &open_policy()).margin_minor;
    assert!((before - after - 1500.0).abs() < 1e-9);
}

#[test]
fn a_known_cost_and_newer_budget_prices_enter_the_value() {
    let mut world = World::abandoned();
    let before = decided(&world, &open_policy());
    let product = ProductUpdated {
        product_id: "boots".into(),
        cost_minor: Some(3900),
        ..Default::default()
    };
    world.event(NOON, Kind::ProductUpdated(product));
    let prices = vec![BudgetPrice {
        budget_id: "discount".into(),
        price: 3.0,
    }];
    world.event(
        NOON,
        Kind::BudgetPricesUpdated(BudgetPricesUpdated { version: 4, prices }),
    );
    let after = decided(&world, &open_policy());
    assert!((after.margin_minor - (100.0 + 800.0)).abs() < 1e-9);
    assert_eq!((before.budget_price_version, after.budget_price_version), (0, 4));
    let cost = |record: &DecisionRecord| candidate(record, "email_ten_percent").budget_cost_minor;
    assert!((cost(&after) / cost(&before) - 30.0).abs() < 1e-9);
}

#[test]
fn whoever_withdraws_marketing_after_agreeing_to_reminders_gets_none_until_they_agree_again() {
    for (channel, action) in [(Channel::Email, "email_reminder"), (Channel::Sms, "sms_reminder")] {
        let mut world = World::abandoned();
        let mut at = |second: i64, purpose, state| {
            world.choose(Micros(NOON.0 + second), channel, purpose, state);
            reasons(&decided(&world, &open_policy()), action)
        };
        let withdrawn = at(1, ConsentPurpose::Marketing, ConsentState::Withdrawn);
        assert_eq!(withdrawn, [Reason::OptedOut]);
        let again = at(2, ConsentPurpose::CartReminder, ConsentState::Granted);
        assert!(!again.contains(&Reason::OptedOut));
    }
}

fn views(world: &mut World, count: usize) {
    for _ in 0..count {
        world.event(LATER, Kind::ProductViewed(ProductViewed::default()));
    }
}

fn failed_payments(world: &mut World, count: usize) {
    for _ in 0..count {
        let failure = PaymentFailed {
            cart_id: CART.to_string(),
            failure_code: "declined".into(),
        };
        world.event(LATER, Kind::PaymentFailed(failure));
    }
}

#[test]
fn each_rejection_has_its_reason() {
    type Change = fn(&mut World);
    let day = 86_400_000_000;
    let cases: [(Change, Reason); 8] = [
        (
            |world| world.consent(LATER, Channel::Email, ConsentState::Withdrawn),
            Reason::OptedOut,
        ),
        (|world| world.order(LATER), Reason::CartOrdered),
        (|world| world.fill_cart(LATER, Vec::new()), Reason::CartEmpty),
        (
            |world| {
                let bare = crate::contract::Line {
                    unit_price_minor: None,
                    ..line("scarf", 1, 0)
                };
                world.fill_cart(LATER, vec![bare]);
            },
            Reason::CartWithoutPrices,
        ),
        (
            |world| {
                let paused = ChannelPaused {
                    channel: Channel::Email.into(),
                    ..Default::default()
                };
                world.event(LATER, Kind::ChannelPaused(paused));
            },
            Reason::ChannelUnavailable,
        ),
        (
            |world| world.event(LATER, Kind::Erased(crate::contract::Erased::default())),
            Reason::Erased,
        ),
        (|world| views(world, 700), Reason::SuspectedRobot),
        (|world| failed_payments(world, 5), Reason::SuspectedCardTesting),
    ];
    for (change, reason) in cases {
        let mut world = World::abandoned();
        change(&mut world);
        let record = decided(&world, &open_policy());
        assert!(reasons(&record, "email_reminder").contains(&reason), "{reason:?}");
        assert!(candidate(&record, "none").eligible);
    }
    let late = decide(
        &World::abandoned().state,
        &bundle(&open_policy()),
        &inactivity(),
        Micros(LATER.0 + day),
        &KEY,
    );
    assert!(
        candidate(&late, "email_reminder").eligible,
        "the abandonment is the decision's own moment"
    );
}

#[test]
fn nobody_who_did_not_agree_is_written_to() {
    let mut world = World::default();
    world.fill_cart(NOON, vec![line("boots", 1, 4000)]);
    let record = decided(&world, &open_policy());
    assert_eq!(eligible(&record), ["none"]);
    assert_eq!(reasons(&record, "sms_reminder"), [Reason::ConsentMissing]);
    assert!(
        record.experiment_arms.is_empty(),
        "no arm is drawn where nothing could be sent"
    );
}

#[test]
fn the_caller_serves_only_the_channels_it_names() {
    let mut request = inactivity();
    request.channels = vec![Channel::Sms.into()];
    let record = decide(
        &World::abandoned().state,
        &bundle(&open_policy()),
        &request,
        LATER,
        &KEY,
    );
    assert_eq!(eligible(&record), ["none", "sms_reminder"]);
    assert_eq!(reasons(&record, "email_reminder"), [Reason::ChannelNotOffered]);
}

#[test]
fn an_offer_needs_its_minimum_and_its_currency() {
    let mut world = World::abandoned();
    world.fill_cart(LATER, vec![line("socks", 1, 1000)]);
    let record = decided(&world, &open_policy());
    assert_eq!(reasons(&record, "email_ten_percent"), [Reason::OfferBelowMinimum]);
    let mut policy = open_policy();
    policy.offers[0].terms = Some(offer::Terms::Amount(Money {
        minor_units: 5,
        currency_code: "USD".into(),
    }));
    let record = decided(&world, &policy);
    assert_eq!(reasons(&record, "email_ten_percent"), [Reason::OfferCurrencyDiffers]);
}

#[test]
fn quiet_hours_move_the_send_and_the_expiry_with_it() {
    let mut policy = open_policy();
    policy.actions[2].delay_seconds = 11 * 3600;
    let record = decided(&World::abandoned(), &policy);
    let send = candidate(&record, "sms_reminder")
        .action
        .as_ref()
        .unwrap()
        .send_time
        .unwrap();
    // 23:30 in Berlin is quiet until 8:00.
    assert_eq!(Micros::from_timestamp(&send), Micros(NOON.0 + 20 * 3_600_000_000));
    let offered = candidate(&record, "email_ten_percent").action.clone().unwrap();
    let (send, expiry) = (offered.send_time.unwrap(), offered.offer_expiry_time.unwrap());
    assert_eq!(expiry.seconds - send.seconds, 3 * 86_400);
}

#[test]
fn a_held_out_customer_gets_nothing_and_stays_held_out() {
    let mut everybody = policy();
    everybody.company.as_mut().unwrap().holdout_basis_points = Some(10_000);
    let mut world = World::abandoned();
    let record = decided(&world, &everybody);
    assert!(record.holdout);
    assert_eq!(eligible(&record), ["none"]);
    assert_eq!(reasons(&record, "email_reminder"), [Reason::Holdout]);
    world.push(LATER, crate::contract::journal_message::Content::Decision(record));
    let again = decided(&world, &open_policy());
    assert!(again.holdout, "a changed share draws nobody anew");
}

#[test]
fn the_inline_cart_is_what_is_decided_about() {
    let mut request = inactivity();
    request.cart = Some(cart(vec![line("hat", 1, 2500)]));
    let world = World::abandoned();
    let record = decide(&world.state, &bundle(&open_policy()), &request, LATER, &KEY);
    assert_eq!(record.cart_value_minor, Some(2500));
    assert_ne!(record.decision_id, decided(&world, &open_policy()).decision_id);
}

#[test]
fn a_claimed_touch_makes_the_next_one_due() {
    let mut world = World::abandoned();
    let first = decided(&world, &always("email_reminder"));
    world.push(
        LATER,
        crate::contract::journal_message::Content::Decision(first.clone()),
    );
    world.sent(LATER, &first);
    let second = decided(&world, &open_policy());
    assert_eq!((first.touch, second.touch), (1, 2));
    assert!(
        second
            .candidates
            .iter()
            .all(|held| held.action.as_ref().unwrap().action_id != "sms_reminder")
    );
}

#[test]
fn a_reached_cap_rejects_the_channel() {
    let mut world = World::abandoned();
    let policy = always("email_reminder");
    for touch in 1..=2 {
        let mut request = inactivity();
        request.touch = touch;
        let record = decide(&world.state, &bundle(&policy), &request, LATER, &KEY);
        world.push(
            LATER,
            crate::contract::journal_message::Content::Decision(record.clone()),
        );
        world.outcome(LATER, &record, Outcome::Sent(crate::contract::MessageSent::default()));
    }
    assert!(reasons(&decided(&world, &open_policy()), "email_reminder").contains(&Reason::CapReached));
}

/// A policy that always takes one action.
pub(crate) fn always(action_id: &str) -> Policy {
    let mut policy = open_policy();
    policy.actions.retain(|action| action.action_id == action_id);
    policy.exploration = None;
    policy
}

#[test]
fn the_answer_gives_the_best_candidates_first() {
    let record = decided(&World::abandoned(), &open_policy());
    let answer = answer(&record, 2, 1, true);
    assert_eq!(answer.candidates.len(), 2);
    assert!(answer.candidates[0].value_minor >= answer.candidates[1].value_minor);
    assert_eq!(answer.action, chosen(&record).unwrap().action);
    assert!(answer.repeated_answer);
}

#[test]
fn a_decision_executes_again_to_the_same_bytes() {
    let world = World::abandoned();
    let (policy, key) = (open_policy(), KEY);
    let bundle: Bundle = bundle(&policy);
    let record = decided(&world, &policy);
    let again = execute(&world.state, &bundle, &record, &key).unwrap();
    assert_eq!(again.encode_to_vec(), record.encode_to_vec());
    let mut other = world.clone();
    other.fill_cart(LATER, Vec::new());
    assert!(execute(&other.state, &bundle, &record, &key).is_err());
}

/// What may happen to a shopper between two decisions.
#[derive(Clone, Debug)]
enum Step {
    Consent(Channel, ConsentState),
    Fill(u32, i64),
    Order,
    Link,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let channel = prop::sample::select(vec![Channel::Email, Channel::Sms]);
    let consent = prop::sample::select(vec![ConsentState::Granted, ConsentState::Withdrawn]);
    prop::collection::vec(
        prop_oneof![
            (channel, consent).prop_map(|(channel, state)| Step::Consent(channel, state)),
            (0_u32..4, 1_i64..100_000).prop_map(|(quantity, price)| Step::Fill(quantity, price)),
            Just(Step::Order),
            Just(Step::Link),
        ],
        0..8,
    )
}

fn walk(steps: &[Step]) -> World {
    let mut world = World::abandoned();
    for (index, step) in steps.iter().enumerate() {
        let time = Micros(NOON.0 + 1_000_000 * (1 + i64::try_from(index).unwrap()));
        match step {
            Step::Consent(channel, state) => world.consent(time, *channel, *state),
            Step::Fill(quantity, price) => world.fill_cart(time, vec![line("hat", *quantity, *price)]),
            Step::Order => world.order(time),
            Step::Link => world.event(time, Kind::Linked(Linked {})),
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_decision_is_lawful(steps in steps(), key in any::<[u8; 32]>()) {
        let world = walk(&steps);
        let policy = policy();
        let record = decide(&world.state, &bundle(&policy), &inactivity(), LATER, &crate::keyed::Key(key));
        let sum: f64 = record.candidates.iter().map(|candidate| candidate.propensity).sum();
        prop_assert!((sum - 1.0).abs() < 1e-9);
        prop_assert_eq!(&candidate(&record, "none").action.as_ref().unwrap().action_id, "none");
        prop_assert!(record.candidates[0].eligible && record.candidates[0].propensity > 0.0);
        for (index, candidate) in record.candidates.iter().enumerate() {
            let taken = index == record.chosen as usize;
            prop_assert!(candidate.propensity.total_cmp(&0.0).is_eq() || candidate.propensity >= 0.05 - 1e-12);
            prop_assert!(candidate.eligible || candidate.propensity.total_cmp(&0.0).is_eq());
            prop_assert_eq!(candidate.reasons.is_empty(), taken, "all but the chosen carry a reason");
        }
        prop_assert!(chosen(&record).unwrap().eligible);
        let again = decide(&world.state, &bundle(&policy), &inactivity(), LATER, &crate::keyed::Key(key));
        prop_assert_eq!(again.encode_to_vec(), record.encode_to_vec());
    }

    #[test]
    fn an_opt_out_or_a_cap_never_makes_more_possible(steps in steps(), limit in 0_u32..3, opt_out in any::<bool>()) {
        let mut world = walk(&steps);
        let mut policy = open_policy();
        let before = eligible(&decided(&world, &policy));
        if opt_out {
            world.consent(LATER, Channel::Email, ConsentState::Withdrawn);
        }
        policy.frequency_caps[0].max_sends = limit;
        let after = eligible(&decided(&world, &policy));
        prop_assert!(after.iter().all(|action| before.contains(action)));
    }

    #[test]
    fn the_keys_follow_from_the_occasion_alone(steps in steps(), touch in 1_u32..5) {
        let world = walk(&steps);
        let mut request = inactivity();
        request.touch = touch;
        let occasion = Occasion::resolve(&world.state, &request, LATER);
        let other = Occasion::resolve(&world.state, &request, Micros(LATER.0 + 5));
        prop_assert_eq!(occasion.decision_id, other.decision_id);
        prop_assert_eq!(occasion.cart_id, CART);
        let next = crate::contract::DecisionRequest { touch: touch + 1, ..request.clone() };
        prop_assert_ne!(Occasion::resolve(&world.state, &next, LATER).send_id, occasion.send_id);
    }
}

#[test]
fn a_suspected_same_person_is_held_back_until_the_shop_speaks() {
    let mut world = World::abandoned();
    let tablet = || alias(IdentityKeyKind::Anonymous, 20);
    let guests = [30, 31, 32].map(|number| alias(IdentityKeyKind::Email, number));
    let mut seen = |keys| world.event_of(keys, NOON, Kind::Identified(Identified {}));
    seen(vec![alias(IdentityKeyKind::Customer, 1), tablet()]);
    for guest in &guests {
        seen(vec![tablet(), guest.clone(), alias(IdentityKeyKind::Phone, 3)]);
    }
    let record = decided(&world, &open_policy());
    assert_eq!(eligible(&record), ["none"]);
    assert_eq!(reasons(&record, "email_reminder"), [Reason::SuspectedSamePerson]);
    for guest in guests {
        let pair = vec![alias(IdentityKeyKind::Email, 2), guest];
        world.event_of(pair, LATER, Kind::Unlinked(Unlinked {}));
    }
    assert!(eligible(&decided(&world, &open_policy())).len() > 1);
}
