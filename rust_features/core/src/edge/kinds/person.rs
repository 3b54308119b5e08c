//! Person kinds and what became of a message.

use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    BounceKind, Channel, ConsentChanged, ConsentPurpose, ConsentState, DoubleOptIn, LegalBasis, MessageOutcome, Opener,
    PreferenceSet, ProfileUpdated, Reason,
};
use crate::edge::contact::hide_contacts;
use crate::edge::gate::Gate;
use crate::edge::identity::Person;
use crate::edge::lines::TEXT_LIMIT;
use crate::edge::path::Path;

const CHANNEL_LIMIT: usize = 16;
const TOUCH_LIMIT: i64 = 1000;
/// Characters of a provider's words that are kept.
const DIAGNOSTIC_LIMIT: usize = 512;

impl Gate<'_> {
    pub(super) fn person_kind(&mut self, path: Path, kind: &mut Kind, person: &Person) {
        match kind {
            Kind::ProfileUpdated(it) => self.profile(path, it),
            Kind::ConsentChanged(it) => self.consent(path, it),
            Kind::PreferenceSet(it) => self.preference(path, it),
            Kind::Erased(it) => it.suppression_hashes.clone_from(&person.suppression_hashes),
            _ => {}
        }
    }

    fn profile(&mut self, path: Path, profile: &ProfileUpdated) {
        self.optional_id(path.field("segment"), &profile.segment);
        self.range(path.field("birthday_month"), profile.birthday_month.into(), 0, 12);
        self.optional_amount(path.field("lifetime_value_minor"), profile.lifetime_value_minor);
        self.code(
            path.field("language"),
            &profile.language,
            "send a BCP 47 tag such as de-AT",
        );
    }

    fn consent(&mut self, path: Path, consent: &mut ConsentChanged) {
        // An objection to profiling concerns no channel.
        if consent.purpose() == ConsentPurpose::Profiling {
            self.optional_choice::<Channel>(path.field("channel"), consent.channel);
        } else {
            self.sending_channel(path.field("channel"), consent.channel);
        }
        self.choice::<ConsentPurpose>(path.field("purpose"), consent.purpose);
        self.choice::<ConsentState>(path.field("state"), consent.state);
        if consent.state() == ConsentState::Granted {
            self.choice::<LegalBasis>(path.field("legal_basis"), consent.legal_basis);
        } else {
            self.optional_choice::<LegalBasis>(path.field("legal_basis"), consent.legal_basis);
        }
        self.optional_choice::<DoubleOptIn>(path.field("double_opt_in"), consent.double_opt_in);
        self.remark(path.field("source"), &mut consent.source, TEXT_LIMIT);
        self.remark(path.field("proof_reference"), &mut consent.proof_reference, TEXT_LIMIT);
        self.past_time(path.field("given_time"), consent.given_time.as_ref(), false);
        self.code(
            path.field("jurisdiction"),
            &consent.jurisdiction,
            "send an ISO 3166 code such as DE or US-TX",
        );
    }

    fn preference(&mut self, path: Path, preference: &PreferenceSet) {
        self.channels(path, &preference.channels);
        self.code(
            path.field("time_zone"),
            &preference.time_zone,
            "send an IANA name such as Europe/Berlin",
        );
    }

    fn channels(&mut self, path: Path, channels: &[i32]) {
        self.count(path.field("channels"), channels.len(), CHANNEL_LIMIT);
        for (index, channel) in channels.iter().take(CHANNEL_LIMIT).enumerate() {
            self.sending_channel(path.item("channels", index), *channel);
        }
    }

    /// A channel through which something is sent: not "none".
    pub(super) fn sending_channel(&mut self, path: Path, channel: i32) {
        if channel == Channel::None as i32 {
            self.findings.add(
                Reason::FieldOutOfRange,
                path,
                "CHANNEL_NONE",
                "choose a channel that sends",
            );
        } else {
            self.choice::<Channel>(path, channel);
        }
    }

    pub(super) fn message_outcome(&mut self, path: Path, outcome: &mut MessageOutcome) {
        self.hash_id(path.field("decision_id"), &outcome.decision_id);
        self.hash_id(path.field("send_id"), &outcome.send_id);
        self.sending_channel(path.field("channel"), outcome.channel);
        self.range(path.field("touch"), outcome.touch.into(), 1, TOUCH_LIMIT);
        self.optional_id(path.field("provider"), &outcome.provider);
        self.text(
            path.field("provider_message_id"),
            &outcome.provider_message_id,
            TEXT_LIMIT,
        );
        match outcome.outcome.as_mut() {
            None => self
                .findings
                .missing(path.field("outcome"), "send an outcome that the contract knows"),
            Some(Outcome::Scheduled(it)) => {
                self.time(path.field("scheduled.due_time"), it.due_time.as_ref());
            }
            Some(Outcome::Skipped(it)) => self.choice::<Reason>(path.field("skipped.reason"), it.reason),
            Some(Outcome::Sent(it)) => self.past_time(path.field("sent.sent_time"), it.sent_time.as_ref(), false),
            Some(Outcome::Bounced(it)) => {
                self.choice::<BounceKind>(path.field("bounced.kind"), it.kind);
                clean_diagnostic(&mut it.diagnostic);
            }
            Some(Outcome::Opened(it)) => self.choice::<Opener>(path.field("opened.opener"), it.opener),
            Some(Outcome::Clicked(it)) => self.optional_id(path.field("clicked.link"), &it.link),
            Some(Outcome::Unsubscribed(it)) => self.channels(path.field("unsubscribed"), &it.channels),
            Some(Outcome::Failed(it)) => clean_diagnostic(&mut it.diagnostic),
            Some(Outcome::Delivered(_) | Outcome::Replied(_) | Outcome::Complained(_) | Outcome::Unknown(_)) => {}
        }
    }
}

/// Providers quote the address they refuse.
fn clean_diagnostic(diagnostic: &mut String) {
    hide_contacts(diagnostic);
    *diagnostic = diagnostic.chars().take(DIAGNOSTIC_LIMIT).collect();
}
