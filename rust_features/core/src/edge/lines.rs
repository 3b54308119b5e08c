//! Checks of carts, lines and amounts.

use crate::contract::cart::Restore;
use crate::contract::{Cart, Line, Reason, RecurringInterval};
use crate::refusal::HIDDEN;

use super::contact::is_url;
use super::gate::Gate;
use super::path::Path;

const LINE_LIMIT: usize = 10_000;
const QUANTITY_LIMIT: u32 = 1_000_000;
const CATEGORY_DEPTH_LIMIT: usize = 16;
/// Longest free text of a line: titles, brands, category names.
pub(super) const TEXT_LIMIT: usize = 512;
/// Sums up to here are exact in a double.
const TOTAL_LIMIT: i128 = 1 << 53;

/// Whether a line stands for goods in a cart or order, or only shows a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineUse {
    Position,
    Shown,
}

impl Gate<'_> {
    /// A full snapshot: its id becomes a token, its restore URL is sealed.
    pub(super) fn cart(&mut self, path: Path, cart: &mut Cart) {
        self.token(path.field("cart_id"), "cart", &mut cart.cart_id);
        self.lines(path, &mut cart.lines);
        self.optional_amount(path.field("shipping_minor"), cart.shipping_minor);
        self.optional_amount(path.field("free_shipping_from_minor"), cart.free_shipping_from_minor);
        let terms = [cart.shipping_minor, cart.free_shipping_from_minor];
        let priced = terms.iter().any(Option::is_some) || cart.lines.iter().any(has_amount);
        self.currency(path.field("currency_code"), &cart.currency_code, priced);
        cart.restore = cart.restore.take().and_then(|restore| self.restore(path, restore));
    }

    fn restore(&mut self, path: Path, restore: Restore) -> Option<Restore> {
        match restore {
            Restore::RestoreUrl(url) if url.is_empty() => None,
            Restore::RestoreUrl(url) => {
                let path = path.field("restore_url");
                if !is_url(&url) {
                    let remedy = "send an http or https URL of at most 2048 bytes";
                    self.findings.add(Reason::FieldMalformed, path, HIDDEN, remedy);
                    return None;
                }
                Some(Restore::SealedRestoreUrl(self.sealed(path, url.as_bytes())))
            }
            Restore::SealedRestoreUrl(_) => {
                let path = path.field("sealed_restore_url");
                self.findings
                    .add(Reason::FieldMalformed, path, HIDDEN, "send restore_url instead");
                None
            }
        }
    }

    /// The lines of a cart or order, and their sum.
    pub(super) fn lines(&mut self, path: Path, lines: &mut [Line]) {
        self.count(path.field("lines"), lines.len(), LINE_LIMIT);
        let mut total = 0;
        for (index, line) in lines.iter_mut().take(LINE_LIMIT).enumerate() {
            if self.findings.full() {
                return;
            }
            self.line(path.item("lines", index), line, LineUse::Position);
            total += i128::from(line.quantity) * i128::from(line.unit_price_minor.unwrap_or(0));
        }
        if total > TOTAL_LIMIT {
            let remedy = "keep the sum of the lines within 2^53 minor units";
            self.findings
                .add(Reason::FieldOutOfRange, path.field("lines"), total.to_string(), remedy);
        }
    }

    /// A required line.
    pub(super) fn required_line(&mut self, path: Path, line: Option<&mut Line>, line_use: LineUse) {
        match line {
            Some(line) => self.line(path, line, line_use),
            None => self.findings.missing(path, "name the product"),
        }
    }

    fn line(&mut self, path: Path, line: &mut Line, line_use: LineUse) {
        self.id(path.field("product_id"), &line.product_id);
        self.optional_id(path.field("variant_id"), &line.variant_id);
        self.optional_id(path.field("seller_id"), &line.seller_id);
        let least = i64::from(line_use == LineUse::Position);
        self.range(
            path.field("quantity"),
            line.quantity.into(),
            least,
            QUANTITY_LIMIT.into(),
        );
        self.optional_amount(path.field("unit_price_minor"), line.unit_price_minor);
        self.optional_amount(path.field("list_price_minor"), line.list_price_minor);
        self.amount(path.field("discount_minor"), line.discount_minor);
        self.text(path.field("title"), &line.title, TEXT_LIMIT);
        self.text(path.field("brand"), &line.brand, TEXT_LIMIT);
        self.category_path(path.field("category_path"), &line.category_path);
        self.optional_choice::<RecurringInterval>(path.field("recurring_interval"), line.recurring_interval);
        self.url(path.field("url"), &mut line.url);
        self.url(path.field("image_url"), &mut line.image_url);
    }

    /// Category names from the root.
    pub(super) fn category_path(&mut self, path: Path, names: &[String]) {
        self.count(path, names.len(), CATEGORY_DEPTH_LIMIT);
        for name in names.iter().take(CATEGORY_DEPTH_LIMIT) {
            self.text(path, name, TEXT_LIMIT);
        }
    }
}

/// Whether a line states an amount, which then needs a currency.
pub(super) fn has_amount(line: &Line) -> bool {
    line.unit_price_minor.is_some() || line.list_price_minor.is_some() || line.discount_minor != 0
}
