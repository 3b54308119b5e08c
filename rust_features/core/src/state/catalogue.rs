//! Products and channels of each storefront, and the prices of budgets: what a feature or a decision reads besides its
//! customer and its cart.

use super::line::{brand_hash, category_hash};
use super::record::CHANNELS;
use super::stamp::{Latest, Stamp, value};
use crate::contract;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Products of all storefronts at most; further ones are not kept.
pub const MAX_PRODUCTS: usize = 1 << 23;

/// A product of a storefront. A field that an update leaves out keeps its value.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Product {
    price: Option<Latest<i64>>,
    list_price: Option<Latest<i64>>,
    cost: Option<Latest<i64>>,
    stock: Option<Latest<u32>>,
    lead_time_days: Option<Latest<u32>>,
    currency: Option<Latest<[u8; 3]>>,
    category: Option<Latest<u32>>,
    brand: Option<Latest<u32>>,
    title: Option<Latest<Box<str>>>,
    url: Option<Latest<Box<str>>>,
    image_url: Option<Latest<Box<str>>>,
    discontinued: Option<Latest<bool>>,
}

impl Product {
    /// Price of one unit, minor units.
    #[must_use]
    pub fn price_minor(&self) -> Option<i64> {
        value(self.price.as_ref())
    }

    /// List price of one unit, minor units.
    #[must_use]
    pub fn list_price_minor(&self) -> Option<i64> {
        value(self.list_price.as_ref())
    }

    /// What one unit costs the shop, minor units.
    #[must_use]
    pub fn cost_minor(&self) -> Option<i64> {
        value(self.cost.as_ref())
    }

    /// Units in stock; 0 once discontinued.
    #[must_use]
    pub fn stock(&self) -> Option<u32> {
        if self.discontinued() {
            Some(0)
        } else {
            value(self.stock.as_ref())
        }
    }

    /// Days to delivery.
    #[must_use]
    pub fn lead_time_days(&self) -> Option<u32> {
        value(self.lead_time_days.as_ref())
    }

    /// ISO 4217 code, or empty.
    #[must_use]
    pub fn currency(&self) -> &str {
        self.currency
            .as_ref()
            .map_or("", |code| std::str::from_utf8(&code.value).unwrap_or_default())
    }

    /// Title, or empty.
    #[must_use]
    pub fn title(&self) -> &str {
        text(self.title.as_ref())
    }

    /// Page of the product, or empty.
    #[must_use]
    pub fn url(&self) -> &str {
        text(self.url.as_ref())
    }

    /// Picture of the product, or empty.
    #[must_use]
    pub fn image_url(&self) -> &str {
        text(self.image_url.as_ref())
    }

    /// Whether it is no longer sold.
    #[must_use]
    pub fn discontinued(&self) -> bool {
        value(self.discontinued.as_ref()).unwrap_or_default()
    }

    pub(crate) fn category(&self) -> Option<u32> {
        value(self.category.as_ref())
    }

    pub(crate) fn brand(&self) -> Option<u32> {
        value(self.brand.as_ref())
    }

    pub(crate) fn update(&mut self, update: &contract::ProductUpdated, stamp: Stamp) {
        offer(&mut self.price, stamp, update.price_minor);
        offer(&mut self.list_price, stamp, update.list_price_minor);
        offer(&mut self.cost, stamp, update.cost_minor);
        offer(&mut self.stock, stamp, update.stock);
        offer(&mut self.lead_time_days, stamp, update.lead_time_days);
        offer(
            &mut self.currency,
            stamp,
            update.currency_code.as_bytes().try_into().ok(),
        );
        offer(
            &mut self.category,
            stamp,
            Some(category_hash(&update.category_path)).filter(|hash| *hash != 0),
        );
        offer(
            &mut self.brand,
            stamp,
            Some(brand_hash(&update.brand)).filter(|hash| *hash != 0),
        );
        offer_text(&mut self.title, stamp, &update.title);
        offer_text(&mut self.url, stamp, &update.url);
        offer_text(&mut self.image_url, stamp, &update.image_url);
        offer(&mut self.discontinued, stamp, Some(false));
    }

    pub(crate) fn discontinue(&mut self, stamp: Stamp) {
        offer(&mut self.discontinued, stamp, Some(true));
    }
}

fn offer<T>(slot: &mut Option<Latest<T>>, stamp: Stamp, said: Option<T>) {
    if let Some(said) = said {
        Latest::offer(slot, stamp, said);
    }
}

fn offer_text(slot: &mut Option<Latest<Box<str>>>, stamp: Stamp, said: &str) {
    offer(slot, stamp, Some(said).filter(|said| !said.is_empty()).map(Into::into));
}

fn text(slot: Option<&Latest<Box<str>>>) -> &str {
    slot.map_or("", |text| text.value.as_ref())
}

/// What a channel of a storefront can do.
#[derive(Clone, PartialEq, Debug)]
pub struct ChannelState {
    /// True until an event says otherwise.
    pub available: bool,
    /// Nothing may be sent until it is resumed.
    pub paused: bool,
    /// Cost of one message; `None` where no event said it.
    pub unit_cost: Option<contract::Money>,
    /// Messages a day; 0 means no limit. Kept, and nothing is decided by it: the policy bounds messages.
    pub daily_capacity: u32,
    /// Seconds from order to send.
    pub lead_time_seconds: u32,
}

/// The channels of one storefront, by their number in the contract.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Channels {
    updated: [Option<Latest<contract::ChannelUpdated>>; CHANNELS],
    paused: [Option<Latest<bool>>; CHANNELS],
}

impl Channels {
    pub(crate) fn update(&mut self, update: &contract::ChannelUpdated, stamp: Stamp) {
        if let Some(slot) = index(update.channel).and_then(|index| self.updated.get_mut(index)) {
            Latest::offer(slot, stamp, update.clone());
        }
    }

    pub(crate) fn pause(&mut self, channel: i32, paused: bool, stamp: Stamp) {
        if let Some(slot) = index(channel).and_then(|index| self.paused.get_mut(index)) {
            Latest::offer(slot, stamp, paused);
        }
    }

    pub(crate) fn state(&self, channel: contract::Channel) -> ChannelState {
        let updated = self
            .updated
            .get(channel as usize)
            .and_then(Option::as_ref)
            .map(|latest| &latest.value);
        let paused = self.paused.get(channel as usize).and_then(|slot| value(slot.as_ref()));
        ChannelState {
            available: updated.is_none_or(|updated| updated.available),
            paused: paused.unwrap_or_default(),
            unit_cost: updated.and_then(|updated| updated.unit_cost.clone()),
            daily_capacity: updated.map_or(0, |updated| updated.daily_capacity),
            lead_time_seconds: updated.map_or(0, |updated| updated.lead_time_seconds),
        }
    }

    /// Whether messages may go through the channel.
    pub(crate) fn usable(&self, channel: contract::Channel) -> bool {
        let updated = self.updated.get(channel as usize).and_then(Option::as_ref);
        let paused = self.paused.get(channel as usize).and_then(|slot| value(slot.as_ref()));
        updated.is_none_or(|updated| updated.value.available) && !paused.unwrap_or_default()
    }

    /// Cost of one message, where known.
    pub(crate) fn cost(&self, channel: contract::Channel) -> Option<&contract::Money> {
        self.updated.get(channel as usize)?.as_ref()?.value.unit_cost.as_ref()
    }
}

fn index(channel: i32) -> Option<usize> {
    usize::try_from(channel).ok()
}

/// The prices of the budgets that hold now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BudgetPrices {
    /// Rises with every update.
    pub version: u64,
    /// When it was said.
    pub time: Micros,
    /// Budget id and its price, added cost per minor unit spent.
    pub prices: Vec<(Box<str>, f64)>,
}

impl BudgetPrices {
    /// The price of a budget, if it has one.
    #[must_use]
    pub fn price(&self, budget_id: &str) -> Option<f64> {
        self.prices
            .iter()
            .find(|(id, _)| **id == *budget_id)
            .map(|(_, price)| *price)
    }
}
