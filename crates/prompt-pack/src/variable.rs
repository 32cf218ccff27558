//! Declarations of variables.

use serde::Deserialize;
use serde_json::Value;

/// The declared type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VariableType {
    /// Text.
    String,
    /// A number, whole or not.
    Number,
    /// True or false.
    Boolean,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// A type that this crate does not know: every value is accepted.
    Other,
}

impl VariableType {
    fn from_name(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            _ => Self::Other,
        }
    }
}

/// A variable as a prompt declares it.
///
/// ```
/// use prompt_pack::Variable;
///
/// let language = Variable::new("language", "string")
///     .with_default("English")
///     .with_allowed(["English", "German"]);
/// assert!(!language.is_required());
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Variable {
    name: String,
    #[serde(rename = "type", default = "default_type")]
    type_name: String,
    #[serde(default)]
    required: bool,
    default: Option<Value>,
    description: Option<String>,
    #[serde(default, rename = "validation")]
    pub(crate) rules: Rules,
}

/// What a value has to keep to; absent rules allow everything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Rules {
    pub(crate) pattern: Option<String>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    #[serde(rename = "enum")]
    pub(crate) allowed: Option<Vec<Value>>,
}

fn default_type() -> String {
    "string".to_owned()
}

impl Variable {
    /// Creates an optional variable of the type that a pack would name: `string`, `number`,
    /// `boolean`, `object` or `array`. Values of other types are not checked.
    #[must_use]
    pub fn new(name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            required: false,
            default: None,
            description: None,
            rules: Rules::default(),
        }
    }

    /// Sets whether a value has to be given. Defaults to false.
    #[must_use]
    pub fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Sets the value that is used if none is given. The rules are not applied to it. Defaults to
    /// no text.
    #[must_use]
    pub fn with_default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into()).filter(|value| !value.is_null());
        self
    }

    /// Sets what the variable is for. Defaults to nothing.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets the regular expression that text has to match somewhere. Defaults to none.
    #[must_use]
    pub fn with_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.rules.pattern = Some(pattern.into());
        self
    }

    /// Sets the least and the largest number of characters of text. Defaults to no limits.
    #[must_use]
    pub fn with_length(mut self, min: impl Into<Option<u64>>, max: impl Into<Option<u64>>) -> Self {
        self.rules.min_length = min.into();
        self.rules.max_length = max.into();
        self
    }

    /// Sets the least and the largest number. Defaults to no limits.
    #[must_use]
    pub fn with_range(mut self, min: impl Into<Option<f64>>, max: impl Into<Option<f64>>) -> Self {
        self.rules.minimum = min.into();
        self.rules.maximum = max.into();
        self
    }

    /// Sets the only values that are allowed. Defaults to all values.
    #[must_use]
    pub fn with_allowed<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.rules.allowed = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the name that templates use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the declared type; [`VariableType::String`] where the pack names none.
    #[must_use]
    pub fn variable_type(&self) -> VariableType {
        VariableType::from_name(&self.type_name)
    }

    /// Returns the declared type as the pack writes it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Whether a value has to be given. A default does not stand in for a required value.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Returns the value that is used if none is given.
    #[must_use]
    pub fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Returns what the variable is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
}
