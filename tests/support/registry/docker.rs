//! Apicurio's image, where a Docker engine answers.

use testcontainers::core::{ContainerPort, ImageExt};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};

use crate::support::guard::Guard;
use crate::support::kafka::docker;

const IMAGE: &str = "apicurio/apicurio-registry";
/// The same as in `tests/registry/pom.xml`.
const TAG: &str = "3.3.3";
const INSIDE: u16 = 8080;

/// A registry in a container.
#[derive(Debug)]
pub(crate) struct Container {
    _running: ContainerAsync<GenericImage>,
    /// Dropping a container is no help when this process is killed, and a static is never dropped.
    _guard: Guard,
}

impl Container {
    /// Starts it. It does not answer yet.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn start(port: u16) -> Result<Self, String> {
        let request = GenericImage::new(IMAGE, TAG)
            .with_mapped_port(port, ContainerPort::Tcp(INSIDE))
            .with_env_var("APICURIO_STORAGE_KIND", "sql")
            .with_env_var("APICURIO_STORAGE_SQL_KIND", "h2")
            .with_env_var("APICURIO_RULES_GLOBAL_COMPATIBILITY", "BACKWARD");
        let running = docker::wait_for(async { request.start().await });
        let running = running.map_err(|error| error.to_string())?;
        let guard = Guard::new("docker rm -f -v \"$1\"", &[running.id()]);
        Ok(Self { _running: running, _guard: guard })
    }
}
