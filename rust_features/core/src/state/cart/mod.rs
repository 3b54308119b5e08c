//! A cart: its lines, what was done to them, how far the checkout got. Its content follows from the stamps of its
//! snapshots, additions and removals, not from the order in which they arrived.

mod content;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use smallvec::SmallVec;

use super::line::CartLine;
use super::names::Storefronts;
use super::places::Actors;
use super::stamp::{Latest, Stamp, value};
use crate::contract;
use crate::ids::{Alias, CartId, DecisionId};
use crate::keyed::public_hash;
use crate::time::Micros;

/// Lines of one cart at most, lines of quantity 0 included; further ones are not kept.
pub const MAX_LINES: usize = 10_000;
/// Additions and removals kept one by one; beyond, the oldest becomes part of the base.
pub const MAX_CHANGES: usize = 64;

/// An addition or removal later than the last snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Change {
    stamp: Stamp,
    line: usize,
    delta: i64,
}

/// A cart as folded, or the inline cart of a request: one type, so that features are computed one way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cart {
    storefront: Arc<str>,
    owner: Option<Latest<Alias>>,
    pub(super) actors: Actors,
    lines: Vec<CartLine>,
    changes: Vec<Change>,
    /// The last snapshot, or the change that the base has come to hold.
    base: Option<Stamp>,
    ordered: Option<Micros>,
    /// Fingerprint of what that order had; 0 where it named no lines.
    bought: u64,
    currency: Option<Latest<[u8; 3]>>,
    terms: Option<Box<Terms>>,
    first_activity: Micros,
    last_activity: Micros,
    /// The last activity that is not from an import.
    live_activity: Option<Micros>,
    stage: u32,
    failed_payments: u32,
    pub(crate) occasion: Occasion,
    /// Follows from the rest and from what was asked.
    #[serde(skip)]
    pub(crate) watch: Watch,
}

/// What only snapshots say.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Terms {
    shipping_minor: Option<Latest<i64>>,
    promised_days: Option<Latest<u32>>,
    free_shipping_from_minor: Option<Latest<i64>>,
    restore: Option<Latest<Box<[u8]>>>,
}

/// Decisions and touches about a cart.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Occasion {
    /// Touches claimed since the last order, each once, with the clock of its decision; at most [`MAX_TOUCHES`].
    pub(super) touches: Vec<(u32, Micros)>,
    pub(crate) latest: Option<DecisionId>,
    pub(crate) abandonment: Option<Micros>,
    /// The last activity whose deadline was decided about.
    pub(crate) decided_activity: Option<Micros>,
    /// Decisions that a new version of the cart supersedes; at most [`MAX_PENDING`], the oldest is superseded at the bound.
    pub(crate) pending: SmallVec<[DecisionId; 1]>,
}

/// Decisions of one cart that wait at the same time.
pub(crate) const MAX_PENDING: usize = 8;

/// Touches of one cart that are told apart; those above count as the highest.
const MAX_TOUCHES: u32 = 32;

impl Occasion {
    /// Notes that a touch decided at `clock` was claimed.
    pub(crate) fn claim(&mut self, touch: u32, clock: Micros) {
        let touch = touch.clamp(1, MAX_TOUCHES);
        match self.touches.binary_search_by_key(&touch, |(touch, _)| *touch) {
            Ok(held) => self.touches[held].1 = self.touches[held].1.max(clock),
            Err(place) => self.touches.insert(place, (touch, clock)),
        }
    }
}

/// Where the abandonment deadline stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Watch {
    pub(crate) queued: bool,
    /// The activity whose deadline has fired.
    pub(crate) fired: Option<Micros>,
}

impl Cart {
    /// An empty cart of the storefront, first heard of at `time`.
    #[must_use]
    pub(crate) fn new(storefront: Arc<str>, time: Micros) -> Self {
        Self {
            storefront,
            owner: None,
            actors: Actors::default(),
            lines: Vec::new(),
            changes: Vec::new(),
            base: None,
            ordered: None,
            bought: 0,
            currency: None,
            terms: None,
            first_activity: time,
            last_activity: time,
            live_activity: None,
            stage: 0,
            failed_payments: 0,
            occasion: Occasion::default(),
            watch: Watch::default(),
        }
    }

    /// The cart that a request carries, laid over what is folded of it: the content is the request's, the history
    /// the fold's. A content that does not differ changes no stamp, so that an ordered cart stays ordered.
    #[must_use]
    pub fn inline(folded: Option<&Self>, cart: &contract::Cart, storefront: &str, clock: Micros) -> Self {
        let mut view = folded.cloned().unwrap_or_else(|| Self::new(storefront.into(), clock));
        let before = view.content();
        let changed = view.changed();
        let latest = changed.map_or(clock, |changed| changed.time.max(clock));
        view.replace(
            cart,
            Stamp {
                time: latest,
                tie: u64::MAX,
            },
        );
        if changed.is_some() && view.content() == before {
            view.base = changed;
        }
        view
    }

    /// Shares the name of its storefront with other carts.
    pub(crate) fn share_name(&mut self, storefronts: &mut Storefronts) {
        self.storefront = storefronts.shared(&self.storefront);
    }

    /// Whether every change is of a line that it has.
    pub(crate) fn is_whole(&self) -> bool {
        self.changes.iter().all(|change| change.line < self.lines.len())
    }

    /// The storefront it belongs to.
    #[must_use]
    pub fn storefront(&self) -> &str {
        &self.storefront
    }

    /// The strongest alias of the last event about it.
    #[must_use]
    pub fn owner(&self) -> Option<Alias> {
        value(self.owner.as_ref())
    }

    /// Lines with a quantity.
    pub fn lines(&self) -> impl Iterator<Item = &CartLine> {
        self.lines.iter().filter(|line| line.quantity() > 0)
    }

    /// Whether no line has a quantity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines().next().is_none()
    }

    /// ISO 4217 code, or empty where no event named one.
    #[must_use]
    pub fn currency(&self) -> &str {
        self.currency
            .as_ref()
            .map_or("", |code| std::str::from_utf8(&code.value).unwrap_or_default())
    }

    /// Quantity times price less the discounts given, minor units; `None` where a price is missing.
    #[must_use]
    pub fn value_minor(&self) -> Option<i64> {
        self.lines()
            .try_fold(0_i64, |sum, line| Some(sum.saturating_add(line.value_minor()?)))
    }

    /// Identifies the content: the first eight bytes of the hash over the sorted lines, each the variant (the product
    /// where there is none) and its quantity as four little-endian bytes.
    #[must_use]
    pub fn version(&self) -> u64 {
        let mut lines: SmallVec<[(&str, [u8; 4]); 8]> = self
            .lines()
            .map(|line| (line.sold_id(), line.quantity().to_le_bytes()))
            .collect();
        lines.sort_unstable();
        let parts: SmallVec<[&[u8]; 16]> = lines
            .iter()
            .flat_map(|(id, quantity)| [id.as_bytes(), quantity.as_slice()])
            .collect();
        super::record::short_id(public_hash("cart", &parts))
    }

    /// When it was first heard of.
    #[must_use]
    pub fn first_activity(&self) -> Micros {
        self.first_activity
    }

    /// The last cart or checkout event.
    #[must_use]
    pub fn last_activity(&self) -> Micros {
        self.last_activity
    }

    /// Whether everything known of it came from an import: such a cart has no deadline.
    #[must_use]
    pub fn imported(&self) -> bool {
        self.live_activity.is_none()
    }

    /// The abandonment that the latest decision about it belongs to.
    #[must_use]
    pub fn abandonment_time(&self) -> Option<Micros> {
        self.occasion.abandonment
    }

    /// The last activity whose deadline was decided about.
    pub(crate) fn decided_activity(&self) -> Option<Micros> {
        self.occasion.decided_activity
    }

    /// Touches that were claimed.
    #[must_use]
    pub fn touches_claimed(&self) -> u32 {
        u32::try_from(self.occasion.touches.len()).unwrap_or(MAX_TOUCHES)
    }

    /// How far the checkout got: 0 cart, 1 started, 1 + n at step n.
    #[must_use]
    pub fn stage(&self) -> u32 {
        self.stage
    }

    /// Payments that failed.
    #[must_use]
    pub fn failed_payments(&self) -> u32 {
        self.failed_payments
    }

    /// Shipping as the shop last said, minor units.
    #[must_use]
    pub fn shipping_minor(&self) -> Option<i64> {
        value(self.terms.as_ref()?.shipping_minor.as_ref())
    }

    /// Days to delivery as the shop last said.
    #[must_use]
    pub fn promised_days(&self) -> Option<u32> {
        value(self.terms.as_ref()?.promised_days.as_ref())
    }

    /// The value from which on shipping is free as the shop last said, minor units.
    #[must_use]
    pub fn free_shipping_from_minor(&self) -> Option<i64> {
        value(self.terms.as_ref()?.free_shipping_from_minor.as_ref())
    }

    /// Where the shopper finds the cart again, sealed to the dispatcher.
    #[must_use]
    pub fn sealed_restore_url(&self) -> Option<&[u8]> {
        self.terms
            .as_ref()?
            .restore
            .as_ref()
            .map(|restore| restore.value.as_ref())
    }

    /// The contract form, for messages.
    #[must_use]
    pub fn to_contract(&self, cart_id: CartId) -> contract::Cart {
        contract::Cart {
            cart_id: cart_id.to_string(),
            lines: self.lines().map(CartLine::to_contract).collect(),
            currency_code: self.currency().to_owned(),
            shop_version: 0,
            shipping_minor: self.shipping_minor(),
            promised_delivery_days: self.promised_days(),
            free_shipping_from_minor: self.free_shipping_from_minor(),
            restore: self
                .sealed_restore_url()
                .map(|url| contract::cart::Restore::SealedRestoreUrl(url.to_vec())),
        }
    }

    /// Whether both tell a shopper the same: lines with their prices and words, currency, shipping, delivery and the
    /// way back to the cart.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        let told = |cart: &Self| {
            let mut told = cart.to_contract(CartId([0; 16]));
            told.lines.sort_by(|left, right| {
                (&left.product_id, &left.variant_id).cmp(&(&right.product_id, &right.variant_id))
            });
            told
        };
        told(self) == told(other)
    }

    /// The last change of its content.
    pub(crate) fn changed(&self) -> Option<Stamp> {
        self.changes.last().map(|change| change.stamp).max(self.base)
    }

    /// The last order that named this cart.
    pub(crate) fn ordered_time(&self) -> Option<Micros> {
        self.ordered
    }

    /// Whether an order named this cart and nothing was changed since. A snapshot of what was ordered is an echo of it: the
    /// shop tells of the cart once more before it lets it go.
    pub(crate) fn ordered_itself(&self) -> bool {
        let unchanged = |ordered| self.changed().is_none_or(|changed| changed.time <= ordered);
        self.ordered
            .is_some_and(|ordered| unchanged(ordered) || self.echoes_its_order())
    }

    fn echoes_its_order(&self) -> bool {
        self.bought != 0 && self.changes.is_empty() && fingerprint(&self.content()) == self.bought
    }

    /// Whether any of the sorted product hashes is a line of it.
    pub(crate) fn shares(&self, products: &[u32]) -> bool {
        self.lines()
            .any(|line| products.binary_search(&line.product_hash()).is_ok())
    }

    /// The activity from which its deadline counts.
    pub(crate) fn live_activity(&self) -> Option<Micros> {
        self.live_activity
    }

    /// Items and quantities, sorted.
    fn content(&self) -> Contents {
        let mut content: Contents = self.lines().map(|line| (line.item(), line.quantity())).collect();
        content.sort_unstable();
        content
    }
}

/// Items and quantities, sorted by item.
type Contents = SmallVec<[(u64, u32); 8]>;

/// Tells one content from another; never 0.
fn fingerprint(content: &Contents) -> u64 {
    let parts: SmallVec<[[u8; 12]; 8]> = content.iter().map(|(item, quantity)| bytes(*item, *quantity)).collect();
    let parts: SmallVec<[&[u8]; 8]> = parts.iter().map(<[u8; 12]>::as_slice).collect();
    super::record::short_id(public_hash("ordered", &parts)).max(1)
}

fn bytes(item: u64, quantity: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&item.to_le_bytes());
    bytes[8..].copy_from_slice(&quantity.to_le_bytes());
    bytes
}
