//! Filling an empty store from the state topic.

use std::cell::Cell;

use super::state_topic::{Error as TopicError, StateReader, StateTopicRecord};
use crate::failpoints::passing;
use crate::store::{self, StateRecord, Store};

/// How many records, and how many bytes of them, are taken over at once.
const AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Takes over every record of state up to the end that was seen, and says how many there were.
/// `alive` is called between records with how many there have been, of how many offsets; what it
/// refuses ends the restoring, and so does `give_up`.
///
/// # Errors
/// When the topic cannot be read, the store fails, or `alive` refuses.
pub(crate) fn restore<E: From<TopicError> + From<store::Error>>(
    reader: &StateReader,
    store: &Store,
    end: i64,
    give_up: &dyn Fn() -> bool,
    mut alive: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<u64, E> {
    let (first, _) = reader.ends()?;
    let of = u64::try_from(end - first).unwrap_or(0);
    let mut restoring = Restoring { store, pending: Vec::new(), bytes: 0, records: 0 };
    let (mut failure, failed) = (None, Cell::new(false));
    reader.read(first, &|| failed.get() || give_up(), |_, found| {
        let StateTopicRecord::State(key, value) = found else { return };
        if failed.get() {
            return;
        }
        let taken = restoring.take((key, value)).map_err(E::from);
        if let Err(error) = taken.and_then(|()| alive(restoring.records, of)) {
            failed.set(true);
            failure = Some(error);
        }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    restoring.write()?;
    Ok(restoring.records)
}

/// Takes records over, some at a time.
struct Restoring<'a> {
    store: &'a Store,
    pending: Vec<StateRecord>,
    bytes: usize,
    records: u64,
}

impl Restoring<'_> {
    fn take(&mut self, record: StateRecord) -> Result<(), store::Error> {
        self.bytes += record.0.len() + record.1.as_ref().map_or(0, Vec::len);
        self.pending.push(record);
        self.records += 1;
        if self.pending.len() >= AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), store::Error> {
        self.bytes = 0;
        self.store.take_over(std::mem::take(&mut self.pending))?;
        passing("restore::half_way");
        Ok(())
    }
}
