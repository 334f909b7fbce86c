//! The HTTP server: one address for all systems, each with its own credentials, rate limit, faults
//! and log of requests.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{DATE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::contact_centre::World;
use super::directory::Directory;
use super::fault_injector::{AnswerFaults, FaultInjector, Faults, RequestOutcome, lock};
use super::request::VendorRequest;
use super::settings::WorldSettings;
use super::system::System;
use super::truth::Truth;
use crate::clock::Clock;
use crate::model::Timestamp;

/// How long the simulation has run when the first request can come.
const WARM_UP_MILLIS: i64 = 60_000;
/// The largest body of a request, in bytes; a larger one counts as empty.
const LARGEST_BODY: usize = 64 << 10;

/// Why the simulator cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the simulator cannot listen on {address}: {source}")]
pub struct SimulatorError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    username: String,
    contact_centre: SimulatedAccount<World>,
    directories: Vec<SimulatedAccount<Directory>>,
}

/// A simulated system, and the account that may use it.
#[derive(Debug)]
struct SimulatedAccount<T> {
    system: System,
    secret: String,
    fault_injector: FaultInjector,
    simulation: Mutex<T>,
}

impl Simulator {
    /// Starts a contact centre and the directories beside it, and serves them on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(
        settings: WorldSettings,
        listen: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SimulatorError> {
        let bound = async {
            let listener = TcpListener::bind(listen).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) =
            bound.await.map_err(|source| SimulatorError { address: listen, source })?;
        let now = clock.now();
        let opened = now.plus_millis(-WARM_UP_MILLIS);
        let directories = System::DIRECTORIES.map(|system| {
            let mut directory = Directory::new(system, &settings, opened);
            directory.advance(now);
            let limit = settings.directories.requests_per_second;
            SimulatedAccount {
                system,
                secret: system.secret(&settings),
                fault_injector: FaultInjector::new(limit, settings.seed, now),
                simulation: Mutex::new(directory),
            }
        });
        let username = settings.username.clone();
        let (secret, limit, seed) =
            (System::Ccai.secret(&settings), settings.requests_per_second, settings.seed);
        let mut world = World::new(settings, opened);
        world.advance(now);
        let contact_centre = SimulatedAccount {
            system: System::Ccai,
            secret,
            fault_injector: FaultInjector::new(limit, seed, now),
            simulation: Mutex::new(world),
        };
        let shared =
            Arc::new(Shared { clock, username, contact_centre, directories: directories.into() });
        let pages = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, pages).await {
                tracing::error!(%error, "the simulator has stopped");
            }
        });
        Ok(Self { shared, address, server })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `base_url` of a configuration, for every system.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The configuration of a system: an `[[account]]` of this name, with the system's rate limit,
    /// whose secret is in this environment variable.
    #[must_use]
    pub fn account(&self, system: System, name: &str, variable: &str) -> String {
        let (url, vendor) = (self.base_url(), system.vendor());
        let credentials = system.credentials(&self.shared.username, variable);
        format!(
            "[[account]]\nname = \"{name}\"\nvendor = \"{vendor}\"\nbase_url = \"{url}\"\n\
             {credentials}requests_per_second = {:?}\n",
            self.shared.fault_injector(system).limit(),
        )
    }

    /// The secret of the account of this system.
    #[must_use]
    pub fn secret(&self, system: System) -> &str {
        let directory = self.shared.directories.iter().find(|account| account.system == system);
        directory.map_or(&self.shared.contact_centre.secret, |account| &account.secret)
    }

    /// Sets the faults of every system from now on.
    pub fn set_faults(&self, faults: Faults) {
        for system in System::ALL {
            self.set_faults_of(system, faults);
        }
    }

    /// Sets the faults of one system from now on.
    pub fn set_faults_of(&self, system: System, faults: Faults) {
        self.shared.fault_injector(system).set_faults(faults);
    }

    /// Nothing happens from now on; what was written still becomes visible, and is still served.
    pub fn stop_world(&self) {
        let now = self.shared.clock.now();
        let mut world = lock(&self.shared.contact_centre.simulation);
        world.advance(now);
        world.stop();
        for account in &self.shared.directories {
            let mut directory = lock(&account.simulation);
            directory.advance(now);
            directory.stop();
        }
    }

    /// Marks as uncertain what was served since this time: the bridge that was answered may have
    /// died before it stored the answer, and what the vendor does not record need not be published.
    pub fn mark_uncertain_since(&self, since: Timestamp) {
        lock(&self.shared.contact_centre.simulation).mark_uncertain_since(since);
        for account in &self.shared.directories {
            lock(&account.simulation).mark_uncertain_since(since);
        }
    }

    /// The present truth.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let now = self.shared.clock.now();
        let mut world = lock(&self.shared.contact_centre.simulation);
        world.advance(now);
        let mut truth = world.truth();
        for account in &self.shared.directories {
            let mut directory = lock(&account.simulation);
            directory.advance(now);
            truth.directories.insert(account.system, directory.truth());
        }
        truth
    }

    /// When each request came, by our clock, and its path; of all systems, in order of time.
    #[must_use]
    pub fn requests(&self) -> Vec<(Timestamp, String)> {
        let mut all: Vec<_> =
            System::ALL.into_iter().flat_map(|system| self.requests_of(system)).collect();
        all.sort_by_key(|(time, _)| *time);
        all
    }

    /// When each request of one system came, by our clock, and its path.
    #[must_use]
    pub fn requests_of(&self, system: System) -> Vec<(Timestamp, String)> {
        self.shared.fault_injector(system).requests()
    }

    /// When each request came, by our clock, and the host that it was addressed to; of all systems,
    /// in order of time. Two bridges that use different names of the simulator's host are
    /// distinguished by it.
    #[must_use]
    pub fn hosts(&self) -> Vec<(Timestamp, String)> {
        let all =
            System::ALL.into_iter().flat_map(|system| self.shared.fault_injector(system).hosts());
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(time, _)| *time);
        all
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn fault_injector(&self, system: System) -> &FaultInjector {
        let directory = self.directories.iter().find(|account| account.system == system);
        directory.map_or(&self.contact_centre.fault_injector, |account| &account.fault_injector)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let request = VendorRequest { parts, body };
    let system = System::of(request.path());
    let directory = shared.directories.iter().find(|account| account.system == system);
    let (mut response, offset) = match directory {
        Some(account) => directory_answer(&shared, account, &request).await,
        None => contact_centre_answer(&shared, &request).await,
    };
    let vendor_now = shared.clock.now().plus_millis(offset);
    let date = DateTime::from_timestamp_millis(vendor_now.millis())
        .map(|date| date.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// The answer of the contact centre, and how far its clock is ahead of ours.
async fn contact_centre_answer(shared: &Shared, request: &VendorRequest) -> (Response, i64) {
    let SimulatedAccount { secret, fault_injector, simulation, .. } = &shared.contact_centre;
    let outcome = fault_injector.admit(shared.clock.now(), request.path(), request.host());
    let no_headers = fault_injector.faults().no_headers;
    let page = |faults| {
        let mut world = lock(simulation);
        world.advance(shared.clock.now());
        world.page(&request.parts.uri, no_headers, faults)
    };
    let response = match outcome {
        _ if !request.has_basic_credentials(&shared.username, secret) => {
            (StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).into_response()
        }
        RequestOutcome::Refused(StatusCode::TOO_MANY_REQUESTS) => too_many(),
        RequestOutcome::Refused(status) => {
            (status, "<h1>Something went wrong</h1>").into_response()
        }
        RequestOutcome::Garbage => "<!doctype html><h1>Maintenance</h1>".into_response(),
        RequestOutcome::Delayed(delay) => {
            tokio::time::sleep(delay).await;
            page(AnswerFaults::default())
        }
        RequestOutcome::Answer(faults) => page(faults),
    };
    (response, lock(simulation).clock_offset_millis())
}

/// The answer of a directory, and how far its clock is ahead of ours.
async fn directory_answer(
    shared: &Shared,
    account: &SimulatedAccount<Directory>,
    request: &VendorRequest,
) -> (Response, i64) {
    let SimulatedAccount { secret, fault_injector, simulation, .. } = account;
    let outcome = fault_injector.admit(shared.clock.now(), request.path(), request.host());
    let page = |faults| {
        let mut directory = lock(simulation);
        directory.advance(shared.clock.now());
        directory.page(request, faults)
    };
    let response = match outcome {
        _ if !lock(simulation).is_authorized(request, &shared.username, secret) => {
            lock(simulation).unauthorized()
        }
        RequestOutcome::Refused(StatusCode::TOO_MANY_REQUESTS) => too_many(),
        RequestOutcome::Refused(_) => lock(simulation).failure(),
        RequestOutcome::Garbage => lock(simulation).garbage(),
        RequestOutcome::Delayed(delay) => {
            tokio::time::sleep(delay).await;
            page(AnswerFaults::default())
        }
        RequestOutcome::Answer(faults) => page(faults),
    };
    (response, lock(simulation).clock_offset_millis())
}

fn too_many() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], "{}").into_response()
}
