//! The edge over the bytes of a request: refused, or a message that can be stored, read again and folded.

use cart_recovery_core::contract::SpoolFrame;
use cart_recovery_core::fold::fold;
use cart_recovery_core::state::State;
use prost::Message;

use crate::world::{NOW, edge};

pub(super) fn run(request: &[u8]) {
    // Contacts are known, so that nothing is sealed but restore URLs.
    let known = |_| true;
    let _ = edge().score(request, NOW, &known);
    let Ok(tracked) = edge().track(request, NOW, false, &known) else {
        return;
    };
    let stored = tracked.frame.encode_to_vec();
    assert_eq!(SpoolFrame::decode(stored.as_slice()).as_ref(), Ok(&tracked.frame));
    let message = tracked.frame.message.expect("what passes the edge is a message");
    fold(&mut State::new(), 1, &message).expect("what passes the edge can be folded");
}
