//! The permanent holdout: drawn at the first decision that could have contacted the customer, kept from then on.

use super::Occasion;
use super::plan::Plan;
use crate::contract::Reason;
use crate::keyed::Key;
use crate::policy::Storefront;

const WHOLE_BASIS_POINTS: u128 = 10_000;

/// The customer's arm, `true` for held out; `None` where nothing could be done anyway. A held-out customer's
/// actions are rejected.
pub(super) fn apply(occasion: &Occasion<'_>, settings: &Storefront, key: &Key, plans: &mut [Plan]) -> Option<bool> {
    let first = occasion.customer.aliases().first()?;
    if !plans.iter().any(|plan| plan.acts() && plan.eligible()) {
        return None;
    }
    let draw = || drawn(key.hash_u64("holdout", &[&first.0]), settings.holdout_basis_points);
    let holdout = occasion.customer.holdout().unwrap_or_else(draw);
    if holdout {
        for plan in plans.iter_mut().filter(|plan| plan.acts() && plan.eligible()) {
            plan.reasons.push(Reason::Holdout);
        }
    }
    Some(holdout)
}

/// Whether a hash, taken as a share of 2⁶⁴, falls below the share held out.
fn drawn(hash: u64, basis_points: u32) -> bool {
    (u128::from(hash) * WHOLE_BASIS_POINTS) >> 64 < u128::from(basis_points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_exact_at_its_ends() {
        assert!(!drawn(0, 0));
        assert!(drawn(u64::MAX, 10_000));
        assert!(drawn(u64::MAX / 10 - 1, 1000));
        assert!(!drawn(u64::MAX / 10 + 1, 1000));
    }
}
