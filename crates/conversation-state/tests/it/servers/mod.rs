//! Real servers, and a proxy in front of them.

pub(crate) mod database;
pub(crate) mod postgres;
pub(crate) mod tcp;

/// The environment variable that disables tests with servers.
pub(crate) const NO_SERVICES: &str = "MEDIA_NO_SERVICES";

/// Whether [`NO_SERVICES`] is set, and neither empty nor 0.
pub(crate) fn without_services() -> bool {
    std::env::var_os(NO_SERVICES).is_some_and(|value| !value.is_empty() && value != "0")
}
