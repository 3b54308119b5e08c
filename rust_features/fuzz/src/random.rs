//! `SplitMix64` (Steele, Lea and Flood 2014): a seed gives one campaign.

/// A source of numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let drawn = self.next() >> 32;
        usize::try_from((drawn * bound as u64) >> 32).unwrap_or_default()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[7]
    }

    /// A number at whose kind bounds are often missed: small, a power of two, the largest, or any.
    pub(crate) fn number(&mut self) -> u64 {
        let near = self.next() % 5;
        match self.below(4) {
            0 => near,
            1 => (1_u64 << self.below(64)).wrapping_add(near).wrapping_sub(2),
            2 => u64::MAX - near,
            _ => self.next() >> self.below(64),
        }
    }
}
