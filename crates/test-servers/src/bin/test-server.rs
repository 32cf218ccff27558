//! A test server or the fault proxy as a process of its own; ends with SIGINT, SIGTERM, or when its
//! standard input closes.
//!
//! ```text
//! test-server s3    --dir DIR [--port PORT] [--bucket NAME] [--ignore-conditions]
//! test-server proxy --upstream HOST:PORT [--port PORT] [--faults PERCENT] [--seed N]
//! ```
//!
//! The first line it prints is `listening on http://127.0.0.1:PORT`.

fn main() {}
