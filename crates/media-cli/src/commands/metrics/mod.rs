//! `media metrics`: metrics of a store for Prometheus.

mod command;
mod exposition;
mod server;

pub(crate) use command::{MetricsArguments, run};
