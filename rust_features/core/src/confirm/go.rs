//! All that a template needs, fresh at this sequence.

use super::{ConfirmKeys, Subject};
use crate::contract::{CapReservation, Cart, Channel, Go, IdentityKeyKind, Line};
use crate::ids::DecisionId;
use crate::keyed::Key;
use crate::policy::{Code, Offer};
use crate::state::{Product, State, product_key};

/// RFC 4648, without padding.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CODE_LETTERS: usize = 10;

impl Subject<'_> {
    pub(super) fn go(&self, keys: &ConfirmKeys) -> Go {
        let action = &self.decided.action;
        let channel = action.channel();
        let offer = self.bundle.rules.offer(&action.offer_id);
        let caps = self.bundle.rules.caps.iter().filter(|cap| cap.counts(channel));
        Go {
            cart: Some(completed(self.state, &self.decided.storefront, self.contract_cart())),
            aliases: self.best_aliases(channel),
            action: Some(action.clone()),
            offer_code: offer
                .map(|offer| offer_code(offer, self.id, &keys.offer))
                .unwrap_or_default(),
            offer_label: offer.map(|offer| offer.label.clone()).unwrap_or_default(),
            language: self.customer.language().unwrap_or_default().to_owned(),
            caps: caps
                .map(|cap| CapReservation {
                    rule_id: cap.rule_id.clone(),
                    max_sends: cap.max_sends,
                    window_seconds: cap.window_seconds,
                })
                .collect(),
        }
    }

    /// The aliases whose kind the channel writes to, then the others; each begins with those nearest to whoever acted on
    /// the cart last, so that of two addresses the message goes to the one that is known to be theirs.
    fn best_aliases(&self, channel: Channel) -> Vec<Vec<u8>> {
        let kind = match channel {
            Channel::Email => IdentityKeyKind::Email,
            Channel::Sms => IdentityKeyKind::Phone,
            Channel::Push => IdentityKeyKind::Push,
            _ => IdentityKeyKind::Customer,
        };
        let nearest = self.state.nearest(self.cart.owner().as_slice());
        let mut aliases = self.customer.aliases().to_vec();
        aliases.sort_by_key(|alias| {
            let other_kind = self.state.records.get(alias).is_none_or(|record| record.kind != kind);
            let distance = nearest.iter().position(|near| near == alias).unwrap_or(nearest.len());
            (other_kind, distance)
        });
        aliases.into_iter().map(|alias| alias.0.to_vec()).collect()
    }

    /// The folded cart, in the currency that was decided in where no event named one.
    fn contract_cart(&self) -> Cart {
        let mut cart = self.cart.to_contract(self.decided.cart);
        if cart.currency_code.is_empty() {
            cart.currency_code = self.decided.record().currency_code;
        }
        cart
    }
}

/// Fills in what the lines lack and the catalogue knows.
fn completed(state: &State, storefront: &str, mut cart: Cart) -> Cart {
    for line in &mut cart.lines {
        if let Some(product) = state.product(&product_key(storefront, &line.product_id)) {
            complete(line, product, &cart.currency_code);
        }
    }
    cart
}

fn complete(line: &mut Line, product: &Product, currency: &str) {
    let texts = [
        (&mut line.title, product.title()),
        (&mut line.url, product.url()),
        (&mut line.image_url, product.image_url()),
    ];
    for (text, known) in texts {
        if text.is_empty() {
            known.clone_into(text);
        }
    }
    if product.currency().is_empty() || product.currency() == currency {
        line.unit_price_minor = line.unit_price_minor.or(product.price_minor());
        line.list_price_minor = line.list_price_minor.or(product.list_price_minor());
    }
}

/// The code to show: the offer's own, or its prefix and ten letters that only the holder of the offer key can make.
fn offer_code(offer: &Offer, decision: DecisionId, key: &Key) -> String {
    match &offer.code {
        Code::None => String::new(),
        Code::Static(code) => code.clone(),
        Code::Derived(prefix) => {
            let hash = u128::from_be_bytes(key.hash("code", &[&decision.0]));
            let letters = (1..=CODE_LETTERS).filter_map(|place| {
                let letter = usize::try_from(hash >> (u128::BITS as usize - 5 * place) & 31).ok()?;
                BASE32.get(letter).copied().map(char::from)
            });
            prefix.chars().chain(letters).collect()
        }
    }
}
