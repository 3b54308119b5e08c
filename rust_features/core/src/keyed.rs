//! Keyed hashing: the one way in which tokens, keys and seeds are derived.

/// A 32-byte secret or run seed under which hashes are taken.
#[derive(Clone)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// Hashes the parts, each with its length before it, so that no two different lists hash alike.
    /// `purpose` separates the uses of one key.
    #[must_use]
    pub fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        digest
    }

    /// The first eight bytes of [`Key::hash`], for seeds and shares.
    #[must_use]
    pub fn hash_u64(&self, purpose: &str, parts: &[&[u8]]) -> u64 {
        let digest = self.hash(purpose, parts);
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }
}

/// Unkeyed hash for ids that hide nothing: decision keys, product keys, cart versions.
#[must_use]
pub fn public_hash(purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
    Key([0; 32]).hash(purpose, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundaries_of_the_parts_count() {
        let key = Key([7; 32]);
        assert_ne!(key.hash("p", &[b"ab", b"c"]), key.hash("p", &[b"a", b"bc"]));
        assert_ne!(key.hash("p", &[b"a"]), key.hash("q", &[b"a"]));
        assert_ne!(key.hash("p", &[b"a"]), Key([8; 32]).hash("p", &[b"a"]));
    }
}
