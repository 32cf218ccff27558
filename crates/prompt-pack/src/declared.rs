//! Checks given values against the declarations of a prompt.

use regex::Regex;
use serde_json::Value;

use crate::error::{Operation, PackError, PackErrorKind};
use crate::fault::{Fault, Within as _};
use crate::names;
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::variable::{Variable, VariableType};
use crate::variables::Variables;

/// A declaration that was checked, with its pattern compiled.
#[derive(Debug)]
pub(crate) struct DeclaredVariable {
    pub(crate) variable: Variable,
    pattern: Option<Regex>,
}

impl DeclaredVariable {
    pub(crate) fn new(variable: Variable, patterns: &mut PatternCompiler) -> Result<Self, Fault> {
        names::check_identifier(variable.name(), "a variable name").in_key("name")?;
        let pattern = variable.rules.pattern.as_deref();
        let pattern = pattern
            .map(|pattern| patterns.compile(pattern))
            .transpose()
            .in_key("pattern")
            .in_key("validation")?;
        Ok(Self { variable, pattern })
    }

    /// Returns the value for this variable: the given one, else the default of an optional one.
    pub(crate) fn value<'a>(&'a self, given: &'a Variables) -> Option<&'a Value> {
        let variable = &self.variable;
        given
            .given(variable.name())
            .or_else(|| variable.default().filter(|_| !variable.is_required()))
    }

    /// Checks what was given for this variable.
    ///
    /// # Errors
    /// `MissingVariable` and `InvalidVariable`, without the prompt.
    pub(crate) fn check(&self, given: &Variables) -> Result<(), PackError> {
        let name = self.variable.name();
        match given.given(name) {
            None if self.variable.is_required() => Err(PackError::new(
                PackErrorKind::MissingVariable,
                Operation::Render,
                format!("missing required variable `{name}`"),
            )
            .about(name)
            .with_hint(format!("Give the variable `{name}` a value"))),
            None => Ok(()),
            Some(value) => match self.violation(value) {
                None => Ok(()),
                Some(violation) => Err(PackError::new(
                    PackErrorKind::InvalidVariable,
                    Operation::Render,
                    format!("invalid variable `{name}`: {violation}"),
                )
                .about(name)),
            },
        }
    }

    /// Returns what is wrong with a value, without the value.
    fn violation(&self, value: &Value) -> Option<String> {
        let rules = &self.variable.rules;
        let expected = match self.variable.variable_type() {
            VariableType::String if !value.is_string() => "a string",
            VariableType::Number if !value.is_number() => "a number",
            VariableType::Boolean if !value.is_boolean() => "a boolean",
            VariableType::Object if !value.is_object() => "an object",
            VariableType::Array if !value.is_array() => "an array",
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
            if let Some(pattern) = &self.pattern
                && !pattern.is_match(text)
            {
                return Some("the text does not match the pattern of the declaration".to_owned());
            }
            let length = text.chars().count() as u64;
            if let Some(min) = rules.min_length.filter(|min| length < *min) {
                return Some(format!(
                    "expected at least {min} characters, found {length}"
                ));
            }
            if let Some(max) = rules.max_length.filter(|max| length > *max) {
                return Some(format!("expected at most {max} characters, found {length}"));
            }
        }
        if let Some(number) = value.as_f64() {
            if let Some(min) = rules.minimum.filter(|min| number < *min) {
                return Some(format!("expected at least {min}"));
            }
            if let Some(max) = rules.maximum.filter(|max| number > *max) {
                return Some(format!("expected at most {max}"));
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

    fn declared(declaration: Value) -> DeclaredVariable {
        let variable = serde_json::from_value(declaration).unwrap();
        DeclaredVariable::new(variable, &mut PatternCompiler::default()).unwrap()
    }

    fn check(declaration: Value, value: Value) -> Option<String> {
        let given = Variables::new().with("v", value);
        declared(declaration).check(&given).err().map(|error| {
            assert_eq!(error.kind(), PackErrorKind::InvalidVariable);
            assert_eq!(error.name(), Some("v"));
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
            assert_eq!(
                check(number.clone(), value.clone()).is_none(),
                good,
                "{value}"
            );
        }
    }

    #[test]
    fn a_declaration_in_code_is_the_one_of_a_pack() {
        let pack: Variable = serde_json::from_value(json!({
            "name": "v", "type": "number", "required": true, "default": 1, "description": "d",
            "validation": {"minimum": 0, "max_length": 3, "pattern": "x", "enum": [1, 2]}
        }))
        .unwrap();
        let code = Variable::new("v", "number")
            .with_required(true)
            .with_default(1)
            .with_description("d")
            .with_range(0.0, None)
            .with_length(None, 3)
            .with_pattern("x")
            .with_allowed([1, 2]);
        assert_eq!(pack, code);
    }

    #[test]
    fn neither_debug_nor_errors_show_values() {
        let given = Variables::new().with("v", "s3cret");
        assert_eq!(format!("{given:?}"), r#"{"v"}"#);
        let declaration = json!({"name": "v", "validation": {"pattern": "^x$"}});
        let text = check(declaration, json!("s3cret")).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn null_is_not_given() {
        let error = declared(json!({"name": "v", "required": true}))
            .check(&Variables::new().with("v", Value::Null))
            .unwrap_err();
        assert_eq!(error.kind(), PackErrorKind::MissingVariable);
    }
}
