//! Whether a person agreed to hear about a cart through a channel. Absence is not consent.

use crate::contract::{Channel, ConsentPurpose, ConsentState, DoubleOptIn, LegalBasis, Reason};
use crate::state::{Consent, Customer};

/// Why the channel may not be used, if so. The word on cart reminders counts before the word on marketing, and
/// text messages need a word on cart reminders.
pub(super) fn rejection(customer: &Customer<'_>, channel: Channel) -> Option<Reason> {
    let reminders = customer.consent(channel, ConsentPurpose::CartReminder);
    let marketing = customer
        .consent(channel, ConsentPurpose::Marketing)
        .filter(|_| channel != Channel::Sms);
    match reminders.or(marketing) {
        None => Some(Reason::ConsentMissing),
        Some(consent) if consent.state == ConsentState::Withdrawn => Some(Reason::OptedOut),
        Some(consent) => (!suffices(consent, channel)).then_some(Reason::ConsentMissing),
    }
}

/// A grant holds once its address is confirmed; the soft opt-in of a sale covers e-mail alone.
fn suffices(consent: &Consent, channel: Channel) -> bool {
    consent.state == ConsentState::Granted
        && consent.double_opt_in != DoubleOptIn::Pending
        && (consent.legal_basis != LegalBasis::SoftOptIn || channel == Channel::Email)
}
