//! One line of a cart, kept compactly.

use super::names::short_hash;
use super::stamp::Stamp;
use crate::contract;
use crate::ids::ProductKey;
use crate::keyed::public_hash;
use serde::{Deserialize, Serialize};

/// One product or variant in a cart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CartLine {
    item: u64,
    product: ProductKey,
    product_hash: u32,
    product_id: Box<str>,
    base: u32,
    quantity: u32,
    /// Where the facts come from: events with a price before those without, then the later.
    source: Option<(bool, Stamp)>,
    facts: Facts,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Facts {
    unit_price_minor: Option<i64>,
    list_price_minor: Option<i64>,
    discount_minor: i64,
    category: u32,
    brand: u32,
    recurring_interval: i32,
    texts: Option<Box<Texts>>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Texts {
    variant_id: Box<str>,
    title: Box<str>,
    brand: Box<str>,
    seller_id: Box<str>,
    url: Box<str>,
    image_url: Box<str>,
    category_path: Box<[Box<str>]>,
}

impl CartLine {
    pub(crate) fn new(storefront: &str, line: &contract::Line) -> Self {
        Self {
            item: Self::item_of(line),
            product: product_key(storefront, &line.product_id),
            product_hash: product_hash(storefront, &line.product_id),
            product_id: line.product_id.as_str().into(),
            base: 0,
            quantity: 0,
            source: None,
            facts: Facts::of(line),
        }
    }

    /// Hash of product and variant: the identity of a line within its cart.
    pub(crate) fn item_of(line: &contract::Line) -> u64 {
        short_hash([line.product_id.as_str(), line.variant_id.as_str()])
    }

    /// Its place in the catalogue.
    #[must_use]
    pub fn product(&self) -> ProductKey {
        self.product
    }

    /// The shop's product id.
    #[must_use]
    pub fn product_id(&self) -> &str {
        &self.product_id
    }

    /// The variant's id, the product's where there is none.
    #[must_use]
    pub fn sold_id(&self) -> &str {
        let variant = self.facts.texts.as_ref().map_or("", |texts| texts.variant_id.as_ref());
        if variant.is_empty() { &self.product_id } else { variant }
    }

    /// Units.
    #[must_use]
    pub fn quantity(&self) -> u32 {
        self.quantity
    }

    /// Price of one unit, minor units.
    #[must_use]
    pub fn unit_price_minor(&self) -> Option<i64> {
        self.facts.unit_price_minor
    }

    /// List price of one unit, minor units.
    #[must_use]
    pub fn list_price_minor(&self) -> Option<i64> {
        self.facts.list_price_minor
    }

    /// Discount already given on the whole line, minor units.
    #[must_use]
    pub fn discount_minor(&self) -> i64 {
        self.facts.discount_minor
    }

    /// How often the line is charged again.
    #[must_use]
    pub fn recurring(&self) -> bool {
        self.facts.recurring_interval != 0
    }

    /// Quantity times price less the discount; `None` without a price.
    #[must_use]
    pub fn value_minor(&self) -> Option<i64> {
        let price = self.facts.unit_price_minor?;
        Some(
            price
                .saturating_mul(i64::from(self.quantity))
                .saturating_sub(self.facts.discount_minor),
        )
    }

    /// The contract form, for messages.
    #[must_use]
    pub fn to_contract(&self) -> contract::Line {
        let texts = self.facts.texts.as_deref();
        let text = |read: fn(&Texts) -> &str| texts.map_or_else(String::new, |texts| read(texts).to_owned());
        contract::Line {
            product_id: self.product_id.to_string(),
            variant_id: text(|texts| &texts.variant_id),
            quantity: self.quantity,
            unit_price_minor: self.facts.unit_price_minor,
            list_price_minor: self.facts.list_price_minor,
            discount_minor: self.facts.discount_minor,
            title: text(|texts| &texts.title),
            category_path: texts
                .map(|texts| texts.category_path.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            brand: text(|texts| &texts.brand),
            seller_id: text(|texts| &texts.seller_id),
            recurring_interval: self.facts.recurring_interval,
            url: text(|texts| &texts.url),
            image_url: text(|texts| &texts.image_url),
        }
    }

    /// What a moment of a visit says of the product.
    pub(crate) fn product_hash(&self) -> u32 {
        self.product_hash
    }

    pub(crate) fn item(&self) -> u64 {
        self.item
    }

    /// Hash of the category path, 0 where unknown.
    pub(crate) fn category(&self) -> u32 {
        self.facts.category
    }

    /// Hash of the brand, 0 where unknown.
    pub(crate) fn brand(&self) -> u32 {
        self.facts.brand
    }

    /// Takes price and words from an event, unless a better source is known.
    pub(crate) fn learn(&mut self, line: &contract::Line, stamp: Stamp) {
        let source = Some((line.unit_price_minor.is_some(), stamp));
        if source >= self.source {
            self.source = source;
            self.facts.update(line);
        }
    }

    pub(crate) fn empty(&mut self) {
        self.base = 0;
    }

    pub(crate) fn grow(&mut self, delta: i64) {
        self.base = grown(self.base, delta);
    }

    pub(crate) fn start(&mut self, from_nothing: bool) {
        self.quantity = if from_nothing { 0 } else { self.base };
    }

    pub(crate) fn apply(&mut self, delta: i64) {
        self.quantity = grown(self.quantity, delta);
    }
}

fn grown(quantity: u32, delta: i64) -> u32 {
    let sum = i64::from(quantity).saturating_add(delta).max(0);
    u32::try_from(sum).unwrap_or(u32::MAX)
}

impl Facts {
    fn of(line: &contract::Line) -> Self {
        let texts = Texts::of(line);
        Self {
            unit_price_minor: line.unit_price_minor,
            list_price_minor: line.list_price_minor,
            discount_minor: line.discount_minor,
            category: category_hash(&line.category_path),
            brand: brand_hash(&line.brand),
            recurring_interval: line.recurring_interval,
            texts: (texts != Texts::default()).then(|| Box::new(texts)),
        }
    }

    fn update(&mut self, line: &contract::Line) {
        let unchanged = self
            .texts
            .as_ref()
            .map_or_else(|| Texts::is_absent(line), |texts| texts.is_of(line));
        if unchanged {
            self.unit_price_minor = line.unit_price_minor;
            self.list_price_minor = line.list_price_minor;
            self.discount_minor = line.discount_minor;
            self.recurring_interval = line.recurring_interval;
        } else {
            *self = Self::of(line);
        }
    }
}

impl Texts {
    fn of(line: &contract::Line) -> Self {
        Self {
            variant_id: line.variant_id.as_str().into(),
            title: line.title.as_str().into(),
            brand: line.brand.as_str().into(),
            seller_id: line.seller_id.as_str().into(),
            url: line.url.as_str().into(),
            image_url: line.image_url.as_str().into(),
            category_path: line.category_path.iter().map(|name| name.as_str().into()).collect(),
        }
    }

    fn is_of(&self, line: &contract::Line) -> bool {
        *self.variant_id == *line.variant_id
            && *self.title == *line.title
            && *self.brand == *line.brand
            && *self.seller_id == *line.seller_id
            && *self.url == *line.url
            && *self.image_url == *line.image_url
            && self
                .category_path
                .iter()
                .map(AsRef::as_ref)
                .eq(line.category_path.iter().map(String::as_str))
    }

    fn is_absent(line: &contract::Line) -> bool {
        [
            &line.variant_id,
            &line.title,
            &line.brand,
            &line.seller_id,
            &line.url,
            &line.image_url,
        ]
        .into_iter()
        .all(String::is_empty)
            && line.category_path.is_empty()
    }
}

/// The catalogue's key of a product.
#[must_use]
pub fn product_key(storefront: &str, product_id: &str) -> ProductKey {
    ProductKey(public_hash("product", &[storefront.as_bytes(), product_id.as_bytes()]))
}

/// Hash of a storefront's product; 0 where the id is empty. Two storefronts may use one id for different products.
pub(crate) fn product_hash(storefront: &str, product_id: &str) -> u32 {
    if product_id.is_empty() {
        0
    } else {
        cut(short_hash([storefront, product_id]))
    }
}

/// Hash of a category path; 0 where it is empty.
pub(crate) fn category_hash(path: &[String]) -> u32 {
    if path.is_empty() {
        0
    } else {
        cut(short_hash(path.iter().map(String::as_str)))
    }
}

/// Hash of a brand; 0 where it is empty.
pub(crate) fn brand_hash(brand: &str) -> u32 {
    if brand.is_empty() { 0 } else { cut(short_hash([brand])) }
}

/// The upper half of a hash, never 0.
fn cut(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default().max(1)
}
