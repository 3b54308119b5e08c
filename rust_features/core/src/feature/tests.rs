use super::{CONTEXT_COUNT, TABLE, context_features};
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{Cart, CartUpdated, OfferIssued, OfferRedeemed, PaymentFailed, ProductUpdated};
use crate::fold::testing::{STOREFRONT, added, alias, at, cart, cart_id, customer, device, folded, message, viewed};
use crate::state::{State, product_hash};

const DAY: i64 = 86_400;

/// A context feature of customer 1 with cart 1.
fn feature(state: &State, name: &str, seconds: i64) -> f32 {
    let mut out = [0.0; CONTEXT_COUNT];
    let customer = state.customer(&[alias(1)]);
    context_features(state, &customer, state.cart(&cart_id(1)), at(seconds), &mut out);
    out[TABLE.iter().position(|feature| feature.name == name).unwrap()]
}

fn near(value: f32, wanted: f32) {
    assert!(
        (value - wanted).abs() < 1e-4 * wanted.abs().max(1.0),
        "{value} in place of {wanted}"
    );
}

fn payment_failed() -> Kind {
    Kind::PaymentFailed(PaymentFailed {
        cart_id: cart_id(1).to_string(),
        failure_code: "declined".to_owned(),
    })
}

#[test]
fn popularity_is_a_share_of_what_anyone_adds_and_fades() {
    let by_others = (2..6).map(|shopper| message(shopper.into(), 0, &[customer(shopper)], added(shopper, 1, 1)));
    let own = [(10, 1), (11, 2)].map(|(id, product)| message(id, DAY, &[customer(1)], added(1, product, 1)));
    let third = message(12, DAY, &[customer(7)], added(7, 3, 1));
    let state = folded(&by_others.chain(own).chain([third]).collect::<Vec<_>>());
    // Of product 1 four additions a day ago and one now, of product 2 one now, of product 3 one now by another.
    let month = 4.0 * 2_f32.powf(-1.0 / 30.0);
    let mean = |of_first: f32| f32::midpoint(of_first, 1.0) / (of_first + 2.0);
    near(feature(&state, "popularity_1d", DAY), mean(3.0));
    near(feature(&state, "popularity_1d", 9 * DAY), mean(3.0));
    near(feature(&state, "popularity_30d", DAY), mean(1.0 + month));
    let nothing = folded(&[message(1, 0, &[customer(1)], viewed(1))]);
    assert!(feature(&nothing, "popularity_1d", DAY).is_nan());
}

#[test]
fn the_gap_to_free_shipping_closes_at_the_threshold() {
    let gap = |from, units| {
        let content = Cart {
            free_shipping_from_minor: from,
            ..cart(1, &[(1, units)])
        };
        let update = CartUpdated { cart: Some(content) };
        let state = folded(&[message(1, 0, &[customer(1)], Kind::CartUpdated(update))]);
        let value = feature(&state, "cart_value", 0);
        (feature(&state, "cart_free_shipping_gap", 0), value)
    };
    let (open, value) = gap(Some(5_000), 1);
    near(open, 5_000.0 - value);
    near(gap(Some(5_000), 100).0, 0.0);
    assert!(gap(None, 1).0.is_nan());
}

#[test]
fn the_pace_is_that_of_the_busiest_alias() {
    let views = |number: u8, count: u64| {
        let first = 1000 * u64::from(number);
        (first..first + count).map(move |id| message(id, 0, &[device(number)], viewed(1)))
    };
    let joined = [2, 3].map(|number| message(9_000 + u64::from(number), 0, &[customer(1), device(number)], viewed(1)));
    let state = folded(&views(2, 30).chain(views(3, 20)).chain(joined).collect::<Vec<_>>());
    near(feature(&state, "pace_1h", DAY), 30.0);
}

#[test]
fn failed_payments_are_those_of_the_visit() {
    let failed = |id, seconds| message(id, seconds, &[customer(1)], payment_failed());
    let state = folded(&[failed(1, 0), failed(2, 7_200), failed(3, 7_260)]);
    near(feature(&state, "session_failed_payments", DAY), 2.0);
    near(feature(&state, "cart_failed_payments", DAY), 3.0);
}

#[test]
fn redemptions_are_told_per_offer() {
    let issued = |id: u64| {
        let offer = OfferIssued {
            offer_id: "ten".to_owned(),
            decision_id: cart_id(u8::try_from(id).unwrap()).to_string(),
            ..OfferIssued::default()
        };
        message(id, i64::try_from(id).unwrap(), &[customer(1)], Kind::OfferIssued(offer))
    };
    let redeemed = message(9, 9, &[customer(1)], Kind::OfferRedeemed(OfferRedeemed::default()));
    near(
        feature(&folded(&[issued(1), issued(2), redeemed]), "redemption_share", DAY),
        0.5,
    );
    assert!(
        feature(
            &folded(&[message(1, 0, &[customer(1)], viewed(1))]),
            "redemption_share",
            DAY
        )
        .is_nan()
    );
}

/// Another storefront's product, with the same bucket among its own.
#[test]
fn popularity_is_that_of_the_storefront() {
    let bucket = |storefront, id: &str| product_hash(storefront, id) % (1 << 16);
    let twins = (0..).map(|number| format!("twin-{number}"));
    let twin = twins
        .into_iter()
        .find(|id| bucket("elsewhere", id) == bucket(STOREFRONT, "product-1"))
        .unwrap();
    let elsewhere = (0..500).map(|id| {
        let mut other = message(1_000 + id, 0, &[customer(3)], added(3, 1, 1));
        if let Some(Content::Event(event)) = &mut other.content
            && let Some(Kind::ProductAdded(added)) = &mut event.kind
        {
            "elsewhere".clone_into(&mut event.storefront_id);
            twin.clone_into(&mut added.line.as_mut().unwrap().product_id);
        }
        other
    });
    let own = [(1, 1), (2, 2)].map(|(id, product)| message(id, 0, &[customer(1)], added(1, product, 1)));
    near(
        feature(&folded(&elsewhere.chain(own).collect::<Vec<_>>()), "popularity_1d", 0),
        0.5,
    );
}

#[test]
fn amounts_of_another_currency_are_not_compared() {
    let known = |currency: &str| {
        let product = ProductUpdated {
            product_id: "product-1".to_owned(),
            price_minor: Some(8_000),
            cost_minor: Some(480),
            currency_code: currency.to_owned(),
            ..ProductUpdated::default()
        };
        folded(&[
            message(1, 0, &[customer(1)], added(1, 1, 1)),
            message(2, 0, &[], Kind::ProductUpdated(product)),
        ])
    };
    let foreign = known("JPY");
    assert!(feature(&foreign, "price_change", 0).is_nan() && feature(&foreign, "margin_share", 0).is_nan());
    near(feature(&foreign, "catalogue_share", 0), 1.0);
    assert!(feature(&known("EUR"), "price_change", 0) > 0.0);
}
