//! A request to a simulated vendor.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;

use crate::model::Timestamp;

/// A request with its whole body.
pub(super) struct VendorRequest {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl VendorRequest {
    /// Whether it has this user name and password, by basic authentication.
    pub(super) fn has_basic_credentials(&self, username: &str, password: &str) -> bool {
        let pair = STANDARD.encode(format!("{username}:{password}"));
        self.authorization() == Some(format!("Basic {pair}").as_bytes())
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The host that it is addressed to; empty without a `Host` header.
    pub(super) fn host(&self) -> &str {
        let host = self.parts.headers.get(HOST);
        host.and_then(|host| host.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn authorization(&self) -> Option<&[u8]> {
        self.parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes)
    }
}

/// The parameters of a query.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let text = uri.query().unwrap_or_default();
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        let time = DateTime::parse_from_rfc3339(self.get(name)?).ok()?;
        Timestamp::from_utc(time.into())
    }
}
