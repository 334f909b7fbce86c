mod directories;

use serde_json::{Value, json};

use super::*;
use crate::model::Timestamp;
use crate::simulate::json::millis;
use crate::simulate::served::Served;

const NOON: &str = "2026-03-01T12:00:00.000Z";

/// Noon and so many seconds, as the vendor writes it.
fn at(seconds: i64) -> Value {
    json!(Timestamp::from_millis(noon() + seconds * 1000).to_rfc3339_millis())
}

fn noon() -> i64 {
    millis(&json!(NOON)).unwrap()
}

/// Events of one vendor under construction: revisions, sequences and offsets follow from their
/// order.
#[derive(Clone, Default)]
struct Topics(Vec<Published>, &'static str);

impl Topics {
    fn add(&mut self, topic: &str, entity: &str, name: &str, seconds: i64, mut value: Value) {
        let key = format!("acme:{entity}");
        let revision = self.0.iter().filter(|event| event.key == key).count() + 1;
        let sequence = self.0.iter().filter(|event| event.topic == topic).count() + 1;
        let id = entity.split_once(':').unwrap_or_default().1;
        value["meta"] = json!({"event_id": format!("{}", self.0.len()), "entity_id": id,
            "vendor": self.1, "origin": "LIVE",
            "revision": revision, "sequence": sequence, "account": "acme",
            "occurred_at": noon() + seconds * 1000, "observed_at": noon() + seconds * 1000 + 700});
        self.0.push(Published {
            topic: topic.to_owned(),
            partition: 0,
            offset: i64::try_from(self.0.len()).unwrap(),
            key,
            event_type: name.to_owned(),
            value,
        });
    }

    /// The same without the events that match, numbered as if they had never been there.
    fn without(&self, gone: impl Fn(&Published) -> bool) -> Self {
        let mut left = Self(Vec::new(), self.1);
        for event in self.0.iter().filter(|event| !gone(event)) {
            let (_, entity) = event.key.split_once(':').unwrap();
            let seconds = (event.value["meta"]["occurred_at"].as_i64().unwrap() - noon()) / 1000;
            left.add(&event.topic, entity, &event.event_type, seconds, event.value.clone());
        }
        left
    }
}

/// A chat that was answered too late, one that was cancelled in time, and what was served.
fn truth() -> Truth {
    let wait = |id: u64, ended: i64, verdict: &str| {
        json!({"id": id, "transfer": 0, "started_at": at(1), "ended_at": at(ended),
            "service_level_event": verdict, "service_level_target_time": 3})
    };
    let mut truth =
        Truth { first_answer: Some(Timestamp::from_millis(noon())), ..Truth::default() };
    truth.chats = vec![
        json!({"id": 7, "status": "finished", "assigned_at": at(9), "ends_at": at(20),
            "updated_at": at(20), "rating": null, "transfers": [],
            "queue_durations": [wait(41_234, 9, "not_in_sla")],
            "handle_durations": [{"id": 30_001, "acw_duration": 4, "ended_at": at(24)}]}),
        // Row ids repeat across chats.
        json!({"id": 8, "status": "canceled", "assigned_at": null, "ends_at": at(5),
            "updated_at": at(5), "rating": null, "transfers": [], "handle_durations": [],
            "queue_durations": [wait(41_234, 5, "excluded")]}),
    ];
    truth.activities = vec![
        json!({"id": 90, "activity": "user_status_changed", "started_at": at(-40),
            "ended_at": at(6)}),
        json!({"id": 91, "activity": "login", "started_at": at(-40), "ended_at": at(6)}),
        json!({"id": 92, "activity": "call_picked_up", "started_at": at(-40), "ended_at": null}),
    ];
    let queue = |name: &str, deleted: bool| json!({"id": 10, "name": name, "deleted": deleted});
    truth.served_records.insert(
        ("queue", String::from("10")),
        [queue("Shipping", false), queue("Dispatch", false), queue("Dispatch", true)]
            .into_iter()
            .collect(),
    );
    truth.served_records.insert(
        ("queue", String::from("13")),
        std::iter::once(json!({"id": 13, "name": "Fax", "deleted": true})).collect(),
    );
    truth.served_depths.insert(String::from("5/en/chat"), [1, 2, 0].into_iter().collect());
    truth.served_levels.insert(
        String::from("queue_path 5/en/chat"),
        [json!(100), json!(79.5), Value::Null, json!(81), json!(82)].into_iter().collect(),
    );
    truth.broken_rows.insert(String::from("5eed"));
    truth
}

fn topics() -> Topics {
    let mut topics = Topics::default();
    let queued = json!({"row_id": "41234", "transfer_id": null});
    topics.add("chats", "chat:7", "ChatQueued", 1, queued.clone());
    topics.add("chats", "chat:8", "ChatQueued", 1, queued);
    let breach = |basis: &str| json!({"scope": "INTERACTION", "basis": basis, "row_id": "41234"});
    topics.add("sla", "chat:8", "SlaBreached", 4, breach("DEADLINE"));
    topics.add("sla", "chat:8", "SlaBreachWithdrawn", 5, json!({"row_id": "41234"}));
    topics.add("chats", "chat:8", "ChatCanceled", 5, json!({}));
    topics.add("chats", "chat:7", "ChatAssigned", 9, json!({"transfer_id": null}));
    topics.add("sla", "chat:7", "SlaBreached", 9, breach("VENDOR_VERDICT"));
    topics.add("chats", "chat:7", "ChatFinished", 20, json!({}));
    topics.add("chats", "chat:7", "ChatWrapUpEnded", 24, json!({"row": {"id": "30001"}}));
    let queue = |name: &str| json!({"after": {"id": "10", "name": name, "position": null}});
    for (name, value) in [
        ("QueueAdded", queue("Shipping")),
        ("QueueUpdated", queue("Dispatch")),
        ("QueueRemoved", json!({"after": null})),
    ] {
        topics.add("queues", "queue:10", name, 0, value);
    }
    for depth in [1, 2, 0] {
        let value = json!({"depth": depth});
        topics.add("queues", "queue_path:5/en/chat", "QueueDepthChanged", 0, value);
    }
    let path = "queue_path:5/en/chat";
    for (percent, sla) in [
        (json!(100.0), None),
        (json!(79.5), Some("SlaBreached")),
        (Value::Null, None),
        (json!(81.0), None),
        (json!(82.0), Some("SlaRecovered")),
    ] {
        topics.add("queues", path, "ServiceLevelChanged", 0, json!({"current": percent}));
        if let Some(name) = sla {
            topics.add("sla", path, name, 0, json!({"scope": "QUEUE", "value": percent}));
        }
    }
    topics.add("agents", "agent:4", "AgentActivityEnded", 6, json!({"activity": {"id": "90"}}));
    let broken = json!({"hash": "5eed"});
    topics.add("quarantine", "record:chats/5eed", "RecordQuarantined", 7, broken);
    topics
}

fn problems(truth: &Truth, topics: &Topics) -> Vec<String> {
    judge(truth, &topics.0).problems
}

#[test]
fn topics_with_every_fact_once_pass() {
    let verdict = judge(&truth(), &topics().0);
    assert!(verdict.passed(), "{verdict}");
    let row = |kind| verdict.rows.iter().find(|row| row.kind == kind).unwrap().facts;
    assert_eq!(row("chat steps"), 3);
    assert_eq!(row("ends of activities"), 1);
    assert_eq!(row("breaches of waits"), 1);
    assert_eq!(row("withdrawn breaches"), 1);
    assert_eq!(row("queues"), 3);
    assert_eq!(row("queue depth"), 3);
    assert_eq!(row("service levels"), 5);
    assert_eq!(row("breaches of levels"), 2);
    assert_eq!(row("quarantined rows"), 1);
}

#[test]
fn an_undecodable_row_may_be_quarantined_by_each_stream_that_showed_it_and_no_other_row_may() {
    let quarantined = |entity: &str, hash: &str| {
        let mut more = topics();
        more.add("quarantine", entity, "RecordQuarantined", 8, json!({ "hash": hash }));
        problems(&truth(), &more)
    };
    assert_eq!(quarantined("record:waiting/5eed", "5eed"), [""; 0]);
    assert_eq!(
        quarantined("record:chats/5eed", "5eed"),
        ["2 times: acme:record:chats/5eed was quarantined"]
    );
    assert_eq!(quarantined("record:chats/0dd", "0dd"), ["invented: row 0dd was quarantined"]);
}

#[test]
fn each_event_that_is_left_out_is_missed() {
    let all = topics();
    for left_out in 0..all.0.len() {
        let event = &all.0[left_out];
        let left = all.without(|other| other.offset == event.offset);
        let name = &event.event_type;
        assert!(!problems(&truth(), &left).is_empty(), "{name} of {}", event.key);
    }
}

#[test]
fn each_event_that_comes_twice_is_noticed() {
    let all = topics();
    for repeated in 0..all.0.len() {
        let mut more = all.clone();
        let event = all.0[repeated].clone();
        let (_, entity) = event.key.split_once(':').unwrap();
        let seconds = (event.value["meta"]["occurred_at"].as_i64().unwrap() - noon()) / 1000;
        more.add(&event.topic, entity, &event.event_type, seconds, event.value.clone());
        assert!(!problems(&truth(), &more).is_empty(), "{} of {}", event.event_type, event.key);
    }
}

#[test]
fn a_fact_that_was_never_recorded_is_reported_as_invented() {
    let mut more = topics();
    more.add("chats", "chat:9", "ChatFinished", 3, json!({}));
    assert_eq!(problems(&truth(), &more), ["invented: ChatFinished 9"]);
    for (id, topics) in [91, 92].map(|id| (id, topics())) {
        let mut more = topics;
        let value = json!({"activity": {"id": id.to_string()}});
        more.add("agents", "agent:4", "AgentActivityEnded", 6, value);
        assert_eq!(problems(&truth(), &more), [format!("invented: ended {id}")]);
    }
    let mut more = topics();
    let breach = json!({"scope": "INTERACTION", "basis": "DEADLINE", "row_id": "5"});
    more.add("sla", "call:9", "SlaBreached", 3, breach);
    assert_eq!(problems(&truth(), &more), ["invented: breached call 9 5"]);
    let mut more = topics();
    let level = json!({"current": 3.0});
    more.add("queues", "queue_group:20/call", "ServiceLevelChanged", 3, level);
    assert_eq!(
        problems(&truth(), &more),
        ["invented: of queue_group 20/call, which was never served"]
    );
}

#[test]
fn another_time_or_another_order_is_noticed() {
    let mut wrong = topics();
    wrong.0[0].value["meta"]["occurred_at"] = json!(noon());
    assert_eq!(problems(&truth(), &wrong), ["at another time than recorded: ChatQueued 7"]);
    let mut wrong = topics();
    wrong.0[2].value["meta"]["occurred_at"] = json!(noon());
    assert_eq!(
        problems(&truth(), &wrong),
        ["breached at another time than its deadline: chat 8 41234"]
    );
    let mut wrong = topics();
    // Two steps of one chat change their offsets.
    let (queued, assigned) = (wrong.0[0].offset, wrong.0[5].offset);
    wrong.0[0].offset = assigned;
    wrong.0[5].offset = queued;
    assert_eq!(problems(&truth(), &wrong), ["out of order: acme:chat:7 on chats"]);
    let mut wrong = topics();
    wrong.0[5].value["meta"]["revision"] = json!(9);
    assert!(
        problems(&truth(), &wrong).contains(&String::from("revisions with a gap: acme:chat:7"))
    );
}

#[test]
fn a_breach_that_the_vendor_never_stated_is_noticed() {
    let mut wrong = topics();
    wrong.0[2].value["basis"] = json!("VENDOR_VERDICT");
    let problems = problems(&truth(), &wrong);
    assert!(
        problems.contains(&String::from("a breach that the vendor never stated: chat 8 41234")),
        "{problems:?}"
    );
}

#[test]
fn what_was_served_only_to_bridges_that_died_may_be_missing_and_nothing_else() {
    let at = Timestamp::from_millis;
    let path = String::from("5/en/chat");
    let published = |depths: &[i64]| {
        let mut topics = topics().without(|event| event.event_type == "QueueDepthChanged");
        for depth in depths {
            let value = json!({"depth": depth});
            topics.add("queues", "queue_path:5/en/chat", "QueueDepthChanged", 0, value);
        }
        topics
    };
    // 1 was served to a bridge that lives; 2, 0 and 1 only to one that died; 0 and 3 to another
    // one.
    let mut served = Served::default();
    for (millis, depth) in [(1, 1), (10, 2), (11, 0), (12, 1)] {
        served.record_change(&0, depth, at(millis));
    }
    served.mark_uncertain_since(at(10));
    for (millis, depth) in [(20, 0), (21, 3)] {
        served.record_change(&0, depth, at(millis));
    }
    let mut truth = truth();
    truth.served_depths.insert(path, served);
    for passes in [&[1, 2, 0, 1, 0, 3][..], &[1, 0, 3], &[1, 2, 1, 0, 3], &[1, 2, 0, 3]] {
        let verdict = judge(&truth, &published(passes).0);
        assert!(verdict.passed(), "{passes:?}: {verdict}");
        let row = verdict.rows.iter().find(|row| row.kind == "queue depth").unwrap();
        assert_eq!((row.facts, row.uncertain), (6, 6 - passes.len()));
    }
    for fails in [&[0, 3][..], &[2, 0, 1, 0, 3], &[1, 0], &[1, 3], &[1, 0, 0, 3], &[1, 0, 3, 3]] {
        assert!(!judge(&truth, &published(fails).0).passed(), "{fails:?}");
    }
}
