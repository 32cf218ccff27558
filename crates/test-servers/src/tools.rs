//! Finding and installing third-party servers.
//!
//! Their versions are pinned in `versions.env`. They are installed in `$MEDIA_TOOLS_DIR`, by default
//! `~/.cache/conversation-media/servers`, by `scripts/install-servers.sh` when first needed.
//!
//! With [`NO_SERVICES`], tests that need a third-party server print that they were not run and pass;
//! otherwise they fail if the server cannot be installed.

use std::env;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::ServerError;

/// The environment variable that disables tests with third-party servers.
pub const NO_SERVICES: &str = "MEDIA_NO_SERVICES";

const VERSIONS: &str = include_str!("../versions.env");

/// Whether [`NO_SERVICES`] is set, and neither empty nor 0.
#[must_use]
pub fn without_services() -> bool {
    env::var_os(NO_SERVICES).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Returns the Python that has moto, installing both if they are missing.
///
/// # Errors
/// The command is missing and cannot be installed.
pub async fn python_with_moto() -> Result<PathBuf, ServerError> {
    let dir = directory().join(format!("moto-{}", version("MOTO_VERSION")));
    if !dir.join("complete").exists() {
        install("moto").await?;
    }
    Ok(dir.join("bin/python3"))
}

/// Returns the main file of Azurite's blob service, to be run by `node`, installing it if it is
/// missing.
///
/// # Errors
/// The file is missing and cannot be installed.
pub async fn azurite_blob() -> Result<PathBuf, ServerError> {
    let dir = directory().join(format!("azurite-{}", version("AZURITE_VERSION")));
    let main = dir.join("node_modules/azurite/dist/src/blob/main.js");
    if !main.exists() {
        install("azurite").await?;
    }
    Ok(main)
}

/// Creates a file for the output of one server.
pub(crate) fn log_file(name: &str) -> std::io::Result<PathBuf> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let dir = env::temp_dir().join("conversation-media-servers");
    std::fs::create_dir_all(&dir)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(dir.join(format!("{name}-{}-{number}.log", std::process::id())))
}

async fn install(name: &'static str) -> Result<(), ServerError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/install-servers.sh");
    let output = Command::new(script).arg(name).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ServerError::NotInstalled {
        name,
        output: said.trim().chars().take(2000).collect(),
    })
}

/// Must match scripts/install-servers.sh.
fn directory() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = set("MEDIA_TOOLS_DIR") {
        return dir.into();
    }
    let cache = set("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(set("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    cache.join("conversation-media/servers")
}

fn version(name: &str) -> &'static str {
    VERSIONS
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_default()
}
