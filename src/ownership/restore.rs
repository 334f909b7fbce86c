//! Filling an empty store from the state topic.

use std::ops::ControlFlow;

use super::state_topic::{Error as TopicError, StateReader, StateTopicRecord};
use crate::clock::Deadline;
use crate::failpoints::failpoint;
use crate::store::{self, StateRecord, Store};

/// How many records, and how many bytes of them, are written at once.
const RECORDS_AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Writes every record of state, up to the end that is visible, into the store, and returns how many
/// there were. After each record `report` is called with how many there have been, of how many
/// offsets; its error ends the restore. When the deadline passes the store is left incomplete.
///
/// # Errors
/// When the topic cannot be read, the store fails, or `report` does.
pub(crate) fn restore<E: From<TopicError> + From<store::Error>>(
    reader: &StateReader,
    store: &Store,
    end: i64,
    deadline: Deadline,
    mut report: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<u64, E> {
    let (first, _) = reader.ends()?;
    let of = u64::try_from(end - first).unwrap_or(0);
    let mut restoring = Restoring { store, pending: Vec::new(), bytes: 0, records: 0 };
    let mut failure = None;
    reader.read(first, deadline, |record| {
        let StateTopicRecord::State(key, value) = record else {
            return ControlFlow::Continue(());
        };
        let written = restoring.push((key, value)).map_err(E::from);
        match written.and_then(|()| report(restoring.records, of)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    restoring.write()?;
    Ok(restoring.records)
}

/// Gathers records and writes many at once.
struct Restoring<'a> {
    store: &'a Store,
    pending: Vec<StateRecord>,
    bytes: usize,
    records: u64,
}

impl Restoring<'_> {
    fn push(&mut self, record: StateRecord) -> Result<(), store::Error> {
        self.bytes += record.0.len() + record.1.as_ref().map_or(0, Vec::len);
        self.pending.push(record);
        self.records += 1;
        if self.pending.len() >= RECORDS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), store::Error> {
        self.bytes = 0;
        self.store.put_records(std::mem::take(&mut self.pending))?;
        failpoint("restore::half_way");
        Ok(())
    }
}
