//! media-store-fs
