//! Whether a person agreed to hear about a cart through a channel. Absence is not consent.

use crate::contract::{Channel, ConsentPurpose, ConsentState, DoubleOptIn, LegalBasis, Reason};
use crate::state::{Consent, Customer};

/// Why the channel may not be used, if so. The word on cart reminders counts before the word on marketing, and text
/// messages need a word on cart reminders; but a reminder is marketing, so whoever withdraws that later gets none.
pub(super) fn rejection(customer: &Customer<'_>, channel: Channel) -> Option<Reason> {
    let reminders = customer.consent(channel, ConsentPurpose::CartReminder);
    let marketing = customer.consent(channel, ConsentPurpose::Marketing);
    let Some(consent) = reminders.or(marketing.filter(|_| channel != Channel::Sms)) else {
        return Some(Reason::ConsentMissing);
    };
    let withdrawn = marketing.is_some_and(|said| is_withdrawn(&said.value) && said.stamp.time > consent.stamp.time);
    if withdrawn || is_withdrawn(&consent.value) {
        return Some(Reason::OptedOut);
    }
    (!suffices(&consent.value, channel)).then_some(Reason::ConsentMissing)
}

fn is_withdrawn(consent: &Consent) -> bool {
    consent.state == ConsentState::Withdrawn
}

/// A grant holds once its address is confirmed; the soft opt-in of a sale covers e-mail alone.
fn suffices(consent: &Consent, channel: Channel) -> bool {
    consent.state == ConsentState::Granted
        && consent.double_opt_in != DoubleOptIn::Pending
        && (consent.legal_basis != LegalBasis::SoftOptIn || channel == Channel::Email)
}
