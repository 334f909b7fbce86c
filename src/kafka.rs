//! librdkafka behind one module: how its clients are configured, the one context they report to, and
//! the one table of what its errors mean.

mod context;
mod problem;
mod settings;

pub use context::BrokerConnection;
pub(crate) use context::{DeliveryReport, KafkaContext, MessageKind};
pub(crate) use problem::{ErrorClass, explain, explain_error, refused_property};
pub use problem::{KafkaProblem, RefusedProperty, Remedy};
pub use settings::KafkaSettings;
