//! Behaviour of the fold, by subject.

mod bounds;
mod carts;
mod graphs;
mod identity;
pub(crate) mod laws;
mod messages;
mod people;
mod places;
