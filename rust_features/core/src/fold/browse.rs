//! What shoppers look at: views, searches, wishes.

use super::scene::Scene;
use crate::contract::event::Kind;
use crate::contract::{Line, ProductViewed};
use crate::state::{
    Activity, Affinity, Counter, Moment, RECENT_MOMENTS, State, Step, brand_hash, category_hash, keep_newest,
    product_hash,
};

/// One step of a visit, as an event tells it.
#[derive(Clone, Copy, Default)]
pub(super) struct Glance {
    pub(super) product: u32,
    pub(super) category: u32,
    pub(super) brand: u32,
    pub(super) dwell_seconds: u32,
}

impl Glance {
    pub(super) fn of(storefront: &str, line: Option<&Line>) -> Self {
        line.map_or_else(Self::default, |line| Self {
            product: product_hash(storefront, &line.product_id),
            category: category_hash(&line.category_path),
            brand: brand_hash(&line.brand),
            dwell_seconds: 0,
        })
    }

    fn at(path: &[String]) -> Self {
        Self {
            category: category_hash(path),
            ..Self::default()
        }
    }
}

pub(super) fn fold(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    let glance = match kind {
        Kind::ProductViewed(ProductViewed { product, dwell_seconds }) => Glance {
            dwell_seconds: *dwell_seconds,
            ..Glance::of(scene.storefront, product.as_ref())
        },
        Kind::ProductWishlisted(wish) => Glance::of(scene.storefront, wish.product.as_ref()),
        Kind::ProductListViewed(list) => Glance::at(&list.category_path),
        Kind::ProductsSearched(search) => Glance::at(&search.matched_category_path),
        _ => return,
    };
    note(state, scene, Step::View, Some(Counter::Views), glance);
}

/// Counts a step in the record of the strongest key.
pub(super) fn note(state: &mut State, scene: &Scene<'_>, step: Step, counter: Option<Counter>, glance: Glance) {
    let Some((activity, weights)) = activity(state, scene) else {
        return;
    };
    if let Some(counter) = counter {
        activity.decayed.add(counter, weights, 1.0);
    }
    if matches!(step, Step::View | Step::Add) {
        if glance.category != 0 {
            activity.decayed.like(Affinity::Category, glance.category, weights);
        }
        if glance.brand != 0 {
            activity.decayed.like(Affinity::Brand, glance.brand, weights);
        }
    }
    let moment = Moment {
        time: scene.stamp.time,
        tie: u32::try_from(scene.stamp.tie >> 32).unwrap_or_default(),
        item: glance.product,
        category: glance.category,
        dwell_seconds: u16::try_from(glance.dwell_seconds).unwrap_or(u16::MAX),
        step,
    };
    let begins = activity.moments.is_empty();
    keep_newest(&mut activity.moments, RECENT_MOMENTS, moment, |moment| *moment);
    if let Some(alias) = scene.strongest().filter(|_| begins) {
        state.retention.visits.insert((state.journal_time, alias));
    }
}

/// The activity of the strongest key, moved on to the event, and what the event weighs in it by half-life.
pub(super) fn activity<'a>(state: &'a mut State, scene: &Scene<'_>) -> Option<(&'a mut Activity, [f32; 3])> {
    let record = state.records.get_mut(&scene.strongest()?)?;
    let activity = record.activity_mut(scene.stamp.time);
    let weights = activity.decayed.weigh(scene.stamp.time);
    Some((activity, weights))
}
