//! The aliases of an offline run: hashes of tokens under its seed. Those met lately are remembered, since the events
//! of a visit name the same person one after another.

use crate::ids::{Alias, Token};
use crate::keyed::Key;
use crate::state::short_id;

/// Tokens remembered at most; a new one takes the place of the one that shares its slot.
const SLOTS: usize = 4096;

/// Gives the alias of a token.
pub(super) struct Aliases {
    seed: Key,
    slots: Vec<Option<(Token, Alias)>>,
}

impl Aliases {
    pub(super) fn new(seed: Key) -> Self {
        Self {
            seed,
            slots: vec![None; SLOTS],
        }
    }

    pub(super) fn of(&mut self, token: Token) -> Alias {
        // A token is a keyed hash: its first bytes are spread evenly.
        let index = usize::try_from(short_id(token.0) % SLOTS as u64).unwrap_or_default();
        match self.slots[index] {
            Some((held, alias)) if held == token => alias,
            _ => {
                let alias = Alias(self.seed.hash("alias", &[&token.0]));
                self.slots[index] = Some((token, alias));
                alias
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_the_hash_whether_remembered_or_not() {
        let seed = Key([4; 32]);
        let mut aliases = Aliases::new(seed.clone());
        // The first and the third share a slot; the second comes again while it is held.
        let mut sharing = [1; 16];
        sharing[15] = 9;
        for token in [[1; 16], [2; 16], sharing, [2; 16], [1; 16]].map(Token) {
            assert_eq!(aliases.of(token), Alias(seed.hash("alias", &[&token.0])));
        }
    }
}
