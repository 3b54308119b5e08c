//! A digest of the whole state, for the proof that replay is live. It is taken over the debug form, so that no field
//! can be forgotten; maps enter as sums of their entries, so that their order does not matter.

use std::fmt::{self, Debug, Write};

use super::State;

struct Sink(blake3::Hasher);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

fn hash(entry: &dyn Debug) -> u128 {
    let mut sink = Sink(blake3::Hasher::new());
    let written = write!(sink, "{entry:?}");
    debug_assert!(written.is_ok(), "a hasher takes every write");
    let mut digest = [0; 16];
    digest.copy_from_slice(&sink.0.finalize().as_bytes()[..16]);
    u128::from_le_bytes(digest)
}

fn sum<T: Debug>(entries: impl Iterator<Item = T>) -> u128 {
    entries.fold(0, |sum, entry| sum.wrapping_add(hash(&entry)))
}

impl State {
    /// Equal for equal states. Deadlines, which follow from the rest and from what was asked, are left out.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let parts = [
            u128::from(self.sequence),
            hash(&self.journal_time),
            sum(self.records.iter()),
            sum(self.carts.iter()),
            sum(self.decisions.iter()),
            sum(self.products.iter()),
            sum(self.channels.iter()),
            hash(&self.budget_prices),
            hash(&self.seen.iter().collect::<Vec<_>>()),
            hash(&(&self.retention.carts, &self.retention.decisions)),
            hash(&(self.counts(), self.duplicates)),
        ];
        hash(&parts).to_le_bytes()
    }
}
