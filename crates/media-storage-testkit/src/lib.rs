//! media-storage-testkit
