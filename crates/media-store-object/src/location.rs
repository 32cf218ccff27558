//! Where a bucket is, as a URL says it.
