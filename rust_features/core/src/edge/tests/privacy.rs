use proptest::prelude::*;

use super::*;
use crate::contract::cart::Restore;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    ChannelPaused, ConsentChanged, ConsentPurpose, ConsentState, Erased, MessageBounced, MessageOutcome,
    ProductsSearched, SubscriptionCancelled,
};

/// Raw values that a sender may send and nobody behind the edge may see.
#[derive(Clone, Debug)]
struct Raw {
    user: String,
    digits: String,
}

fn raw() -> impl Strategy<Value = Raw> {
    ("[a-z]{12,20}", "[1-9][0-9]{11}").prop_map(|(user, digits)| Raw { user, digits })
}

fn identity(raw: &Raw) -> Identity {
    let contact = |channel: Channel, address: String| Contact {
        channel: channel as i32,
        address,
    };
    Identity {
        customer_id: format!("c-{}", raw.user),
        anonymous_id: format!("a-{}", raw.user),
        session_id: format!("s-{}", raw.user),
        contacts: vec![
            contact(Channel::Email, format!("{}@Example.org", raw.user.to_uppercase())),
            contact(Channel::Sms, format!("+{}", raw.digits)),
            contact(Channel::Push, format!("https://push.example/{}", raw.user)),
        ],
        name: format!("Mx {}", raw.user),
        aliases: Vec::new(),
    }
}

fn kinds(raw: &Raw) -> Vec<Kind> {
    let url = format!("https://{0}@shop.example/u/{0}@x/?mail={0}#{0}", raw.user);
    let line = Line {
        url: url.clone(),
        image_url: url.clone(),
        ..line()
    };
    let diagnostic = format!("550 <{}@example.org> +{} refused", raw.user, raw.digits);
    let outcome = MessageOutcome {
        decision_id: "0".repeat(32),
        send_id: "1".repeat(32),
        channel: Channel::Email as i32,
        touch: 1,
        outcome: Some(Outcome::Bounced(MessageBounced { kind: 1, diagnostic })),
        ..MessageOutcome::default()
    };
    let restore = Some(Restore::RestoreUrl(format!(
        "https://shop.example/restore/{}",
        raw.user
    )));
    let cart = Cart {
        cart_id: format!("k-{}", raw.user),
        lines: vec![line.clone()],
        restore,
        ..cart()
    };
    let remark = format!("signup form, {0}@example.org +{1}", raw.user, raw.digits);
    let consent = ConsentChanged {
        channel: Channel::Email as i32,
        purpose: ConsentPurpose::Marketing as i32,
        state: ConsentState::Withdrawn as i32,
        source: remark.clone(),
        proof_reference: remark.clone(),
        ..ConsentChanged::default()
    };
    let cancelled = SubscriptionCancelled {
        plan_id: "plan".into(),
        cause: remark.clone(),
    };
    let paused = ChannelPaused {
        channel: Channel::Email as i32,
        cause: remark,
    };
    vec![
        Kind::ConsentChanged(consent),
        Kind::SubscriptionCancelled(cancelled),
        Kind::ChannelPaused(paused),
        Kind::CartUpdated(CartUpdated { cart: Some(cart) }),
        Kind::ProductViewed(ProductViewed {
            product: Some(line),
            dwell_seconds: 1,
        }),
        Kind::ProductsSearched(ProductsSearched {
            query: format!("for {}", raw.user),
            ..Default::default()
        }),
        Kind::Erased(Erased {
            suppression_hashes: vec![raw.user.clone().into_bytes()],
        }),
        Kind::MessageOutcome(outcome),
    ]
}

fn holds(bytes: &[u8], raw: &Raw) -> bool {
    let lower = bytes.to_ascii_lowercase();
    [&raw.user, &raw.digits]
        .iter()
        .any(|needle| lower.windows(needle.len()).any(|part| part == needle.as_bytes()))
}

fn event_about(raw: &Raw, kind: Kind) -> Event {
    let referrer = format!("https://search.example/?q={}", raw.user);
    Event {
        event_id: format!("e-{}", raw.user),
        identity: Some(identity(raw)),
        context: Some(Context {
            referrer,
            region: format!("near {}@x", raw.user),
            campaign: format!("for {}@x.org", raw.user),
            consent_string: format!("+{}", raw.digits),
            ..Context::default()
        }),
        ..event(kind)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_personal_is_in_a_frame(raw in raw()) {
        for kind in kinds(&raw) {
            let tracked = track(event_about(&raw, kind)).unwrap();
            prop_assert!(!holds(&tracked.frame.encode_to_vec(), &raw), "{:?}", tracked.frame);
        }
    }

    #[test]
    fn nothing_personal_is_in_a_refusal(raw in raw()) {
        for kind in kinds(&raw) {
            let mut event = event_about(&raw, kind);
            event.event_id = raw.user.repeat(9);
            let identity = event.identity.as_mut().unwrap();
            identity.name = raw.user.repeat(40);
            for contact in &mut identity.contacts {
                contact.address.push_str(" @ ");
            }
            let refusal = track(event).unwrap_err();
            prop_assert!(!holds(&refusal.to_status(), &raw), "{refusal:?}");
            let words = format!("{refusal:?} {refusal}");
            prop_assert!(!holds(words.as_bytes(), &raw));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = edge().track(&bytes, RECEIVED, false, &|_| false);
        let _ = edge().score(&bytes, RECEIVED, &|_| false);
    }

    #[test]
    fn the_same_event_gives_the_same_frame(raw in raw()) {
        for kind in kinds(&raw) {
            let event = event_about(&raw, kind);
            prop_assert_eq!(track(event.clone()).unwrap(), track(event).unwrap());
        }
    }
}
