//! The answers of a directory: authentication, the vendors' errors, and pages.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::page::SimulatedPage;
use super::state::Directory;
use super::{deepcall, infobip, maqsam};
use crate::simulate::fault_injector::AnswerFaults;
use crate::simulate::request::VendorRequest;
use crate::simulate::system::System;

impl Directory {
    /// Whether a request has the account's credentials.
    pub(in crate::simulate) fn is_authorized(
        &self,
        request: &VendorRequest,
        username: &str,
        secret: &str,
    ) -> bool {
        match self.system {
            System::Infobip => {
                request.has_basic_credentials(username, secret)
                    || request.authorization() == Some(format!("App {secret}").as_bytes())
            }
            System::DeepCall => deepcall::is_authorized(&request.body, username, secret),
            _ => request.has_basic_credentials(username, secret),
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

    /// The answer to a failure inside the vendor's service.
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

    /// A page with status 200 that is not an answer: HTML, or an error in JSON.
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

    /// The answer to a request. What it shows is recorded.
    pub(in crate::simulate) fn page(
        &mut self,
        request: &VendorRequest,
        faults: AnswerFaults,
    ) -> Response {
        let wanted = if self.system == System::DeepCall { Method::POST } else { Method::GET };
        if request.parts.method != wanted {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let page = match self.system {
            System::Infobip => infobip::page(self, &request.parts.uri, faults),
            System::DeepCall => deepcall::page(self, &request.parts.uri),
            _ => maqsam::page(self, &request.parts.uri, faults),
        };
        let SimulatedPage { mut rows, first, envelope } = match page {
            Ok(page) => page,
            Err(error) => return *error,
        };
        let undecodable = faults.undecodable_row && !rows.is_empty();
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
            self.served.begin_poll(now);
        }
        if !faults.cut {
            for row in rows.iter().skip(usize::from(undecodable)) {
                if row.of_other_person {
                    self.served.record_other_person(&row.id, row.view.clone());
                } else {
                    self.served.record(&row.id, row.view.clone(), now);
                }
            }
        }
        let mut body = envelope(rows.into_iter().map(|row| row.value).collect()).to_string();
        if faults.cut {
            body.truncate(body.len() / 2);
        }
        ([(CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response()
    }
}
