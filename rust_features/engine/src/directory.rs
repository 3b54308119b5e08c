//! Which alias a token has, for Score and Explain: learnt from CONTACTS and from the relay, no input of the fold.
//! Grows by 32 bytes per identity key, as CONTACTS does.

use cart_recovery_core::contract::IdentityKey;
use cart_recovery_core::edge::{Known, NameMark};
use cart_recovery_core::ids::{Alias, Token};
use cart_recovery_core::sharded::Sharded;
use parking_lot::RwLock;
use rustc_hash::FxHashSet;

/// Names remembered at most; at the bound all are forgotten, and sealed once more when they are told again.
const NAME_LIMIT: usize = 131_072;

/// The aliases known so far, and the names that this process has spooled since its start.
#[derive(Default)]
pub struct Directory {
    aliases: RwLock<Sharded<Token, Alias>>,
    names: RwLock<FxHashSet<NameMark>>,
}

impl Known for Directory {
    fn address(&self, token: Token) -> bool {
        self.knows(token)
    }

    fn name(&self, mark: NameMark) -> bool {
        self.names.read().contains(&mark)
    }
}

impl From<Sharded<Token, Alias>> for Directory {
    fn from(aliases: Sharded<Token, Alias>) -> Self {
        Self {
            aliases: RwLock::new(aliases),
            names: RwLock::default(),
        }
    }
}

impl Directory {
    /// Learns pairs from CONTACTS or the relay.
    pub fn learn(&self, pairs: impl IntoIterator<Item = (Token, Alias)>) {
        let mut aliases = self.aliases.write();
        for (token, alias) in pairs {
            aliases.insert(token, alias);
        }
    }

    /// All pairs, as they are now.
    pub fn aliases(&self) -> Sharded<Token, Alias> {
        self.aliases.read().clone()
    }

    /// Whether the token has an alias, so that its contact is stored or travels in an earlier frame.
    pub fn knows(&self, token: Token) -> bool {
        self.aliases.read().contains_key(&token)
    }

    /// Remembers names whose sealed form is in the spool.
    pub fn remember(&self, marks: &[NameMark]) {
        if marks.is_empty() {
            return;
        }
        let mut names = self.names.write();
        if names.len() >= NAME_LIMIT {
            names.clear();
        }
        names.extend(marks);
    }

    /// Fills in the aliases that are known.
    pub fn resolve(&self, keys: &mut [IdentityKey]) {
        let aliases = self.aliases.read();
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
