//! Strings that repeat: storefronts are shared; items, categories and brands become hashes that never change between
//! platforms or releases.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// Storefronts at most whose names are shared and whose channels are kept. Whoever may track can invent further ones:
/// their events are folded alike, but each of their carts carries the name itself, so that they cost what carts do.
pub(crate) const MAX_STOREFRONTS: usize = 4096;

/// The names of storefronts, each held once.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Storefronts(FxHashSet<Arc<str>>);

impl Storefronts {
    pub(crate) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(held) = self.0.get(name) {
            return Arc::clone(held);
        }
        let name: Arc<str> = name.into();
        if self.0.len() < MAX_STOREFRONTS {
            self.0.insert(Arc::clone(&name));
        }
        name
    }
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a over parts with a separator that UTF-8 cannot hold, finished with Murmur3's mixer.
pub(crate) fn short_hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = OFFSET;
    for part in parts {
        for byte in part.bytes().chain(std::iter::once(0xff)) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_storefronts_take_no_place_and_keep_their_names() {
        let mut storefronts = Storefronts::default();
        for number in 0..MAX_STOREFRONTS + 10 {
            let name = number.to_string();
            assert_eq!(storefronts.shared(&name).as_ref(), name);
        }
        assert_eq!(storefronts.0.len(), MAX_STOREFRONTS);
        assert!(Arc::ptr_eq(&storefronts.shared("7"), &storefronts.shared("7")));
    }

    #[test]
    fn the_boundaries_of_hashed_parts_count() {
        assert_ne!(short_hash(["ab", "c"]), short_hash(["a", "bc"]));
        assert_eq!(short_hash([]), short_hash(std::iter::empty()));
    }
}
