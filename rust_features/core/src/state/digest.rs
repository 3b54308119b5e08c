//! A digest of the whole state, for the proof that live, restarted and replayed engines agree. It is taken over what a
//! snapshot writes, so that no field can be forgotten; maps enter as sums of their entries, so that their order does
//! not matter.

use serde::Serialize;

use super::State;

fn hash(entry: &impl Serialize) -> u128 {
    let bytes = postcard::to_stdvec(entry);
    debug_assert!(bytes.is_ok(), "everything in the state can be written");
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(&bytes.unwrap_or_default()).as_bytes()[..16]);
    u128::from_le_bytes(digest)
}

fn sum<T: Serialize>(entries: impl Iterator<Item = T>) -> u128 {
    entries.fold(0, |sum, entry| sum.wrapping_add(hash(&entry)))
}

impl State {
    /// Equal for equal states. Deadlines, which follow from the rest and from what was asked, are left out.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let parts = [
            u128::from(self.sequence),
            hash(&self.journal_time),
            sum(self.records.slots()),
            sum(self.sessions.iter()),
            sum(self.carts.iter()),
            sum(self.decisions.iter()),
            sum(self.products.iter()),
            sum(self.popularity.buckets().iter()),
            sum(self.channels.iter()),
            hash(&self.budget_prices),
            sum(self.seen.iter().enumerate()),
            sum(self.retention.sessions.iter().enumerate()),
            sum(self.retention.carts.iter().enumerate()),
            sum(self.retention.decisions.iter().enumerate()),
            sum(self.retention.visits.iter().enumerate()),
            hash(&(self.counts(), self.duplicates)),
        ];
        hash(&parts).to_le_bytes()
    }
}
