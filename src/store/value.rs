//! The form of a stored value: format version, model version, privacy fingerprint, JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;

/// The version of a value's form, also on the state topic.
pub(super) const VALUE_VERSION: u8 = 1;

/// Format version (1 byte), model version (4 bytes), privacy fingerprint (8 bytes).
const HEADER: usize = 13;

/// A stored value, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// The model version it was written under.
    pub model_version: u32,
    /// The fingerprint of the privacy settings it was written under.
    pub privacy: u64,
}

pub(super) fn encode<T: Serialize>(
    value: &T,
    model_version: u32,
    privacy: u64,
) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VALUE_VERSION);
    bytes.extend_from_slice(&model_version.to_be_bytes());
    bytes.extend_from_slice(&privacy.to_be_bytes());
    serde_json::to_writer(&mut bytes, value).map_err(|_| Error::Encode)?;
    Ok(bytes)
}

/// The model version under which a value was written.
pub(super) fn model_version(bytes: &[u8]) -> Option<u32> {
    let (header, _) = bytes.split_at_checked(HEADER)?;
    (header[0] == VALUE_VERSION).then_some(())?;
    Some(u32::from_be_bytes(header[1..5].try_into().ok()?))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<Stored<T>> {
    let (header, json) = bytes.split_at_checked(HEADER)?;
    (header[0] == VALUE_VERSION).then_some(())?;
    let model_version = u32::from_be_bytes(header[1..5].try_into().ok()?);
    let privacy = u64::from_be_bytes(header[5..13].try_into().ok()?);
    let value = serde_json::from_slice(json).ok()?;
    Some(Stored { value, model_version, privacy })
}
