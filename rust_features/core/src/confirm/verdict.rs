//! The answer of a confirmation.

use crate::contract::{self, ConfirmResponse, DecisionRecord, Reason, confirm_response};
use crate::time::Micros;

/// What a confirmation says.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Send it.
    Go(Box<contract::Go>),
    /// Ask again then.
    WaitUntil {
        /// When.
        time: Micros,
        /// Why.
        reason: Reason,
    },
    /// A person has to approve it first.
    Held,
    /// Do not send it.
    Skip(Reason),
    /// The later touch has its own decision.
    DecidedAnew {
        /// The decision.
        record: Box<DecisionRecord>,
        /// The journal holds it already.
        repeated: bool,
    },
}

impl Verdict {
    /// The answer to a sender that has taken the claim: what may not go now does not go.
    pub(super) fn go_or_skip(self) -> Self {
        match self {
            Self::WaitUntil { reason, .. } => Self::Skip(reason),
            Self::Held => Self::Skip(Reason::HeldForApproval),
            Self::DecidedAnew { .. } => Self::Skip(Reason::DecisionSuperseded),
            verdict @ (Self::Go(_) | Self::Skip(_)) => verdict,
        }
    }

    /// Whether a touch that is skipped for this reason is the last of its sequence. After any other skip the next touch
    /// is asked for, and decided with the state of its time.
    #[must_use]
    pub fn ends_sequence(reason: Reason) -> bool {
        matches!(
            reason,
            Reason::CartEmpty
                | Reason::CartWithoutPrices
                | Reason::CartOrdered
                | Reason::CartChanged
                | Reason::DecisionSuperseded
                | Reason::OptedOut
                | Reason::Holdout
                | Reason::TouchesExhausted
                | Reason::ProfilingObjected
                | Reason::TooLate
                | Reason::Erased
                | Reason::SuspectedRobot
                | Reason::SuspectedCardTesting
                | Reason::ApprovalRejected
                | Reason::CurrencyNotSupported
                | Reason::AlreadyClaimed
        )
    }

    /// The contract form.
    #[must_use]
    pub fn to_contract(self, state_sequence: u64) -> ConfirmResponse {
        let verdict = match self {
            Self::Go(go) => confirm_response::Verdict::Go(*go),
            Self::WaitUntil { time, reason } => confirm_response::Verdict::WaitUntil(contract::WaitUntil {
                time: Some(time.to_timestamp()),
                reason: reason.into(),
            }),
            Self::Held => confirm_response::Verdict::Held(contract::Held {}),
            Self::Skip(reason) => confirm_response::Verdict::Skip(contract::Skip {
                reason: reason.into(),
                ends_sequence: Self::ends_sequence(reason),
            }),
            Self::DecidedAnew { record, .. } => confirm_response::Verdict::DecidedAnew(contract::DecidedAnew {
                action: crate::decide::chosen(&record).and_then(|chosen| chosen.action.clone()),
                decision_id: record.decision_id,
            }),
        };
        ConfirmResponse {
            verdict: Some(verdict),
            state_sequence,
        }
    }
}
