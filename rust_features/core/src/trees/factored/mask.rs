//! Sets of leaves of one tree. The narrower they are, the more of them the processor takes at a time.

use std::fmt::Debug;
use std::ops::{BitAnd, BitAndAssign, BitOr, Not};

/// A set of leaves, the leftmost the lowest bit.
pub(super) trait Mask:
    Copy
    + Default
    + Eq
    + Debug
    + Send
    + Sync
    + BitAnd<Output = Self>
    + BitAndAssign
    + BitOr<Output = Self>
    + Not<Output = Self>
{
    /// How many there can be.
    const LEAVES: usize;
    const ALL: Self;

    /// The leaf at a place below `LEAVES`.
    fn leaf(place: usize) -> Self;

    /// The place of the lowest leaf; the last place where there is none.
    fn lowest(self) -> usize;

    /// Whether the lowest leaf is also in another set.
    fn shares_lowest(self, other: Self) -> bool;
}

impl Mask for u32 {
    const LEAVES: usize = Self::BITS as usize;
    const ALL: Self = Self::MAX;

    fn leaf(place: usize) -> Self {
        1 << place
    }

    fn lowest(self) -> usize {
        (self | 1 << (Self::BITS - 1)).trailing_zeros() as usize
    }

    fn shares_lowest(self, other: Self) -> bool {
        self & self.wrapping_neg() & other != 0
    }
}

impl Mask for u64 {
    const LEAVES: usize = Self::BITS as usize;
    const ALL: Self = Self::MAX;

    fn leaf(place: usize) -> Self {
        1 << place
    }

    fn lowest(self) -> usize {
        (self | 1 << (Self::BITS - 1)).trailing_zeros() as usize
    }

    fn shares_lowest(self, other: Self) -> bool {
        self & self.wrapping_neg() & other != 0
    }
}
