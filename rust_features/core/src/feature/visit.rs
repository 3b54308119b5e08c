//! Totals of the last visit.

use smallvec::SmallVec;

use super::reading::{count, share};
use crate::contract::DeviceClass;
use crate::state::{Cart, Customer, Step};

/// Totals of the last visit; NaN where the customer has none.
#[derive(Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) steps: f64,
    pub(crate) views: f64,
    pub(crate) adds: f64,
    pub(crate) removes: f64,
    pub(crate) failed_payments: f64,
    pub(crate) items: f64,
    pub(crate) categories: f64,
    pub(crate) cart_share: f64,
    pub(crate) minutes: f64,
    pub(crate) dwell_seconds: f64,
    pub(crate) device: f64,
    pub(crate) campaign: f64,
}

impl Visit {
    pub(crate) fn new(customer: &Customer<'_>, cart: Option<&Cart>) -> Self {
        let moments = customer.last_visit();
        let (device, campaign) = context(customer);
        let (Some(newest), Some(oldest)) = (moments.first(), moments.last()) else {
            return Self {
                device,
                campaign,
                ..Self::MISSING
            };
        };
        let of = |step| count(moments.iter().filter(|moment| moment.step == step).count());
        let named = moments.iter().filter(|moment| moment.item != 0).count();
        let in_cart = cart.map_or(0, |cart| {
            moments.iter().filter(|moment| holds(cart, moment.item)).count()
        });
        Self {
            steps: count(moments.len()),
            views: of(Step::View),
            adds: of(Step::Add),
            removes: of(Step::Remove),
            failed_payments: of(Step::FailedPayment),
            items: distinct(moments.iter().map(|moment| moment.item)),
            categories: distinct(moments.iter().map(|moment| moment.category)),
            cart_share: if cart.is_some() {
                share(count(in_cart), count(named))
            } else {
                f64::NAN
            },
            minutes: newest.time.seconds_since(oldest.time) / 60.0,
            dwell_seconds: moments.iter().map(|moment| f64::from(moment.dwell_seconds)).sum(),
            device,
            campaign,
        }
    }

    const MISSING: Self = Self {
        steps: f64::NAN,
        views: f64::NAN,
        adds: f64::NAN,
        removes: f64::NAN,
        failed_payments: f64::NAN,
        items: f64::NAN,
        categories: f64::NAN,
        cart_share: f64::NAN,
        minutes: f64::NAN,
        dwell_seconds: f64::NAN,
        device: f64::NAN,
        campaign: f64::NAN,
    };
}

/// The device class and whether a campaign brought the person, as last said.
fn context(customer: &Customer<'_>) -> (f64, f64) {
    let device = customer
        .profiles()
        .filter_map(|profile| profile.device)
        .max_by_key(|device| device.stamp);
    let campaign = customer
        .profiles()
        .filter_map(|profile| profile.campaign)
        .max_by_key(|said| said.stamp);
    let class = |device: DeviceClass| f64::from(device as i32);
    (
        device.map_or(f64::NAN, |device| class(device.value)),
        campaign.map_or(f64::NAN, |campaign| f64::from(u8::from(campaign.value))),
    )
}

fn holds(cart: &Cart, item: u32) -> bool {
    item != 0 && cart.lines().any(|line| line.product_hash() == item)
}

fn distinct(hashes: impl Iterator<Item = u32>) -> f64 {
    let mut named: SmallVec<[u32; 32]> = hashes.filter(|hash| *hash != 0).collect();
    named.sort_unstable();
    named.dedup();
    count(named.len())
}
