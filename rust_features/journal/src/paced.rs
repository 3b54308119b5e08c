//! Giving way to calls: this thread works on what may wait, they wait for it where processors are few.

use std::thread;

/// Items between two offers to give way: a fraction of a millisecond, which is how long a call waits at most.
const UNIT: usize = 32;

/// The same items. Every so many, the system may let another thread have the processor; without one that wants it,
/// this costs a fraction of a microsecond.
pub(crate) fn paced<T>(items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    items.into_iter().enumerate().map(|(index, item)| {
        if index % UNIT == UNIT - 1 {
            thread::yield_now();
        }
        item
    })
}
