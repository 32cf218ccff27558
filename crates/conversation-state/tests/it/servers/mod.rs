//! Real servers, and a proxy in front of them.

pub(crate) mod database;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod tcp;

use std::path::Path;
use std::process::Command;

/// The environment variable that disables tests with servers.
pub(crate) const NO_SERVICES: &str = "MEDIA_NO_SERVICES";

/// Installs a server that is missing.
pub(crate) fn install(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = root.join("scripts/install-servers.sh");
    let installed = Command::new(script).arg(name).output().unwrap();
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(installed.status.success(), "no {name}: {said}");
}

/// Whether [`NO_SERVICES`] is set, and neither empty nor 0.
pub(crate) fn without_services() -> bool {
    std::env::var_os(NO_SERVICES).is_some_and(|value| !value.is_empty() && value != "0")
}
