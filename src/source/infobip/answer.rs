//! The envelope of the rows, and the vendor's own errors: two formats of them, either with any
//! status code.
//!
//! Errors are shown with our words. The vendor's text is only compared.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::source::rows::{parts, split};
use crate::source::{Error, Refusal};

/// The fields of an answer. Each is decoded on its own: one that is not as documented does not hide
/// the others.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    agents: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pagination: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "statusCode")]
    status_code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestError")]
    request_error: Option<&'a RawValue>,
}

/// One page of the list.
#[derive(Debug)]
pub(super) struct AgentPage<'a> {
    /// Its rows.
    pub(super) rows: Vec<&'a RawValue>,
    /// How many agents there are in all, where the vendor says.
    pub(super) total: Option<u64>,
}

/// The page in an answer.
pub(super) fn page(body: &[u8]) -> Result<AgentPage<'_>, &'static str> {
    let envelope: Envelope = parts(body)?;
    let agents = envelope.agents.ok_or("it has no list of agents")?;
    let rows = split(agents.get().as_bytes())?;
    Ok(AgentPage { rows, total: envelope.pagination.and_then(total_items) })
}

fn total_items(pagination: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Pagination<'a> {
        #[serde(borrow, default, rename = "totalItems")]
        total_items: Option<&'a RawValue>,
    }
    let pagination: Pagination = parts(pagination.get().as_bytes()).ok()?;
    let total = pagination.total_items?.get();
    total.trim_matches('"').parse().ok()
}

/// The longest text of an error that is read.
const LONGEST_TEXT: usize = 4 << 10;

fn text(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw.filter(|raw| raw.get().len() <= LONGEST_TEXT)?;
    serde_json::from_str(raw.get()).ok()
}

/// The error in an answer's body; `None` where there is none.
pub(super) fn find_error(status: u16, body: &[u8]) -> Option<Error> {
    let envelope: Envelope = parts(body).ok()?;
    if let Some(error) = envelope.request_error {
        let id = service_exception(error).unwrap_or_default();
        return by_message_id(status, &id).or_else(|| unknown_error(status));
    }
    let code = text(envelope.status_code)?;
    if !code.eq_ignore_ascii_case("ERROR") {
        return None;
    }
    let message = text(envelope.message).unwrap_or_default().to_ascii_lowercase();
    by_message(status, &message).or_else(|| unknown_error(status))
}

/// `requestError.serviceException.messageId`.
fn service_exception(request_error: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct RequestError<'a> {
        #[serde(borrow, default, rename = "serviceException")]
        service_exception: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct ServiceException<'a> {
        #[serde(borrow, default, rename = "messageId")]
        message_id: Option<&'a RawValue>,
    }
    let error: RequestError = parts(request_error.get().as_bytes()).ok()?;
    let exception: ServiceException = parts(error.service_exception?.get().as_bytes()).ok()?;
    text(exception.message_id)
}

/// What the newer format of an error means, by its `messageId`.
fn by_message_id(status: u16, id: &str) -> Option<Error> {
    let known = |meaning| Refusal::known(status, meaning);
    Some(match id {
        "UNAUTHORIZED" => Error::Unauthorized(known("UNAUTHORIZED: unknown credentials")),
        "FORBIDDEN" => Error::Unauthorized(known("FORBIDDEN: no right to list agents")),
        "TOO_MANY_REQUESTS" => Error::RateLimited,
        "BAD_REQUEST" => Error::Refused(known("BAD_REQUEST: a parameter is not valid")),
        "NOT_FOUND" => Error::Refused(known(
            "NOT_FOUND: there is no such list; check base_url, and that the account has agents",
        )),
        "INTERNAL_SERVER_ERROR" | "GENERAL_ERROR" | "SERVICE_UNAVAILABLE" => {
            Error::ServerError(known("an internal error"))
        }
        _ => return None,
    })
}

/// What the older format means. It has no code, so that its text decides.
fn by_message(status: u16, message: &str) -> Option<Error> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let known = |meaning| Refusal::known(status, meaning);
    if has(&["unauthorized", "unauthorised", "invalid login", "authentication", "credentials"]) {
        return Some(Error::Unauthorized(known("an error about the credentials")));
    }
    if has(&["forbidden", "denied", "not allowed"]) {
        return Some(Error::Unauthorized(known("an error about missing rights")));
    }
    if has(&["too many requests"]) {
        return Some(Error::RateLimited);
    }
    if has(&["internal", "try again", "unavailable"]) {
        return Some(Error::ServerError(known("an internal error")));
    }
    None
}

/// An unknown error counts only with a success status; otherwise the status code decides.
fn unknown_error(status: u16) -> Option<Error> {
    let is_success = (200..300).contains(&status);
    is_success.then(|| Error::Refused(Refusal::known(status, "an error in place of the agents")))
}
