//! Exploration: inverse-gap weighting (Abe and Long 1999; Foster and Rakhlin 2020) over a shortlist, with a floor
//! under every shortlisted action so that a later policy can be judged from what was logged.

use smallvec::SmallVec;

use super::plan::Plan;
use super::value::Value;
use crate::policy::Exploration;

/// Bits of a double's mantissa: a draw is a multiple of 2⁻⁵³.
const DRAW_BITS: u32 = 53;

/// Eligible candidates: index and value. Index 0 is "none".
type Ranked = SmallVec<[(usize, f64); 16]>;

/// The probability of each candidate; 0 off the shortlist. They sum to 1.
pub(super) fn propensities(plans: &[Plan], values: &[Value], exploration: &Exploration) -> Vec<f64> {
    let eligible = plans
        .iter()
        .zip(values)
        .enumerate()
        .filter(|(_, (plan, _))| plan.eligible());
    let ranked = eligible.map(|(index, (_, value))| (index, value.incremental)).collect();
    weigh(plans.len(), ranked, exploration)
}

fn weigh(count: usize, mut ranked: Ranked, exploration: &Exploration) -> Vec<f64> {
    // The best first; of equals the one that comes first in the policy.
    ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    let shortlist = shortlist(&ranked, exploration.shortlist_size);
    let mut chances = vec![0.0; count];
    let Some(((best, best_value), others)) = shortlist.split_first() else {
        return chances;
    };
    let size = f64::from(u32::try_from(shortlist.len()).unwrap_or(u32::MAX));
    let floor = exploration.probability_floor.min(1.0 / size);
    let above_floor = (1.0 - size * floor).max(0.0);
    let mut rest = 0.0;
    for (index, value) in others {
        let chance = floor + above_floor / (size + exploration.gap_weight * (best_value - value));
        rest += chance;
        if let Some(slot) = chances.get_mut(*index) {
            *slot = chance;
        }
    }
    if let Some(slot) = chances.get_mut(*best) {
        *slot = 1.0 - rest;
    }
    chances
}

/// The best of the ranked; "none" takes the last place where it would be left out and there is room for two.
fn shortlist(ranked: &Ranked, size: usize) -> SmallVec<[(usize, f64); 8]> {
    let mut list: SmallVec<[(usize, f64); 8]> = ranked.iter().take(size.max(1)).copied().collect();
    let left_out = list.iter().all(|(index, _)| *index != 0);
    let none = ranked.iter().find(|(index, _)| *index == 0);
    if let (true, true, Some(none), Some(last)) = (left_out, size > 1, none, list.last_mut()) {
        *last = *none;
    }
    list
}

/// The uniform number in [0, 1) of a seed.
#[allow(clippy::cast_precision_loss)]
pub(super) fn draw(seed: u64) -> f64 {
    (seed >> (u64::BITS - DRAW_BITS)) as f64 / (1_u64 << DRAW_BITS) as f64
}

/// The candidate that a draw falls on.
pub(super) fn chosen(chances: &[f64], draw: f64) -> usize {
    let mut reached = 0.0;
    let mut last = 0;
    for (index, chance) in chances.iter().enumerate().filter(|(_, chance)| **chance > 0.0) {
        reached += chance;
        last = index;
        if draw < reached {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exploration() -> impl Strategy<Value = Exploration> {
        (1_u32..=8, 0.0..=1.0_f64, 0.0..10.0_f64).prop_map(|(size, share, gap_weight)| Exploration {
            shortlist_size: size as usize,
            probability_floor: share / f64::from(size),
            gap_weight,
        })
    }

    proptest! {
        #[test]
        fn the_propensities_sum_to_one_and_keep_the_floor(
            values in prop::collection::vec(-1e6..1e6_f64, 1..65), exploration in exploration(),
        ) {
            let chances = weigh(values.len(), values.iter().copied().enumerate().collect(), &exploration);
            let shortlisted: Vec<f64> = chances.iter().copied().filter(|chance| *chance > 0.0).collect();
            prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(shortlisted.len() <= exploration.shortlist_size);
            prop_assert!(shortlisted.iter().all(|chance| *chance >= exploration.probability_floor - 1e-12));
            if exploration.shortlist_size > 1 && exploration.probability_floor > 0.0 {
                prop_assert!(chances[0] > 0.0, "none is always on the shortlist");
            }
        }

        #[test]
        fn the_draw_falls_on_a_candidate_that_has_a_chance(
            values in prop::collection::vec(-1e3..1e3_f64, 1..20), seed in any::<u64>(),
        ) {
            let exploration = Exploration { shortlist_size: 4, probability_floor: 0.05, gap_weight: 0.01 };
            let chances = weigh(values.len(), values.iter().copied().enumerate().collect(), &exploration);
            let draw = draw(seed);
            prop_assert!((0.0..1.0).contains(&draw));
            prop_assert!(chances[chosen(&chances, draw)] > 0.0);
        }
    }

    #[test]
    fn the_best_is_the_likeliest_and_a_larger_gap_is_less_likely() {
        let exploration = Exploration {
            shortlist_size: 4,
            probability_floor: 0.05,
            gap_weight: 0.1,
        };
        let values = [0.0, 100.0, 90.0, -50.0, -60.0];
        let chances = weigh(5, values.into_iter().enumerate().collect(), &exploration);
        assert!(chances[1] > chances[2] && chances[2] > chances[0] && chances[0] > chances[3]);
        assert_eq!(chances[4].to_bits(), 0);
    }

    #[test]
    fn without_exploration_the_best_is_certain() {
        let exploration = Exploration {
            shortlist_size: 1,
            probability_floor: 0.0,
            gap_weight: 0.0,
        };
        let chances = weigh(3, [0.0, -3.0, 5.0].into_iter().enumerate().collect(), &exploration);
        let bits: Vec<u64> = chances.iter().map(|chance| chance.to_bits()).collect();
        assert_eq!(bits, [0.0_f64, 0.0, 1.0].map(f64::to_bits));
    }
}
