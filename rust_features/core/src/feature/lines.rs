//! What the cart and the catalogue say of its lines.

use super::reading::{count, minor, share};
use crate::state::{Cart, CartLine, OfStorefront, Product, State};
use crate::time::Micros;

/// Totals over the lines of a cart; all NaN without a cart.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    pub(crate) value_minor: f64,
    pub(crate) units: f64,
    pub(crate) distinct: f64,
    pub(crate) highest_price_minor: f64,
    pub(crate) mean_price_minor: f64,
    pub(crate) discount_share: f64,
    pub(crate) list_discount_share: f64,
    pub(crate) recurring_share: f64,
    pub(crate) age_hours: f64,
    pub(crate) idle_hours: f64,
    pub(crate) stage: f64,
    pub(crate) failed_payments: f64,
    pub(crate) shipping_share: f64,
    pub(crate) promised_days: f64,
    pub(crate) free_shipping_gap_minor: f64,
    pub(crate) touches: f64,
    pub(crate) price_change: f64,
    pub(crate) stock_cover: f64,
    pub(crate) out_of_stock_share: f64,
    pub(crate) margin_share: f64,
    pub(crate) lead_time_days: f64,
    pub(crate) known_share: f64,
    pub(crate) popularity_1d: f64,
    pub(crate) popularity_30d: f64,
}

/// Sums over lines, from which the shares follow.
#[derive(Default)]
struct Sums {
    lines: usize,
    recurring: usize,
    units: f64,
    priced_units: f64,
    price: f64,
    highest: f64,
    discount: f64,
    listed: f64,
    listed_price: f64,
    known: usize,
    stocked: usize,
    sold_out: usize,
    cover: Option<f64>,
    lead_time_days: Option<u32>,
    then: f64,
    now: f64,
    costed_price: f64,
    cost: f64,
    popularity: [f64; 2],
}

impl Lines {
    pub(crate) const MISSING: Self = Self {
        value_minor: f64::NAN,
        units: f64::NAN,
        distinct: f64::NAN,
        highest_price_minor: f64::NAN,
        mean_price_minor: f64::NAN,
        discount_share: f64::NAN,
        list_discount_share: f64::NAN,
        recurring_share: f64::NAN,
        age_hours: f64::NAN,
        idle_hours: f64::NAN,
        stage: f64::NAN,
        failed_payments: f64::NAN,
        shipping_share: f64::NAN,
        promised_days: f64::NAN,
        free_shipping_gap_minor: f64::NAN,
        touches: f64::NAN,
        price_change: f64::NAN,
        stock_cover: f64::NAN,
        out_of_stock_share: f64::NAN,
        margin_share: f64::NAN,
        lead_time_days: f64::NAN,
        known_share: f64::NAN,
        popularity_1d: f64::NAN,
        popularity_30d: f64::NAN,
    };

    pub(crate) fn new(state: &State, cart: &Cart, clock: Micros) -> Self {
        let mut sums = Sums::default();
        let popularity = state.popularity.of(cart.storefront(), clock);
        for line in cart.lines() {
            sums.add(state, cart, line, &popularity);
        }
        let [popularity_1d, popularity_30d] = sums.popularity(popularity.all);
        let value_minor = cart.value_minor().map_or(f64::NAN, minor);
        Self {
            value_minor,
            units: sums.units,
            distinct: count(sums.lines),
            highest_price_minor: if sums.priced_units > 0.0 {
                sums.highest
            } else {
                f64::NAN
            },
            mean_price_minor: share(sums.price, sums.priced_units),
            discount_share: share(sums.discount, sums.price),
            list_discount_share: share(sums.listed - sums.listed_price, sums.listed),
            recurring_share: share(count(sums.recurring), count(sums.lines)),
            age_hours: hours(clock, cart.first_activity()),
            idle_hours: hours(clock, cart.last_activity()),
            stage: f64::from(cart.stage()),
            failed_payments: f64::from(cart.failed_payments()),
            shipping_share: cart
                .shipping_minor()
                .map_or(f64::NAN, |shipping| share(minor(shipping), value_minor)),
            promised_days: cart.promised_days().map_or(f64::NAN, f64::from),
            free_shipping_gap_minor: cart
                .free_shipping_from_minor()
                // A value that is not known stays that: unlike `max`, `clamp` keeps NaN.
                .map_or(f64::NAN, |from| (minor(from) - value_minor).clamp(0.0, f64::MAX)),
            touches: f64::from(cart.touches_claimed()),
            price_change: share(sums.now, sums.then) - 1.0,
            stock_cover: sums.cover.unwrap_or(f64::NAN),
            out_of_stock_share: share(count(sums.sold_out), count(sums.stocked)),
            margin_share: share(sums.costed_price - sums.cost, sums.costed_price),
            lead_time_days: sums.lead_time_days.map_or(f64::NAN, f64::from),
            known_share: share(count(sums.known), count(sums.lines)),
            popularity_1d,
            popularity_30d,
        }
    }
}

impl Sums {
    fn add_prices(&mut self, line: &CartLine, product: &Product, quantity: f64) {
        if let (Some(then), Some(now)) = (line.unit_price_minor(), product.price_minor()) {
            self.then += quantity * minor(then);
            self.now += quantity * minor(now);
        }
        if let (Some(price), Some(cost)) = (line.unit_price_minor().or(product.price_minor()), product.cost_minor()) {
            self.costed_price += quantity * minor(price);
            self.cost += quantity * minor(cost);
        }
    }

    fn add(&mut self, state: &State, cart: &Cart, line: &CartLine, popularity: &OfStorefront<'_>) {
        let quantity = f64::from(line.quantity());
        self.lines += 1;
        self.recurring += usize::from(line.recurring());
        self.units += quantity;
        if let Some(price) = line.unit_price_minor().map(minor) {
            self.priced_units += quantity;
            self.price += quantity * price;
            self.highest = self.highest.max(price);
            self.discount += minor(line.discount_minor());
            if let Some(list) = line.list_price_minor().map(minor) {
                self.listed += quantity * list;
                self.listed_price += quantity * price;
            }
        }
        for (sum, additions) in self.popularity.iter_mut().zip(popularity.product(line.product_hash())) {
            *sum += additions;
        }
        self.add_product(state, cart, line, quantity);
    }

    /// The mean share of a line's product in what is added to the carts of the storefront.
    fn popularity(&self, of_storefront: [f64; 2]) -> [f64; 2] {
        let [day, month] = self.popularity;
        let [all_day, all_month] = of_storefront;
        [share(day, all_day), share(month, all_month)].map(|sum| share(sum, count(self.lines)))
    }

    fn add_product(&mut self, state: &State, cart: &Cart, line: &CartLine, quantity: f64) {
        let Some(product) = state.product(&line.product()) else {
            return;
        };
        self.known += 1;
        if let Some(stock) = product.stock() {
            let cover = f64::from(stock) / quantity;
            self.stocked += 1;
            self.sold_out += usize::from(stock == 0);
            self.cover = Some(self.cover.map_or(cover, |held| held.min(cover)));
        }
        if same_currency(cart.currency(), product.currency()) {
            self.add_prices(line, product, quantity);
        }
        self.lead_time_days = self.lead_time_days.max(product.lead_time_days());
    }
}

/// Amounts may be compared, as far as is known.
pub(crate) fn same_currency(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

/// Hours from `earlier` to `clock`, never negative.
pub(crate) fn hours(clock: Micros, earlier: Micros) -> f64 {
    clock.seconds_since(earlier).max(0.0) / 3600.0
}
