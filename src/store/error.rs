//! The errors of the store.

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the directory open.
    #[error("another process has the state directory {0} open: end it, or set another [state] dir")]
    Locked(String),
    /// The directory cannot be created or written.
    #[error("the state directory {dir} cannot be used: {source}")]
    Directory {
        /// The directory.
        dir: String,
        /// Why.
        source: std::io::Error,
    },
    /// The disk failed or is full. What was committed before is kept.
    #[error(
        "the state directory cannot be written: {0}; free space or repair the disk, then restart"
    )]
    Io(#[source] std::io::Error),
    /// The store found damage while it was open.
    #[error("the local store is damaged ({0}); restart to replace it")]
    Damaged(&'static str),
    /// A value cannot be written as JSON, which is a bug. `serde_json`'s message is left out: it may
    /// quote the value.
    #[error("a value cannot be stored: it has no form in JSON")]
    Encode,
    /// A record of the state topic has a form that this version does not read.
    #[error(
        "the state topic holds records that this version does not read: was it written by a newer \
         one?"
    )]
    Foreign,
    /// An earlier failure closed the store.
    #[error("the local store was closed after an earlier failure")]
    Closed,
}

impl From<sled::Error> for Error {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error),
            // sled's messages may hold stored values.
            sled::Error::Corruption { .. } => Self::Damaged("sled found corruption"),
            sled::Error::ReportableBug(_) => Self::Damaged("sled found a bug of its own"),
            sled::Error::Unsupported(_) => Self::Damaged("sled does not support its files"),
            sled::Error::CollectionNotFound(_) => Self::Damaged("sled misses its tree"),
        }
    }
}
