//! Giving way to calls: the journal's thread works on what may wait, and they wait for it where processors are few.

use std::thread;

/// Items between two offers to give way: a fraction of a millisecond.
const UNIT: usize = 32;

/// Lets another thread have the processor; without one that wants it, this costs a fraction of a microsecond.
pub(crate) fn give_way() {
    thread::yield_now();
}

/// The same items, with a break every so many.
pub(crate) fn paced<T>(items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    items.into_iter().enumerate().map(|(index, item)| {
        if index % UNIT == UNIT - 1 {
            give_way();
        }
        item
    })
}
