//! The answers of a directory: who is let in, the vendors' errors, and pages.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Directory, Sight, deepcall, infobip, maqsam};
use crate::simulate::fault_injector::Flaws;
use crate::simulate::simulator::Asked;
use crate::simulate::system::System;

/// A row and what it shows.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) value: Value,
    pub(super) sight: Sight,
    /// Whether it is about somebody who has another's id.
    pub(super) of_somebody_else: bool,
}

/// A page: its rows, whether a reading begins with it, and what is put around the rows.
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) first: bool,
    pub(super) envelope: Box<dyn FnOnce(Vec<Value>) -> Value>,
}

/// An answer in JSON with this status.
pub(super) fn told(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json;charset=UTF-8")], body.to_string()).into_response()
}

impl Directory {
    /// Whether a request names the account's credentials.
    pub(in crate::simulate) fn lets_in(&self, asked: &Asked, username: &str, secret: &str) -> bool {
        match self.system {
            System::Infobip => {
                asked.is_from(username, secret)
                    || asked.authorization() == Some(format!("App {secret}").as_bytes())
            }
            System::DeepCall => deepcall::lets_in(&asked.body, username, secret),
            _ => asked.is_from(username, secret),
        }
    }

    /// The answer to wrong credentials.
    pub(in crate::simulate) fn unauthorized(&mut self) -> Response {
        match self.system {
            System::Infobip => infobip::unauthorized(),
            System::DeepCall => deepcall::error(1014, "Invalid token"),
            _ => maqsam::error(StatusCode::UNAUTHORIZED, "Unauthorized"),
        }
    }

    /// The answer when something goes wrong behind the vendor's door.
    pub(in crate::simulate) fn failure(&mut self) -> Response {
        self.turn += 1;
        match self.system {
            System::Infobip => {
                infobip::failure(StatusCode::INTERNAL_SERVER_ERROR, self.turn.is_multiple_of(2))
            }
            System::DeepCall => deepcall::error(1501, "Data already in processing"),
            _ => maqsam::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        }
    }

    /// A page with status 200 that is no answer: HTML, or an error in JSON.
    pub(in crate::simulate) fn garbage(&mut self) -> Response {
        self.turn += 1;
        match self.system {
            _ if self.turn.is_multiple_of(2) => {
                "<!doctype html><h1>Maintenance</h1>".into_response()
            }
            System::Infobip => infobip::failure(StatusCode::OK, self.turn.is_multiple_of(4)),
            System::DeepCall => "null".into_response(),
            _ => maqsam::error(StatusCode::OK, "Internal Server Error"),
        }
    }

    /// The answer to a question.
    pub(in crate::simulate) fn page(&mut self, asked: &Asked, flaws: Flaws) -> Response {
        let wanted = if self.system == System::DeepCall { Method::POST } else { Method::GET };
        if asked.parts.method != wanted {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let page = match self.system {
            System::Infobip => infobip::page(self, &asked.parts.uri, flaws),
            System::DeepCall => deepcall::page(self, &asked.parts.uri),
            _ => maqsam::page(self, &asked.parts.uri, flaws),
        };
        let Page { mut rows, first, envelope } = match page {
            Ok(page) => page,
            Err(error) => return *error,
        };
        let undecodable = flaws.undecodable_row && !rows.is_empty();
        if undecodable {
            let broken = &mut rows[0].value;
            for name in ["displayName", "name", "nm"] {
                if broken.get(name).is_some() {
                    broken[name] = json!({"the name": 1});
                }
            }
        }
        let now = self.now;
        if first {
            self.ledger.begin_reading(now);
        }
        if !flaws.cut {
            for row in rows.iter().skip(usize::from(undecodable)) {
                if row.of_somebody_else {
                    self.ledger.saw_somebody_else(&row.id, row.sight.clone());
                } else {
                    self.ledger.saw(&row.id, row.sight.clone(), now);
                }
            }
        }
        let mut body = envelope(rows.into_iter().map(|row| row.value).collect()).to_string();
        if flaws.cut {
            body.truncate(body.len() / 2);
        }
        ([(CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response()
    }
}
