use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tempfile::TempDir;

use super::file::HEAD_BYTES;
use super::*;
use crate::contract::event::Kind;
use crate::contract::{
    BudgetPrice, BudgetPricesUpdated, Channel, ChannelUpdated, Context, DeviceClass, Event, JournalMessage, Money,
    ProductUpdated, journal_message::Content,
};
use crate::fold::testing::{
    add, added, at, cart_id, customer, decided, decision, device, email, folded, message, ordered, suppressed, tick,
    viewed, within,
};
use crate::fold::tests::laws::any_journal;
use crate::keyed::Key;

const KEY: Key = Key([7; 32]);
const T: u32 = 1800;

fn of(state: State) -> Snapshot {
    let mut directory = Sharded::default();
    for number in 0..5 {
        directory.insert(Token([number; 16]), Alias([number + 1; 16]));
    }
    Snapshot {
        state,
        directory,
        resume: b"resume".to_vec(),
    }
}

/// Behind the newest that can be loaded, as an engine writes.
fn written(folder: &TempDir, state: &State) -> PathBuf {
    let before = loaded(folder).newest.map(|(newest, ())| newest.state.sequence());
    let going_on = AtomicBool::new(false);
    write(folder.path(), &KEY, of(state.clone()), before, &going_on)
        .unwrap()
        .path
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn loaded(folder: &TempDir) -> Loaded<()> {
    load(folder.path(), &KEY, |_| Some(())).unwrap()
}

fn newest(folder: &TempDir) -> Snapshot {
    loaded(folder).newest.unwrap().0
}

/// A journal that fills every part of the state.
fn journal() -> Vec<JournalMessage> {
    let mut with_context = message(6, 60, &[customer(1), device(2)], viewed(3));
    if let Some(Content::Event(Event { context, .. })) = &mut with_context.content {
        *context = Some(Context {
            device_class: DeviceClass::Phone as i32,
            locale: "de-AT".to_owned(),
            time_zone: "Europe/Vienna".to_owned(),
            ..Context::default()
        });
    }
    let channel = ChannelUpdated {
        channel: Channel::Email as i32,
        available: true,
        unit_cost: Some(Money {
            minor_units: 2,
            currency_code: "EUR".to_owned(),
        }),
        ..ChannelUpdated::default()
    };
    let product = ProductUpdated {
        product_id: "product-1".to_owned(),
        price_minor: Some(990),
        title: "Lamp".to_owned(),
        ..ProductUpdated::default()
    };
    let budget = BudgetPricesUpdated {
        version: 3,
        prices: vec![BudgetPrice {
            budget_id: "discounts".to_owned(),
            price: 0.25,
        }],
    };
    vec![
        message(1, 0, &[], Kind::ChannelUpdated(channel)),
        message(2, 1, &[], Kind::ProductUpdated(product)),
        message(3, 2, &[], Kind::BudgetPricesUpdated(budget)),
        message(4, 10, &[customer(1), email(3)], added(9, 1, 2)),
        within(1, message(5, 20, &[customer(4)], added(8, 2, 1))),
        within(1, with_context),
        decided(2000, decision(50, 51, 9, 1810, 6, &[1, 3])),
        message(7, 2100, &[customer(4)], ordered(Some(8), &[2])),
        suppressed(2200, &[email(5)], Channel::Email),
        tick(2300),
    ]
}

#[test]
fn what_was_written_is_read_back() {
    let folder = TempDir::new().unwrap();
    let state = folded(&journal());
    let path = written(&folder, &state);
    assert_eq!(path.file_name().unwrap(), "00000000000000000010.snapshot");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let snapshot = newest(&folder);
    assert_eq!(snapshot.state.digest(), state.digest());
    assert_eq!(snapshot.resume, b"resume");
    assert_eq!(snapshot.directory.get(&Token([2; 16])), Some(&Alias([3; 16])));
    assert_eq!(snapshot.directory.len(), 5);
    assert_eq!(snapshot.state.customer_count(), state.customer_count());
    let carts = [8, 9].map(|number| snapshot.state.cart(&cart_id(number)).unwrap().storefront());
    assert!(
        std::ptr::eq(carts[0], carts[1]),
        "the name of a storefront is held once"
    );
}

#[test]
fn a_state_stays_what_it_was_while_the_fold_goes_on() {
    let folder = TempDir::new().unwrap();
    let mut state = folded(&journal());
    let digest = state.digest();
    let frozen = state.clone();
    for number in 0..50 {
        add(
            &mut state,
            &message(100 + u64::from(number), 3000, &[customer(number)], added(number, 1, 1)),
        );
    }
    written(&folder, &frozen);
    assert_eq!(newest(&folder).state.digest(), digest);
}

/// A change of what is written needs another version, or an old snapshot would be read as something else.
#[test]
fn the_form_of_this_version_is_what_it_was() {
    let digest = folded(&journal()).digest();
    assert_eq!(
        (VERSION, Token(digest).to_string().as_str()),
        (6, "3fb264f3f9eb88bc38df380f8c8d21f2")
    );
}

#[test]
fn a_snapshot_with_any_byte_changed_is_refused_and_the_one_before_is_used() {
    let folder = TempDir::new().unwrap();
    let messages = journal();
    written(&folder, &folded(&messages[..5]));
    let path = written(&folder, &folded(&messages));
    let sound = std::fs::read(&path).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    // Every byte of the head and of the first seals, then some of each part.
    for position in (0..HEAD_BYTES + 64).chain((HEAD_BYTES + 64..sound.len()).step_by(7)) {
        file.write_all_at(&[sound[position] ^ 0x41], position as u64).unwrap();
        let loaded = loaded(&folder);
        assert_eq!(loaded.newest.unwrap().0.state.sequence(), 5, "byte {position}");
        assert_eq!(loaded.refused.len(), 1);
        file.write_all_at(&sound[position..=position], position as u64).unwrap();
    }
    assert_eq!(newest(&folder).state.sequence(), 10);
}

#[test]
fn a_snapshot_cut_anywhere_or_with_more_behind_it_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, &folded(&journal()));
    let sound = std::fs::read(&path).unwrap();
    for length in (0..sound.len()).step_by(3).chain([sound.len() - 1]) {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(loaded(&folder).newest.is_none(), "{length} of {} bytes", sound.len());
    }
    // A second copy of the last part, soundly sealed.
    let last = sound.len() - 24 - 2;
    std::fs::write(&path, [&sound[..], &sound[last..]].concat()).unwrap();
    assert!(loaded(&folder).newest.is_none());
}

#[test]
fn a_foreign_snapshot_and_one_of_another_release_say_what_they_are() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, &folded(&journal()));
    let refused = load(folder.path(), &Key([8; 32]), |_| Some(())).unwrap().refused;
    assert!(matches!(
        refused[..],
        [SnapshotError::Unusable {
            flaw: Flaw::Foreign,
            ..
        }]
    ));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 99;
    std::fs::write(&path, bytes).unwrap();
    let refused = loaded(&folder).refused;
    assert!(
        refused[0]
            .to_string()
            .contains(&format!("form 99, here form {VERSION}")),
        "{}",
        refused[0]
    );
}

#[test]
fn a_snapshot_that_does_not_say_where_to_go_on_is_refused_and_the_one_before_is_used() {
    let folder = TempDir::new().unwrap();
    let messages = journal();
    written(&folder, &folded(&messages[..5]));
    let strange = Snapshot {
        resume: b"strange".to_vec(),
        ..of(folded(&messages))
    };
    write(folder.path(), &KEY, strange, None, &AtomicBool::new(false)).unwrap();
    let loaded = load(folder.path(), &KEY, |bytes| (bytes == b"resume").then_some(5)).unwrap();
    let (snapshot, resume) = loaded.newest.unwrap();
    assert_eq!((snapshot.state.sequence(), resume), (5, 5));
    let words = loaded.refused[0].to_string();
    assert!(
        words.ends_with("00000000000000000010.snapshot does not say where to go on in the journal; it is not used and may be deleted"),
        "{words}"
    );
}

/// What lies behind the seals is read alike, with or without threads and files.
#[test]
fn a_file_in_memory_is_the_file_on_disk() {
    let folder = TempDir::new().unwrap();
    let state = folded(&journal());
    let on_disk = std::fs::read(written(&folder, &state)).unwrap();
    let in_memory = sealed(&payloads(of(state.clone())).unwrap(), state.sequence(), &KEY).unwrap();
    assert_eq!(in_memory, on_disk);
    assert_eq!(decode(&in_memory, &KEY).unwrap().state.digest(), state.digest());
    let elsewhere = sealed(&payloads(of(state.clone())).unwrap(), state.sequence() + 1, &KEY).unwrap();
    assert_eq!(decode(&elsewhere, &KEY).err(), Some(Flaw::Damaged(0)));
}

#[test]
fn what_cannot_be_used_takes_no_sound_ones_place() {
    let folder = TempDir::new().unwrap();
    let messages = journal();
    for count in [6, 8] {
        damage(&written(&folder, &folded(&messages[..count])));
    }
    // As after another release: the fold begins anew, far behind what is refused.
    for count in [2, 4] {
        written(&folder, &folded(&messages[..count]));
        assert_eq!(newest(&folder).state.sequence(), count as u64);
    }
    damage(&written(&folder, &folded(&messages[..5])));
    written(&folder, &folded(&messages));
    let left: Vec<_> = paths(folder.path())
        .unwrap()
        .iter()
        .map(|path| path.file_stem().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["00000000000000000010", "00000000000000000004"]);
}

#[test]
fn the_newest_two_stay_and_nothing_unfinished() {
    let folder = TempDir::new().unwrap();
    let messages = journal();
    for count in [2, 4, 6, 8] {
        written(&folder, &folded(&messages[..count]));
    }
    let given_up = write(
        folder.path(),
        &KEY,
        of(folded(&messages)),
        Some(8),
        &AtomicBool::new(true),
    );
    assert!(matches!(given_up, Err(SnapshotError::GivenUp)));
    let killed = folder.path().join("00000000000000000009.unfinished");
    std::fs::write(&killed, b"half").unwrap();
    assert_eq!(newest(&folder).state.sequence(), 8);
    assert_eq!(paths(folder.path()).unwrap().len(), 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    assert!(
        load(&folder.path().join("none"), &KEY, |_| Some(()))
            .unwrap()
            .newest
            .is_none()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fold_that_goes_on_from_a_snapshot_ends_where_an_uninterrupted_one_does(
        messages in any_journal(), cut in 0.0..1.0_f64,
    ) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = (messages.0.len() as f64 * cut) as usize;
        let folder = TempDir::new().unwrap();
        let mut uninterrupted = folded(&messages.0[..cut]);
        written(&folder, &uninterrupted);
        let mut restarted = newest(&folder).state;
        for message in &messages.0[cut..] {
            prop_assert_eq!(add(&mut uninterrupted, message), add(&mut restarted, message));
        }
        prop_assert_eq!(uninterrupted.digest(), restarted.digest());
        prop_assert_eq!(&uninterrupted.owners, &restarted.owners);
        let end = at(1_000_000);
        prop_assert_eq!(uninterrupted.take_due(end, T), restarted.take_due(end, T));
    }
}
