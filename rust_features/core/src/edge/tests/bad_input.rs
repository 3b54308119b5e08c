use super::*;
use crate::contract::cart::Restore;
use crate::contract::{
    ChannelPaused, ConsentChanged, DecisionSuperseded, Linked, MessageOutcome, Money, OrderCompleted, ProductUpdated,
    ProductsSearched,
};
use prost_types::Timestamp;

/// What is wrong, the event, the field named, the reason.
type Case = (&'static str, Event, &'static str, Reason);

fn with_cart(change: impl FnOnce(&mut Cart)) -> Event {
    let mut cart = cart();
    change(&mut cart);
    cart_event(cart)
}

fn with_line(change: impl FnOnce(&mut Line)) -> Event {
    with_cart(|cart| change(&mut cart.lines[0]))
}

fn with_event(change: impl FnOnce(&mut Event)) -> Event {
    let mut event = cart_event(cart());
    change(&mut event);
    event
}

fn with_contact(channel: Channel, address: &str) -> Event {
    let contacts = vec![Contact {
        channel: channel as i32,
        address: address.into(),
    }];
    with_event(|event| {
        event.identity = Some(Identity {
            contacts,
            ..Identity::default()
        });
    })
}

fn envelope_cases() -> Vec<Case> {
    let later = |seconds| Some(RECEIVED.plus_seconds(seconds).to_timestamp());
    let nobody = || {
        Some(Identity {
            session_id: "s".into(),
            ..Identity::default()
        })
    };
    vec![
        (
            "no event id",
            with_event(|it| it.event_id.clear()),
            "event.event_id",
            Reason::FieldMissing,
        ),
        (
            "long event id",
            with_event(|it| it.event_id = "x".repeat(65)),
            "event.event_id",
            Reason::FieldOutOfRange,
        ),
        (
            "no storefront",
            with_event(|it| it.storefront_id.clear()),
            "event.storefront_id",
            Reason::FieldMissing,
        ),
        (
            "broken line",
            with_event(|it| it.storefront_id = "a\r\nb".into()),
            "event.storefront_id",
            Reason::FieldMalformed,
        ),
        (
            "no time",
            with_event(|it| it.event_time = None),
            "event.event_time",
            Reason::FieldMissing,
        ),
        (
            "future",
            with_event(|it| it.event_time = later(301)),
            "event.event_time",
            Reason::TimeInFuture,
        ),
        (
            "before 1970",
            with_event(|it| it.event_time = Some(Timestamp { seconds: -1, nanos: 0 })),
            "event.event_time",
            Reason::FieldOutOfRange,
        ),
        (
            "nobody",
            with_event(|it| it.identity = nobody()),
            "event.identity",
            Reason::FieldMissing,
        ),
        (
            "unknown device class",
            with_event(|it| {
                it.context = Some(Context {
                    device_class: 99,
                    ..Context::default()
                });
            }),
            "event.context.device_class",
            Reason::FieldOutOfRange,
        ),
        (
            "bad e-mail",
            with_contact(Channel::Email, "joe at example.org"),
            "event.identity.contacts[0].address",
            Reason::FieldMalformed,
        ),
        (
            "national number",
            with_contact(Channel::Sms, "0170 1234567"),
            "event.identity.contacts[0].address",
            Reason::FieldMalformed,
        ),
        (
            "push over http",
            with_contact(Channel::Push, "http://push.example/x"),
            "event.identity.contacts[0].address",
            Reason::FieldMalformed,
        ),
        (
            "contact without address",
            with_contact(Channel::None, "x"),
            "event.identity.contacts[0].channel",
            Reason::FieldOutOfRange,
        ),
    ]
}

fn cart_cases() -> Vec<Case> {
    let line_path = "event.cart_updated.cart.lines[0]";
    let sealed = Some(Restore::SealedRestoreUrl(vec![1]));
    vec![
        (
            "no cart",
            event(Kind::CartUpdated(CartUpdated { cart: None })),
            "event.cart_updated.cart",
            Reason::FieldMissing,
        ),
        (
            "no cart id",
            with_cart(|it| it.cart_id.clear()),
            "event.cart_updated.cart.cart_id",
            Reason::FieldMissing,
        ),
        (
            "10,001 lines",
            with_cart(|it| it.lines = vec![line(); 10_001]),
            "event.cart_updated.cart.lines",
            Reason::TooManyElements,
        ),
        (
            "unknown currency",
            with_cart(|it| it.currency_code = "EURO".into()),
            "event.cart_updated.cart.currency_code",
            Reason::CurrencyUnknown,
        ),
        (
            "prices without currency",
            with_cart(|it| it.currency_code.clear()),
            "event.cart_updated.cart.currency_code",
            Reason::FieldMissing,
        ),
        (
            "no product",
            with_line(|it| it.product_id.clear()),
            line_path,
            Reason::FieldMissing,
        ),
        (
            "no quantity",
            with_line(|it| it.quantity = 0),
            line_path,
            Reason::FieldOutOfRange,
        ),
        (
            "negative price",
            with_line(|it| it.unit_price_minor = Some(-1)),
            line_path,
            Reason::FieldOutOfRange,
        ),
        (
            "negative discount",
            with_line(|it| it.discount_minor = -1),
            line_path,
            Reason::FieldOutOfRange,
        ),
        (
            "unknown interval",
            with_line(|it| it.recurring_interval = 9),
            line_path,
            Reason::FieldOutOfRange,
        ),
        (
            "no URL",
            with_line(|it| it.url = "ftp://x".into()),
            line_path,
            Reason::FieldMalformed,
        ),
        (
            "sum too large",
            with_line(|it| (it.quantity, it.unit_price_minor) = (1_000_000, Some(1_000_000_000_000))),
            "event.cart_updated.cart.lines",
            Reason::FieldOutOfRange,
        ),
        (
            "restore link without host",
            with_cart(|it| it.restore = Some(Restore::RestoreUrl("cart/joe".into()))),
            "event.cart_updated.cart.restore_url",
            Reason::FieldMalformed,
        ),
        (
            "sealed by the sender",
            with_cart(|it| it.restore = sealed),
            "event.cart_updated.cart.sealed_restore_url",
            Reason::FieldMalformed,
        ),
    ]
}

fn decision_cases() -> Vec<Case> {
    let outcome = MessageOutcome {
        decision_id: "0".repeat(32),
        send_id: "x".into(),
        channel: 2,
        touch: 1,
        ..Default::default()
    };
    let superseded = DecisionSuperseded {
        decision_id: "0".repeat(32),
        ..Default::default()
    };
    vec![
        (
            "outcome of no send",
            event(Kind::MessageOutcome(outcome)),
            "event.message_outcome.send_id",
            Reason::FieldMalformed,
        ),
        (
            "superseded by nothing",
            event(Kind::DecisionSuperseded(superseded)),
            "event.decision_superseded.superseding_decision_id",
            Reason::FieldMissing,
        ),
    ]
}

fn kind_cases() -> Vec<Case> {
    let total = Some(Money {
        minor_units: -5,
        currency_code: "EUR".into(),
    });
    let order = OrderCompleted {
        order_id: "o".into(),
        total,
        ..OrderCompleted::default()
    };
    let product = ProductUpdated {
        product_id: "p".into(),
        cost_minor: Some(1),
        ..ProductUpdated::default()
    };
    let consent = |channel: Channel| ConsentChanged {
        channel: channel as i32,
        purpose: 1,
        state: 1,
        legal_basis: 1,
        ..Default::default()
    };
    let basis = ConsentChanged {
        legal_basis: 0,
        ..consent(Channel::Email)
    };
    let category = vec![String::new(); 17];
    let search = ProductsSearched {
        matched_category_path: category,
        ..Default::default()
    };
    vec![
        (
            "negative total",
            event(Kind::OrderCompleted(order)),
            "event.order_completed.total.minor_units",
            Reason::FieldOutOfRange,
        ),
        (
            "cost without currency",
            event(Kind::ProductUpdated(product)),
            "event.product_updated.currency_code",
            Reason::FieldMissing,
        ),
        (
            "consent to nothing",
            event(Kind::ConsentChanged(consent(Channel::None))),
            "event.consent_changed.channel",
            Reason::FieldOutOfRange,
        ),
        (
            "zero enum",
            event(Kind::ConsentChanged(consent(Channel::Unspecified))),
            "event.consent_changed.channel",
            Reason::FieldMissing,
        ),
        (
            "consent without basis",
            event(Kind::ConsentChanged(basis)),
            "event.consent_changed.legal_basis",
            Reason::FieldMissing,
        ),
        (
            "no channel",
            event(Kind::ChannelPaused(ChannelPaused::default())),
            "event.channel_paused.channel",
            Reason::FieldMissing,
        ),
        (
            "deep category",
            event(Kind::ProductsSearched(search)),
            "event.products_searched.matched_category_path",
            Reason::TooManyElements,
        ),
        (
            "link of one key",
            {
                let mut one = event(Kind::Linked(Linked {}));
                one.identity.as_mut().unwrap().contacts.clear();
                one
            },
            "event.identity",
            Reason::FieldOutOfRange,
        ),
    ]
}

#[test]
fn bad_input_is_refused_by_field_value_and_remedy() {
    for (what, event, field, reason) in [envelope_cases(), cart_cases(), kind_cases(), decision_cases()].concat() {
        let refusal = track(event).expect_err(what);
        assert_eq!(refusal.reason, reason, "{what}: {refusal}");
        let violation = &refusal.violations[0];
        assert!(violation.field.starts_with(field), "{what}: {}", violation.field);
        assert!(!violation.value.is_empty() && !violation.remedy.is_empty(), "{what}");
        assert_eq!(refusal.code as i32, 3, "{what}");
    }
}

#[test]
fn five_minutes_of_clock_difference_are_accepted() {
    assert!(
        track(with_event(
            |it| it.event_time = Some(RECEIVED.plus_seconds(300).to_timestamp())
        ))
        .is_ok()
    );
}

#[test]
fn what_no_person_did_needs_no_identity() {
    let product = ProductUpdated {
        product_id: "p".into(),
        ..ProductUpdated::default()
    };
    let mut catalogue = event(Kind::ProductUpdated(product));
    catalogue.identity = None;
    assert!(track(catalogue).is_ok());
}

#[test]
fn violations_are_told_together_up_to_sixteen() {
    let refusal = track(with_cart(|it| it.lines = vec![Line::default(); 100])).unwrap_err();
    assert_eq!(refusal.violations.len(), 16);
    assert_eq!(refusal.violations[1].field, "event.cart_updated.cart.lines[0].quantity");
}

#[test]
fn bytes_that_are_no_request_and_unknown_kinds_are_refused() {
    let refuse = |bytes: &[u8]| edge().track(bytes, RECEIVED, false, &|_| false).unwrap_err().reason;
    assert_eq!(refuse(&[0xff; 9]), Reason::Unparsable);
    assert_eq!(refuse(&[]), Reason::FieldMissing);
    let kindless = TrackRequest {
        event: Some(Event {
            kind: None,
            ..cart_event(cart())
        }),
        acknowledge: 0,
    };
    assert_eq!(refuse(&kindless.encode_to_vec()), Reason::KindUnknown);
}
