//! Subscription, channel, offer, decision and operation kinds.

use crate::contract::event::Kind;
use crate::contract::{BudgetPricesUpdated, Reason};
use crate::edge::gate::Gate;
use crate::edge::lines::TEXT_LIMIT;
use crate::edge::path::Path;

const BUDGET_LIMIT: usize = 64;
const TRIAL_DAY_LIMIT: i64 = 3660;

impl Gate<'_> {
    pub(super) fn operation_kind(&mut self, path: Path, kind: &mut Kind) {
        match kind {
            Kind::TrialStarted(it) => {
                self.id(path.field("plan_id"), &it.plan_id);
                self.range(path.field("trial_days"), it.trial_days.into(), 0, TRIAL_DAY_LIMIT);
            }
            Kind::PlanViewed(it) => self.id(path.field("plan_id"), &it.plan_id),
            Kind::PlanChanged(it) => {
                self.optional_id(path.field("from_plan_id"), &it.from_plan_id);
                self.id(path.field("to_plan_id"), &it.to_plan_id);
            }
            Kind::SubscriptionCancelled(it) => {
                self.id(path.field("plan_id"), &it.plan_id);
                self.remark(path.field("cause"), &mut it.cause, TEXT_LIMIT);
            }
            Kind::ChannelUpdated(it) => {
                self.sending_channel(path.field("channel"), it.channel);
                self.money(path.field("unit_cost"), it.unit_cost.as_ref(), false);
            }
            Kind::ChannelPaused(it) => {
                self.sending_channel(path.field("channel"), it.channel);
                self.remark(path.field("cause"), &mut it.cause, TEXT_LIMIT);
            }
            Kind::ChannelResumed(it) => self.sending_channel(path.field("channel"), it.channel),
            Kind::OfferIssued(it) => {
                self.offer(path, &it.offer_id, &it.decision_id);
                self.time(path.field("expiry_time"), it.expiry_time.as_ref());
            }
            Kind::OfferRedeemed(it) => {
                self.offer(path, &it.offer_id, &it.decision_id);
                self.money(path.field("discount"), it.discount.as_ref(), false);
            }
            Kind::OfferRevoked(it) => self.offer(path, &it.offer_id, &it.decision_id),
            _ => self.governance_kind(path, kind),
        }
    }

    fn offer(&mut self, path: Path, offer_id: &str, decision_id: &str) {
        self.id(path.field("offer_id"), offer_id);
        if !decision_id.is_empty() {
            self.hash_id(path.field("decision_id"), decision_id);
        }
    }

    fn governance_kind(&mut self, path: Path, kind: &mut Kind) {
        match kind {
            Kind::DecisionHeld(it) => self.hash_id(path.field("decision_id"), &it.decision_id),
            Kind::DecisionApproved(it) => self.hash_id(path.field("decision_id"), &it.decision_id),
            Kind::DecisionRejected(it) => self.hash_id(path.field("decision_id"), &it.decision_id),
            Kind::DecisionExpired(it) => self.hash_id(path.field("decision_id"), &it.decision_id),
            Kind::DecisionSuperseded(it) => {
                self.hash_id(path.field("decision_id"), &it.decision_id);
                self.hash_id(path.field("superseding_decision_id"), &it.superseding_decision_id);
            }
            Kind::BundleActivated(it) => self.hash_id(path.field("bundle_id"), &it.bundle_id),
            Kind::BundleRolledBack(it) => {
                self.hash_id(path.field("from_bundle_id"), &it.from_bundle_id);
                self.hash_id(path.field("to_bundle_id"), &it.to_bundle_id);
            }
            Kind::BudgetPricesUpdated(it) => self.budget_prices(path, it),
            Kind::ExperimentStarted(it) => self.id(path.field("experiment_id"), &it.experiment_id),
            Kind::ExperimentStopped(it) => self.id(path.field("experiment_id"), &it.experiment_id),
            Kind::ExceptionGranted(it) => {
                self.id(path.field("exception_id"), &it.exception_id);
                self.id(path.field("rule_id"), &it.rule_id);
                self.time(path.field("expiry_time"), it.expiry_time.as_ref());
            }
            Kind::ExceptionExpired(it) => self.id(path.field("exception_id"), &it.exception_id),
            // Every other kind has its rules beside its group.
            _ => {}
        }
    }

    fn budget_prices(&mut self, path: Path, update: &BudgetPricesUpdated) {
        self.count(path.field("prices"), update.prices.len(), BUDGET_LIMIT);
        for (index, price) in update.prices.iter().take(BUDGET_LIMIT).enumerate() {
            let path = path.item("prices", index);
            self.id(path.field("budget_id"), &price.budget_id);
            if !price.price.is_finite() || price.price < 0.0 {
                let found = price.price.to_string();
                self.findings.add(
                    Reason::FieldOutOfRange,
                    path.field("price"),
                    found,
                    "send a price of at least 0",
                );
            }
        }
    }
}
