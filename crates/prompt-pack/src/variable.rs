//! Variables as a prompt declares them, and checks of given values.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::fault::{Fault, Within as _};
use crate::names;
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;

/// A variable as a prompt declares it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Variable {
    /// The name that templates use.
    pub name: String,
    /// The type: `string` (the default), `number`, `boolean`, `object` or `array`. Values of other
    /// types are not checked.
    #[serde(rename = "type", default = "default_type")]
    pub type_name: String,
    /// Whether a value has to be given. A default does not stand in for a required value.
    #[serde(default)]
    pub required: bool,
    /// The value if none is given. It is not checked.
    pub default: Option<Value>,
    /// What the variable is for.
    pub description: Option<String>,
    /// What a given value has to keep to.
    #[serde(default)]
    pub validation: VariableRules,
}

fn default_type() -> String {
    "string".to_owned()
}

/// What the value of a variable has to keep to; a rule that is `None` allows everything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct VariableRules {
    /// A regular expression that text has to match somewhere.
    pub pattern: Option<String>,
    /// The smallest number of characters of text.
    pub min_length: Option<u64>,
    /// The largest number of characters of text.
    pub max_length: Option<u64>,
    /// The smallest number.
    pub minimum: Option<f64>,
    /// The largest number.
    pub maximum: Option<f64>,
    /// The only values.
    #[serde(rename = "enum")]
    pub allowed: Option<Vec<Value>>,
}

impl Variable {
    /// Creates an optional variable without default and rules.
    #[must_use]
    pub fn new(name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            required: false,
            default: None,
            description: None,
            validation: VariableRules::default(),
        }
    }

    /// Sets whether a value has to be given. Defaults to false.
    #[must_use]
    pub fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Sets the value if none is given. Defaults to no text.
    #[must_use]
    pub fn with_default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Checks the declaration and compiles its pattern.
    pub(crate) fn compile(&self, patterns: &mut PatternCompiler) -> Result<Option<Regex>, Fault> {
        names::check_identifier(&self.name, "a variable name").in_key("name")?;
        let pattern = self.validation.pattern.as_deref();
        pattern
            .map(|pattern| patterns.compile(pattern))
            .transpose()
            .in_key("pattern")
            .in_key("validation")
    }

    /// Whether values of the type are checked.
    pub(crate) fn has_known_type(&self) -> bool {
        ["string", "number", "boolean", "object", "array"].contains(&self.type_name.as_str())
    }

    /// Returns what is wrong with a value, without the value. `pattern` is the compiled one.
    pub(crate) fn violation(&self, value: &Value, pattern: Option<&Regex>) -> Option<String> {
        let rules = &self.validation;
        let expected = match self.type_name.as_str() {
            "string" if !value.is_string() => "a string",
            "number" if !value.is_number() => "a number",
            "boolean" if !value.is_boolean() => "a boolean",
            "object" if !value.is_object() => "an object",
            "array" if !value.is_array() => "an array",
            _ => "",
        };
        if !expected.is_empty() {
            return Some(format!("expected {expected}"));
        }
        if let Some(allowed) = &rules.allowed
            && !allowed.iter().any(|one| is_same(one, value))
        {
            let listed: Vec<String> = allowed.iter().take(20).map(Value::to_string).collect();
            let listed = escape_for_display(&listed.join(", "));
            return Some(format!("expected one of {listed}"));
        }
        if let Some(text) = value.as_str() {
            if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
                return Some("the text does not match the pattern of the declaration".to_owned());
            }
            let length = text.chars().count() as u64;
            return out_of_range(length, rules.min_length, rules.max_length)
                .map(|range| format!("expected {range} characters, found {length}"));
        }
        let number = value.as_f64()?;
        out_of_range(number, rules.minimum, rules.maximum).map(|range| format!("expected {range}"))
    }
}

fn out_of_range<N>(number: N, min: Option<N>, max: Option<N>) -> Option<String>
where
    N: PartialOrd + std::fmt::Display,
{
    let min = min.filter(|min| number < *min);
    let max = max.filter(|max| number > *max);
    min.map(|min| format!("at least {min}"))
        .or_else(|| max.map(|max| format!("at most {max}")))
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
        let variable: Variable = serde_json::from_value(declaration).unwrap();
        let pattern = variable.compile(&mut PatternCompiler::default()).unwrap();
        variable.violation(&value, pattern.as_ref())
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
        let text = json!({"name": "v", "type": "string", "validation": {
            "min_length": 2, "max_length": 3, "pattern": "^[a-zä]+$"
        }});
        for good in ["ab", "äää"] {
            assert_eq!(check(text.clone(), json!(good)), None);
        }
        for bad in ["a", "abcd", "a1"] {
            assert!(check(text.clone(), json!(bad)).is_some(), "{bad}");
        }
        let number = json!({"name": "v", "type": "number", "validation": {
            "minimum": 0, "maximum": 1, "enum": [0, 1, 2, -1]
        }});
        for (value, good) in [
            (json!(0), true),
            (json!(1.0), true),
            (json!(2), false),
            (json!(-1), false),
            (json!(0.5), false),
        ] {
            let violation = check(number.clone(), value.clone());
            assert_eq!(violation.is_none(), good, "{value}");
        }
    }

    #[test]
    fn violations_do_not_show_values() {
        let declaration = json!({"name": "v", "validation": {"pattern": "^x$"}});
        let text = check(declaration, json!("s3cret")).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }
}
