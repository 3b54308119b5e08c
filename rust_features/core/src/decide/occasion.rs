//! What a decision is about: whose cart, which version of it, which touch.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::contract::{DecisionRequest, Trigger};
use crate::ids::{Alias, CartId, DecisionId, SendId};
use crate::keyed::public_hash;
use crate::state::{Cart, Customer, MAX_ALIASES, State, request_cart};
use crate::time::Micros;

/// A request laid over the state: everything a decision reads.
pub struct Occasion<'a> {
    /// The state as of one sequence.
    pub state: &'a State,
    /// The request after the edge.
    pub request: &'a DecisionRequest,
    /// The clock reading.
    pub clock: Micros,
    /// The cart's id; zeros where the request names none.
    pub cart_id: CartId,
    /// The inline cart over the folded one, else the folded one, else an empty one.
    pub cart: Cow<'a, Cart>,
    /// The customer the request names, else the one who acted on the cart.
    pub customer: Customer<'a>,
    /// Which touch is decided, from 1.
    pub touch: u32,
    /// The abandonment that the touches belong to.
    pub abandonment_time: Micros,
    /// The decision key.
    pub decision_id: DecisionId,
    /// The send key.
    pub send_id: SendId,
}

impl<'a> Occasion<'a> {
    /// Resolves customer, cart, touch and keys.
    #[must_use]
    pub fn resolve(state: &'a State, request: &'a DecisionRequest, clock: Micros) -> Self {
        let cart_id = request_cart(request).unwrap_or(CartId([0; 16]));
        let cart = state.requested_cart(request, clock);
        let keys = &request.identity_keys;
        let mut given: SmallVec<[Alias; MAX_ALIASES]> =
            keys.iter().filter_map(|key| Alias::from_bytes(&key.alias)).collect();
        if given.is_empty() {
            given.extend(cart.owner());
        }
        let touch = match request.touch {
            0 => state.touches_claimed(&cart_id).saturating_add(1),
            asked => asked,
        };
        let later_touch = request.trigger() == Trigger::TouchDue;
        let (decision_id, send_id) = Self::ids(&request.storefront_id, request.trigger, cart_id, &cart, touch);
        Self {
            state,
            request,
            clock,
            cart_id,
            touch,
            abandonment_time: cart.abandonment_time().filter(|_| later_touch).unwrap_or(clock),
            cart,
            customer: state.customer(&given),
            decision_id,
            send_id,
        }
    }

    /// The currency of the cart; that of the storefront where no event named one.
    #[must_use]
    pub fn currency<'b>(&'b self, storefront_currency: &'b str) -> &'b str {
        match self.cart.currency() {
            "" => storefront_currency,
            named => named,
        }
    }

    /// The keys of a decision about this version of the cart and this touch. A cart that goes on after an order, under
    /// the same id, is another occasion.
    pub(crate) fn ids(
        storefront: &str,
        trigger: i32,
        cart_id: CartId,
        cart: &Cart,
        touch: u32,
    ) -> (DecisionId, SendId) {
        let storefront = storefront.as_bytes();
        let ordered = cart.ordered_time().unwrap_or_default().0.to_le_bytes();
        let (version, trigger, touch) = (cart.version().to_le_bytes(), trigger.to_le_bytes(), touch.to_le_bytes());
        let decision = public_hash(
            "decision",
            &[storefront, &cart_id.0, &ordered, &version, &trigger, &touch],
        );
        let send = public_hash("send", &[storefront, &cart_id.0, &ordered, &version, &touch]);
        (DecisionId(decision), SendId(send))
    }
}
