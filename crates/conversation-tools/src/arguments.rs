//! The arguments of a tool call, checked as far as the first level of their schema says.

use serde_json::Value;

use crate::output::ToolError;

/// Longest arguments that are read, in bytes.
const MAX_LEN: usize = 1024 * 1024;

/// Reads the arguments that a model wrote for a tool, and checks the first level of them: what is
/// required, and the types and enumerations that the schema names. Text that is empty reads as no
/// arguments.
///
/// # Errors
/// What is wrong, as a text for the model.
pub fn read_arguments(text: &str, schema: &Value) -> Result<Value, ToolError> {
    read(text, schema).map_err(ToolError::new)
}

fn read(text: &str, schema: &Value) -> Result<Value, String> {
    if text.len() > MAX_LEN {
        return Err(format!("the arguments are longer than {MAX_LEN} bytes"));
    }
    // Models call a tool without parameters with no arguments at all.
    let text = match text.trim() {
        "" => "{}",
        text => text,
    };
    let arguments: Value = serde_json::from_str(text)
        .map_err(|error| format!("the arguments are not valid JSON: {error}"))?;
    let Some(given) = arguments.as_object() else {
        return Err("the arguments are not a JSON object".to_owned());
    };
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !given.contains_key(name) {
            return Err(format!("the argument {name} is missing"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let Some(value) = given.get(name) else {
            continue;
        };
        if let Some(expected) = property.get("type")
            && !has_type(value, expected)
        {
            return Err(format!("the argument {name} is not of type {expected}"));
        }
        if let Some(allowed) = property.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            let allowed = Value::from(allowed.clone());
            return Err(format!("the argument {name} is not one of {allowed}"));
        }
    }
    Ok(arguments)
}

/// Whether a value has a type of JSON Schema, or one of several. Types not known here fit.
fn has_type(value: &Value, expected: &Value) -> bool {
    match expected {
        Value::Array(several) => several.iter().any(|one| has_type(value, one)),
        Value::String(name) => match name.as_str() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_said() {
        let schema = json!({
            "type": "object",
            "properties": {
                "prompt": {"type": "string"},
                "n": {"type": ["integer", "null"]},
                "size": {"enum": ["s", "l"]},
            },
            "required": ["prompt"],
        });
        assert_eq!(read("", &json!({})), Ok(json!({})));
        assert_eq!(
            read(r#"{"prompt":"a","n":2.0,"more":1}"#, &schema),
            Ok(json!({"prompt": "a", "n": 2.0, "more": 1}))
        );
        for (text, word) in [
            ("{\"prompt\":", "not valid JSON"),
            ("[1]", "not a JSON object"),
            ("{}", "prompt is missing"),
            (r#"{"prompt":1}"#, "prompt is not of type"),
            (r#"{"prompt":"a","n":1.5}"#, "n is not of type"),
            (r#"{"prompt":"a","size":"m"}"#, "size is not one of"),
        ] {
            let error = read(text, &schema).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
