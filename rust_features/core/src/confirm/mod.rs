//! Right before a send: whether it still may go. The rules are those of the decision, asked again of the newest
//! state; a later touch is decided anew.

mod check;
mod go;
mod later;
#[cfg(test)]
mod tests;
mod verdict;

pub use verdict::Verdict;

use crate::bundle::Bundle;
use crate::contract::{Channel, ConfirmRequest, Reason};
use crate::decide::{Occasion, Reasons, person_reasons};
use crate::ids::{Alias, DecisionId};
use crate::keyed::Key;
use crate::refusal::Refusal;
use crate::state::{Approval, Cart, Customer, Decided, Progress, State};
use crate::time::Micros;

/// The deployment's keys that a confirmation needs.
#[derive(Clone)]
pub struct ConfirmKeys {
    /// Source of seeds and holdout draws.
    pub decision: Key,
    /// Source of single-use codes.
    pub offer: Key,
}

/// What is confirmed, and against what.
struct Subject<'a> {
    state: &'a State,
    bundle: &'a Bundle,
    now: Micros,
    id: DecisionId,
    decided: &'a Decided,
    cart: &'a Cart,
    customer: Customer<'a>,
}

/// Answers as of the state. That the state has folded the asked sequence is the caller's to check.
///
/// # Errors
/// Where the decision is not known.
pub fn confirm(
    state: &State,
    bundle: &Bundle,
    request: &ConfirmRequest,
    now: Micros,
    keys: &ConfirmKeys,
) -> Result<Verdict, Refusal> {
    let unknown = || Refusal::new(Reason::DecisionUnknown);
    let id = DecisionId::from_hex(&request.decision_id).ok_or_else(unknown)?;
    let decided = state.decision(&id).ok_or_else(unknown)?;
    let Some(cart) = state.cart(&decided.cart) else {
        let customer = state.customer(&asked_for(decided));
        let reason = person_reasons(&customer).first().copied();
        return Ok(Verdict::Skip(reason.unwrap_or(Reason::CartEmpty)));
    };
    // Around whoever acted on the cart, if the decision was theirs: an address that was unlinked since is not written to.
    let owner = cart.owner().filter(|owner| decided.aliases.contains(owner));
    let customer = match owner {
        Some(owner) => state.customer(&[owner]),
        None => state.customer(&asked_for(decided)),
    };
    let subject = Subject {
        state,
        bundle,
        now,
        id,
        decided,
        cart,
        customer,
    };
    let verdict = if request.touch > decided.touch {
        subject.later_touch(request.touch, keys)
    } else {
        subject.own_touch(keys)
    };
    Ok(if request.claimed { verdict.go_or_skip() } else { verdict })
}

/// The aliases that the decision saw, those it was asked for first and in their order: what the shop has parted since from the
/// strongest of them is somebody else's.
fn asked_for(decided: &Decided) -> Vec<Alias> {
    let keys = decided.record().request.unwrap_or_default().identity_keys;
    let named = keys.iter().filter_map(|key| Alias::from_bytes(&key.alias));
    let seen = named.filter(|alias| decided.aliases.contains(alias));
    seen.chain(decided.aliases.iter().copied()).collect()
}

impl Subject<'_> {
    fn own_touch(&self, keys: &ConfirmKeys) -> Verdict {
        let channel = self.channel_reasons();
        if let Some(verdict) = self.fate(&channel) {
            return verdict;
        }
        match self.rejection(&channel) {
            Some(reason) => Verdict::Skip(reason),
            None => self.wait().unwrap_or_else(|| Verdict::Go(Box::new(self.go(keys)))),
        }
    }

    /// What has already become of the decision.
    fn fate(&self, channel: &Reasons) -> Option<Verdict> {
        match self.decided.progress() {
            Progress::Claimed => return Some(Verdict::Skip(Reason::AlreadyClaimed)),
            Progress::Skipped(reason) => return Some(Verdict::Skip(reason)),
            Progress::Decided | Progress::Scheduled(_) => {}
        }
        if self.decided.action.channel() == Channel::None {
            let reason = if self.decided.holdout {
                Reason::Holdout
            } else {
                Reason::LowerValue
            };
            return Some(Verdict::Skip(reason));
        }
        // Before all that else may have happened: a sender asks whether one of these crossed its message.
        if let Some(reason) = self.forbidden(channel) {
            return Some(Verdict::Skip(reason));
        }
        if self.decided.superseded {
            return Some(Verdict::Skip(Reason::DecisionSuperseded));
        }
        match self.decided.approval() {
            Some(Approval::Held) => Some(Verdict::Held),
            Some(Approval::Rejected) => Some(Verdict::Skip(Reason::ApprovalRejected)),
            Some(Approval::Expired) => Some(Verdict::Skip(Reason::TooLate)),
            Some(Approval::Approved) | None => None,
        }
    }

    /// Whether the cart is still the one that was decided about: its version is part of the decision's id.
    fn cart_changed(&self) -> bool {
        let Decided {
            storefront,
            trigger,
            cart,
            touch,
            ..
        } = self.decided;
        let (id, _) = Occasion::ids(storefront, *trigger, *cart, self.cart, *touch);
        id != self.id
    }
}
