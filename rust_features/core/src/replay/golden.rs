//! Golden vectors of this engine version, shared with Python: a small journal and the rows replay makes of it.
//!
//! `tests/golden/engine_<version>/journal.tsv` holds a sequence and the message's bytes in hexadecimal form a line;
//! `rows.tsv` holds a header and a row per decision, features as the hexadecimal bits of the `f32`; `customers.tsv` a row per
//! key of the cases of identity. They change with the engine version only; run with `WRITE_GOLDEN=1` to write those of a
//! new one.

mod people;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{LargeBinaryArray, RecordBatch, UInt64Array};
use prost::Message;

use super::{Journal, Row, journal_schema, rows};
use crate::ENGINE_VERSION;
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Cart, CartUpdated, Channel, ChannelPaused, ChannelUpdated, CheckoutStarted, CheckoutStepCompleted, Context,
    DeviceClass, IdentityKey, IdentityKeyKind, JournalMessage, MessageClicked, MessageSent, Money, OfferIssued,
    OfferRedeemed, OrderRefunded, PaymentFailed, ProductUpdated, ProfileUpdated,
};
use crate::feature::TABLE;
use crate::fold::testing::{
    added, cart, cart_id, customer, decided, decision, device, email, key, message, ordered, outcome, removed, viewed,
};

const WINDOW: u32 = 72 * 3600;
const HOUR: i64 = 3600;

fn folder() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    root.join(format!("engine_{ENGINE_VERSION}"))
}

fn product(number: u8) -> Kind {
    Kind::ProductUpdated(ProductUpdated {
        product_id: format!("product-{number}"),
        price_minor: Some(900 + i64::from(number)),
        cost_minor: Some(400),
        stock: Some(u32::from(number) - 1),
        lead_time_days: Some(2),
        brand: "brand-1".to_owned(),
        ..ProductUpdated::default()
    })
}

type Told = (i64, Vec<IdentityKey>, Kind);

fn known() -> Vec<IdentityKey> {
    vec![customer(1), email(3)]
}

fn sender() -> Vec<IdentityKey> {
    vec![key(IdentityKeyKind::Alias, 3)]
}

/// The shop is set up; a customer buys, sends back, is written to.
fn past() -> Vec<Told> {
    let update = |channel, minor_units| {
        let currency_code = "EUR".to_owned();
        Kind::ChannelUpdated(ChannelUpdated {
            channel: channel as i32,
            available: true,
            unit_cost: Some(Money {
                minor_units,
                currency_code,
            }),
            ..ChannelUpdated::default()
        })
    };
    let pause = ChannelPaused {
        channel: Channel::Sms as i32,
        cause: "test".to_owned(),
    };
    let profile = ProfileUpdated {
        lifetime_value_minor: Some(12_345),
        ..ProfileUpdated::default()
    };
    let offer = OfferIssued {
        offer_id: "ten".to_owned(),
        ..OfferIssued::default()
    };
    let sent = |send, channel| outcome(40, send, channel, Outcome::Sent(MessageSent::default()));
    let clicked = outcome(40, 41, Channel::Email, Outcome::Clicked(MessageClicked::default()));
    vec![
        (0, vec![], product(1)),
        (1, vec![], product(2)),
        (2, vec![], update(Channel::Sms, 7)),
        (2, vec![], update(Channel::Email, 1)),
        (3, vec![], Kind::ChannelPaused(pause)),
        (10, known(), viewed(4)),
        (20, known(), ordered(None, &[4])),
        (30, known(), Kind::ProfileUpdated(profile)),
        (HOUR, known(), Kind::OrderRefunded(OrderRefunded::default())),
        (HOUR, known(), Kind::OfferIssued(offer)),
        (2 * HOUR, sender(), sent(41, Channel::Email)),
        (2 * HOUR, sender(), sent(42, Channel::Sms)),
        (2 * HOUR, sender(), sent(43, Channel::Push)),
        (3 * HOUR, sender(), clicked),
    ]
}

/// A visit on the phone that ends with a failed payment.
fn visit() -> Vec<Told> {
    let cart_id = cart_id(1).to_string();
    let step = CheckoutStepCompleted {
        cart_id: cart_id.clone(),
        step: 2,
    };
    let failure = PaymentFailed {
        cart_id: cart_id.clone(),
        failure_code: "declined".to_owned(),
    };
    let steps = [
        (0, viewed(1)),
        (60, added(1, 1, 2)),
        (90, added(1, 3, 1)),
        (95, removed(1, 3, 1)),
        (40, viewed(2)),
        (120, Kind::CheckoutStarted(CheckoutStarted { cart_id })),
        (130, Kind::CheckoutStepCompleted(step)),
        (140, Kind::PaymentFailed(failure)),
    ];
    steps
        .into_iter()
        .map(|(seconds, kind)| (90 * HOUR + seconds, vec![customer(1), device(2)], kind))
        .collect()
}

/// The message arrives and works; a stranger leaves a cart.
fn sequel() -> Vec<Told> {
    let mail = |told| outcome(50, 60, Channel::Email, told);
    let content = Cart {
        promised_delivery_days: Some(3),
        free_shipping_from_minor: Some(7500),
        ..cart(2, &[(2, 1), (5, 3)])
    };
    let update = CartUpdated { cart: Some(content) };
    let checkout = CheckoutStarted {
        cart_id: cart_id(2).to_string(),
    };
    vec![
        (92 * HOUR, sender(), mail(Outcome::Sent(MessageSent::default()))),
        (93 * HOUR, sender(), mail(Outcome::Clicked(MessageClicked::default()))),
        (94 * HOUR, known(), Kind::OfferRedeemed(OfferRedeemed::default())),
        (94 * HOUR, known(), ordered(Some(1), &[1])),
        (95 * HOUR, vec![], Kind::CartUpdated(update)),
        (96 * HOUR, vec![], Kind::CheckoutStarted(checkout)),
    ]
}

/// The whole journal, with a decision about each cart, the second with an inline cart.
fn story() -> Vec<JournalMessage> {
    let told = past().into_iter().chain(visit()).chain(sequel()).zip(1..);
    let mut messages: Vec<_> = told
        .map(|((seconds, keys, kind), id)| message(id, seconds, &keys, kind))
        .collect();
    if let Some(Content::Event(event)) = &mut messages[past().len()].content {
        let device_class = DeviceClass::Phone as i32;
        event.context = Some(Context {
            device_class,
            campaign: "spring".to_owned(),
            ..Context::default()
        });
    }
    let left = past().len() + visit().len();
    messages.insert(
        left,
        decided(91 * HOUR, decision(50, 60, 1, 91 * HOUR, left as u64, &[1, 2, 3])),
    );
    let mut inline = decision(51, 61, 2, 97 * HOUR, messages.len() as u64, &[]);
    if let Some(request) = &mut inline.request {
        request.cart = Some(cart(2, &[(1, 1), (2, 1)]));
    }
    inline.chosen = 0;
    messages.push(decided(97 * HOUR, inline));
    messages.extend(people::people(messages.len()));
    messages
}

fn journal_text(messages: &[JournalMessage]) -> String {
    let mut text = String::new();
    for (message, sequence) in messages.iter().zip(1..) {
        write!(text, "{sequence}\t").unwrap();
        message
            .encode_to_vec()
            .iter()
            .for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push('\n');
    }
    text
}

fn parsed(text: &str) -> RecordBatch {
    let byte = |at: usize, digits: &str| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let (sequences, payloads): (Vec<u64>, Vec<Vec<u8>>) = text
        .lines()
        .map(|line| {
            let (sequence, digits) = line.split_once('\t').unwrap();
            let payload = (0..digits.len()).step_by(2).map(|at| byte(at, digits)).collect();
            (sequence.parse::<u64>().unwrap(), payload)
        })
        .unzip();
    let columns: Vec<arrow_array::ArrayRef> = vec![
        Arc::new(UInt64Array::from(sequences)),
        Arc::new(LargeBinaryArray::from_iter_values(payloads)),
    ];
    RecordBatch::try_new(Arc::new(journal_schema()), columns).unwrap()
}

fn rows_text(rows: &[Row]) -> String {
    let mut text = String::from("decision_id\tsequence\tcontacted\trecovered\torder_value_minor\tobserved_seconds");
    for feature in &TABLE {
        write!(text, "\t{}", feature.name).unwrap();
    }
    text.push('\n');
    for row in rows {
        let value = row
            .order_value_minor
            .map_or_else(String::new, |value| value.to_string());
        let Row {
            decision_id,
            sequence,
            contacted,
            recovered,
            observed_seconds,
            ..
        } = row;
        write!(
            text,
            "{decision_id}\t{sequence}\t{contacted}\t{recovered}\t{value}\t{observed_seconds}"
        )
        .unwrap();
        let features = row.context.iter().chain(&row.action);
        for feature in features {
            write!(text, "\t{:08x}", feature.to_bits()).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_golden_journal_gives_the_golden_rows_and_customers() {
    let folder = folder();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let write = std::env::var_os("WRITE_GOLDEN").is_some();
    if write {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("journal.tsv"), journal_text(&story())).unwrap();
    }
    let batches = [parsed(&read("journal.tsv"))];
    let journal = Journal::new(&batches).unwrap();
    let rows = rows_text(&rows(&journal, WINDOW).unwrap());
    let customers = people::customers_text(&journal);
    if write {
        std::fs::write(folder.join("rows.tsv"), &rows).unwrap();
        std::fs::write(folder.join("customers.tsv"), &customers).unwrap();
    }
    assert_eq!(rows, read("rows.tsv"));
    assert_eq!(customers, read("customers.tsv"));
}

#[test]
fn the_golden_rows_show_every_feature() {
    let golden = std::fs::read_to_string(folder().join("rows.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = golden.lines().map(|line| line.split('\t').collect()).collect();
    for (column, name) in rows[0].iter().enumerate().skip(6) {
        let told = rows[1..]
            .iter()
            .any(|row| row[column] != format!("{:08x}", f32::NAN.to_bits()));
        assert!(told, "{name}");
    }
}
