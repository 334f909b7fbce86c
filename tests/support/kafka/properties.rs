//! The configuration of a test broker: one node that is broker and controller, replication factors
//! of 1, no automatic creation of topics.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// The ports of a broker on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// For the clients under test, possibly through a proxy.
    pub(crate) client: u16,
    /// For the tests themselves, without a proxy.
    pub(crate) direct: u16,
    /// For connections of the broker to itself.
    pub(crate) internal: u16,
    /// For the controller.
    pub(crate) controller: u16,
}

impl Ports {
    /// Four ports that are free now. Another process may take one before the broker does.
    pub(crate) fn free() -> std::io::Result<Self> {
        // All are held until all are known, so that all are different.
        let held = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let mut ports = [0; 4];
        for (port, listener) in ports.iter_mut().zip(held) {
            *port = listener?.local_addr()?.port();
        }
        let [client, direct, internal, controller] = ports;
        Ok(Self { client, direct, internal, controller })
    }
}

/// The broker's properties. `listen` are the ports that it binds, the advertised ones those of the
/// two outer listeners as clients see them.
pub(crate) fn properties(
    host: &str,
    listen: Ports,
    advertised_client: u16,
    advertised_direct: u16,
) -> Vec<(&'static str, String)> {
    let Ports { client, direct, internal, controller } = listen;
    vec![
        ("process.roles", "broker,controller".into()),
        ("node.id", "1".into()),
        ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
        ("controller.listener.names", "CONTROLLER".into()),
        ("inter.broker.listener.name", "INTERNAL".into()),
        (
            "listener.security.protocol.map",
            "CLIENT:PLAINTEXT,DIRECT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT".into(),
        ),
        (
            "listeners",
            format!(
                "CLIENT://{host}:{client},DIRECT://{host}:{direct},\
                 INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}"
            ),
        ),
        (
            "advertised.listeners",
            format!(
                "CLIENT://127.0.0.1:{advertised_client},DIRECT://127.0.0.1:{advertised_direct},\
                 INTERNAL://127.0.0.1:{internal}"
            ),
        ),
        ("auto.create.topics.enable", "false".into()),
        ("default.replication.factor", "1".into()),
        ("offsets.topic.replication.factor", "1".into()),
        ("offsets.topic.num.partitions", "3".into()),
        ("transaction.state.log.replication.factor", "1".into()),
        ("transaction.state.log.min.isr", "1".into()),
        ("transaction.state.log.num.partitions", "3".into()),
        ("share.coordinator.state.topic.replication.factor", "1".into()),
        ("share.coordinator.state.topic.min.isr", "1".into()),
        ("group.initial.rebalance.delay.ms", "0".into()),
    ]
}

/// The security of a broker's client listener: TLS, a SASL user, and ACLs.
#[derive(Debug)]
pub(crate) struct Guarding {
    /// The server's key and certificates, as PEM.
    pub(crate) key_store: String,
    /// The user.
    pub(crate) username: &'static str,
    /// The user's password.
    pub(crate) password: &'static str,
}

impl Guarding {
    /// The SCRAM credentials, as the broker's storage is formatted with.
    pub(crate) fn user(&self) -> String {
        format!("SCRAM-SHA-512=[name={},password={}]", self.username, self.password)
    }

    /// The properties that differ. Clients of the other listeners are anonymous, and may do
    /// everything.
    pub(crate) fn properties(key_store: &Path) -> Vec<(&'static str, String)> {
        vec![
            (
                "listener.security.protocol.map",
                "CLIENT:SASL_SSL,DIRECT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT".into(),
            ),
            ("listener.name.client.sasl.enabled.mechanisms", "SCRAM-SHA-512".into()),
            (
                "listener.name.client.scram-sha-512.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required;".into(),
            ),
            ("ssl.keystore.type", "PEM".into()),
            ("ssl.keystore.location", key_store.display().to_string()),
            (
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer".into(),
            ),
            ("super.users", "User:ANONYMOUS".into()),
        ]
    }
}
