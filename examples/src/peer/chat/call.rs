//! Calls of tools: which arguments the peer gives.

use serde_json::{Map, Value, json};

use super::transcript::OfferedTool;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Call {
    fn new(tool: &OfferedTool, arguments: &Value) -> Self {
        Self {
            id: format!("call_{}", uuid::Uuid::new_v4().simple()),
            name: tool.name.clone(),
            arguments: arguments.to_string(),
        }
    }

    /// A call of a tool that paints; one that also takes the number of an image changes the newest of `images`.
    pub(super) fn paint(tool: &OfferedTool, wish: &str, images: usize) -> Self {
        let mut arguments = match images {
            newest @ 1.. if tool.takes("image") => {
                let wish = wish.trim().trim_end_matches(['.', '!']);
                json!({"prompt": wish, "image": newest})
            }
            _ => json!({"prompt": subject(wish)}),
        };
        if tool.takes("size") {
            arguments["size"] = json!(painter::Size::SQUARE.to_string());
        }
        Self::new(tool, &arguments)
    }

    /// A call of any other tool, with what the wish says: its numbers where the tool asks for numbers, itself where
    /// it asks for text. None where it has no number to give.
    pub(super) fn of(tool: &OfferedTool, wish: &str) -> Option<Self> {
        let required = tool.parameters.get("required").and_then(Value::as_array);
        let mut arguments = Map::new();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let property = tool.parameters.get("properties")?.get(name)?;
            let value = match property.get("type")?.as_str()? {
                "string" => json!(wish),
                "array" => Some(numbers(wish))
                    .filter(|numbers| !numbers.is_empty())?
                    .into(),
                "number" | "integer" => numbers(wish).first()?.clone(),
                _ => return None,
            };
            arguments.insert(name.to_owned(), value);
        }
        (!arguments.is_empty()).then(|| Self::new(tool, &arguments.into()))
    }
}

/// The numbers in a text, in order.
fn numbers(text: &str) -> Vec<Value> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .filter_map(|word| serde_json::from_str(word.trim_end_matches('.')).ok())
        .filter(Value::is_number)
        .collect()
}

/// "Generate a red apple" asks for "a red apple".
fn subject(wish: &str) -> String {
    const VERBS: [&str; 10] = [
        "generate", "create", "design", "paint", "draw", "make", "render", "sketch", "show",
        "imagine",
    ];
    const FILLERS: [&str; 8] = ["please", "me", "us", "now", "can", "could", "you", "then"];
    let mut words: Vec<&str> = wish.split_whitespace().collect();
    let plain = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
    };
    let start = words
        .iter()
        .take(6)
        .position(|word| VERBS.contains(&plain(word).as_str()))
        .map_or(0, |verb| verb + 1);
    words.drain(..start);
    while words.len() > 1
        && words
            .first()
            .is_some_and(|word| FILLERS.contains(&plain(word).as_str()))
    {
        words.remove(0);
    }
    let subject = words.join(" ");
    let subject = subject.trim_end_matches(['.', '!', '?']).trim();
    if subject.is_empty() {
        wish.trim().to_owned()
    } else {
        subject.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(parameters: Value) -> OfferedTool {
        OfferedTool {
            name: "t".to_owned(),
            parameters,
        }
    }

    #[test]
    fn arguments_come_from_the_wish() {
        let parameters = json!({
            "properties": {
                "title": {"type": "string"},
                "values": {"type": "array"},
                "more": {"type": "object"},
            },
            "required": ["title", "values"],
        });
        let chart = tool(parameters);
        let call = Call::of(&chart, "Draw 3, 4.5 and -2.").unwrap();
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert_eq!(
            arguments,
            json!({"title": "Draw 3, 4.5 and -2.", "values": [3, 4.5, -2]})
        );
        assert!(Call::of(&chart, "Which one is the highest?").is_none());
        assert!(Call::of(&tool(json!({})), "anything").is_none());
        assert!(Call::of(&tool(json!({"required": ["x"]})), "anything").is_none());
    }

    #[test]
    fn the_newest_image_is_changed_where_the_tool_can() {
        let properties = json!({"prompt": {"type": "string"}, "image": {"type": "integer"}});
        let tool = tool(json!({"properties": properties}));
        for (images, expected) in [
            (0, json!({"prompt": "a boat"})),
            (3, json!({"prompt": "Paint a boat", "image": 3})),
        ] {
            let call = Call::paint(&tool, "Paint a boat.", images);
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            assert_eq!(arguments, expected);
        }
    }
}
