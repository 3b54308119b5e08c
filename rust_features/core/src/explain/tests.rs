use super::explain;
use crate::bundle::testing::bundle;
use crate::contract::{Channel, ConsentState, DecisionRecord};
use crate::decide::decide;
use crate::decide::testing::{KEY, NOON, World, inactivity};
use crate::feature::CONTEXT_COUNT;
use crate::policy::testing::policy;
use crate::time::Micros;

const LATER: Micros = Micros(NOON.0 + 1_800_000_000);

fn decided(world: &World, holdout_basis_points: u32) -> DecisionRecord {
    let mut policy = policy();
    policy.company.as_mut().unwrap().holdout_basis_points = Some(holdout_basis_points);
    decide(&world.state, &bundle(&policy), &inactivity(), LATER, &KEY)
}

#[test]
fn the_story_names_the_choice_and_every_rejection() {
    let mut world = World::abandoned();
    world.consent(LATER, Channel::Sms, ConsentState::Withdrawn);
    let explained = explain(&decided(&world, 0));
    let story = explained.sentences.join("\n");
    assert!(story.starts_with("Touch 1 was decided at 2024-03-05T11:30:00Z because the cart was left alone."));
    assert!(story.contains("The cart is worth 60.00 EUR and would earn 24.00 EUR"));
    assert!(story.contains("sms_reminder (sms) was not possible: The person withdrew consent"));
    assert_eq!(explained.candidates.len(), 4);
}

#[test]
fn a_holdout_is_said_in_words() {
    let story = explain(&decided(&World::abandoned(), 10_000)).sentences.join("\n");
    assert!(story.contains("The customer is in the permanent holdout and is never written to."));
    assert!(story.contains("Nothing is sent"));
}

#[test]
fn the_arithmetic_adds_up_to_the_value() {
    let explained = explain(&decided(&World::abandoned(), 0));
    let none = &explained.candidates[0];
    for candidate in explained.candidates.iter().filter(|candidate| candidate.eligible) {
        let kept = candidate.margin_minor * (1.0 - candidate.return_probability);
        let gain = (candidate.recovery_probability - none.recovery_probability) * kept;
        let discount = candidate.recovery_probability * candidate.discount_minor;
        let value = gain - discount - candidate.contact_cost_minor - candidate.budget_cost_minor;
        assert!((value - candidate.value_minor).abs() < 1e-9);
    }
}

#[test]
fn a_missing_feature_says_why() {
    let explained = explain(&decided(&World::abandoned(), 0));
    assert_eq!(explained.features.len(), CONTEXT_COUNT);
    assert!(explained.features.iter().any(|feature| feature.value.is_nan()));
    for feature in explained.features {
        assert_eq!(feature.value.is_nan(), !feature.missing.is_empty(), "{}", feature.name);
    }
}
