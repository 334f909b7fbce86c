use std::fs;
use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::integrity::Checksum;
use super::{
    Batch, Error, Key, OpenOutcome, Options, OutboxEntry, OutboxEvent, Store, UntrustedReason,
    entry, key,
};
use crate::event::{EventType, Topic};
use crate::fuzz::{Outcome, run};
use crate::model::{AccountName, EntityId, EntityKey, EntityKind, Timestamp};
use crate::ownership::{Generation, StoreClaim};
use crate::store::value::VALUE_VERSION;

fn open(dir: &Path) -> (Store, OpenOutcome) {
    Store::open(dir, Options::default()).unwrap()
}

fn state(id: &str) -> Key {
    let account = AccountName::new("acme").unwrap();
    Key::state(&EntityKey { account, kind: EntityKind::Agent, id: EntityId::new(id) })
}

fn event(sequence: u64) -> OutboxEvent {
    OutboxEvent {
        topic: Topic::Calls,
        account: "acme".into(),
        key: "acme:call:1".into(),
        event_type: EventType::CallQueued,
        fingerprint: [7; 8],
        event_id: Uuid::from_u128(u128::from(sequence)),
        sequence,
        revision: sequence,
        occurred_at: Timestamp::from_millis(-5),
        observed_at: Timestamp::from_millis(i64::try_from(sequence).unwrap()),
        datum: vec![1, 2, 3],
    }
}

fn outbox_entry(sequence: u64) -> OutboxEntry {
    let records = vec![(b"sacme\0agent\x001".to_vec(), Some(vec![1, 2])), (b"c".to_vec(), None)];
    OutboxEntry { events: vec![event(sequence), event(sequence + 1)], records }
}

fn fill(store: &Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let mut batch = store.batch();
        batch.put(state(&(number % 7).to_string()), &number).unwrap();
        batch.push(event(number));
        store.apply(batch).unwrap();
    }
}

fn contents(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries = store.shared.database.iter();
    entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
}

#[test]
fn fuzzed_outbox_entries_are_refused_or_are_exactly_what_they_say() {
    let (one, mut other) = (entry::encode(&outbox_entry(1)), outbox_entry(1 << 40));
    other.events[0].datum = vec![0; 300];
    let other = entry::encode(&other);
    run("outbox_entries", &[&one, &other], &["calls", "CallQueued", "\0\0\0\u{5}"], |bytes| {
        let read = entry::decode(bytes);
        if let Some(entry) = &read {
            // Each entry has one encoding: nothing is skipped and nothing corrected.
            assert_eq!(entry::encode(entry), bytes);
            assert_eq!(entry::event_count(bytes), Some(entry.events.len() as u64));
        }
        let class = read.as_ref().map_or_else(
            || format!("refused {}", bytes.len().min(64)),
            |entry| {
                let events = entry.events.iter();
                let kinds = events.map(|event| format!("{:?} {:?}", event.topic, event.event_type));
                kinds.collect::<Vec<_>>().join(", ")
            },
        );
        Outcome { class, whole: format!("{read:?}") }
    });
}

#[test]
fn fuzzed_states_are_refused_or_read_with_their_header() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("state"));
    let mut batch = store.batch();
    let agent = serde_json::json!({"roster": {"id": "17", "name": "Ada"}, "revision": 3});
    batch.put(state("1"), &agent).unwrap();
    store.apply(batch).unwrap();
    let stored = store.shared.database.get(state("1").bytes()).unwrap().unwrap();
    run("states", &[&stored], &["\"roster\"", "revision"], |bytes| {
        let read = super::value::decode::<crate::detect::AgentState>(bytes);
        let json = super::value::decode::<serde_json::Value>(bytes);
        let header = (bytes[..bytes.len().min(13)]).to_vec();
        for (version, privacy) in [
            read.as_ref().map(|read| (read.model_version, read.privacy)),
            json.as_ref().map(|json| (json.model_version, json.privacy)),
        ]
        .into_iter()
        .flatten()
        {
            let expected = [&[VALUE_VERSION][..], &version.to_be_bytes(), &privacy.to_be_bytes()];
            assert_eq!(expected.concat(), header);
        }
        let read = read.map(|read| read.value);
        let json = json.map(|json| (json.model_version, json.privacy, json.value.to_string()));
        let class = match (&read, &json) {
            (None, None) => format!("refused {}", bytes.len().min(16)),
            (Some(_), None) => String::from("with something skipped that is no JSON"),
            (None, Some(_)) => String::from("of another form"),
            (Some(_), Some((version, ..))) => format!("version {version}"),
        };
        Outcome { class, whole: format!("{read:?} {json:?}") }
    });
}

#[test]
fn fuzzed_keys_of_the_outbox_are_numbers_or_none() {
    let (one, last) = (key::outbox(1), key::outbox(u64::MAX));
    run("outbox_keys", &[&one, &last, b"s", state("1").bytes()], &["o"], |bytes| {
        let number = key::outbox_number(bytes);
        if let Some(number) = number {
            assert_eq!(key::outbox(number), bytes);
        }
        let class = format!("{} {}", number.is_some(), bytes.len().min(12));
        Outcome { class, whole: format!("{number:?}") }
    });
}

#[test]
fn an_entry_of_which_any_byte_is_damaged_does_not_fit_the_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("state"));
    fill(&store, 1..3);
    let mut entries = contents(&store);
    let position = entries.iter().position(|(key, _)| *key == key::checksum()).unwrap();
    let (_, stored) = entries.remove(position);
    let checksum = |entries: &[(Vec<u8>, Vec<u8>)]| {
        let mut checksum = Checksum::default();
        for (key, value) in entries {
            checksum.change(key, None, Some(value));
        }
        checksum.to_bytes()
    };
    assert_eq!(checksum(&entries), stored[..Checksum::BYTES]);
    for entry in 0..entries.len() {
        for byte in 0..entries[entry].1.len() {
            entries[entry].1[byte] ^= 1 << (byte % 8);
            assert_ne!(checksum(&entries), stored[..Checksum::BYTES], "{entry} {byte}");
            entries[entry].1[byte] ^= 1 << (byte % 8);
        }
    }
}

#[test]
fn a_batch_holds_state_and_outbox_together_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    {
        let (store, opened) = open(&path);
        assert_eq!(opened, OpenOutcome::Created);
        fill(&store, 1..4);
        store.flush().unwrap();
    }
    let (store, opened) = open(&path);
    assert_eq!(opened, OpenOutcome::Kept);
    assert_eq!(store.get::<u64>(&state("3")).unwrap().unwrap().value, 3);
    let entries = store.outbox_after(0, 10, 1000).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(entries[1].entry.events, [event(2)]);
    let (record, value) = &entries[1].entry.records[0];
    assert_eq!(record, state("2").bytes());
    assert!(value.as_ref().unwrap().ends_with(b"2"));
    let level = store.outbox_level();
    assert_eq!((level.events, level.oldest), (3, Some(Timestamp::from_millis(1))));
}

#[test]
fn outbox_numbers_go_on_after_everything_was_published() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (store, _) = open(dir.path());
        fill(&store, 1..4);
        store.outbox_remove_through(3).unwrap();
        assert_eq!(store.outbox_level().events, 0);
        assert_eq!(store.outbox_level().oldest, None);
        assert_eq!(store.outbox_level().bytes, 0);
    }
    let (store, _) = open(dir.path());
    fill(&store, 4..5);
    assert_eq!(store.outbox_after(0, 10, 1000).unwrap()[0].number, 4);
}

#[test]
fn the_outbox_is_read_in_bounded_parts_of_at_least_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 1..6);
    let numbers = |after, entries, bytes| -> Vec<u64> {
        let part = store.outbox_after(after, entries, bytes).unwrap();
        part.iter().map(|entry| entry.number).collect()
    };
    assert_eq!(numbers(0, 2, 10_000), [1, 2]);
    assert_eq!(numbers(2, 10, 1), [3]);
    assert_eq!(numbers(5, 10, 10_000), [0_u64; 0]);
}

#[test]
fn an_entry_decodes_to_what_was_encoded_and_foreign_bytes_are_refused() {
    let bytes = entry::encode(&outbox_entry(9));
    assert_eq!(entry::decode(&bytes), Some(outbox_entry(9)));
    for length in 0..bytes.len() {
        assert_eq!(entry::decode(&bytes[..length]), None, "{length}");
    }
    assert_eq!(entry::decode(&[&[9], &bytes[1..]].concat()), None);
}

#[test]
fn a_directory_that_is_open_already_is_locked() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _) = open(dir.path());
    let second = Store::open(dir.path(), Options::default());
    assert!(matches!(second, Err(Error::Locked(_))), "{second:?}");
}

#[test]
fn a_directory_that_is_a_file_is_an_error_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    fs::write(&path, "not a directory").unwrap();
    assert!(matches!(Store::open(&path, Options::default()), Err(Error::Directory { .. })));
    assert!(path.is_file());
}

#[test]
fn another_format_is_moved_aside_and_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    {
        let (store, _) = open(&path);
        fill(&store, 1..3);
        store.shared.database.insert(key::format(), &[99]).unwrap();
        store.flush().unwrap();
    }
    let (store, opened) = open(&path);
    let OpenOutcome::Replaced { reason, moved_to } = opened else { panic!("{opened:?}") };
    assert_eq!(reason, UntrustedReason::Format);
    assert!(moved_to.is_dir());
    assert!(store.get::<u64>(&state("1")).unwrap().is_none());
}

#[test]
fn an_older_value_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    {
        let (store, _) = open(&path);
        fill(&store, 1..3);
        let database = &store.shared.database;
        let old = database.get(state("1").bytes()).unwrap().unwrap();
        fill(&store, 8..9);
        assert_ne!(database.get(state("1").bytes()).unwrap().unwrap(), old);
        database.insert(state("1").bytes(), old).unwrap();
        store.flush().unwrap();
    }
    let (_, opened) = open(&path);
    assert!(
        matches!(opened, OpenOutcome::Replaced { reason: UntrustedReason::Integrity, .. }),
        "{opened:?}"
    );
}

#[test]
fn only_the_newest_damaged_stores_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    for round in 0..5 {
        {
            let (store, _) = open(&path);
            store.shared.database.insert(key::format(), &[99]).unwrap();
            store.flush().unwrap();
        }
        let options = Options { now: Timestamp::from_millis(round), ..Options::default() };
        drop(Store::open(&path, options).unwrap());
    }
    let damaged = fs::read_dir(&path)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"));
    assert_eq!(damaged.count(), 3);
}

/// Flips bits, cuts and empties files of a closed store: it opens with exactly what was in it, or it is
/// moved aside. It never opens with a mixture, with an older state, or with nothing.
#[test]
fn damage_is_detected_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("original");
    let newest = {
        let (store, _) = open(&original);
        fill(&store, 1..60);
        store.flush().unwrap();
        contents(&store)
    };
    let mut reasons = std::collections::BTreeMap::new();
    for round in 0..80_usize {
        let copy = dir.path().join(format!("copy-{round}"));
        copy_dir(&original, &copy);
        let file = copy.join("store/db");
        let mut bytes = fs::read(&file).unwrap();
        let place = (round * 7919) % bytes.len();
        match round % 4 {
            0 => bytes.truncate(place),
            1 => bytes[place..].fill(0),
            _ => bytes[place] ^= 1 << (round % 8),
        }
        fs::write(&file, bytes).unwrap();
        let (store, opened) = open(&copy);
        match opened {
            OpenOutcome::Replaced { reason, .. } => {
                *reasons.entry(reason.as_str()).or_insert(0) += 1;
            }
            opened => {
                assert_eq!(opened, OpenOutcome::Kept, "round {round}");
                assert_eq!(contents(&store), newest, "round {round}");
            }
        }
    }
    assert!(reasons.contains_key("rolled_back"), "no damage rolled the store back: {reasons:?}");
}

#[test]
fn a_store_replaced_by_an_older_copy_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let (path, past) = (dir.path().join("state"), dir.path().join("past"));
    {
        let (store, _) = open(&path);
        fill(&store, 1..3);
        store.flush().unwrap();
    }
    copy_dir(&path.join("store"), &past);
    {
        let (store, opened) = open(&path);
        assert_eq!(opened, OpenOutcome::Kept);
        fill(&store, 3..4);
        store.flush().unwrap();
    }
    fs::remove_dir_all(path.join("store")).unwrap();
    copy_dir(&past, &path.join("store"));
    let (_, opened) = open(&path);
    assert!(
        matches!(opened, OpenOutcome::Replaced { reason: UntrustedReason::RolledBack, .. }),
        "{opened:?}"
    );
}

#[test]
fn a_store_whose_files_or_marker_are_gone_is_not_taken_for_a_new_one() {
    for (gone, expected) in
        [("store", UntrustedReason::Lost), ("mark", UntrustedReason::RolledBack)]
    {
        let dir = tempfile::tempdir().unwrap();
        {
            let (store, _) = open(dir.path());
            fill(&store, 1..3);
            store.flush().unwrap();
        }
        let gone = dir.path().join(gone);
        if gone.is_dir() { fs::remove_dir_all(gone) } else { fs::remove_file(gone) }.unwrap();
        let check = Store::check(dir.path(), Options::default());
        assert!(matches!(check, Err(Error::Damaged(reason)) if reason == expected.as_str()));
        let (_, opened) = open(dir.path());
        let OpenOutcome::Replaced { reason, moved_to } = opened else { panic!("{opened:?}") };
        assert_eq!((reason, moved_to.parent()), (expected, Some(dir.path())));
        assert_eq!(open(dir.path()).1, OpenOutcome::Kept);
    }
}

#[test]
fn the_state_directory_itself_stays_where_it_is() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let before = fs::metadata(dir.path()).unwrap().ino();
    {
        let (store, _) = open(dir.path());
        store.shared.database.insert(key::format(), &[99]).unwrap();
        store.flush().unwrap();
    }
    let (_, opened) = open(dir.path());
    assert!(
        matches!(opened, OpenOutcome::Replaced { reason: UntrustedReason::Format, .. }),
        "{opened:?}"
    );
    assert_eq!(fs::metadata(dir.path()).unwrap().ino(), before);
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_running_checksum_is_the_checksum_of_all_entries(
        steps in prop::collection::vec((0..3_u8, 0..5_u8, any::<u16>()), 1..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path());
        let mut pushed = 0;
        for (what, id, value) in steps {
            let mut batch: Batch = store.batch();
            match what {
                0 => batch.put(state(&id.to_string()), &value).unwrap(),
                1 => batch.remove(state(&id.to_string())),
                _ => {
                    pushed += 1;
                    batch.push(event(pushed));
                }
            }
            store.apply(batch).unwrap();
            if value % 5 == 0 {
                store.outbox_remove_through(pushed / 2).unwrap();
            }
        }
        let mut checksum = Checksum::default();
        for (key, value) in contents(&store) {
            if key != key::checksum() {
                checksum.change(&key, None, Some(&value));
            }
        }
        prop_assert_eq!(store.shared.writer.lock().unwrap().checksum, checksum);
        drop(store);
        prop_assert_eq!(open(dir.path()).1, OpenOutcome::Kept);
    }
}

#[test]
fn events_and_the_state_after_them_are_one_outbox_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let mut batch = store.batch();
    batch.push(event(1));
    batch.push(event(2));
    batch.put(state("1"), &1).unwrap();
    batch.put(state("1"), &2).unwrap();
    batch.close_entry();
    batch.push(event(3));
    batch.put(state("1"), &3).unwrap();
    batch.close_entry();
    batch.close_entry();
    batch.put_locally(state("2"), &9).unwrap();
    store.apply(batch).unwrap();
    let entries = store.outbox_after(0, 10, 10_000).unwrap();
    let shape = |entry: &crate::store::NumberedEntry| {
        let OutboxEntry { events, records } = &entry.entry;
        let states = records.iter().map(|(_, value)| *value.as_ref().unwrap().last().unwrap());
        (events.len(), states.collect::<Vec<_>>())
    };
    assert_eq!(entries.iter().map(shape).collect::<Vec<_>>(), [(2, vec![b'2']), (1, vec![b'3'])]);
    assert_eq!(store.outbox_level().entries, 2);
    assert_eq!(store.get::<u64>(&state("2")).unwrap().unwrap().value, 9);
    let mut batch = store.local_batch();
    batch.put(state("3"), &3).unwrap();
    store.apply(batch).unwrap();
    assert_eq!(store.outbox_level().entries, 2);
}

#[test]
fn records_of_the_topic_are_stored_as_they_are_and_others_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("one"));
    fill(&store, 1..4);
    let lineage = Uuid::from_u128(1);
    let held = Some(Generation { number: 3, owner: Uuid::from_u128(2) });
    StoreClaim { lineage, held, claimed: None }.save(&store).unwrap();
    let records: Vec<_> = store.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 3);
    let (other, _) = open(&dir.path().join("other"));
    let all = records.iter().cloned().map(|(key, value)| (key, Some(value)));
    other.put_records(all.collect()).unwrap();
    other.put_records(vec![(records[0].0.clone(), None)]).unwrap();
    other.number_entries_after(3).unwrap();
    let taken: Vec<_> = other.records().map(Result::unwrap).collect();
    assert_eq!(taken, records[1..]);
    assert_eq!((other.newest_entry(), other.outbox_level().entries), (3, 0));
    assert_eq!(StoreClaim::load(&other).unwrap(), None);
    drop(other);
    let (other, opened) = open(&dir.path().join("other"));
    assert_eq!((opened, other.newest_entry()), (OpenOutcome::Kept, 3));
    for foreign in [(b"o1234".to_vec(), None), (records[0].0.clone(), Some(vec![99]))] {
        assert!(matches!(other.put_records(vec![foreign]), Err(Error::Foreign)));
    }
}

#[test]
fn an_account_that_is_retired_leaves_tombstones_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 1..4);
    let acme = AccountName::new("acme").unwrap();
    let mut batch = store.batch();
    batch.put(Key::account(&acme), &1).unwrap();
    store.apply(batch).unwrap();
    assert_eq!(store.accounts().unwrap(), std::slice::from_ref(&acme));
    let before = store.newest_entry();
    store.retire(&acme).unwrap();
    assert_eq!((store.records().count(), store.accounts().unwrap().len()), (0, 0));
    let entries = store.outbox_after(before, 10, 10_000).unwrap();
    let gone = entries.iter().flat_map(|entry| &entry.entry.records);
    assert_eq!(gone.filter(|(_, value)| value.is_none()).count(), 4);
}
