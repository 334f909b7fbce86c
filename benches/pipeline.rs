//! The parts where most of the time goes, each beside its limit in the same run.
//!
//! - An unchanged full scan of 10,000 agents, split and recognised by the fingerprints of its rows,
//!   beside the typed decoding of the same bytes by `serde_json::from_slice`.
//! - The diff of 10,000 calls of which 1 % changed, beside a plain comparison of the records.
//! - `CallFinished` as Avro, beside the same event as JSON.

#![allow(clippy::expect_used, reason = "the measured data is made here, and valid")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use floorcast::detect::{InteractionState, PollContext, Targets, interaction_row, is_unchanged};
use floorcast::event::avro::Encoders;
use floorcast::event::{Body, Event, EventMeta, Origin};
use floorcast::model::{Call, Normalise, Precision, Timestamp};
use floorcast::source::ccai::scan_agents_page;
use floorcast::source::{FullScanBuilder, RowMemory, VENDORS};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const AGENTS: usize = 10_000;
const PER_PAGE: usize = 100;
const CALLS: usize = 10_000;

/// The vendor's row as a plain typed program would declare it.
#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding is what is measured")]
struct TypedAgent {
    id: i64,
    email: Option<String>,
    roles: Vec<String>,
    first_name: Option<String>,
    middle_name: Option<String>,
    last_name: Option<String>,
    avatar_url: Option<String>,
    agent_number: Option<String>,
    crm_authenticated: bool,
    status: TypedStatus,
    online: bool,
    wrap_up: bool,
    call_count: i64,
    chat_count: i64,
    location: Option<String>,
    created_at: Option<String>,
    last_login_time: Option<String>,
    status_updated_at: Option<String>,
    teams: Vec<TypedTeam>,
    channels: Vec<TypedChannel>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding is what is measured")]
struct TypedStatus {
    id: i64,
    name: String,
    color: String,
    wfm_id: Option<i64>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding is what is measured")]
struct TypedTeam {
    id: i64,
    name: String,
    parent_id: Option<i64>,
    position: i64,
    agents_count: i64,
    deleted: bool,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding is what is measured")]
struct TypedChannel {
    channel_type: String,
    menu: TypedMenu,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoding is what is measured")]
struct TypedMenu {
    id: i64,
    name: String,
    parent_id: Option<i64>,
    position: i64,
    deleted: bool,
    menu_type: String,
    output_msg: Option<String>,
    hidden: bool,
}

fn agent(id: usize) -> Value {
    json!({
        "id": id, "email": format!("agent{id}@example.com"), "roles": ["agent"],
        "first_name": "Alva", "middle_name": null, "last_name": "Ashfield",
        "avatar_url": "https://example.com/default-profile.png", "agent_number": id.to_string(),
        "crm_authenticated": true,
        "status": {"id": 0, "name": "Available", "color": "green", "wfm_id": 11},
        "online": true, "wrap_up": false, "call_count": 0, "chat_count": 0, "location": null,
        "created_at": "2026-01-10T00:15:04.000Z", "last_login_time": "2026-03-01T08:00:00.000Z",
        "status_updated_at": "2026-03-01T08:17:57.000Z",
        "teams": [{"id": 11, "name": "North", "parent_id": null, "position": 11,
            "agents_count": 12, "deleted": false}],
        "channels": [{"channel_type": "voice_call", "menu": {"id": 2029, "name": "Orders",
            "parent_id": null, "position": 0, "deleted": false, "menu_type": "mobile_menu",
            "output_msg": null, "hidden": false}}],
    })
}

fn scan(pages: &[Vec<u8>], memory: &RowMemory) -> (usize, RowMemory) {
    let mut next = RowMemory::default();
    let mut builder = FullScanBuilder::default();
    for page in pages {
        scan_agents_page(page, memory, &mut next, &mut builder).expect("a page of rows");
    }
    (builder.finish().rows().len(), next)
}

fn unchanged_full_scan(criterion: &mut Criterion) {
    let pages: Vec<Vec<u8>> = (0..AGENTS / PER_PAGE)
        .map(|page| {
            let rows: Vec<_> = (0..PER_PAGE).map(|row| agent(page * PER_PAGE + row)).collect();
            serde_json::to_vec(&rows).expect("plain JSON")
        })
        .collect();
    let (_, memory) = scan(&pages, &RowMemory::default());
    let mut group = criterion.benchmark_group("unchanged full scan of 10,000 agents");
    group.throughput(Throughput::Bytes(pages.iter().map(Vec::len).sum::<usize>() as u64));
    group.bench_function("limit: typed from_slice", |bencher| {
        bencher.iter(|| {
            for page in &pages {
                let agents: Vec<TypedAgent> = serde_json::from_slice(page).expect("typed");
                black_box(agents);
            }
        });
    });
    group.bench_function("decode and diff", |bencher| {
        bencher.iter(|| black_box(scan(&pages, &memory)));
    });
    group.finish();
}

fn call(id: usize) -> Call {
    let mut call: Call = serde_json::from_value(json!({
        "id": id.to_string(), "lang": "en", "call_type": "Voice Inbound (IVR)",
        "status": "finished", "created_at": 1_000, "queued_at": 2_000, "assigned_at": 3_000,
        "connected_at": 5_000, "ends_at": 35_000, "updated_at": 35_000, "queue_duration": 1,
        "call_duration": 30, "hold_duration": 0, "verified": false, "transfer": false,
        "selected_menu": {"id": "11", "name": "Shipping"},
        "menu_path": {"items_count": 2, "name": "Shipping", "materialized_path": "Support/Shipping"},
        "agent_info": {"id": "17", "name": "Alva Ashfield"},
        "queue_durations": [{"id": "20", "agent_id": "17", "queue_duration": 1,
            "menu_path_id": "5", "menu_path": "Support/Shipping", "lang": "en",
            "transfer": false, "started_at": 2_000, "ended_at": 3_000,
            "service_level_event": "in_sla", "service_level_target_time": 20}],
        "handle_durations": [{"id": "30", "agent_id": "17", "call_duration": 30,
            "menu_path_id": "5", "menu_path": "Support/Shipping", "lang": "en",
            "transfer": false, "started_at": 5_000, "ended_at": 35_000}],
        "participants": [{"id": "1", "type": "agent", "status": "finished", "user_id": "17"}],
    }))
    .expect("a call");
    let vendor = VENDORS.iter().find(|vendor| vendor.name == "ccai");
    call.normalise(vendor.expect("the vendor is in the table").vocabulary);
    call
}

fn context() -> PollContext {
    let at = Timestamp::from_millis;
    PollContext {
        requested_at: at(60_000),
        answered_at: at(60_200),
        previous_requested_at: Some(at(55_000)),
        start: at(0),
        baseline_at: at(0),
        first_full_scan: false,
    }
}

fn changed_calls(criterion: &mut Criterion) {
    let context = context();
    let targets = Targets::default();
    let states: Vec<InteractionState<Call>> =
        (0..CALLS).map(|id| interaction_row(None, &call(id), &context, &targets).state).collect();
    let rows: Vec<Call> = (0..CALLS)
        .map(|id| {
            let mut call = call(id);
            call.interaction.rating = (id % 100 == 0).then_some(5);
            call
        })
        .collect();
    let mut group = criterion.benchmark_group("10,000 calls, 1 % changed");
    group.throughput(Throughput::Elements(CALLS as u64));
    group.bench_function("limit: comparing the records", |bencher| {
        bencher.iter(|| {
            let pairs = states.iter().zip(&rows);
            black_box(pairs.filter(|(state, row)| state.record.as_deref() != Some(*row)).count())
        });
    });
    group.bench_function("diff", |bencher| {
        bencher.iter(|| {
            let pairs = states.iter().zip(&rows);
            let changed = pairs.filter(|(state, row)| !is_unchanged(state, row));
            let events = changed.map(|(state, row)| {
                interaction_row(Some(state), row, &context, &targets).drafts.len()
            });
            black_box(events.sum::<usize>())
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let encoders = Encoders::new().expect("the schemas are right");
    let targets = Targets::default();
    let drafts = interaction_row(None, &call(4711), &context(), &targets).drafts;
    let body = drafts
        .into_iter()
        .map(|draft| draft.body)
        .find(|body| matches!(body, Body::CallFinished(_)))
        .expect("the call has finished");
    let meta = EventMeta {
        event_id: Uuid::nil(),
        account: String::from("acme"),
        vendor: String::from("ccai"),
        entity_id: String::from("4711"),
        revision: 5,
        sequence: 1_234,
        stream: String::from("calls"),
        occurred_at: Timestamp::from_millis(35_000),
        occurred_after: None,
        precision: Precision::Second,
        observed_at: Timestamp::from_millis(36_000),
        origin: Origin::Live,
        late: false,
    };
    let mut group = criterion.benchmark_group("CallFinished");
    group.bench_function("beside: as JSON", |bencher| {
        bencher.iter(|| black_box(serde_json::to_vec(&Event { meta: &meta, body: &body })));
    });
    group.bench_function("as Avro", |bencher| {
        bencher.iter(|| black_box(encoders.datum(&meta, &body)));
    });
    group.finish();
}

criterion_group!(benches, unchanged_full_scan, changed_calls, encode);
criterion_main!(benches);
