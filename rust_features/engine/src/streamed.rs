//! `TrackStream`: each message wraps a `TrackRequest`, and its answer tells of that event alone, so that a refused one
//! does not end the stream.

use cart_recovery_core::contract::track_stream_response::Result as Answer;
use cart_recovery_core::contract::{Reason, Rejection, TrackResponse, TrackStreamResponse};
use cart_recovery_core::refusal::{Refusal, Violation};
use prost::Message;

/// `TrackStreamRequest` with the request left as it came: the edge parses it.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(bytes = "vec", tag = "1")]
    track: Vec<u8>,
}

/// The serialised `TrackRequest` within a `TrackStreamRequest`.
///
/// # Errors
/// `REASON_UNPARSABLE`.
pub fn envelope(request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let envelope = Envelope::decode(request).map_err(|error| Refusal::new(Reason::Unparsable).with_detail(error))?;
    Ok(envelope.track)
}

/// Serialised `TrackStreamResponse` with what became of one event; `outcome` holds a serialised `TrackResponse`.
#[must_use]
pub fn streamed(outcome: &Result<Vec<u8>, Refusal>) -> Vec<u8> {
    let result = match outcome {
        Ok(reply) => Answer::Accepted(TrackResponse::decode(reply.as_slice()).unwrap_or_default()),
        Err(refusal) => Answer::Rejected(Rejection {
            code: refusal.code as i32,
            message: refusal.message.clone(),
            violations: refusal.violations.iter().map(Violation::to_contract).collect(),
        }),
    };
    TrackStreamResponse { result: Some(result) }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::contract::{Event, TrackRequest, TrackStreamRequest};

    use super::*;

    #[test]
    fn the_envelope_gives_back_the_request_as_it_came() {
        let track = TrackRequest {
            event: Some(Event {
                event_id: "e".into(),
                ..Event::default()
            }),
            acknowledge: 2,
        };
        let wrapped = TrackStreamRequest {
            track: Some(track.clone()),
        };
        assert_eq!(envelope(&wrapped.encode_to_vec()).unwrap(), track.encode_to_vec());
        assert_eq!(envelope(&[0xff]).unwrap_err().reason, Reason::Unparsable);
    }

    #[test]
    fn an_answer_tells_what_became_of_its_event() {
        let accepted = TrackResponse {
            spool_offset: 7,
            journal_sequence: 0,
        };
        let answer = |outcome| {
            TrackStreamResponse::decode(streamed(&outcome).as_slice())
                .unwrap()
                .result
        };
        assert_eq!(answer(Ok(accepted.encode_to_vec())), Some(Answer::Accepted(accepted)));
        let Some(Answer::Rejected(rejection)) = answer(Err(Refusal::new(Reason::SpoolFull))) else {
            panic!("a refusal was accepted")
        };
        assert_eq!(rejection.code, 8);
    }
}
