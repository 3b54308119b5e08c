//! How events change a cart: its content is derived from base and changes, in the order of their stamps.

use rustc_hash::FxHashMap;

use super::{Cart, Change, Contents, MAX_CHANGES, MAX_LINES, fingerprint};
use crate::contract;
use crate::ids::Alias;
use crate::state::line::CartLine;
use crate::state::stamp::{Latest, Stamp};
use crate::time::Micros;

/// Items looked for one by one at most.
const MAX_SCANS: usize = 32;

/// The index of each item among the lines.
type Indexes = FxHashMap<u64, usize>;

impl Cart {
    /// Notes cart or checkout activity.
    pub(crate) fn act(&mut self, owner: Option<Alias>, stamp: Stamp, imported: bool) {
        self.first_activity = self.first_activity.min(stamp.time);
        self.last_activity = self.last_activity.max(stamp.time);
        if !imported {
            self.live_activity = self.live_activity.max(Some(stamp.time));
        }
        if let Some(alias) = owner {
            self.belong(alias, stamp);
        }
    }

    /// A session without a key owns the cart only while nobody else does.
    fn belong(&mut self, alias: Alias, stamp: Stamp) {
        let of_session = self.owner.as_ref().is_some_and(|owner| owner.value.is_session());
        if of_session && !alias.is_session() {
            self.owner = None;
        }
        if of_session || self.owner.is_none() || !alias.is_session() {
            Latest::offer(&mut self.owner, stamp, alias);
        }
    }

    /// Notes how far the checkout got.
    pub(crate) fn reach(&mut self, stage: u32) {
        self.stage = self.stage.max(stage);
    }

    pub(crate) fn fail_payment(&mut self) {
        self.failed_payments = self.failed_payments.saturating_add(1);
    }

    /// Notes an order of these lines that names this cart; what it holds afterwards has the touches decided before behind it.
    pub(crate) fn order(&mut self, time: Micros, lines: &[contract::Line]) {
        if self.ordered < Some(time) {
            self.ordered = Some(time);
            self.bought = 0;
            self.occasion.touches.retain(|(_, clock)| *clock > time);
        }
        if self.ordered == Some(time) {
            self.bought = self.bought.max(bought(lines));
        }
        self.settle();
    }

    /// Adds (or with a negative delta removes) units of a line.
    pub(crate) fn change(&mut self, line: &contract::Line, currency: &str, delta: i64, stamp: Stamp) {
        let Some(index) = self.line(line, None) else { return };
        if delta > 0 {
            self.lines[index].learn(line, stamp);
            self.learn_currency(currency, stamp);
        }
        if self.base.is_some_and(|base| stamp <= base) {
            return;
        }
        let place = self.changes.partition_point(|change| change.stamp <= stamp);
        self.changes.insert(
            place,
            Change {
                stamp,
                line: index,
                delta,
            },
        );
        self.bound_changes();
        self.settle();
    }

    /// Replaces the content by a snapshot, unless a later one is known.
    pub(crate) fn replace(&mut self, cart: &contract::Cart, stamp: Stamp) {
        let current = self.base.is_none_or(|base| base <= stamp);
        if current {
            self.lines.iter_mut().for_each(CartLine::empty);
            self.changes.retain(|change| change.stamp > stamp);
            self.base = Some(stamp);
        }
        let mut indexes = self.indexes(cart.lines.len());
        for line in &cart.lines {
            let Some(index) = self.line(line, indexes.as_mut()) else {
                continue;
            };
            self.lines[index].learn(line, stamp);
            if current {
                self.lines[index].grow(i64::from(line.quantity));
            }
        }
        self.learn_currency(&cart.currency_code, stamp);
        self.learn_terms(cart, stamp);
        self.settle();
    }

    fn learn_terms(&mut self, cart: &contract::Cart, stamp: Stamp) {
        let said = cart.shipping_minor.is_some()
            || cart.promised_delivery_days.is_some()
            || cart.free_shipping_from_minor.is_some()
            || cart.restore.is_some();
        if !said {
            return;
        }
        let terms = self.terms.get_or_insert_default();
        if let Some(shipping) = cart.shipping_minor {
            Latest::offer(&mut terms.shipping_minor, stamp, shipping);
        }
        if let Some(days) = cart.promised_delivery_days {
            Latest::offer(&mut terms.promised_days, stamp, days);
        }
        if let Some(value) = cart.free_shipping_from_minor {
            Latest::offer(&mut terms.free_shipping_from_minor, stamp, value);
        }
        if let Some(contract::cart::Restore::SealedRestoreUrl(url)) = &cart.restore {
            Latest::offer(&mut terms.restore, stamp, url.as_slice().into());
        }
    }

    fn learn_currency(&mut self, code: &str, stamp: Stamp) {
        if let Ok(code) = code.as_bytes().try_into() {
            Latest::offer(&mut self.currency, stamp, code);
        }
    }

    /// Where each item stands, if so many are looked for that passing over the lines for each would take long.
    fn indexes(&self, wanted: usize) -> Option<Indexes> {
        (wanted > MAX_SCANS).then(|| self.lines.iter().map(CartLine::item).zip(0..).collect())
    }

    /// The index of the line's item, appended if new; `None` at the bound.
    fn line(&mut self, line: &contract::Line, indexes: Option<&mut Indexes>) -> Option<usize> {
        let item = CartLine::item_of(line);
        let held = match &indexes {
            Some(indexes) => indexes.get(&item).copied(),
            None => self.lines.iter().position(|held| held.item() == item),
        };
        if held.is_some() {
            return held;
        }
        if self.lines.len() >= MAX_LINES {
            return None;
        }
        if self.lines.len() == self.lines.capacity() {
            self.lines.reserve_exact(self.lines.len().max(1));
        }
        let index = self.lines.len();
        self.lines.push(CartLine::new(&self.storefront, line));
        if let Some(indexes) = indexes {
            indexes.insert(item, index);
        }
        Some(index)
    }

    /// Makes the oldest change part of the base once there are too many.
    fn bound_changes(&mut self) {
        if self.changes.len() <= MAX_CHANGES {
            return;
        }
        let oldest = self.changes.remove(0);
        if self.reopened(oldest.stamp) && self.base.is_none_or(|base| !self.reopened(base)) {
            self.lines.iter_mut().for_each(CartLine::empty);
        }
        self.lines[oldest.line].grow(oldest.delta);
        self.base = Some(oldest.stamp);
    }

    fn reopened(&self, stamp: Stamp) -> bool {
        self.ordered.is_some_and(|ordered| stamp.time > ordered)
    }

    /// Derives the quantities from base and changes. An order empties the cart for whatever is added after it.
    fn settle(&mut self) {
        let reopened = self.changes.last().is_some_and(|change| self.reopened(change.stamp));
        let from_nothing = reopened && self.base.is_none_or(|base| !self.reopened(base));
        self.lines.iter_mut().for_each(|line| line.start(from_nothing));
        let ordered = self.ordered;
        for change in &self.changes {
            if !from_nothing || ordered.is_none_or(|ordered| change.stamp.time > ordered) {
                self.lines[change.line].apply(change.delta);
            }
        }
    }
}

/// The fingerprint of an order's lines, each item once; 0 where there are none.
fn bought(lines: &[contract::Line]) -> u64 {
    let mut content = Contents::new();
    for line in lines.iter().take(MAX_LINES) {
        content.push((CartLine::item_of(line), line.quantity));
    }
    content.sort_unstable();
    content.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = earlier.1.saturating_add(later.1);
        }
        same
    });
    if content.is_empty() { 0 } else { fingerprint(&content) }
}
