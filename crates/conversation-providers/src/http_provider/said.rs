//! What the body of an error says, in whatever shape.

use serde_json::Value;

/// Longest text that is looked at, in characters.
const MAX_TEXT: usize = 4000;
/// Most paths that are looked at.
const MAX_PATHS: usize = 64;

/// What the names of fields with media have in them.
const MEDIA_FIELDS: [&str; 8] = [
    "messages", "input", "contents", "content", "url", "image", "audio", "file",
];

/// What the body of an error says: its words in lower case, and the places of the request that it
/// names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) message: String,
    /// Places as keys and indexes: `messages`, `0`, `content`, `1`.
    pub(super) paths: Vec<Vec<String>>,
    /// Whether it names a field that has nothing to do with media.
    pub(super) is_elsewhere: bool,
}

impl Said {
    pub(super) fn new(code: &str, message: &str) -> Self {
        let mut said = Self {
            code: code.to_lowercase(),
            message: message
                .chars()
                .take(MAX_TEXT)
                .collect::<String>()
                .to_lowercase(),
            paths: Vec::new(),
            is_elsewhere: false,
        };
        said.add_paths_of_message();
        said
    }

    /// Reads the body of an answer. The page of a proxy says nothing.
    pub(super) fn from_body(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            return match text.trim_start().starts_with('<') {
                true => Self::default(),
                false => Self::new("", &text),
            };
        };
        // Some servers answer with a list of one error.
        let value = value.get(0).unwrap_or(&value);
        let error = value.get("error").filter(|error| !error.is_null());
        let error = error.unwrap_or(value);
        let word = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.as_str(),
            _ => "",
        };
        let mut message = error.as_str().unwrap_or_default().to_owned();
        for name in ["message", "detail", "error", "msg", "reason"] {
            message.push_str(word(name));
            message.push(' ');
        }
        let code = [word("code"), word("type"), word("status")].join(" ");
        let code = match error.pointer("/details/error_code").and_then(Value::as_str) {
            Some(inner) => format!("{code} {inner}"),
            None => code,
        };
        let mut paths: Vec<Vec<String>> = Vec::new();
        paths.extend(split(word("param")));
        let named = error.pointer("/details/paths").and_then(Value::as_array);
        for path in named.into_iter().flatten().filter_map(Value::as_str) {
            paths.extend(split(path));
        }
        // Servers that check bodies by a schema name the place as a list.
        for failure in error
            .get("detail")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let Some(text) = failure.get("msg").and_then(Value::as_str) {
                message.push_str(text);
                message.push(' ');
            }
            if let Some(place) = failure.get("loc").and_then(Value::as_array) {
                let steps = place.iter().map(|step| match step {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                paths.push(steps.filter(|step| step != "body").collect());
            }
        }
        let mut said = Self::new(&code, &message);
        said.paths.splice(0..0, paths);
        said.paths.truncate(MAX_PATHS);
        let field = word("param").to_lowercase();
        let is_of_media = MEDIA_FIELDS.iter().any(|name| field.contains(name));
        said.is_elsewhere = !field.is_empty() && !is_of_media;
        said
    }

    /// Places that stand in the message, such as at its beginning.
    fn add_paths_of_message(&mut self) {
        let ends = |letter: char| {
            letter.is_whitespace()
                || matches!(letter, ':' | ',' | ';' | '"' | '\'' | '`' | '(' | ')')
        };
        let words = self.message.split(ends);
        let paths = words.filter_map(|word| split(word.trim_end_matches('.')));
        self.paths = paths.take(MAX_PATHS).collect();
    }

    /// Returns whether the message or the code has one of these phrases.
    pub(super) fn has(&self, phrases: &[&str]) -> bool {
        let mut phrases = phrases.iter();
        phrases.any(|phrase| self.message.contains(phrase) || self.code.contains(phrase))
    }

    /// Returns each word of the message and the code. What belongs to a name, such as
    /// `gpt-image-1`, is no word of its own.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let is_part = |letter: char| {
            letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | '.' | '[' | ']')
        };
        let both = [self.code.as_str(), self.message.as_str()];
        let words = both
            .into_iter()
            .flat_map(move |text| text.split(move |l| !is_part(l)));
        words
            .map(|word| word.trim_matches(['.', '-', '/', '[', ']']))
            .filter(|word| !word.is_empty())
    }
}

/// The steps of a path such as `messages[2].content[1].image_url`, `messages.[2].content.[1]` or
/// `messages.2.content.1`; `None` for text that is not a path.
fn split(path: &str) -> Option<Vec<String>> {
    let is_path = ["messages", "input", "contents"].iter().any(|start| {
        path.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(['.', '[']))
    });
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    is_path.then(|| steps.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(body: &Value) -> Vec<String> {
        let said = Said::from_body(body.to_string().as_bytes());
        said.paths.iter().map(|path| path.join(".")).collect()
    }

    #[test]
    fn places_are_found_in_every_shape() {
        let expected = ["messages.2.content.1"];
        for body in [
            json!({"error": {"message": "bad", "param": "messages[2].content[1]"}}),
            json!({"error": {"message": "bad", "param": "messages.[2].content.[1]"}}),
            json!({"error": {"details": {"paths": ["messages.2.content.1"]}}}),
            json!({"error": {"message": "messages.2.content.1: too large"}}),
            json!({"error": {"message": "The image at messages[2].content[1] is broken."}}),
            json!({"detail": [{"loc": ["body", "messages", 2, "content", 1], "msg": "no"}]}),
        ] {
            assert_eq!(paths(&body), expected, "{body}");
        }
        for body in [
            json!({"error": {"message": "too many messages. wait", "param": "tools[0]"}}),
            json!("messages"),
            json!({"error": null}),
            json!([]),
        ] {
            assert!(paths(&body).is_empty(), "{body}");
        }
    }

    #[test]
    fn words_of_names_are_not_words() {
        let said = Said::new(
            "invalid_image",
            "No model gpt-image-1 for `image/png`. An image.",
        );
        let words: Vec<&str> = said.words().collect();
        assert!(words.contains(&"invalid_image") && words.contains(&"image/png"));
        assert_eq!(words.iter().filter(|word| **word == "image").count(), 1);
    }

    #[test]
    fn text_is_read_and_pages_are_not() {
        assert_eq!(Said::from_body(b"Image Broken").message, "image broken");
        assert_eq!(Said::from_body(b" <html>image</html>"), Said::default());
        let google = json!([{"error": {"message": "Bad image", "status": "INVALID_ARGUMENT"}}]);
        let said = Said::from_body(google.to_string().as_bytes());
        assert!(said.has(&["bad image"]) && said.has(&["invalid_argument"]));
    }
}
