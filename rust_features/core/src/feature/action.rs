//! What the effect model sees of an action.

use crate::contract::{Action, Channel};
use crate::time::Micros;

/// An action as features: made from the contract's action alone, so that a decision and its replay agree.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ActionInput {
    /// How the person is reached.
    pub channel: Channel,
    /// What the offer takes off, as a share of the cart's value.
    pub discount_share: f32,
    /// Whether the offer is free shipping.
    pub free_shipping: bool,
    /// From the decision to the send.
    pub delay_hours: f32,
    /// Which touch it is, from 1.
    pub touch: u32,
}

impl ActionInput {
    /// Doing nothing: every feature is 0.
    pub const NONE: Self = Self {
        channel: Channel::None,
        discount_share: 0.0,
        free_shipping: false,
        delay_hours: 0.0,
        touch: 0,
    };

    /// The input of an action weighed at `clock` for a cart of the given value. A cart without a value has no share.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub fn of(action: &Action, clock: Micros, cart_value_minor: Option<i64>, touch: u32) -> Self {
        let channel = action.channel();
        if matches!(channel, Channel::None | Channel::Unspecified) {
            return Self::NONE;
        }
        let share = match cart_value_minor {
            Some(value) if value > 0 => (action.discount_minor as f64 / value as f64).clamp(0.0, 1.0),
            _ => 0.0,
        };
        let send_time = action.send_time.as_ref().map_or(clock, Micros::from_timestamp);
        Self {
            channel,
            discount_share: share as f32,
            free_shipping: action.free_shipping,
            delay_hours: (send_time.seconds_since(clock).max(0.0) / 3600.0) as f32,
            touch,
        }
    }
}
