//! Conformance to a JSON schema.

use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use crate::error::{Operation, PackError, PackErrorKind, PackLocation};
use crate::pack::PromptPack;
use crate::path::{JsonPath, escape_for_display};

impl PromptPack {
    /// Validates the document against `schema`, such as the one that the specification publishes
    /// for each version. References to other documents are not followed.
    ///
    /// # Errors
    /// `SchemaViolation`: the first value that does not conform, or a `schema` that is not a JSON
    /// schema.
    pub fn validate_strict(&self, schema: &Value) -> Result<(), PackError> {
        let error = |message| {
            PackError::new(PackErrorKind::SchemaViolation, Operation::Validate, message)
                .in_file(self.path())
        };
        let validator = jsonschema::validator_for(schema).map_err(|source| {
            error("invalid JSON schema".to_owned())
                .with_hint("Use a JSON schema of the PromptPack specification")
                .with_source(source.to_owned())
        })?;
        validator.validate(self.json()).map_err(|violation| {
            // The text of the violation quotes the value, which may be long.
            let message = escape_for_display(&violation.masked().to_string());
            error(message).at(PackLocation::Path(path_of(violation.instance_path())))
        })
    }
}

fn path_of(location: &Location) -> JsonPath {
    let root = JsonPath::default();
    location.iter().fold(root, |path, segment| match segment {
        LocationSegment::Property(name) => path.key(&name),
        LocationSegment::Index(index) => path.index(index),
    })
}
