//! With any value in a field, a row is decoded or quarantined: nothing panics, the row's id is
//! kept, the path is named and the value is not.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json, value::to_raw_value};

use super::super::mapping;
use super::super::rows::{DecodeRow, decode, format, split};
use crate::model::Timestamp;
use crate::source::checks::{self, any_json};

fn assert_decoded_or_quarantined<T: Serialize>(
    document: &str,
    read: DecodeRow<T>,
    field: usize,
    new: &Value,
) {
    let row = serde_json::from_str::<Value>(document).unwrap()[0].take();
    checks::assert_decoded_or_quarantined(row, &format(read), field, new);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_in_any_field_is_decoded_or_quarantined(field in 0_usize..330, new in any_json()) {
        let calls = include_str!("../../../../tests/fixtures/ccai/calls.json");
        assert_decoded_or_quarantined(calls, mapping::call, field, &new);
        let agents = include_str!("../../../../tests/fixtures/ccai/agents.json");
        assert_decoded_or_quarantined(agents, mapping::agent, field % 42, &new);
        let rows = include_str!("../../../../tests/fixtures/ccai/agent_activity_logs.json");
        assert_decoded_or_quarantined(rows, mapping::activity, field % 14, &new);
        let statuses = include_str!("../../../../tests/fixtures/ccai/agents_current_status.json");
        assert_decoded_or_quarantined(statuses, mapping::current_status, field % 6, &new);
    }

    #[test]
    fn any_bytes_are_rows_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut list = vec![b'['];
        list.extend_from_slice(&bytes);
        list.push(b']');
        for bytes in [&bytes, &list] {
            for row in split(bytes).unwrap_or_default() {
                let _ = decode(row, mapping::call, &mut Vec::new());
            }
        }
    }

    #[test]
    fn a_time_that_is_read_lies_between_the_years_1_and_9999(text in "[-+]?[0-9]{4,6}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T12:00:00(\\.[0-9]{1,12})?(Z|[-+][0-9]{2}:?[0-9]{2})") {
        let row = json!({"id": 1, "updated_at": text});
        let raw = to_raw_value(&row).unwrap();
        if let Ok(call) = decode(&raw, mapping::call, &mut Vec::new()) {
            let time = call.interaction.updated_at.unwrap();
            prop_assert!((Timestamp::EARLIEST..=Timestamp::LATEST).contains(&time));
        }
    }
}
