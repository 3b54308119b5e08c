//! Behaviour of the fold, by subject.

mod carts;
mod laws;
mod messages;
mod people;
