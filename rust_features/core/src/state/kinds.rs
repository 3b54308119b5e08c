//! The kinds of events by their names in the journal: the snake names of the contract's oneof.

use crate::contract::event::Kind;

macro_rules! kinds {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// Journal names of the event kinds, in the order of the contract.
        pub const KINDS: &[&str] = &[$($name),*];

        #[allow(clippy::enum_variant_names)]
        enum Place { $($variant),* }

        /// The place of a kind in [`KINDS`].
        #[must_use]
        pub fn kind_number(kind: &Kind) -> usize {
            match kind { $(Kind::$variant(_) => Place::$variant as usize),* }
        }
    };
}

kinds! {
    ProductViewed => "product_viewed",
    ProductListViewed => "product_list_viewed",
    ProductsSearched => "products_searched",
    ProductWishlisted => "product_wishlisted",
    ProductAdded => "product_added",
    ProductRemoved => "product_removed",
    CartUpdated => "cart_updated",
    CartViewed => "cart_viewed",
    CheckoutStarted => "checkout_started",
    CheckoutStepViewed => "checkout_step_viewed",
    CheckoutStepCompleted => "checkout_step_completed",
    PaymentFailed => "payment_failed",
    OrderCompleted => "order_completed",
    OrderCancelled => "order_cancelled",
    OrderRefunded => "order_refunded",
    Identified => "identified",
    Linked => "linked",
    Unlinked => "unlinked",
    ProfileUpdated => "profile_updated",
    ConsentChanged => "consent_changed",
    PreferenceSet => "preference_set",
    Erased => "erased",
    TrialStarted => "trial_started",
    PlanViewed => "plan_viewed",
    PlanChanged => "plan_changed",
    SubscriptionCancelled => "subscription_cancelled",
    ProductUpdated => "product_updated",
    ProductDiscontinued => "product_discontinued",
    ChannelUpdated => "channel_updated",
    ChannelPaused => "channel_paused",
    ChannelResumed => "channel_resumed",
    MessageOutcome => "message_outcome",
    OfferIssued => "offer_issued",
    OfferRedeemed => "offer_redeemed",
    OfferRevoked => "offer_revoked",
    DecisionHeld => "decision_held",
    DecisionApproved => "decision_approved",
    DecisionRejected => "decision_rejected",
    DecisionExpired => "decision_expired",
    BundleActivated => "bundle_activated",
    BundleRolledBack => "bundle_rolled_back",
    BudgetPricesUpdated => "budget_prices_updated",
    ExperimentStarted => "experiment_started",
    ExperimentStopped => "experiment_stopped",
    ExceptionGranted => "exception_granted",
    ExceptionExpired => "exception_expired",
}

/// The journal's name of a kind.
#[must_use]
pub fn kind_name(kind: &Kind) -> &'static str {
    KINDS.get(kind_number(kind)).copied().unwrap_or_default()
}
