//! A page of agents before it is sent.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::simulate::truth::AgentView;

/// A row, and what it shows.
pub(super) struct SimulatedRow {
    pub(super) id: String,
    pub(super) value: Value,
    pub(super) view: AgentView,
    /// Whether it is about another person who has the agent's id.
    pub(super) of_other_person: bool,
}

/// The rows of a page, and the JSON around them.
pub(super) struct SimulatedPage {
    pub(super) rows: Vec<SimulatedRow>,
    /// Whether a poll begins with this page.
    pub(super) first: bool,
    pub(super) envelope: Box<dyn FnOnce(Vec<Value>) -> Value>,
}

/// An answer in JSON with this status.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json;charset=UTF-8")], body.to_string()).into_response()
}
