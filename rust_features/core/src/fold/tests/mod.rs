//! Behaviour of the fold, by subject.

mod carts;
mod graphs;
mod identity;
pub(crate) mod laws;
mod messages;
mod people;
mod places;
