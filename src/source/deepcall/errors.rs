//! The vendor's own errors (vendor's document, "Error Codes" and "Error Response Examples"). They
//! are in the body, with a status code that is not documented: the code in the body decides.
//!
//! The words are ours. The vendor's text is not read.

use super::envelope::Envelope;
use crate::source::{Error, Refusal};

/// The error in an answer's body; `None` where it says success, or nothing that is known.
pub(super) fn find_error(http_status: u16, body: &[u8]) -> Option<Error> {
    let envelope = Envelope::of(body)?;
    if let Some(error) = envelope.code().and_then(|code| by_code(http_status, code)) {
        return Some(error);
    }
    // An unknown code falls back to the HTTP status code, unless that is a success.
    let is_error = envelope.says_error() && http_status < 300;
    let unknown = "an error that its document does not list";
    is_error.then(|| Error::Refused(Refusal::known(http_status, unknown)))
}

/// What a code means: it needs an operator, it may pass, or the request was wrong.
fn by_code(http_status: u16, code: u64) -> Option<Error> {
    let known = |meaning| Refusal::known(http_status, meaning);
    Some(match code {
        1014 => Error::Unauthorized(known("1014: the session or the token is not valid")),
        1015 => Error::Unauthorized(known("1015: the user may not list agents")),
        1501 => Error::ServerError(known("1501: it is still busy with an earlier request")),
        _ => Error::Refused(known(refused(code)?)),
    })
}

/// The other codes. Most are answers to changes, which are never requested.
const fn refused(code: u64) -> Option<&'static str> {
    Some(match code {
        1006 => "1006: there is no such group",
        1502 => "1502: a filter has a value that it does not take",
        1503 => "1503: there is no such role",
        1504 => "1504: the agent above is not valid",
        1505 => "1505: the groups are not valid",
        1506 => "1506: an agent cannot be above itself",
        1507 => "1507: the agent's id is not valid",
        1508 => "1508: there is no such status",
        1509 => "1509: the agent's id is not valid",
        1510 => "1510: the destination is not valid",
        1511 => "1511: the working hours have the wrong form",
        1512 => "1512: the e-mail address is taken",
        1513 => "1513: the type is not valid",
        1514 => "1514: the mobile number is not valid",
        1515 => "1515: the name is not valid",
        1516 => "1516: the number to call from is not valid",
        1517 => "1517: the user may ask about itself alone",
        1518 => "1518: nothing could be changed",
        1519 => "1519: the code for calls has the wrong form",
        1520 => "1520: one field at a time may be changed",
        1521 => "1521: the request has fields that it does not take",
        1522 => "1522: nothing could be added",
        1523 => "1523: the agent is there already",
        1524 => "1524: there is no such action",
        1525 => "1525: the other agent's id is not valid",
        1526 => "1526: the id is not valid",
        1527 => "1527: the type is not valid",
        1528 => "1528: the favourites are not valid",
        1529 => "1529: the domain is not valid",
        1530 => "1530: the agent's hours are not valid",
        _ => return None,
    })
}
