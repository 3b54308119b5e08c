mod bad_input;
mod privacy;

use crypto_box::SecretKey;
use prost::Message;

use super::*;
use crate::contract::event::Kind;
use crate::contract::{Cart, CartUpdated, Contact, Line, ProductViewed};

const RECEIVED: Micros = Micros(1_700_000_000_000_000);

fn secret() -> SecretKey {
    SecretKey::from_bytes([9; 32])
}

fn edge() -> Edge {
    Edge::new(Key([1; 32]), secret().public_key().to_bytes())
}

fn line() -> Line {
    Line {
        product_id: "p-1".into(),
        quantity: 2,
        unit_price_minor: Some(1999),
        ..Line::default()
    }
}

fn cart() -> Cart {
    Cart {
        cart_id: "cart-1".into(),
        lines: vec![line()],
        currency_code: "EUR".into(),
        ..Cart::default()
    }
}

fn event(kind: Kind) -> Event {
    Event {
        event_id: "event-1".into(),
        storefront_id: "shop".into(),
        event_time: Some(RECEIVED.to_timestamp()),
        identity: Some(Identity {
            customer_id: "customer-1".into(),
            session_id: "session-1".into(),
            contacts: vec![Contact {
                channel: Channel::Email as i32,
                address: "Joe@Example.org".into(),
            }],
            name: "Joe Doe".into(),
            ..Identity::default()
        }),
        context: None,
        kind: Some(kind),
    }
}

fn cart_event(cart: Cart) -> Event {
    event(Kind::CartUpdated(CartUpdated { cart: Some(cart) }))
}

fn track(event: Event) -> Result<Tracked, Refusal> {
    let request = TrackRequest {
        event: Some(event),
        acknowledge: 0,
    };
    edge().track(&request.encode_to_vec(), RECEIVED, false, &|_| false)
}

fn event_of(tracked: &Tracked) -> Event {
    match tracked.frame.message.clone().and_then(|message| message.content) {
        Some(journal_message::Content::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

#[test]
fn ids_become_tokens_and_the_person_becomes_keys() {
    let tracked = track(cart_event(cart())).unwrap();
    let message = tracked.frame.message.clone().unwrap();
    let token = |kind, id| edge().outside_token(kind, "shop", id).unwrap();
    let kinds: Vec<_> = message
        .identity_keys
        .iter()
        .map(|key| key.kind().as_str_name())
        .collect();
    assert_eq!(kinds, ["IDENTITY_KEY_KIND_CUSTOMER", "IDENTITY_KEY_KIND_EMAIL"]);
    assert_eq!(
        message.identity_keys[0].token,
        token(OutsideId::Customer, "customer-1").0
    );
    assert_eq!(
        message.identity_keys[1].token,
        token(OutsideId::Email, "joe@example.org").0
    );
    assert_eq!(message.received_time, Some(RECEIVED.to_timestamp()));
    let event = event_of(&tracked);
    assert_eq!(event.event_id, token(OutsideId::Event, "event-1").to_string());
    let session_id = token(OutsideId::Session, "session-1").to_string();
    assert_eq!(
        event.identity,
        Some(Identity {
            session_id,
            ..Identity::default()
        })
    );
    let Some(Kind::CartUpdated(CartUpdated { cart: Some(cart) })) = event.kind else {
        panic!("no cart")
    };
    assert_eq!(cart.cart_id, token(OutsideId::Cart, "cart-1").to_string());
}

#[test]
fn the_dispatcher_alone_reads_the_sealed_contact() {
    let tracked = track(cart_event(cart())).unwrap();
    let sealed = &tracked.frame.contacts[0];
    assert_eq!((sealed.identity_key, sealed.channel()), (1, Channel::Email));
    let opened = secret().unseal(&sealed.ciphertext).unwrap();
    let contact = crate::contract::ContactSecret::decode(opened.as_slice()).unwrap();
    assert_eq!(
        (contact.address.as_str(), contact.name.as_str()),
        ("Joe@Example.org", "Joe Doe")
    );
}

#[test]
fn a_known_contact_is_not_sealed_again() {
    let request = TrackRequest {
        event: Some(cart_event(cart())),
        acknowledge: 0,
    }
    .encode_to_vec();
    let known = edge().outside_token(OutsideId::Email, "", " JOE@example.org").unwrap();
    let tracked = edge()
        .track(&request, RECEIVED, false, &|token| token == known)
        .unwrap();
    assert_eq!(tracked.frame.contacts, []);
    assert_eq!(tracked.frame.message.unwrap().identity_keys.len(), 2);
}

#[test]
fn a_name_that_comes_after_its_address_is_sealed_once() {
    struct Stored(Option<NameMark>);
    impl Known for Stored {
        fn address(&self, _: Token) -> bool {
            true
        }
        fn name(&self, mark: NameMark) -> bool {
            self.0 == Some(mark)
        }
    }
    let tracked = |name: &str, stored| {
        let mut event = cart_event(cart());
        event.identity.as_mut().unwrap().name = name.into();
        let request = TrackRequest {
            event: Some(event),
            acknowledge: 0,
        };
        edge()
            .track(&request.encode_to_vec(), RECEIVED, false, &Stored(stored))
            .unwrap()
    };
    let first = tracked("Joe Doe", None);
    let opened = secret().unseal(&first.frame.contacts[0].ciphertext).unwrap();
    let contact = crate::contract::ContactSecret::decode(opened.as_slice()).unwrap();
    assert_eq!(
        (contact.name.as_str(), first.frame.contacts[0].replaces),
        ("Joe Doe", true)
    );
    let mark = Some(first.names[0]);
    assert_eq!(tracked("Joe Doe", mark).frame.contacts, []);
    assert_eq!(tracked("Joe Roe", mark).frame.contacts.len(), 1);
    assert_eq!(tracked(" ", None).frame.contacts, []);
}

#[test]
fn two_spellings_of_one_address_are_one_key() {
    let mut event = cart_event(cart());
    let contacts = &mut event.identity.as_mut().unwrap().contacts;
    contacts.push(Contact {
        channel: Channel::Email as i32,
        address: " joe@example.ORG ".into(),
    });
    contacts.push(Contact {
        channel: Channel::Sms as i32,
        address: "+491701234567".into(),
    });
    let tracked = track(event).unwrap();
    assert_eq!(tracked.frame.message.unwrap().identity_keys.len(), 3);
    assert_eq!(tracked.frame.contacts.len(), 2);
}

#[test]
fn a_sender_behind_the_edge_names_aliases() {
    let mut event = event(Kind::ProductViewed(ProductViewed {
        product: Some(line()),
        dwell_seconds: 0,
    }));
    event.identity = Some(Identity {
        aliases: vec![vec![7; 16]],
        ..Identity::default()
    });
    let tracked = track(event).unwrap();
    let keys = tracked.frame.message.unwrap().identity_keys;
    assert_eq!(
        (keys[0].kind().as_str_name(), keys[0].alias.as_slice()),
        ("IDENTITY_KEY_KIND_ALIAS", &[7; 16][..])
    );
}

#[test]
fn a_search_keeps_its_length_alone() {
    let search = crate::contract::ProductsSearched {
        query: "größe joe@x.org".into(),
        ..Default::default()
    };
    let tracked = track(event(Kind::ProductsSearched(search))).unwrap();
    let Some(Kind::ProductsSearched(search)) = event_of(&tracked).kind else {
        panic!("no search")
    };
    assert_eq!((search.query.as_str(), search.query_length), ("", 15));
}

#[test]
fn a_score_request_follows_the_same_rules() {
    let request = ScoreRequest {
        storefront_id: "shop".into(),
        identity: Some(Identity {
            customer_id: "customer-1".into(),
            ..Identity::default()
        }),
        occasion: Some(Occasion::Cart(cart())),
        trigger: Trigger::CheckoutCall as i32,
        candidate_count: 3,
        dry_run: true,
        ..ScoreRequest::default()
    };
    let scored = edge().score(&request.encode_to_vec(), RECEIVED, &|_| false).unwrap();
    let tracked = track(cart_event(cart())).unwrap();
    assert_eq!(
        scored.request.identity_keys[0],
        tracked.frame.message.unwrap().identity_keys[0]
    );
    assert_eq!(
        scored.request.cart_id,
        edge()
            .outside_token(OutsideId::Cart, "shop", "cart-1")
            .unwrap()
            .to_string()
    );
    assert_eq!((scored.candidate_count, scored.dry_run), (3, true));
    let refused = edge()
        .score(&ScoreRequest::default().encode_to_vec(), RECEIVED, &|_| false)
        .unwrap_err();
    let fields: Vec<_> = refused
        .violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["storefront_id", "identity", "cart_id", "trigger"]);
}
