//! The rules of each event kind, and whether it must say who it is about.

mod commerce;
mod operation;
mod person;

use crate::contract::Reason;
use crate::contract::event::Kind;

use super::gate::Gate;
use super::identity::Person;
use super::path::Path;

impl Gate<'_> {
    /// Checks a kind and replaces what must not pass.
    pub(super) fn kind(&mut self, event: Path, kind: &mut Kind, person: &Person) {
        self.identity_of_kind(event, kind, person);
        let name = kind.name();
        let path = event.field(name);
        match kind {
            Kind::ProductViewed(_)
            | Kind::ProductListViewed(_)
            | Kind::ProductsSearched(_)
            | Kind::ProductWishlisted(_)
            | Kind::ProductUpdated(_)
            | Kind::ProductDiscontinued(_) => self.browse_kind(path, kind),
            Kind::ProductAdded(_)
            | Kind::ProductRemoved(_)
            | Kind::CartUpdated(_)
            | Kind::CartViewed(_)
            | Kind::CheckoutStarted(_)
            | Kind::CheckoutStepViewed(_)
            | Kind::CheckoutStepCompleted(_)
            | Kind::PaymentFailed(_) => self.cart_kind(path, kind),
            Kind::OrderCompleted(_) | Kind::OrderCancelled(_) | Kind::OrderRefunded(_) => self.order_kind(path, kind),
            Kind::Identified(_)
            | Kind::Linked(_)
            | Kind::Unlinked(_)
            | Kind::ProfileUpdated(_)
            | Kind::ConsentChanged(_)
            | Kind::PreferenceSet(_)
            | Kind::Erased(_) => self.person_kind(path, kind, person),
            Kind::MessageOutcome(outcome) => self.message_outcome(path, outcome),
            _ => self.operation_kind(path, kind),
        }
    }

    fn identity_of_kind(&mut self, event: Path, kind: &Kind, person: &Person) {
        let path = event.field("identity");
        match kind {
            Kind::Linked(_) | Kind::Unlinked(_) if person.keys.len() != 2 => {
                let found = format!("{} identity keys", person.keys.len());
                self.findings
                    .add(Reason::FieldOutOfRange, path, found, "name exactly the two keys");
            }
            _ if person.keys.is_empty() && is_about_a_person(kind) => {
                self.findings
                    .missing(path, "send a customer id, an anonymous id or a contact");
            }
            _ => {}
        }
    }
}

fn is_about_a_person(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::ProductUpdated(_)
            | Kind::ProductDiscontinued(_)
            | Kind::ChannelUpdated(_)
            | Kind::ChannelPaused(_)
            | Kind::ChannelResumed(_)
            | Kind::MessageOutcome(_)
            | Kind::DecisionHeld(_)
            | Kind::DecisionApproved(_)
            | Kind::DecisionRejected(_)
            | Kind::DecisionExpired(_)
            | Kind::DecisionSuperseded(_)
            | Kind::BundleActivated(_)
            | Kind::BundleRolledBack(_)
            | Kind::BudgetPricesUpdated(_)
            | Kind::ExperimentStarted(_)
            | Kind::ExperimentStopped(_)
            | Kind::ExceptionGranted(_)
            | Kind::ExceptionExpired(_)
    )
}
