//! media-loader
