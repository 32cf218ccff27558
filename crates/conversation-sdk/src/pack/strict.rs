//! Conformance to a JSON schema, for those who want more than what the rest of the module needs.

use serde_json::Value;

use super::error::{PackError, PackErrorKind, PackLocation, shown};
use super::prompt_pack::PromptPack;

impl PromptPack {
    /// Checks the document against `schema`, such as the one the specification publishes for a version. References to
    /// other documents are not followed.
    ///
    /// # Errors
    /// `Schema`: the first place that does not conform, or a `schema` that is none.
    pub fn validate_strict(&self, schema: &Value) -> Result<(), PackError> {
        let validator = jsonschema::validator_for(schema).map_err(|error| {
            PackError::new(PackErrorKind::Schema, "the schema cannot be used")
                .with_hint("Use a JSON schema of the PromptPack specification")
                .with_source(error.to_owned())
        })?;
        validator.validate(self.json()).map_err(|error| {
            let pointer = error.instance_path().to_string();
            // The complaint quotes the value that does not conform, which may be long.
            let message = format!(
                "the pack does not conform to the schema: {}",
                shown(&error.masked().to_string())
            );
            PackError::new(PackErrorKind::Schema, message)
                .at(PackLocation::Pointer(pointer))
                .in_file(self.path())
        })
    }
}
