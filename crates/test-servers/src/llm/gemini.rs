//! The rules of contents.

use serde_json::Value;

use super::given::{Given, call_key};
use super::json::{Broken, ensure, list, text};

/// Fields of which a part has one.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// Judges a request.
pub(super) fn check(body: &Value, given: &Given) -> Result<(), Broken> {
    let contents = list(&body["contents"]);
    ensure(!contents.is_empty(), || {
        "GenerateContentRequest.contents: contents is not specified".into()
    })?;
    for (at, content) in contents.iter().enumerate() {
        let role = text(&content["role"]);
        ensure(matches!(role, "user" | "model"), || {
            format!("contents[{at}]: please use a valid role: user, model")
        })?;
        let parts = list(&content["parts"]);
        ensure(!parts.is_empty(), || {
            format!("contents[{at}].parts: must not be empty")
        })?;
        for part in parts {
            self::part(at, role, part, given)?;
        }
        if role == "model" {
            signed(at, parts, given)?;
        }
        let calls = names(parts, "functionCall");
        let next = contents.get(at + 1).map(|next| list(&next["parts"]));
        let responses = names(next.unwrap_or_default(), "functionResponse");
        ensure(calls.is_empty() || calls == responses, || {
            "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.".into()
        })?;
        let before = at.checked_sub(1).and_then(|at| contents.get(at));
        let calls = before.map(|before| names(list(&before["parts"]), "functionCall"));
        let responses = names(parts, "functionResponse");
        ensure(responses.is_empty() || calls == Some(responses), || {
            "Please ensure that function response turn comes immediately after a function call turn.".into()
        })?;
    }
    Ok(())
}

/// Returns the names of calls or responses, sorted.
fn names<'a>(parts: &'a [Value], field: &str) -> Vec<&'a str> {
    let of = parts.iter().filter_map(|part| part.get(field));
    let mut names: Vec<&str> = of.map(|call| text(&call["name"])).collect();
    names.sort_unstable();
    names
}

/// Text and data that came with signatures come back with them, alone or in one part with others.
fn signed(at: usize, parts: &[Value], given: &Given) -> Result<(), Broken> {
    let said = parts.iter().filter(|part| part["thought"] != true);
    let said: String = said.map(|part| text(&part["text"])).collect();
    let is_data = |part: &Value, data: &str| text(&part["inlineData"]["data"]) == data;
    for (signed, signature) in &given.signed_parts {
        let is_back =
            said.contains(signed.as_str()) || parts.iter().any(|part| is_data(part, signed));
        let mut signatures = parts.iter().map(|part| text(&part["thoughtSignature"]));
        ensure(!is_back || signatures.any(|one| one == signature), || {
            format!("contents[{at}].parts: a part is missing its thought_signature")
        })?;
    }
    Ok(())
}

fn part(at: usize, role: &str, part: &Value, given: &Given) -> Result<(), Broken> {
    let fields = DATA.iter().filter(|field| part.get(**field).is_some());
    ensure(fields.count() == 1, || {
        format!("contents[{at}].parts: required oneof field 'data' must have one initialized field")
    })?;
    let signature = text(&part["thoughtSignature"]);
    ensure(
        signature.is_empty() || given.signatures.contains(signature),
        || "Corrupted thought signature.".into(),
    )?;
    if let Some(said) = part.get("text") {
        ensure(!text(said).is_empty() || !signature.is_empty(), || {
            format!("contents[{at}].parts: text is empty")
        })?;
    }
    if let Some(call) = part.get("functionCall") {
        ensure(role == "model", || {
            format!("contents[{at}]: a function call of the user")
        })?;
        ensure(call["args"].is_object() || call["args"].is_null(), || {
            format!("contents[{at}]: args is no object")
        })?;
        if let Some(signed) = given.signed_calls.get(&call_key(call)) {
            ensure(signed == signature, || {
                "Function call is missing a thought_signature in functionCall parts.".into()
            })?;
        }
    }
    Ok(())
}
