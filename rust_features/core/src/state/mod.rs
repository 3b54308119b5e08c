//! What a prefix of the journal says: customers, carts, decisions, catalogue, channels. The fold alone writes it; this
//! module holds the shapes and the reads that features and decisions make.
//!
//! Growth: one record per alias, dropped by erasure only. A record that was not written for a day is packed, to some
//! thirty bytes for an address and two hundred for a shopper; carts, decisions, sessions with the records of those that
//! are nobody else's, and the steps of visits leave after their retention in journal time, a few with each message;
//! everything else has its bound beside its type.

mod cart;
mod catalogue;
mod customer;
mod deadlines;
mod decay;
mod decided;
mod digest;
mod encoded;
mod line;
mod links;
mod looks;
mod names;
mod owners;
mod places;
mod popularity;
mod profile;
mod record;
mod records;
mod retention;
mod seen;
mod stamp;
mod suspicion;
mod tag;

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

pub(crate) use cart::MAX_PENDING;
pub use cart::{Cart, MAX_CHANGES, MAX_LINES};
pub(crate) use catalogue::Channels;
pub use catalogue::{BudgetPrices, ChannelState, MAX_PRODUCTS, Product};
pub use customer::Customer;
pub use deadlines::Deadline;
use deadlines::Deadlines;
pub(crate) use decay::Affinity;
pub use decay::{COUNTERS, Counter, HALF_LIVES_SECONDS};
pub use decided::{Approval, DECISION_RETENTION_SECONDS, Decided, MAX_DECISIONS, Progress, decision_id, request_cart};
pub use line::{CartLine, product_key};
pub(crate) use line::{brand_hash, category_hash, product_hash};
pub use links::{Aliases, MAX_ALIASES, MAX_EDGES, MAX_KEYS};
pub(crate) use links::{Bond, Met};
pub(crate) use names::{MAX_STOREFRONTS, Storefronts, short_hash};
use owners::Owners;
pub(crate) use places::Session;
pub use places::{MAX_ACTORS, MAX_PLACES};
pub(crate) use popularity::{Additions, OfStorefront, Popularity};
pub(crate) use profile::Profile;
pub use record::Consent;
pub(crate) use record::{
    Activity, CHANNELS, ChannelContacts, Contacts, Key, Moment, OfferMark, OrderMark, Permissions, RECENT_MOMENTS,
    RECENT_OFFERS, RECENT_ORDERS, RECENT_SENDS, Record, SendMark, Step, keep_newest, short_id,
};
#[cfg(test)]
pub(crate) use records::LOOKS_PER_MESSAGE;
pub(crate) use records::{RecordRef, Records, Slot};
pub(crate) use retention::PER_MESSAGE;
use retention::Retention;
pub use retention::{CART_RETENTION_SECONDS, SESSION_RETENTION_SECONDS};
pub(crate) use seen::Seen;
pub use seen::{HORIZON_LIMIT, HORIZON_SECONDS};
pub use stamp::{Latest, Stamp};
pub(crate) use tag::Tag;

use crate::contract::{self, Channel, DecisionRequest};
use crate::ids::{Alias, CartId, DecisionId, ProductKey, Token};
use crate::sharded::Sharded;
use crate::time::Micros;

/// The fold of a prefix of the journal.
#[derive(Clone, Default)]
pub struct State {
    pub(crate) sequence: u64,
    pub(crate) journal_time: Micros,
    pub(crate) records: Records,
    pub(crate) sessions: Sharded<Token, Session>,
    pub(crate) carts: Sharded<CartId, Box<Cart>>,
    pub(crate) decisions: Sharded<DecisionId, Box<Decided>>,
    pub(crate) products: Sharded<ProductKey, Box<Product>>,
    pub(crate) popularity: Popularity,
    pub(crate) channels: FxHashMap<Box<str>, Channels>,
    pub(crate) budget_prices: Option<BudgetPrices>,
    pub(crate) storefronts: Storefronts,
    pub(crate) seen: Seen,
    pub(crate) deadlines: Deadlines,
    pub(crate) owners: Owners,
    pub(crate) retention: Retention,
    pub(crate) counts: FxHashMap<Box<str>, u64>,
    pub(crate) duplicates: u64,
}

impl State {
    /// The state before the first message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state as it is, to be written while the fold goes on; deadlines and owners are left out, since they follow from the carts.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self {
            sequence: self.sequence,
            journal_time: self.journal_time,
            records: self.records.frozen(),
            sessions: self.sessions.clone(),
            carts: self.carts.clone(),
            decisions: self.decisions.clone(),
            products: self.products.clone(),
            popularity: self.popularity.clone(),
            channels: self.channels.clone(),
            budget_prices: self.budget_prices.clone(),
            storefronts: self.storefronts.clone(),
            seen: self.seen.clone(),
            deadlines: Deadlines::default(),
            owners: Owners::default(),
            retention: self.retention.clone(),
            counts: self.counts.clone(),
            duplicates: self.duplicates,
        }
    }

    /// Sequence of the last message folded; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The highest received time folded.
    #[must_use]
    pub fn journal_time(&self) -> Micros {
        self.journal_time
    }

    /// The customer that the given aliases belong to, strongest first; nobody where none is given.
    #[must_use]
    pub fn customer(&self, given: &[Alias]) -> Customer<'_> {
        Customer::new(self, self.linked(given))
    }

    /// The customer made of exactly these aliases: for the reading of a decision that names the set it saw.
    #[must_use]
    pub fn customer_as_seen(&self, aliases: &[Alias]) -> Customer<'_> {
        Customer::new(self, Aliases::from_slice(aliases.get(..MAX_ALIASES).unwrap_or(aliases)))
    }

    /// A cart known from events.
    #[must_use]
    pub fn cart(&self, id: &CartId) -> Option<&Cart> {
        self.carts.get(id).map(AsRef::as_ref)
    }

    /// The cart, made now if it is new, to be changed.
    pub(crate) fn cart_or_new(&mut self, id: CartId, storefront: &str, time: Micros) -> &mut Cart {
        let Self {
            carts,
            storefronts,
            retention,
            journal_time,
            ..
        } = self;
        carts.get_or_insert_with(id, || {
            retention.carts.insert((*journal_time, id));
            Box::new(Cart::new(storefronts.shared(storefront), time))
        })
    }

    /// The cart that a request is about: the inline one laid over what is folded, else the folded one, else an empty one.
    #[must_use]
    pub fn requested_cart(&self, request: &DecisionRequest, clock: Micros) -> Cow<'_, Cart> {
        let folded = request_cart(request).and_then(|id| self.cart(&id));
        let laid_over = |cart| Cow::Owned(Cart::inline(folded, cart, &request.storefront_id, clock));
        match (&request.cart, folded) {
            (Some(inline), _) => laid_over(inline),
            (None, Some(folded)) => Cow::Borrowed(folded),
            (None, None) => laid_over(&contract::Cart::default()),
        }
    }

    /// A decision taken within the last [`DECISION_RETENTION_SECONDS`], or one that has not left yet.
    #[must_use]
    pub fn decision(&self, id: &DecisionId) -> Option<&Decided> {
        self.decisions.get(id).map(AsRef::as_ref)
    }

    /// Touches of the cart that were claimed.
    #[must_use]
    pub fn touches_claimed(&self, cart: &CartId) -> u32 {
        self.cart(cart).map_or(0, Cart::touches_claimed)
    }

    /// The latest decision about the cart, and its id.
    #[must_use]
    pub fn latest_decision(&self, cart: &CartId) -> Option<(DecisionId, &Decided)> {
        let id = self.carts.get(cart)?.occasion.latest?;
        Some((id, self.decisions.get(&id)?))
    }

    /// What a channel of the storefront can do.
    #[must_use]
    pub fn channel(&self, storefront: &str, channel: Channel) -> ChannelState {
        self.channels
            .get(storefront)
            .map_or_else(|| Channels::default().state(channel), |held| held.state(channel))
    }

    /// The newest budget prices; `None` leaves it to the policy.
    #[must_use]
    pub fn budget_prices(&self) -> Option<&BudgetPrices> {
        self.budget_prices.as_ref()
    }

    /// A product of the catalogue.
    #[must_use]
    pub fn product(&self, key: &ProductKey) -> Option<&Product> {
        self.products.get(key).map(AsRef::as_ref)
    }

    /// Aliases with a record.
    #[must_use]
    pub fn customer_count(&self) -> usize {
        self.records.len()
    }

    /// Carts held.
    #[must_use]
    pub fn cart_count(&self) -> usize {
        self.carts.len()
    }

    /// Sessions held.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Decisions held.
    #[must_use]
    pub fn decision_count(&self) -> usize {
        self.decisions.len()
    }

    /// Aliases whose record holds steps of a visit.
    #[must_use]
    pub fn visitor_count(&self) -> usize {
        self.retention.visits.len()
    }

    /// Event ids remembered.
    #[must_use]
    pub fn event_id_count(&self) -> usize {
        self.seen.iter().len()
    }

    /// Events folded by kind, in the journal's names; duplicates are not among them.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&str, u64> {
        self.counts
            .iter()
            .map(|(name, count)| (name.as_ref(), *count))
            .collect()
    }

    /// Counts an event of the kind.
    pub(crate) fn count(&mut self, kind: &str) {
        match self.counts.get_mut(kind) {
            Some(count) => *count = count.saturating_add(1),
            None => _ = self.counts.insert(kind.into(), 1),
        }
    }

    /// Events and decisions that were folded before.
    #[must_use]
    pub fn duplicate_count(&self) -> u64 {
        self.duplicates
    }
}
