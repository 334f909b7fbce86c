//! The envelope of the rows, and the vendor's own errors.
//!
//! `message` is the list of agents or the text of an error. `error`, `result` and its own type
//! decide which; the status code may be that of a success either way. Errors are shown with our
//! words; the vendor's text is only compared.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::source::rows::{parts, split};
use crate::source::{Error, Refusal};

/// The fields of an answer. Each is decoded on its own: one that is not as documented does not hide
/// the others.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// The JSON of the list of agents.
pub(super) fn list(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let envelope: Envelope = parts(body)?;
    let message = envelope.message.ok_or("it has no message")?.get();
    match message.as_bytes().first() {
        Some(b'[') => Ok(Cow::Borrowed(message)),
        // The document shows a string in place of the list: one that contains the list is accepted.
        Some(b'"') => serde_json::from_str::<String>(message)
            .ok()
            .filter(|text| text.trim_start().starts_with('['))
            .map(Cow::Owned)
            .ok_or("its message is a text and no list of agents"),
        _ => Err("its message is no list of agents"),
    }
}

/// The rows of a list.
pub(super) fn rows(list: &str) -> Result<Vec<&RawValue>, &'static str> {
    split(list.as_bytes())
}

/// The longest text of an error that is read.
const LONGEST_TEXT: usize = 4 << 10;

fn text(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw.filter(|raw| raw.get().len() <= LONGEST_TEXT)?;
    serde_json::from_str(raw.get()).ok()
}

/// Whether a flag is set, in any of its formats.
fn is_set(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| matches!(raw.get(), "true" | "1" | "\"true\"" | "\"1\""))
}

/// The error in an answer's body; `None` where there is none.
pub(super) fn find_error(status: u16, body: &[u8]) -> Option<Error> {
    let envelope: Envelope = parts(body).ok()?;
    let result = text(envelope.result);
    let failed = result.is_some_and(|result| !result.eq_ignore_ascii_case("success"));
    if !is_set(envelope.error) && !failed {
        return None;
    }
    let message = text(envelope.message).unwrap_or_default().to_ascii_lowercase();
    let known = |meaning| Refusal::known(status, meaning);
    if message.contains("unauthorized") || message.contains("forbidden") {
        return Some(Error::Unauthorized(known("an error about the credentials")));
    }
    if message.contains("internal server error") {
        return Some(Error::ServerError(known("an internal error")));
    }
    if message.contains("too many requests") {
        return Some(Error::RateLimited);
    }
    // An unknown error counts only with the status code of a success; otherwise the status code
    // says more.
    let is_success = (200..300).contains(&status);
    is_success.then(|| Error::Refused(known("an error in place of the agents")))
}
