//! Which alias a token has, for Score and Explain: learnt from CONTACTS and from the relay, no input of the fold.
//! Grows by 32 bytes per identity key, as CONTACTS does.

use cart_recovery_core::contract::IdentityKey;
use cart_recovery_core::ids::{Alias, Token};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

/// The aliases known so far.
#[derive(Default)]
pub struct Directory(RwLock<FxHashMap<Token, Alias>>);

impl Directory {
    /// Learns pairs from CONTACTS or the relay.
    pub fn learn(&self, pairs: impl IntoIterator<Item = (Token, Alias)>) {
        self.0.write().extend(pairs);
    }

    /// Whether the token has an alias, so that its contact is stored or travels in an earlier frame.
    pub fn knows(&self, token: Token) -> bool {
        self.0.read().contains_key(&token)
    }

    /// Fills in the aliases that are known.
    pub fn resolve(&self, keys: &mut [IdentityKey]) {
        let aliases = self.0.read();
        for key in keys.iter_mut().filter(|key| key.alias.is_empty()) {
            if let Some(alias) = Token::from_bytes(&key.token).and_then(|token| aliases.get(&token)) {
                key.alias = alias.0.to_vec();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tokens_get_their_alias_and_given_aliases_stay() {
        let directory = Directory::default();
        directory.learn([(Token([1; 16]), Alias([9; 16]))]);
        let key = |token: u8, alias: Vec<u8>| IdentityKey {
            kind: 1,
            token: vec![token; 16],
            alias,
        };
        let mut keys = [key(1, vec![]), key(2, vec![]), key(1, vec![5; 16])];
        directory.resolve(&mut keys);
        assert_eq!(keys[0].alias, [9; 16]);
        assert!(keys[1].alias.is_empty());
        assert_eq!(keys[2].alias, [5; 16]);
    }
}
