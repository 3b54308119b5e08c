//! The checks of single values. A check notes what is wrong and goes on; what must not pass is replaced in place.

use prost_types::Timestamp;

use crate::contract::{Money, Reason};
use crate::ids::Token;
use crate::keyed::Key;
use crate::refusal::HIDDEN;
use crate::time::Micros;

use super::contact::{hide_contacts, is_url, strip_url};
use super::currency::is_currency;
use super::findings::Findings;
use super::path::Path;
use super::seal::Seal;

/// Longest id, in bytes.
const ID_LIMIT: usize = 64;
/// How far ahead of the edge's clock a sender's may be.
const FUTURE_SECONDS: u32 = 300;
/// Largest single amount, in minor units: sums of amounts stay exact in a double and far from overflow.
pub(super) const AMOUNT_LIMIT: i64 = 1_000_000_000_000;

/// One request on its way through the edge.
pub(super) struct Gate<'a> {
    pub(super) key: &'a Key,
    pub(super) seal: &'a Seal,
    pub(super) received: Micros,
    pub(super) storefront: String,
    pub(super) findings: Findings,
}

impl Gate<'_> {
    /// A required id that stays as it is: of a product, an offer, a plan.
    pub(super) fn id(&mut self, path: Path, value: &str) {
        if value.is_empty() {
            self.findings.missing(path, "send 1 to 64 bytes");
        } else {
            self.optional_id(path, value);
        }
    }

    /// The same where it may be empty.
    pub(super) fn optional_id(&mut self, path: Path, value: &str) {
        if value.len() > ID_LIMIT {
            let found = format!("{} bytes", value.len());
            self.findings
                .add(Reason::FieldOutOfRange, path, found, "send 1 to 64 bytes");
        } else if has_control(value) {
            self.findings
                .add(Reason::FieldMalformed, path, HIDDEN, "leave control characters out");
        }
    }

    /// A required outside id that becomes its token.
    pub(super) fn token(&mut self, path: Path, purpose: &str, value: &mut String) {
        self.id(path, value);
        self.replace_by_token(purpose, value);
    }

    /// The same where it may be empty and then stays so.
    pub(super) fn optional_token(&mut self, path: Path, purpose: &str, value: &mut String) {
        self.optional_id(path, value);
        if !value.is_empty() {
            self.replace_by_token(purpose, value);
        }
    }

    fn replace_by_token(&self, purpose: &str, value: &mut String) {
        let token = self.key.hash(purpose, &[self.storefront.as_bytes(), value.as_bytes()]);
        *value = Token(token).to_string();
    }

    /// A decision's or send's id: 32 lower-case hexadecimal digits.
    pub(super) fn hash_id(&mut self, path: Path, value: &str) {
        let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if value.is_empty() {
            self.findings.missing(path, "send 32 hexadecimal digits");
        } else if value.len() != 32 || !value.bytes().all(is_digit) {
            self.findings.add(
                Reason::FieldMalformed,
                path,
                HIDDEN,
                "send 32 lower-case hexadecimal digits",
            );
        }
    }

    /// Free text of at most `limit` bytes; may be empty.
    pub(super) fn text(&mut self, path: Path, value: &str, limit: usize) {
        if value.len() > limit {
            let found = format!("{} bytes", value.len());
            self.findings.add(
                Reason::FieldOutOfRange,
                path,
                found,
                format!("send at most {limit} bytes"),
            );
        }
    }

    /// The same where the sender may have written a contact into it: that is hidden.
    pub(super) fn remark(&mut self, path: Path, value: &mut String, limit: usize) {
        self.text(path, value, limit);
        hide_contacts(value);
    }

    /// A short code in letters, digits and `-_/+`, for example a locale or a time zone; may be empty.
    pub(super) fn code(&mut self, path: Path, value: &str, remedy: &str) {
        let is_symbol = |symbol: u8| symbol.is_ascii_alphanumeric() || b"-_/+".contains(&symbol);
        if value.len() > ID_LIMIT || !value.bytes().all(is_symbol) {
            self.findings.add(Reason::FieldMalformed, path, HIDDEN, remedy);
        }
    }

    /// An http or https URL that keeps host and path alone; may be empty.
    pub(super) fn url(&mut self, path: Path, value: &mut String) {
        if !value.is_empty() && !is_url(value) {
            self.findings.add(
                Reason::FieldMalformed,
                path,
                HIDDEN,
                "send an http or https URL of at most 2048 bytes",
            );
        }
        strip_url(value);
    }

    /// A required value of an enum.
    pub(super) fn choice<E: TryFrom<i32>>(&mut self, path: Path, value: i32) {
        if value == 0 {
            self.findings.missing(path, "choose a value of the enum");
        } else {
            self.optional_choice::<E>(path, value);
        }
    }

    /// The same where zero says that the sender does not know.
    pub(super) fn optional_choice<E: TryFrom<i32>>(&mut self, path: Path, value: i32) {
        if E::try_from(value).is_err() {
            self.findings.add(
                Reason::FieldOutOfRange,
                path,
                value.to_string(),
                "send a value that the contract knows",
            );
        }
    }

    /// A number within a range.
    pub(super) fn range(&mut self, path: Path, value: i64, least: i64, most: i64) {
        if !(least..=most).contains(&value) {
            let remedy = format!("send a number from {least} to {most}");
            self.findings
                .add(Reason::FieldOutOfRange, path, value.to_string(), remedy);
        }
    }

    /// An amount in minor units, never negative.
    pub(super) fn amount(&mut self, path: Path, minor_units: i64) {
        self.range(path, minor_units, 0, AMOUNT_LIMIT);
    }

    /// The same where it may be absent.
    pub(super) fn optional_amount(&mut self, path: Path, minor_units: Option<i64>) {
        if let Some(minor_units) = minor_units {
            self.amount(path, minor_units);
        }
    }

    /// A currency code; required where there are amounts.
    pub(super) fn currency(&mut self, path: Path, code: &str, required: bool) {
        if code.is_empty() && required {
            self.findings
                .missing(path, "send the ISO 4217 code of the amounts, such as EUR");
        } else if !code.is_empty() && !is_currency(code) {
            let is_short = code.len() <= 8 && code.bytes().all(|letter| letter.is_ascii_alphanumeric());
            let found = if is_short { code } else { HIDDEN };
            self.findings.add(
                Reason::CurrencyUnknown,
                path,
                found,
                "send an ISO 4217 code such as EUR, upper case",
            );
        }
    }

    /// An amount with its currency.
    pub(super) fn money(&mut self, path: Path, money: Option<&Money>, required: bool) {
        if let Some(money) = money {
            self.amount(path.field("minor_units"), money.minor_units);
            self.currency(path.field("currency_code"), &money.currency_code, true);
        } else if required {
            self.findings.missing(path, "send amount and currency");
        }
    }

    /// When something happened: not before 1970 and not ahead of the edge's clock by more than five minutes.
    pub(super) fn past_time(&mut self, path: Path, time: Option<&Timestamp>, required: bool) {
        let limit = self.received.plus_seconds(FUTURE_SECONDS);
        if let Some(time) = time {
            if self.time(path, Some(time)) && Micros::from_timestamp(time) > limit {
                let found = format!("{} s ahead", seconds_ahead(time, self.received));
                self.findings
                    .add(Reason::TimeInFuture, path, found, "check the sender's clock");
            }
        } else if required {
            self.findings.missing(path, "send when it happened");
        }
    }

    /// A time that may lie ahead or be absent; tells whether it has its form.
    pub(super) fn time(&mut self, path: Path, time: Option<&Timestamp>) -> bool {
        // The range of RFC 3339: the year 9999 ends there.
        let bad = time
            .filter(|time| !(0..253_402_300_800).contains(&time.seconds) || !(0..1_000_000_000).contains(&time.nanos));
        if let Some(time) = bad {
            let found = format!("{} s and {} ns", time.seconds, time.nanos);
            self.findings.add(
                Reason::FieldOutOfRange,
                path,
                found,
                "send a time from 1970 on, nanoseconds below 10^9",
            );
        }
        bad.is_none()
    }

    /// At most `limit` elements.
    pub(super) fn count(&mut self, path: Path, count: usize, limit: usize) {
        if count > limit {
            let remedy = format!("send at most {limit} elements");
            self.findings
                .add(Reason::TooManyElements, path, format!("{count} elements"), remedy);
        }
    }

    /// Seals text that only the dispatcher may read.
    pub(super) fn sealed(&mut self, path: Path, plaintext: &[u8]) -> Vec<u8> {
        self.seal.seal(plaintext).unwrap_or_else(|| {
            self.findings
                .add(Reason::FieldMalformed, path, HIDDEN, "send a value that can be sealed");
            Vec::new()
        })
    }
}

/// Most ids are ASCII, where bytes tell as much as characters.
fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

fn seconds_ahead(time: &Timestamp, received: Micros) -> i64 {
    time.seconds.saturating_sub(received.0.div_euclid(1_000_000))
}
