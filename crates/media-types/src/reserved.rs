//! Names of JSON fields that are not attributes.

/// The fields for type and source. Every other field is an attribute.
pub(crate) const RESERVED: &[&str] = &[
    "type",
    "mime_type",
    "data",
    "storage_reference",
    "file_path",
    "url",
    "provider_file",
];
