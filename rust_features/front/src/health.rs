//! `grpc.health.v1` for the services of a front and, under the empty name, for all of them together.

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use prost::Message;
use tokio::sync::watch;

use crate::method::{EVENT_SERVICE, SCORING_SERVICE};

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `ServingStatus` of the contract.
#[derive(Clone, Copy, PartialEq)]
enum Status {
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// What the process can do.
#[derive(Clone, Copy, PartialEq)]
enum Ability {
    /// It takes events, and decides where `scoring`.
    Open {
        scoring: bool,
    },
    Ending,
}

/// What health tells, and to whom.
pub(crate) struct Health(watch::Sender<Ability>);

impl Health {
    /// Events are taken, decisions are not.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Ability::Open { scoring: false }))
    }

    /// Nothing serves after [`Self::end`].
    pub(crate) fn set_scoring(&self, scoring: bool) {
        self.0.send_if_modified(|ability| {
            let told = Ability::Open { scoring };
            let changes = *ability != Ability::Ending && *ability != told;
            if changes {
                *ability = told;
            }
            changes
        });
    }

    pub(crate) fn end(&self) {
        self.0.send_replace(Ability::Ending);
    }

    /// Answers `Check`.
    pub(crate) fn check(&self, request: &[u8]) -> Result<Bytes, tonic::Status> {
        match self.0.borrow().of(&service(request)?) {
            Status::ServiceUnknown => Err(tonic::Status::not_found("no such service")),
            known => Ok(response(known)),
        }
    }

    /// Answers `Watch`: the status now and at each change; the stream ends with the front.
    pub(crate) fn watch(
        &self,
        request: &[u8],
    ) -> Result<impl Stream<Item = Result<Bytes, tonic::Status>> + Send + use<>, tonic::Status> {
        let service = service(request)?;
        let ability = self.0.subscribe();
        Ok(unfold((ability, None), move |(mut ability, told)| {
            let service = service.clone();
            async move {
                loop {
                    let now = *ability.borrow_and_update();
                    let status = now.of(&service);
                    if told != Some(status) {
                        return Some((Ok(response(status)), (ability, Some(status))));
                    }
                    if now == Ability::Ending {
                        return None;
                    }
                    ability.changed().await.ok()?;
                }
            }
        }))
    }
}

impl Ability {
    fn of(self, service: &str) -> Status {
        let serves = match (self, service) {
            (Self::Open { .. }, EVENT_SERVICE) => true,
            (Self::Open { scoring }, SCORING_SERVICE | "") => scoring,
            (Self::Ending, EVENT_SERVICE | SCORING_SERVICE | "") => false,
            _ => return Status::ServiceUnknown,
        };
        if serves { Status::Serving } else { Status::NotServing }
    }
}

fn service(request: &[u8]) -> Result<String, tonic::Status> {
    let request = HealthCheckRequest::decode(request);
    // As the reference front, which cannot parse it either.
    let request = request.map_err(|_| tonic::Status::internal("Exception deserializing request!"))?;
    Ok(request.service)
}

fn response(status: Status) -> Bytes {
    HealthCheckResponse { status: status as i32 }.encode_to_vec().into()
}
