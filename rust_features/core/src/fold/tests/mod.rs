//! Behaviour of the fold, by subject.

mod carts;
pub(crate) mod laws;
mod messages;
mod people;
