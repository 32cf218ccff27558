//! Conformance to a JSON schema.

use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use crate::error::{Operation, PackError, PackErrorKind, PackLocation};
use crate::fault::Fault;
use crate::pack::PromptPack;
use crate::path::{JsonPath, PathSegment, escape_for_display};

impl PromptPack {
    /// Validates the document against `schema`, such as the one that the specification publishes
    /// for each version. References to other documents are not followed.
    ///
    /// # Errors
    /// `SchemaViolation`: the first value that does not conform, or a `schema` that is not a JSON
    /// schema.
    pub fn validate_strict(&self, schema: &Value) -> Result<(), PackError> {
        let error = |fault| {
            PackError::new(PackErrorKind::SchemaViolation, Operation::Validate, fault)
                .in_file(self.path())
        };
        let validator = jsonschema::validator_for(schema).map_err(|source| {
            error(
                Fault::new("invalid JSON schema")
                    .with_hint("Use a JSON schema of the PromptPack specification")
                    .with_source(source.to_owned()),
            )
        })?;
        validator.validate(self.json()).map_err(|violation| {
            // The text of the violation quotes the value, which may be long.
            let fault = Fault::new(escape_for_display(&violation.masked().to_string()));
            error(fault).at(PackLocation::Path(path_of(violation.instance_path())))
        })
    }
}

fn path_of(location: &Location) -> JsonPath {
    let segments = location.iter().map(|segment| match segment {
        LocationSegment::Property(name) => PathSegment::Key(name.into_owned()),
        LocationSegment::Index(index) => PathSegment::Index(index),
    });
    JsonPath::new(segments.collect())
}
