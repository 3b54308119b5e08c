//! What kind a journal message is of, by the name that subjects and reports give it.

use crate::contract::journal_message::Content;
use crate::contract::{Event, JournalMessage};

impl JournalMessage {
    /// The kind's name; of an event that of its kind.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match &self.content {
            Some(Content::Event(Event { kind: Some(kind), .. })) => kind.name(),
            Some(Content::Decision(_)) => "decision",
            Some(Content::Tick(_)) => "tick",
            Some(Content::SpoolClosed(_)) => "spool_closed",
            Some(Content::Suppressed(_)) => "suppressed",
            Some(Content::Event(_)) | None => "unknown",
        }
    }
}
