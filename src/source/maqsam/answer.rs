//! The envelope around the rows, and the vendor's own errors.
//!
//! `message` is the list of agents or the text of an error. `error`, `result` and its own type tell
//! which; the status code may be that of a success either way. The words that an error is shown with
//! are ours: the vendor's are only looked at.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::source::rows::{parts, split};
use crate::source::{Error, Refusal};

/// What stands in an answer. The parts are looked at one by one: one that is something else than
/// documented does not hide the others.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// The text of the list of agents.
pub(super) fn list(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let envelope: Envelope = parts(body)?;
    let message = envelope.message.ok_or("it has no message")?.get();
    match message.as_bytes().first() {
        Some(b'[') => Ok(Cow::Borrowed(message)),
        // The document shows a text where the list stands: one that holds the list is as good.
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

/// The longest text of an error that is looked at.
const LONGEST_WORDS: usize = 4 << 10;

fn words(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw.filter(|raw| raw.get().len() <= LONGEST_WORDS)?;
    serde_json::from_str(raw.get()).ok()
}

/// Whether a mark says yes, in any of the forms of yes.
fn says_yes(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| matches!(raw.get(), "true" | "1" | "\"true\"" | "\"1\""))
}

/// The error in an answer's body; `None` where there is none.
pub(super) fn find_error(status: u16, body: &[u8]) -> Option<Error> {
    let envelope: Envelope = parts(body).ok()?;
    let result = words(envelope.result);
    let failed = result.is_some_and(|result| !result.eq_ignore_ascii_case("success"));
    if !says_yes(envelope.error) && !failed {
        return None;
    }
    let message = words(envelope.message).unwrap_or_default().to_ascii_lowercase();
    let known = |meaning| Refusal::known(status, meaning);
    if message.contains("unauthorized") || message.contains("forbidden") {
        return Some(Error::Unauthorized(known("an error that speaks of the credentials")));
    }
    if message.contains("internal server error") {
        return Some(Error::ServerError(known("it says that the fault is its own")));
    }
    if message.contains("too many requests") {
        return Some(Error::RateLimited);
    }
    // With the status code of a success, an error that nobody knows is one all the same; otherwise
    // the status code says more.
    let is_success = (200..300).contains(&status);
    is_success.then(|| Error::Refused(known("an error in place of the agents")))
}
