//! media-storage
