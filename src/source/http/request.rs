//! A request. Its credentials are in a header or in the body, and neither is ever shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::secret::Secret;
use crate::source::Error;

/// The header `Authorization`, where the vendor wants one.
#[derive(Clone)]
pub(in crate::source) struct Authorization(Option<HeaderValue>);

impl Authorization {
    /// Basic authentication.
    pub(in crate::source) fn basic(username: &str, password: &Secret) -> Result<Self, Error> {
        let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
        Self::header(&format!("Basic {pair}"))
    }

    /// A key under a vendor's own scheme, such as `App`.
    pub(in crate::source) fn key(scheme: &'static str, key: &Secret) -> Result<Self, Error> {
        Self::header(&format!("{scheme} {}", key.expose()))
    }

    /// No header: the credentials are in the body.
    pub(in crate::source) const fn in_body() -> Self {
        Self(None)
    }

    fn header(text: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::try_from(text).map_err(|_| {
            Error::Client(String::from("the credentials cannot be sent as a header"))
        })?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Authorization(…)" } else { "Authorization" })
    }
}

/// A body of JSON that may hold secrets.
#[derive(Clone)]
pub(in crate::source) struct JsonBody(Vec<u8>);

impl JsonBody {
    pub(in crate::source) fn of(value: &impl Serialize) -> Result<Self, Error> {
        // The error would quote the value.
        serde_json::to_vec(value)
            .map(Self)
            .map_err(|_| Error::Client(String::from("the request cannot be serialized")))
    }
}

impl fmt::Debug for JsonBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JsonBody(…)")
    }
}

/// One request, which may be sent several times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) url: &'a Url,
    /// GET without a body, POST with one.
    pub(super) body: Option<&'a JsonBody>,
}

impl Request<'_> {
    pub(super) fn build(
        self,
        http: &reqwest::Client,
        authorization: &Authorization,
    ) -> reqwest::RequestBuilder {
        let request = match self.body {
            None => http.get(self.url.clone()),
            Some(JsonBody(bytes)) => http
                .post(self.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(bytes.clone()),
        };
        match &authorization.0 {
            None => request,
            Some(value) => request.header(AUTHORIZATION, value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_printed() {
        let secret = Secret::new("hunter2");
        let body = JsonBody::of(&serde_json::json!({"token": "hunter2"})).unwrap();
        let url = Url::parse("https://acme.example.com/").unwrap();
        for shown in [
            format!("{:?}", Authorization::basic("acme", &secret).unwrap()),
            format!("{:?}", Authorization::key("App", &secret).unwrap()),
            format!("{:?}", Request { url: &url, body: Some(&body) }),
        ] {
            assert!(shown.contains("(…)"), "{shown}");
            assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
        }
    }

    #[test]
    fn credentials_that_are_no_header_are_refused_without_being_shown() {
        let error = Authorization::key("App", &Secret::new("hunter\n2")).unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}
