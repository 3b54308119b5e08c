//! Browse, catalogue, cart, checkout and order kinds.

use crate::contract::event::Kind;
use crate::contract::{OrderCompleted, OrderRefunded, ProductUpdated, ProductsSearched};
use crate::edge::gate::Gate;
use crate::edge::lines::{LineUse, TEXT_LIMIT, has_amount};
use crate::edge::path::Path;

const OFFER_CODE_LIMIT: usize = 16;
const STEP_LIMIT: i64 = 1000;
const QUERY_LIMIT: usize = 4096;

impl Gate<'_> {
    pub(super) fn browse_kind(&mut self, path: Path, kind: &mut Kind) {
        match kind {
            Kind::ProductViewed(it) => self.required_line(path.field("product"), it.product.as_mut(), LineUse::Shown),
            Kind::ProductWishlisted(it) => {
                self.required_line(path.field("product"), it.product.as_mut(), LineUse::Shown);
            }
            Kind::ProductListViewed(it) => self.category_path(path.field("category_path"), &it.category_path),
            Kind::ProductsSearched(it) => self.search(path, it),
            Kind::ProductUpdated(it) => self.product(path, it),
            Kind::ProductDiscontinued(it) => self.id(path.field("product_id"), &it.product_id),
            _ => {}
        }
    }

    /// A query may hold anything: only its length in characters passes.
    fn search(&mut self, path: Path, search: &mut ProductsSearched) {
        self.text(path.field("query"), &search.query, QUERY_LIMIT);
        if !search.query.is_empty() {
            search.query_length = u32::try_from(search.query.chars().count()).unwrap_or(u32::MAX);
            search.query = String::new();
        }
        self.category_path(path.field("matched_category_path"), &search.matched_category_path);
    }

    fn product(&mut self, path: Path, product: &mut ProductUpdated) {
        self.id(path.field("product_id"), &product.product_id);
        self.optional_id(path.field("seller_id"), &product.seller_id);
        self.text(path.field("title"), &product.title, TEXT_LIMIT);
        self.text(path.field("brand"), &product.brand, TEXT_LIMIT);
        self.category_path(path.field("category_path"), &product.category_path);
        self.url(path.field("url"), &mut product.url);
        self.url(path.field("image_url"), &mut product.image_url);
        let amounts = [
            ("price_minor", product.price_minor),
            ("list_price_minor", product.list_price_minor),
            ("cost_minor", product.cost_minor),
        ];
        for (name, amount) in amounts {
            self.optional_amount(path.field(name), amount);
        }
        let priced = amounts.iter().any(|(_, amount)| amount.is_some());
        self.currency(path.field("currency_code"), &product.currency_code, priced);
    }

    pub(super) fn cart_kind(&mut self, path: Path, kind: &mut Kind) {
        let step = path.field("step");
        let cart_id = path.field("cart_id");
        match kind {
            Kind::ProductAdded(it) => {
                self.token(cart_id, "cart", &mut it.cart_id);
                self.required_line(path.field("line"), it.line.as_mut(), LineUse::Position);
                let priced = it.line.as_ref().is_some_and(has_amount);
                self.currency(path.field("currency_code"), &it.currency_code, priced);
            }
            Kind::ProductRemoved(it) => {
                self.token(cart_id, "cart", &mut it.cart_id);
                self.required_line(path.field("line"), it.line.as_mut(), LineUse::Position);
            }
            Kind::CartUpdated(it) => match it.cart.as_mut() {
                Some(cart) => self.cart(path.field("cart"), cart),
                None => self.findings.missing(path.field("cart"), "send the whole cart"),
            },
            Kind::CartViewed(it) => self.token(cart_id, "cart", &mut it.cart_id),
            Kind::CheckoutStarted(it) => self.token(cart_id, "cart", &mut it.cart_id),
            Kind::CheckoutStepViewed(it) => {
                self.token(cart_id, "cart", &mut it.cart_id);
                self.range(step, it.step.into(), 0, STEP_LIMIT);
            }
            Kind::CheckoutStepCompleted(it) => {
                self.token(cart_id, "cart", &mut it.cart_id);
                self.range(step, it.step.into(), 0, STEP_LIMIT);
            }
            Kind::PaymentFailed(it) => {
                self.token(cart_id, "cart", &mut it.cart_id);
                self.code(path.field("failure_code"), &it.failure_code, "send the provider's code");
            }
            _ => {}
        }
    }

    pub(super) fn order_kind(&mut self, path: Path, kind: &mut Kind) {
        match kind {
            Kind::OrderCompleted(it) => self.order(path, it),
            Kind::OrderCancelled(it) => self.token(path.field("order_id"), "order", &mut it.order_id),
            Kind::OrderRefunded(it) => self.refund(path, it),
            _ => {}
        }
    }

    fn order(&mut self, path: Path, order: &mut OrderCompleted) {
        self.token(path.field("order_id"), "order", &mut order.order_id);
        self.optional_token(path.field("cart_id"), "cart", &mut order.cart_id);
        self.lines(path, &mut order.lines);
        let priced = order.lines.iter().any(has_amount);
        self.money(path.field("total"), order.total.as_ref(), priced);
        self.amount(path.field("discount_minor"), order.discount_minor);
        self.amount(path.field("shipping_minor"), order.shipping_minor);
        self.amount(path.field("tax_minor"), order.tax_minor);
        self.count(path.field("offer_codes"), order.offer_codes.len(), OFFER_CODE_LIMIT);
        for (index, code) in order.offer_codes.iter().take(OFFER_CODE_LIMIT).enumerate() {
            self.id(path.item("offer_codes", index), code);
        }
        self.optional_id(path.field("source"), &order.source);
    }

    fn refund(&mut self, path: Path, refund: &mut OrderRefunded) {
        self.token(path.field("order_id"), "order", &mut refund.order_id);
        self.money(path.field("amount"), refund.amount.as_ref(), true);
        self.lines(path, &mut refund.lines);
    }
}
