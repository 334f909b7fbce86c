//! Who owns a shard, when a new owner trusts its store, and that whatever becomes of a store the
//! topics stay right: they are the truth.

use std::path::Path;
use std::time::{Duration, Instant};

use floorcast::delivery::{Delivery, ShardState, TransactionOutcome};
use floorcast::model::AccountName;
use floorcast::ownership::{Difference, StoreClaim, verify};
use floorcast::shard::OwnershipChange;
use floorcast::store::{Key, Options, Store};
use uuid::Uuid;

use super::shard::{Bridge, Deployment, PATIENCE, emit, records};
use crate::support::consumer::read_all;
use crate::support::{kafka, wait_until};

fn deployment(name: &str) -> Deployment {
    Deployment::new(kafka::shared(), kafka::unique_prefix(name))
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn entries_are_published_once_and_a_restart_continues_after_them() {
    let (deployment, dir) = (deployment("once"), tempfile::tempdir().unwrap());
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..30);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    assert_eq!(*bridge.reported.restored.lock().unwrap(), [""; 0], "the store is the topic's own");
    bridge.emit(&store, 30..40);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..40).collect::<Vec<_>>());
}

/// A kind of loss or damage: its name, what it does to a store's directory (an older copy is in the
/// other one), and why the store is then restored; `*` for any reason.
type Damage = (&'static str, fn(&Path, &Path), Option<&'static str>);

fn damages() -> Vec<Damage> {
    fn database(dir: &Path) -> std::path::PathBuf {
        dir.join("store/db")
    }
    vec![
        ("nothing", |_, _| {}, None),
        ("lost", |dir, _| std::fs::remove_dir_all(dir).unwrap(), Some("missing")),
        (
            "its files are gone",
            |dir, _| {
                std::fs::remove_dir_all(dir.join("store")).unwrap();
            },
            Some("lost"),
        ),
        (
            "truncated",
            |dir, _| {
                let bytes = std::fs::read(database(dir)).unwrap();
                std::fs::write(database(dir), &bytes[..bytes.len() / 2]).unwrap();
            },
            Some("*"),
        ),
        (
            "flipped bits",
            |dir, _| {
                let mut bytes = std::fs::read(database(dir)).unwrap();
                for place in (100..bytes.len()).step_by(997) {
                    bytes[place] ^= 0x10;
                }
                std::fs::write(database(dir), bytes).unwrap();
            },
            Some("*"),
        ),
        // Its durability marker is as old, so that the store alone looks right.
        (
            "an older copy",
            |dir, past| {
                std::fs::remove_dir_all(dir).unwrap();
                copy_dir(past, dir);
            },
            Some("behind_topic"),
        ),
        (
            "rolled back under a newer marker",
            |dir, past| {
                std::fs::remove_dir_all(dir.join("store")).unwrap();
                copy_dir(&past.join("store"), &dir.join("store"));
            },
            Some("rolled_back"),
        ),
    ]
}

#[test]
fn a_lost_damaged_or_outdated_store_changes_nothing_on_the_topics() {
    for (what, damage, reason) in damages() {
        let (deployment, dirs) = (deployment("damage"), tempfile::tempdir().unwrap());
        let (dir, past) = (dirs.path().join("state"), dirs.path().join("past"));
        let mut bridge = deployment.bridge(&dir);
        let store = bridge.own();
        bridge.emit(&store, 0..20);
        bridge.published(&store);
        store.flush().unwrap();
        copy_dir(&dir, &past);
        bridge.emit(&store, 20..40);
        bridge.published(&store);
        let whole = records(&store);
        let newest = store.newest_entry();
        drop(store);
        bridge.finish();

        damage(&dir, &past);
        let mut bridge = deployment.bridge(&dir);
        let store = bridge.own();
        let restored = bridge.reported.restored.lock().unwrap().clone();
        match reason {
            None => assert_eq!(restored, [""; 0], "{what}"),
            Some("*") => assert_eq!(restored.len(), 1, "{what}: {restored:?}"),
            Some(reason) => assert_eq!(restored, [reason], "{what}"),
        }
        assert_eq!(records(&store), whole, "{what}");
        assert_eq!(store.newest_entry(), newest, "{what}");
        bridge.emit(&store, 40..45);
        bridge.published(&store);
        drop(store);
        bridge.finish();
        assert_eq!(deployment.numbers(), (0..45).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn a_store_of_an_older_format_is_restored() {
    let (deployment, dir) = (deployment("older"), tempfile::tempdir().unwrap());
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..10);
    bridge.published(&store);
    let whole = records(&store);
    drop(store);
    bridge.finish();
    // The key of the format version in sled.
    let config = sled::Config::new().path(dir.path().join("store"));
    wait_until(PATIENCE, "the store is closed", || {
        config.open().is_ok_and(|database| {
            database.insert(b"mf", &[1]).unwrap();
            database.flush().is_ok()
        })
    });
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    assert_eq!(*bridge.reported.restored.lock().unwrap(), ["format"]);
    assert_eq!(records(&store), whole);
    drop(store);
    bridge.finish();
}

#[test]
fn a_new_owner_drops_what_another_one_may_have_published_since() {
    let (deployment, dirs) = (deployment("generations"), tempfile::tempdir().unwrap());
    let (one, other) = (dirs.path().join("one"), dirs.path().join("other"));
    // The first one is killed with entries 10 to 14 unpublished.
    let mut first = deployment.bridge(&one);
    let store = first.own();
    first.emit(&store, 0..10);
    first.published(&store);
    drop(store);
    first.finish();
    let (store, _) = Store::open(&one, Options::default()).unwrap();
    for number in 10..15 {
        emit(&store, number, 10);
    }
    store.flush().unwrap();
    drop(store);
    // Another one begins without them, and emits the same changes again, and more.
    let mut second = deployment.bridge(&other);
    let store = second.own();
    second.emit(&store, 10..20);
    second.published(&store);
    drop(store);
    second.finish();
    // The first one comes back with its old volume.
    let mut first = deployment.bridge(&one);
    let store = first.own();
    assert_eq!(*first.reported.restored.lock().unwrap(), ["generation"]);
    first.emit(&store, 20..22);
    first.published(&store);
    drop(store);
    first.finish();
    assert_eq!(deployment.numbers(), (0..22).collect::<Vec<_>>());
}

#[test]
fn what_was_not_delivered_is_kept_by_its_own_owner() {
    let (deployment, dir) = (deployment("kept"), tempfile::tempdir().unwrap());
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..5);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    let (store, _) = Store::open(dir.path(), Options::default()).unwrap();
    for number in 5..9 {
        emit(&store, number, 10);
    }
    store.flush().unwrap();
    drop(store);
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.published(&store);
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_store_that_fails_while_it_is_open_is_opened_again_and_nothing_is_lost() {
    let (deployment, dir) = (deployment("reopened"), tempfile::tempdir().unwrap());
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..10);
    bridge.published(&store);
    emit(&store, 10, 10);
    store.flush().unwrap();
    // A value of another form than requested is damage: the store refuses everything from then on.
    let depth = Key::account(&super::shard::acme());
    assert!(store.get::<Vec<u64>>(&depth).is_err() && store.flush().is_err());
    let Some(OwnershipChange::Left(left)) = bridge.change(PATIENCE) else {
        panic!("{:?}", bridge.reported)
    };
    drop(store);
    left.send(()).unwrap();
    let store = bridge.own();
    bridge.emit(&store, 11..15);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..15).collect::<Vec<_>>());
}

#[test]
fn a_standby_bridge_takes_over_when_the_owner_leaves() {
    let (deployment, dirs) = (deployment("standby"), tempfile::tempdir().unwrap());
    let mut owner = deployment.bridge_with(&dirs.path().join("a"), |parts| parts.standby = true);
    let store = owner.own();
    wait_until(PATIENCE, "the owner holds the lease", || owner.lease.holds(Instant::now()));
    let mut standby = deployment.bridge_with(&dirs.path().join("b"), |parts| parts.standby = true);
    assert!(standby.change(Duration::from_secs(8)).is_none(), "it does not take over");
    assert_eq!(*standby.reported.states.lock().unwrap(), [ShardState::Standby]);
    assert!(!standby.lease.holds(Instant::now()), "it may not poll");
    owner.emit(&store, 0..10);
    owner.published(&store);
    drop(store);
    let left = Instant::now();
    owner.finish();
    let store = standby.own();
    assert!(left.elapsed() < Duration::from_secs(20), "{:?}", left.elapsed());
    standby.emit(&store, 10..12);
    standby.published(&store);
    drop(store);
    standby.finish();
    assert_eq!(deployment.numbers(), (0..12).collect::<Vec<_>>());
}

#[test]
fn a_fenced_owner_stops_polling_and_takes_over_again_when_the_other_leaves() {
    let (deployment, dirs) = (deployment("fenced"), tempfile::tempdir().unwrap());
    let mut first = deployment.bridge(&dirs.path().join("a"));
    let store = first.own();
    first.emit(&store, 0..5);
    first.published(&store);
    // Without standby: another bridge of this name is started by mistake.
    let mut second = deployment.bridge(&dirs.path().join("b"));
    let seconds_store = second.own();
    let Some(OwnershipChange::Left(left)) = first.change(PATIENCE) else {
        panic!("{:?}", first.reported)
    };
    assert!(!first.lease.holds(Instant::now()));
    // What it has emitted since is not to be published by anybody.
    emit(&store, 5, 10);
    drop(store);
    left.send(()).unwrap();
    second.emit(&seconds_store, 5..8);
    second.published(&seconds_store);
    drop(seconds_store);
    second.finish();
    let store = first.own();
    assert_eq!(*first.reported.restored.lock().unwrap(), ["generation"]);
    first.emit(&store, 8..10);
    first.published(&store);
    drop(store);
    first.finish();
    assert_eq!(deployment.numbers(), (0..10).collect::<Vec<_>>());
}

#[test]
fn of_two_bridges_that_start_at_once_one_owns_and_the_other_is_standby() {
    let (deployment, dirs) = (deployment("race"), tempfile::tempdir().unwrap());
    let mut bridges = ["a", "b"]
        .map(|name| deployment.bridge_with(&dirs.path().join(name), |parts| parts.standby = true));
    let mut stores = [None, None];
    let state = |bridge: &Bridge| bridge.reported.states.lock().unwrap().last().cloned();
    let deadline = Instant::now() + PATIENCE;
    // The second may have fenced the first, which then takes over from itself.
    loop {
        assert!(
            Instant::now() < deadline,
            "{:?}",
            bridges.each_ref().map(|bridge| &bridge.reported)
        );
        for (bridge, store) in bridges.iter_mut().zip(&mut stores) {
            match bridge.change(Duration::from_millis(50)) {
                Some(OwnershipChange::Owning(owned)) => {
                    if owned.newest_entry() == 0 {
                        bridge.emit(&owned, 0..5);
                    }
                    *store = Some(owned);
                }
                Some(OwnershipChange::Left(left)) => {
                    *store = None;
                    left.send(()).unwrap();
                }
                Some(OwnershipChange::Refused(reason)) => panic!("{reason}"),
                None => {}
            }
        }
        let owners = bridges.iter().filter(|bridge| state(bridge) == Some(ShardState::Owning));
        let waiting = bridges.iter().filter(|bridge| state(bridge) == Some(ShardState::Standby));
        let empty = stores.iter().flatten().any(|store| store.outbox_level().entries == 0);
        if (owners.count(), waiting.count(), empty) == (1, 1, true) {
            break;
        }
    }
    assert_eq!(deployment.numbers(), [0, 1, 2, 3, 4]);
    drop(stores);
    for bridge in bridges {
        bridge.finish();
    }
}

#[test]
fn unconfigured_accounts_are_refused_before_their_owner_is_fenced() {
    let (deployment, dirs) = (deployment("orphans"), tempfile::tempdir().unwrap());
    let mut owner = deployment.bridge(&dirs.path().join("a"));
    let store = owner.own();
    owner.emit(&store, 0..3);
    owner.published(&store);
    // The owner record names its accounts from the next delivery on.
    wait_until(PATIENCE, "the owner record names the account", || {
        let state = format!("{}.state.tests", deployment.prefix);
        let records = read_all(&deployment.bootstrap, &[state]);
        records.iter().any(|record| {
            record.key.as_deref() == Some("owner")
                && String::from_utf8_lossy(&record.value).contains("\"accounts\":[\"acme\"]")
        })
    });
    let globex = || vec![AccountName::new("globex").unwrap()];
    let mut stranger =
        deployment.bridge_with(&dirs.path().join("b"), |parts| parts.accounts = globex());
    let Some(OwnershipChange::Refused(reason)) = stranger.change(PATIENCE) else {
        panic!("not refused")
    };
    assert_eq!(
        reason,
        "the deployment tests owns accounts that this configuration does not have: acme; add \
         them, choose another deployment, or delete their state: [kafka] retire = [\"acme\"]"
    );
    stranger.finish();
    owner.emit(&store, 3..5);
    owner.published(&store);
    drop(store);
    owner.finish();
    let mut heir = deployment.bridge_with(&dirs.path().join("c"), |parts| {
        parts.accounts = globex();
        parts.retired = vec![super::shard::acme()];
    });
    let store = heir.own();
    heir.published(&store);
    assert_eq!(records(&store), []);
    drop(store);
    heir.finish();
}

#[test]
fn a_store_whose_topic_is_empty_is_refused_and_one_of_another_topic_is_restored() {
    let (home, dirs) = (deployment("home"), tempfile::tempdir().unwrap());
    let dir = dirs.path().join("state");
    let mut bridge = home.bridge(&dir);
    let store = bridge.own();
    bridge.emit(&store, 0..3);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    let abroad = deployment("abroad");
    let mut lost = abroad.bridge(&dir);
    let Some(OwnershipChange::Refused(reason)) = lost.change(PATIENCE) else {
        panic!("not refused")
    };
    assert!(reason.contains("is empty, but the store in"), "{reason}");
    assert!(reason.ends_with("To start empty, delete the directory"), "{reason}");
    lost.finish();
    // Another bridge has begun there meanwhile: what it published is the truth there.
    let mut native = abroad.bridge(&dirs.path().join("native"));
    let store = native.own();
    native.emit(&store, 0..7);
    native.published(&store);
    let whole = records(&store);
    drop(store);
    native.finish();
    let mut moved = abroad.bridge(&dir);
    let store = moved.own();
    assert_eq!(*moved.reported.restored.lock().unwrap(), ["lineage"]);
    assert_eq!(records(&store), whole);
    drop(store);
    moved.finish();
}

#[test]
fn at_least_once_publishes_state_behind_the_events_it_belongs_to() {
    let (deployment, dirs) = (deployment("atleast"), tempfile::tempdir().unwrap());
    let at_least_once = |name: &str| {
        let dir = dirs.path().join(name);
        deployment.bridge_with(&dir, |parts| parts.delivery = Delivery::AtLeastOnce)
    };
    let mut bridge = at_least_once("a");
    let store = bridge.own();
    bridge.emit(&store, 0..25);
    bridge.published(&store);
    let whole = records(&store);
    drop(store);
    bridge.finish();
    let mut bridge = at_least_once("b");
    let store = bridge.own();
    assert_eq!(records(&store), whole);
    bridge.emit(&store, 25..30);
    bridge.published(&store);
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_store_agrees_with_its_topic_until_one_of_them_is_changed() {
    let (deployment, dir) = (deployment("verify"), tempfile::tempdir().unwrap());
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..10);
    bridge.published(&store);
    let found = verify(&deployment.settings, 0, &store).unwrap();
    assert!(found.agrees() && found.records == 7, "{found:?}");
    let settings = deployment.settings.clone();
    drop(store);
    bridge.finish();
    let (store, _) = Store::open(dir.path(), Options::default()).unwrap();
    // Entries in the outbox count as published.
    emit(&store, 10, 10);
    let found = verify(&settings, 0, &store).unwrap();
    assert_eq!((found.agrees(), found.waiting), (true, 1));
    let foreign = (b"sacme\0call\x0099".to_vec(), Some(vec![1, 0, 0, 0, 1]));
    let changed = (b"sacme\0queue_path\x001".to_vec(), Some(vec![1, 0, 0, 0, 9]));
    let removed = (b"sacme\0queue_path\x002".to_vec(), None);
    store.put_records(vec![foreign, changed, removed]).unwrap();
    let found = verify(&settings, 0, &store).unwrap();
    let text = |text: &str| String::from(text);
    assert_eq!(
        found.differences,
        [
            Difference::Unpublished(text("state acme call 99")),
            Difference::Differs(text("state acme queue_path 1")),
            Difference::Missing(text("state acme queue_path 2")),
        ]
    );
    let ownership = StoreClaim::load(&store).unwrap().unwrap();
    let elsewhere = StoreClaim { lineage: Uuid::nil(), ..ownership };
    elsewhere.save(&store).unwrap();
    let found = verify(&settings, 0, &store).unwrap();
    assert_eq!(found.differences[0], Difference::Lineage);
}

#[test]
fn an_event_that_the_broker_refuses_is_replaced_by_a_placeholder_and_delays_nothing() {
    let broker = kafka::shared();
    let (deployment, dir) = (deployment("omitted"), tempfile::tempdir().unwrap());
    broker.limit_messages(&format!("{}.queues", deployment.prefix), 20_000);
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    for number in 0..30 {
        emit(&store, number, if number == 17 { 100_000 } else { 10 });
    }
    bridge.publisher.notifier().notify();
    bridge.published(&store);
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..30).collect::<Vec<_>>());
    let events = deployment.events();
    let omitted: Vec<_> = events
        .iter()
        .map(super::shard::decoded)
        .enumerate()
        .filter(|(_, (event, _))| event == "EventOmitted")
        .collect();
    assert_eq!(omitted.len(), 1);
    let (place, (_, value)) = &omitted[0];
    assert_eq!(*place, 17);
    assert_eq!(value["event_type"], "QueueDepthChanged");
    assert!(value["reason"].as_str().unwrap().starts_with("refused by the broker: "), "{value}");
    assert_eq!(
        (value["meta"]["revision"].as_i64(), events[17].key.as_deref()),
        (Some(4), Some("acme:queue_path:2"))
    );
}

#[test]
fn a_broker_that_dies_in_the_middle_of_a_transaction_loses_and_repeats_nothing() {
    let mut broker = kafka::dedicated();
    let deployment = Deployment::new(&broker, kafka::unique_prefix("restart"));
    let dir = tempfile::tempdir().unwrap();
    let mut bridge = deployment.bridge(dir.path());
    let store = bridge.own();
    bridge.emit(&store, 0..50);
    bridge.published(&store);
    for round in 1..4_i64 {
        for number in round * 50..round * 50 + 50 {
            emit(&store, number, 2_000);
            if number % 10 == 0 {
                bridge.publisher.notifier().notify();
            }
        }
        broker.kill();
        std::thread::sleep(Duration::from_millis(u64::try_from(round).unwrap() * 700));
        broker.start();
    }
    bridge.published(&store);
    let committed = TransactionOutcome::Committed;
    assert!(bridge.reported.transactions.lock().unwrap().contains(&committed));
    drop(store);
    bridge.finish();
    assert_eq!(deployment.numbers(), (0..200).collect::<Vec<_>>());
}
