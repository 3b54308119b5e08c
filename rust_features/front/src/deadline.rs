//! When a caller gives up, as its `grpc-timeout` header says.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// A request must have come in whole after so long, whatever its caller's deadline: until then it holds memory.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The moments after which a call is given up.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    arrived: Instant,
    timeout: Option<Duration>,
}

impl Deadline {
    pub(crate) fn of(headers: &HeaderMap, arrived: Instant) -> Self {
        let text = headers.get("grpc-timeout").and_then(|value| value.to_str().ok());
        Self {
            arrived,
            timeout: text.and_then(parse),
        }
    }

    /// The caller's deadline.
    pub(crate) fn end(self) -> Option<Instant> {
        self.timeout.and_then(|timeout| self.arrived.checked_add(timeout))
    }

    /// When the request must have come in whole.
    pub(crate) fn body_end(self) -> Instant {
        let latest = self.arrived + BODY_TIME;
        self.end().map_or(latest, |end| end.min(latest))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.end().is_some_and(|end| end <= Instant::now())
    }
}

/// At most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_hours(number)),
        "M" => Some(Duration::from_mins(number)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_digits_and_a_unit() {
        assert_eq!(parse("20m"), Some(Duration::from_millis(20)));
        assert_eq!(parse("99999999H"), Some(Duration::from_hours(99_999_999)));
        for wrong in ["", "m", "20", "123456789S", "+5S", "2.5S", "5 S", "5s", "é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
