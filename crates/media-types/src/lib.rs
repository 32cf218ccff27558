//! media-types
