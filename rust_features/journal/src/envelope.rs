//! Subject and headers of a journalled message.

use std::fmt::Write as _;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use cart_recovery_core::channel::channel_name;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{Action, Channel, DecisionRecord, JournalMessage};
use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::keyed::public_hash;
use cart_recovery_core::time::Micros;
use prost_types::Timestamp;

const SHARDS: u16 = 1024;

/// `evt.<shard>.<kind>` or `dec.<shard>.<channel>`.
pub(crate) fn subject(message: &JournalMessage) -> String {
    let shard = shard(message);
    match &message.content {
        Some(Content::Decision(record)) => format!("dec.{shard}.{}", channel_name(chosen_channel(record))),
        _ => format!("evt.{shard}.{}", message.kind_name()),
    }
}

/// Of the first alias; of the product in catalogue events; else 0.
fn shard(message: &JournalMessage) -> u16 {
    let alias = message
        .identity_keys
        .iter()
        .find_map(|key| key.alias.first_chunk().copied());
    alias
        .or_else(|| product_key(message))
        .map_or(0, |bytes: [u8; 2]| u16::from_le_bytes(bytes) % SHARDS)
}

fn product_key(message: &JournalMessage) -> Option<[u8; 2]> {
    let Some(Content::Event(event)) = &message.content else {
        return None;
    };
    let product_id = match &event.kind {
        Some(Kind::ProductUpdated(product)) => &product.product_id,
        Some(Kind::ProductDiscontinued(product)) => &product.product_id,
        _ => return None,
    };
    public_hash("product", &[event.storefront_id.as_bytes(), product_id.as_bytes()])
        .first_chunk()
        .copied()
}

fn chosen_channel(record: &DecisionRecord) -> Channel {
    let chosen = usize::try_from(record.chosen)
        .ok()
        .and_then(|chosen| record.candidates.get(chosen));
    chosen
        .and_then(|candidate| candidate.action.as_ref())
        .map_or(Channel::None, Action::channel)
}

/// Deduplication, origin, and `CloudEvents` attributes.
pub(crate) fn headers(message: &JournalMessage, spool: SpoolId, offset: u64) -> HeaderMap {
    let message_id = format!("{spool}:{offset}");
    let (id, source, time) = match &message.content {
        Some(Content::Event(event)) => (event.event_id.as_str(), event.storefront_id.as_str(), event.event_time),
        Some(Content::Decision(record)) => {
            let storefront = record
                .request
                .as_ref()
                .map_or("", |request| request.storefront_id.as_str());
            (record.decision_id.as_str(), storefront, record.clock)
        }
        _ => (message_id.as_str(), "", message.received_time),
    };
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id);
    headers.insert("ce-type", format!("cart_recovery.v1.{}", message.kind_name()));
    headers.insert("ce-source", format!("cart-recovery/{}", percent_encoded(source)));
    headers.insert("ce-time", rfc3339(time.unwrap_or_default()));
    headers.insert(NATS_MESSAGE_ID, message_id);
    headers
}

/// The spool that a message came from, and its offset there.
pub(crate) fn origin(headers: &HeaderMap) -> Option<(SpoolId, u64)> {
    let (spool, offset) = headers.get(NATS_MESSAGE_ID)?.as_str().split_once(':')?;
    Some((SpoolId::from_hex(spool)?, offset.parse().ok()?))
}

/// Everything but letters, digits and `-._~` as RFC 3986 says.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// UTC in microseconds; civil date after Hinnant's `civil_from_days`.
fn rfc3339(timestamp: Timestamp) -> String {
    let micros = Micros::from_timestamp(&timestamp).0;
    let seconds = micros.div_euclid(1_000_000);
    let (day, second) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        day_of_year - (153 * shifted + 2) / 5 + 1,
        second / 3600,
        second / 60 % 60,
        second % 60,
        micros.rem_euclid(1_000_000),
    )
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::contract::{CartViewed, IdentityKey, ProductUpdated, Tick};

    use cart_recovery_core::contract::Event;

    use super::*;

    fn message(kind: Kind) -> JournalMessage {
        let event = Event {
            storefront_id: "shop/ä".into(),
            kind: Some(kind),
            ..Event::default()
        };
        JournalMessage {
            content: Some(Content::Event(event)),
            ..JournalMessage::default()
        }
    }

    #[test]
    fn subjects_name_shard_and_kind() {
        let tick = JournalMessage {
            content: Some(Content::Tick(Tick {})),
            ..JournalMessage::default()
        };
        assert_eq!(subject(&tick), "evt.0.tick");
        let mut viewed = message(Kind::CartViewed(CartViewed::default()));
        viewed.identity_keys.push(IdentityKey {
            alias: vec![1, 6, 0],
            ..IdentityKey::default()
        });
        assert_eq!(subject(&viewed), "evt.513.cart_viewed");
        let product = message(Kind::ProductUpdated(ProductUpdated {
            product_id: "p".into(),
            ..Default::default()
        }));
        assert!(subject(&product).ends_with(".product_updated") && !subject(&product).starts_with("evt.0."));
        let record = JournalMessage {
            content: Some(Content::Decision(DecisionRecord::default())),
            ..viewed
        };
        assert_eq!(subject(&record), "dec.513.none");
    }

    #[test]
    fn headers_are_safe_and_times_are_rfc3339() {
        let headers = headers(&message(Kind::CartViewed(CartViewed::default())), SpoolId([1; 16]), 7);
        assert_eq!(
            headers.get("ce-source").unwrap().as_str(),
            "cart-recovery/shop%2F%C3%A4"
        );
        assert_eq!(
            headers.get("Nats-Msg-Id").unwrap().as_str(),
            "01010101010101010101010101010101:7"
        );
        assert_eq!(origin(&headers), Some((SpoolId([1; 16]), 7)));
        for foreign in [
            "",
            "7",
            "an-id-of-a-client",
            "01:7",
            "01010101010101010101010101010101:-7",
        ] {
            let mut others = HeaderMap::new();
            others.insert("Nats-Msg-Id", foreign);
            assert_eq!(origin(&others), None, "{foreign}");
        }
        assert_eq!(origin(&HeaderMap::new()), None);
        assert_eq!(
            rfc3339(Micros(1_709_210_096_000_123).to_timestamp()),
            "2024-02-29T12:34:56.000123Z"
        );
        assert_eq!(
            rfc3339(Timestamp { seconds: -1, nanos: 0 }),
            "1969-12-31T23:59:59.000000Z"
        );
    }
}
