//! Encodes a refusal as `google.rpc.Status`. The messages are the few of googleapis' `google/rpc` that are used here.

use std::collections::HashMap;

use prost::Message;
use prost_types::Any;

use super::Refusal;

/// The domain of every reason of this project.
const DOMAIN: &str = "cart_recovery";

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<BadField>,
}

#[derive(Clone, PartialEq, Message)]
struct BadField {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(string, tag = "3")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

pub(super) fn encode(refusal: &Refusal) -> Vec<u8> {
    let mut details = Vec::new();
    if !refusal.violations.is_empty() {
        let field_violations = refusal.violations.iter().map(|violation| BadField {
            field: violation.field.clone(),
            description: violation.description(),
            reason: violation.reason.as_str_name().to_owned(),
        });
        details.push(detail(
            "BadRequest",
            &BadRequest {
                field_violations: field_violations.collect(),
            },
        ));
    }
    let info = ErrorInfo {
        reason: refusal.reason.as_str_name().to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: HashMap::new(),
    };
    details.push(detail("ErrorInfo", &info));
    if let Some(delay) = refusal.retry_after {
        let retry_delay = prost_types::Duration::try_from(delay).ok();
        details.push(detail("RetryInfo", &RetryInfo { retry_delay }));
    }
    Status {
        code: refusal.code as i32,
        message: refusal.message.clone(),
        details,
    }
    .encode_to_vec()
}

fn detail(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value: message.encode_to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::Reason;
    use crate::refusal::{Code, Violation};

    #[test]
    fn a_status_carries_fields_reason_and_delay() {
        let violation = |reason, field: &str, value: &str, remedy: &str| Violation {
            reason,
            field: field.to_owned(),
            value: value.to_owned(),
            remedy: remedy.to_owned(),
        };
        let violations = vec![
            violation(Reason::FieldMissing, "event.event_id", "nothing", "send 1 to 64 bytes"),
            violation(
                Reason::CurrencyUnknown,
                "event.currency",
                "XXQ",
                "send an ISO 4217 code",
            ),
        ];
        let refusal = Refusal::of_fields(Reason::FieldMissing, violations).retry_after(Duration::from_millis(1500));
        let status = Status::decode(refusal.to_status().as_slice()).unwrap();
        assert_eq!(status.code, 3);
        let urls: Vec<_> = status
            .details
            .iter()
            .map(|any| any.type_url.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(
            urls,
            ["google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo"]
        );
        let bad = BadRequest::decode(status.details[0].value.as_slice()).unwrap();
        assert_eq!(bad.field_violations[0].description, "Got nothing; send 1 to 64 bytes.");
        let reasons: Vec<_> = bad.field_violations.iter().map(|field| field.reason.as_str()).collect();
        assert_eq!(reasons, ["REASON_FIELD_MISSING", "REASON_CURRENCY_UNKNOWN"]);
        let info = ErrorInfo::decode(status.details[1].value.as_slice()).unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("REASON_FIELD_MISSING", "cart_recovery")
        );
        let retry = RetryInfo::decode(status.details[2].value.as_slice())
            .unwrap()
            .retry_delay
            .unwrap();
        assert_eq!((retry.seconds, retry.nanos), (1, 500_000_000));
    }

    #[test]
    fn the_table_gives_code_and_sentence() {
        let refusal = Refusal::new(Reason::SpoolFull);
        assert_eq!(refusal.code, Code::ResourceExhausted);
        assert_eq!(refusal.message, "The spool is full; try again after the given delay.");
        assert_eq!(Code::of(Reason::StateBehind), Code::FailedPrecondition);
        assert_eq!(Code::of(Reason::StateNotLoaded), Code::Unavailable);
        assert_eq!(Code::of(Reason::DecisionUnknown), Code::NotFound);
    }
}
