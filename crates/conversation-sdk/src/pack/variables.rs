//! Variables of templates: the values given and the declarations they are checked against.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{PackError, PackErrorKind, shown};
use super::names;
use super::node::Node;
use super::pattern::Patterns;

/// Values for the variables of a prompt, by name. `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Variables(BTreeMap<String, Value>);

impl Variables {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds or replaces one.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value given for `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `name`, where `null` counts as not given.
    pub(super) fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl<K: Into<String>, V: Into<Value>> Extend<(K, V)> for Variables {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        self.0.extend(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

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
    /// A type this crate does not know, or none: every value is accepted.
    Other,
}

impl VariableType {
    fn named(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            _ => Self::Other,
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Other => true,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Other => "a value",
        }
    }
}

/// A variable as a prompt declares it.
#[derive(Clone, Debug)]
pub struct Variable {
    name: String,
    kind: VariableType,
    kind_name: String,
    required: bool,
    default: Option<Value>,
    description: Option<String>,
    rules: Rules,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    pattern: Option<Regex>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    allowed: Option<Vec<Value>>,
}

impl Variable {
    pub(super) fn read(node: &Node<'_>, patterns: &Patterns) -> Result<Self, PackError> {
        node.object()?;
        let name = node.required("name")?;
        if !names::is_identifier(name.string()?) {
            return Err(name
                .error(format!("`{}` is not a name for a variable", shown(name.string()?)))
                .with_hint("Use letters, digits, `_` and `-`, a letter or `_` first, 128 characters at most"));
        }
        let kind_name = node.get_string("type")?.unwrap_or("string");
        let rules = match node.get("validation") {
            None => Rules::default(),
            Some(rules) => {
                rules.object()?;
                Rules {
                    pattern: rules
                        .get("pattern")
                        .map(|pattern| patterns.compile(&pattern))
                        .transpose()?,
                    min_length: rules.get_whole("min_length")?,
                    max_length: rules.get_whole("max_length")?,
                    minimum: rules.get_number("minimum")?,
                    maximum: rules.get_number("maximum")?,
                    allowed: rules
                        .get("enum")
                        .map(|allowed| {
                            allowed
                                .items()
                                .map(|items| items.map(|item| item.value().clone()).collect())
                        })
                        .transpose()?,
                }
            }
        };
        Ok(Self {
            name: name.string()?.to_owned(),
            kind: VariableType::named(kind_name),
            kind_name: kind_name.to_owned(),
            required: node.get_bool("required")?.unwrap_or(false),
            default: node.get("default").map(|default| default.value().clone()),
            description: node.get_string("description")?.map(str::to_owned),
            rules,
        })
    }

    /// The name that templates use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The declared type; [`VariableType::String`] where the pack says nothing.
    #[must_use]
    pub fn variable_type(&self) -> VariableType {
        self.kind
    }

    /// The declared type as the pack writes it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.kind_name
    }

    /// Whether a value has to be given. A default does not stand in for a required value.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The value if none is given. It is the author's, and the declaration's rules are not applied to it.
    #[must_use]
    pub fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Checks what was given for this variable of the prompt named `prompt`.
    pub(super) fn check(&self, given: &Variables, prompt: &str) -> Result<(), PackError> {
        let Some(value) = given.given(&self.name) else {
            if self.required {
                let message = format!(
                    "the prompt `{prompt}` requires the variable `{}`, which was not given",
                    self.name
                );
                return Err(PackError::new(PackErrorKind::MissingVariable, message)
                    .of_prompt(prompt)
                    .about(&self.name)
                    .with_hint(format!("Give the variable `{}` a value", self.name)));
            }
            return Ok(());
        };
        let Some(complaint) = self.complaint(value) else {
            return Ok(());
        };
        let message = format!(
            "the variable `{}` of the prompt `{prompt}` {complaint}",
            self.name
        );
        Err(PackError::new(PackErrorKind::InvalidVariable, message)
            .of_prompt(prompt)
            .about(&self.name))
    }

    fn complaint(&self, value: &Value) -> Option<String> {
        let rules = &self.rules;
        if !self.kind.accepts(value) {
            return Some(format!("has to be {}", self.kind.noun()));
        }
        if let Some(allowed) = &rules.allowed
            && !allowed.iter().any(|one| is_same(one, value))
        {
            let listed: Vec<String> = allowed.iter().take(20).map(ToString::to_string).collect();
            return Some(format!("has to be one of {}", shown(&listed.join(", "))));
        }
        if let Some(text) = value.as_str() {
            if rules
                .pattern
                .as_ref()
                .is_some_and(|pattern| !pattern.is_match(text))
            {
                return Some("does not match its pattern".to_owned());
            }
            let length = text.chars().count() as u64;
            if let Some(least) = rules.min_length.filter(|least| length < *least) {
                return Some(format!(
                    "needs at least {least} characters and has {length}"
                ));
            }
            if let Some(most) = rules.max_length.filter(|most| length > *most) {
                return Some(format!("may have {most} characters and has {length}"));
            }
        }
        if let Some(number) = value.as_f64() {
            if let Some(least) = rules.minimum.filter(|least| number < *least) {
                return Some(format!("has to be at least {least}"));
            }
            if let Some(most) = rules.maximum.filter(|most| number > *most) {
                return Some(format!("has to be at most {most}"));
            }
        }
        None
    }
}

/// JSON equality in which `1` and `1.0` are one number.
fn is_same(left: &Value, right: &Value) -> bool {
    left == right || (left.is_number() && right.is_number() && left.as_f64() == right.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(declaration: Value, value: Value) -> Option<String> {
        let variable = Variable::read(&Node::root(&declaration), &Patterns::default()).unwrap();
        let given = Variables::new().with("v", value);
        variable.check(&given, "p").err().map(|error| {
            assert_eq!(error.kind(), PackErrorKind::InvalidVariable);
            assert_eq!((error.prompt(), error.name()), (Some("p"), Some("v")));
            error.to_string()
        })
    }

    #[test]
    fn types() {
        let values = [json!("a"), json!(1.5), json!(true), json!({}), json!([])];
        for (right, kind) in ["string", "number", "boolean", "object", "array"]
            .into_iter()
            .enumerate()
        {
            for (index, value) in values.iter().enumerate() {
                let refused = check(json!({"name": "v", "type": kind}), value.clone()).is_some();
                assert_eq!(refused, index != right, "{kind} {value}");
            }
        }
        assert_eq!(
            check(json!({"name": "v", "type": "resource"}), json!([1])),
            None
        );
    }

    #[test]
    fn rules_hold_at_their_limits_and_not_beyond() {
        let text = json!({"name": "v", "type": "string", "validation": {"min_length": 2, "max_length": 3, "pattern": "^[a-zä]+$"}});
        for good in ["ab", "äöü".replace(['ö', 'ü'], "ä").as_str()] {
            assert_eq!(check(text.clone(), json!(good)), None);
        }
        for bad in ["a", "abcd", "a1"] {
            assert!(check(text.clone(), json!(bad)).is_some(), "{bad}");
        }
        let number = json!({"name": "v", "type": "number", "validation": {"minimum": 0, "maximum": 1, "enum": [0, 1, 2, -1]}});
        for (value, good) in [
            (json!(0), true),
            (json!(1.0), true),
            (json!(2), false),
            (json!(-1), false),
            (json!(0.5), false),
        ] {
            assert_eq!(
                check(number.clone(), value.clone()).is_none(),
                good,
                "{value}"
            );
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_values() {
        let given = Variables::new().with("v", "s3cret");
        assert_eq!(format!("{given:?}"), r#"{"v"}"#);
        let text = check(
            json!({"name": "v", "validation": {"pattern": "^x$"}}),
            json!("s3cret"),
        )
        .unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn null_is_not_given() {
        let declaration = json!({"name": "v", "required": true});
        let variable = Variable::read(&Node::root(&declaration), &Patterns::default()).unwrap();
        let error = variable
            .check(&Variables::new().with("v", Value::Null), "p")
            .unwrap_err();
        assert_eq!(error.kind(), PackErrorKind::MissingVariable);
    }
}
