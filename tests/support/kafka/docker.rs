//! A broker from Apache's image, by a Docker engine.

use std::future::Future;
use std::sync::LazyLock;

use testcontainers::core::{ContainerPort, ImageExt};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};
use tokio::runtime::Runtime;

use super::properties::{Ports, properties};
use crate::support::guard::Guard;

const IMAGE: &str = "apache/kafka";
/// The same as in `tests/kafka/pom.xml`.
const TAG: &str = "4.1.2";

/// The ports inside the container.
const INSIDE: Ports = Ports { client: 9092, direct: 9093, internal: 9094, controller: 9095 };

/// Whether a Docker engine answers.
pub(crate) fn answers() -> bool {
    wait_for(async {
        let response = testcontainers::bollard::Docker::connect_with_defaults();
        match response {
            Ok(engine) => engine.ping().await.is_ok(),
            Err(_) => false,
        }
    })
}

/// A broker in a container.
#[derive(Debug)]
pub(crate) struct Container {
    running: Option<ContainerAsync<GenericImage>>,
    guard: Option<Guard>,
    ports: Ports,
}

impl Container {
    /// Starts it. It does not answer yet.
    ///
    /// # Errors
    /// The error of the engine.
    pub(crate) fn start_new(ports: Ports, advertised: u16) -> Result<Self, String> {
        // Fixed ports: those that the engine chooses change with every start.
        let mut request = GenericImage::new(IMAGE, TAG)
            .with_mapped_port(ports.client, ContainerPort::Tcp(INSIDE.client))
            .with_mapped_port(ports.direct, ContainerPort::Tcp(INSIDE.direct));
        for (name, value) in properties("0.0.0.0", INSIDE, advertised, ports.direct) {
            // The image's rule for the names of variables.
            let variable = format!("KAFKA_{}", name.to_uppercase().replace('.', "_"));
            request = request.with_env_var(variable, value);
        }
        let container =
            wait_for(async { request.start().await }).map_err(|error| error.to_string())?;
        // A container is not dropped when this process is killed.
        let guard = Guard::new("docker rm -f -v \"$1\"", &[container.id()]);
        Ok(Self { running: Some(container), guard: Some(guard), ports })
    }

    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    pub(crate) fn stop(&mut self) {
        let container = self.running.as_ref().expect("it exists until it is dropped");
        wait_for(async { container.stop().await }).expect("the engine stops it");
    }

    pub(crate) fn kill(&mut self) {
        let container = self.running.as_ref().expect("it exists until it is dropped");
        wait_for(async { container.stop_with_timeout(Some(0)).await })
            .expect("the engine kills it");
    }

    pub(crate) fn start(&mut self) {
        let container = self.running.as_ref().expect("it exists until it is dropped");
        wait_for(async { container.start().await }).expect("the engine starts it");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let Some(container) = self.running.take() else { return };
        let removed = wait_for(async { container.rm().await });
        if let (Ok(()), Some(guard)) = (removed, self.guard.take()) {
            guard.release();
        }
    }
}

/// Runs a future on the runtime that keeps the connections to the engine, from a separate thread:
/// the test may already be inside a runtime.
pub(crate) fn wait_for<T: Send>(future: impl Future<Output = T> + Send) -> T {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Runtime::new().expect("a runtime can be made"));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| RUNTIME.block_on(future));
        thread.join().expect("no panic while talking to Docker")
    })
}
