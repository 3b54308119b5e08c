//! A later touch: nothing was fixed at the first one, so it gets a decision of its own.

use super::{ConfirmKeys, Subject, Verdict};
use crate::contract::{DecisionRequest, Reason, Trigger};
use crate::decide::{Occasion, alias_key, decide_with, seed};

impl Subject<'_> {
    pub(super) fn later_touch(&self, touch: u32, keys: &ConfirmKeys) -> Verdict {
        if self.decided.superseded {
            return Verdict::Skip(Reason::DecisionSuperseded);
        }
        if let Some(reason) = self.occasion_rejection() {
            return Verdict::Skip(reason);
        }
        let settings = self.settings();
        if touch > settings.max_touches {
            return Verdict::Skip(Reason::TouchesExhausted);
        }
        let active_until = self.inactive_from();
        if self.now.max(active_until) > self.latest() {
            return Verdict::Skip(Reason::TooLate);
        }
        if active_until > self.now {
            return Verdict::WaitUntil {
                time: active_until,
                reason: Reason::CartActive,
            };
        }
        self.decide_anew(touch, keys)
    }

    fn decide_anew(&self, touch: u32, keys: &ConfirmKeys) -> Verdict {
        let request = DecisionRequest {
            storefront_id: self.decided.storefront.to_string(),
            identity_keys: self.customer.aliases().iter().copied().map(alias_key).collect(),
            cart_id: self.decided.cart.to_string(),
            cart: None,
            trigger: Trigger::TouchDue.into(),
            channels: self.decided.channels.to_vec(),
            touch,
        };
        let occasion = Occasion::resolve(self.state, &request, self.now);
        if let Some(taken) = self.state.decision(&occasion.decision_id) {
            return Verdict::DecidedAnew {
                record: Box::new(taken.record()),
                repeated: true,
            };
        }
        let seed = seed(&keys.decision, occasion.decision_id);
        let record = decide_with(&occasion, self.bundle, seed, &keys.decision);
        Verdict::DecidedAnew {
            record: Box::new(record),
            repeated: false,
        }
    }
}
