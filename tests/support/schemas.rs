//! The exported schemas.

use floorcast::event::avro;
use floorcast::event::{EventType, NAMESPACE};
use tempfile::TempDir;

/// A directory with one self-contained schema for each event, `floorcast.v1.<Event>.avsc`.
pub(crate) fn exported() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for event in EventType::ALL {
        let (schema, _) = avro::schema(*event).unwrap();
        let file = directory.path().join(format!("{NAMESPACE}.{}.avsc", event.as_str()));
        std::fs::write(file, serde_json::to_vec_pretty(schema).unwrap()).unwrap();
    }
    directory
}
