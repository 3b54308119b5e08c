//! What stands behind a front in tests.

use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_engine::Spooled;

use crate::desk::Calls;

/// Panics at an empty request, and refuses all others.
pub(crate) struct Broken;

impl Calls for Broken {
    fn wait_for_disk(&self) -> bool {
        false
    }

    fn track(&self, _: &[u8]) -> Result<Spooled, Refusal> {
        Err(Refusal::new(Reason::SpoolFull))
    }

    fn score(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        assert!(!request.is_empty(), "a fault of the engine");
        Err(Refusal::new(Reason::NoBundle))
    }

    fn confirm(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.score(request)
    }

    fn explain(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.score(request)
    }
}
