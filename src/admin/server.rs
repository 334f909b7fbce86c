//! The HTTP server of the admin pages.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::health::Health;
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// Why the admin pages cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; set another address with [admin] listen")]
pub struct AdminError {
    address: SocketAddr,
    source: std::io::Error,
}

#[derive(Clone)]
struct Pages {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

/// The admin pages, bound to an address.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address is in use or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map_err(|source| AdminError { address, source })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the future is dropped.
    pub async fn serve(self, health: Arc<Health>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) {
        let state = Pages { health, metrics, clock };
        let pages = Router::new()
            .route("/", get(index))
            .route("/metrics", get(metrics_page))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/status", get(status))
            .with_state(state);
        if let Err(error) = axum::serve(self.listener, pages).await {
            tracing::error!(%error, "the admin server stopped");
        }
    }
}

async fn index() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>floorcast</title>\
         <h1>floorcast</h1><ul><li><a href=\"/status\">status</a><li><a href=\"/readyz\">ready?</a>\
         <li><a href=\"/healthz\">healthy?</a><li><a href=\"/metrics\">metrics</a></ul>",
    )
}

async fn metrics_page(State(pages): State<Pages>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], pages.metrics.render())
        .into_response()
}

async fn healthz(State(pages): State<Pages>) -> Response {
    match pages.health.healthy(pages.clock.now()) {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn readyz(State(pages): State<Pages>) -> Response {
    let reasons = pages.health.reasons();
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n"))).into_response()
    }
}

async fn status(State(pages): State<Pages>) -> Response {
    let status = pages.health.status(pages.clock.now());
    ([(CONTENT_TYPE, "application/json")], format!("{status:#}\n")).into_response()
}
