//! What the customer did before, what was sent and what came of it, summed over the linked aliases.

use smallvec::SmallVec;

use super::lines::hours;
use super::reading::{count, minor, share};
use crate::contract::Channel;
use crate::state::{Affinity, CHANNELS, COUNTERS, Cart, ChannelContacts, Counter, Customer, Product, State};
use crate::time::Micros;

/// Days whose sends count as pressure.
const DAY_SECONDS: u32 = 86_400;

/// Totals over the records of a customer.
pub(crate) struct Past {
    counters: [[f64; 3]; COUNTERS],
    pub(crate) orders: f64,
    pub(crate) redemptions: f64,
    pub(crate) known_hours: f64,
    pub(crate) idle_hours: f64,
    pub(crate) order_hours: f64,
    pub(crate) lifetime_value_minor: f64,
    pub(crate) category_affinity: f64,
    pub(crate) brand_affinity: f64,
    pub(crate) taste: f64,
    pub(crate) pace: f64,
    pub(crate) offers: f64,
    pub(crate) offers_30d: f64,
    pub(crate) sends_1d: f64,
    pub(crate) sends_7d: f64,
    pub(crate) sends_30d: f64,
    pub(crate) send_hours: f64,
    pub(crate) click_hours: f64,
    pub(crate) aliases: f64,
    pub(crate) reachable_channels: f64,
    channels: [ChannelContacts; CHANNELS],
}

/// Which half-life of a counter.
#[derive(Clone, Copy)]
pub(crate) enum Window {
    Hour,
    Day,
    Month,
}

impl Past {
    pub(crate) fn new(state: &State, customer: &Customer<'_>, cart: Option<&Cart>, clock: Micros) -> Self {
        let mut past = Self::nothing(customer);
        past.read_activity(customer, clock);
        past.read_taste(state, customer, cart, clock);
        past.read_contacts(customer, clock);
        past
    }

    /// A decayed counter as of the clock.
    pub(crate) fn counter(&self, counter: Counter, window: Window) -> f64 {
        self.counters[counter as usize][window as usize]
    }

    /// Opens per send of the channel; NaN where nothing was sent.
    pub(crate) fn open_rate(&self, channel: Channel) -> f64 {
        let contacts = self.channels[channel as usize];
        share(f64::from(contacts.opens), f64::from(contacts.sends))
    }

    /// Clicks per send of the channel; NaN where nothing was sent.
    pub(crate) fn click_rate(&self, channel: Channel) -> f64 {
        let contacts = self.channels[channel as usize];
        share(f64::from(contacts.clicks), f64::from(contacts.sends))
    }

    fn nothing(customer: &Customer<'_>) -> Self {
        let ways = [Channel::Email, Channel::Sms, Channel::Push];
        Self {
            counters: [[0.0; 3]; COUNTERS],
            orders: 0.0,
            redemptions: 0.0,
            known_hours: f64::NAN,
            idle_hours: f64::NAN,
            order_hours: f64::NAN,
            lifetime_value_minor: f64::NAN,
            category_affinity: f64::NAN,
            brand_affinity: f64::NAN,
            taste: 0.0,
            pace: 0.0,
            offers: 0.0,
            offers_30d: 0.0,
            sends_1d: 0.0,
            sends_7d: 0.0,
            sends_30d: 0.0,
            send_hours: f64::NAN,
            click_hours: f64::NAN,
            aliases: count(customer.aliases().len()),
            reachable_channels: count(ways.into_iter().filter(|channel| customer.reachable(*channel)).count()),
            channels: [ChannelContacts::default(); CHANNELS],
        }
    }

    fn read_activity(&mut self, customer: &Customer<'_>, clock: Micros) {
        for activity in customer.activities() {
            let factors = activity.decayed.factors(clock);
            for (sums, values) in self.counters.iter_mut().zip(activity.decayed.counters()) {
                for ((sum, value), factor) in sums.iter_mut().zip(values).zip(factors) {
                    *sum += f64::from(*value) * factor;
                }
            }
            self.pace = self.pace.max(f64::from(activity.pace()));
            self.orders += f64::from(activity.orders);
            self.redemptions += f64::from(activity.redemptions);
            // `max` and `min` pass over the NaN of what is not known yet.
            self.known_hours = self.known_hours.max(hours(clock, activity.first));
            self.idle_hours = self.idle_hours.min(hours(clock, activity.last()));
            if let Some(order) = activity.last_order() {
                self.order_hours = self.order_hours.min(hours(clock, order));
            }
        }
        let said = customer.profiles().filter_map(|profile| profile.lifetime_value_minor);
        let said = said.max_by_key(|said| said.stamp);
        self.lifetime_value_minor = said.map_or(f64::NAN, |said| minor(said.value));
    }

    fn read_taste(&mut self, state: &State, customer: &Customer<'_>, cart: Option<&Cart>, clock: Micros) {
        let mut categories = SmallVec::<[u32; 8]>::new();
        let mut brands = SmallVec::<[u32; 8]>::new();
        for line in cart.into_iter().flat_map(Cart::lines) {
            let product = state.product(&line.product());
            let known = |said: u32, catalogue: fn(&Product) -> Option<u32>| match said {
                0 => product.and_then(catalogue),
                said => Some(said),
            };
            categories.extend(known(line.category(), Product::category));
            brands.extend(known(line.brand(), Product::brand));
        }
        let (category, categories_sum) = taste(customer, Affinity::Category, &categories, clock);
        let (brand, brands_sum) = taste(customer, Affinity::Brand, &brands, clock);
        self.taste = categories_sum;
        if !categories.is_empty() {
            self.category_affinity = share(category, categories_sum);
        }
        if !brands.is_empty() {
            self.brand_affinity = share(brand, brands_sum);
        }
    }

    fn read_contacts(&mut self, customer: &Customer<'_>, clock: Micros) {
        for contacts in customer.contacts() {
            for (sum, channel) in self.channels.iter_mut().zip(&contacts.channels) {
                sum.sends = sum.sends.saturating_add(channel.sends);
                sum.opens = sum.opens.saturating_add(channel.opens);
                sum.clicks = sum.clicks.saturating_add(channel.clicks);
                if let Some(click) = channel.last_click {
                    self.click_hours = self.click_hours.min(hours(clock, click));
                }
            }
            if let Some(send) = contacts.sends.last() {
                self.send_hours = self.send_hours.min(hours(clock, send.time));
            }
            self.offers += count(contacts.offers.len());
            let offers = contacts.offers.iter().filter(|offer| hours(clock, offer.time) < 720.0);
            self.offers_30d += count(offers.count());
        }
        let sends = |days| f64::from(customer.sends_within(None, days * DAY_SECONDS, clock));
        self.sends_1d = sends(1);
        self.sends_7d = sends(7);
        self.sends_30d = sends(30);
    }
}

/// Affinity to any of the hashes and to all there is, as of the clock.
fn taste(customer: &Customer<'_>, affinity: Affinity, hashes: &[u32], clock: Micros) -> (f64, f64) {
    let mut part = 0.0;
    let mut whole = 0.0;
    for activity in customer.activities() {
        let [_, _, factor] = activity.decayed.factors(clock);
        part += f64::from(activity.decayed.affinity(affinity, hashes)) * factor;
        whole += f64::from(activity.decayed.affinity_sum(affinity)) * factor;
    }
    (part, whole)
}
