//! Measurements of the workspace against its peers.
