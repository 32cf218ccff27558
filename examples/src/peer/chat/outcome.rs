//! What the peer says about the results of tools.

use serde_json::Value;

use super::message::{Message, ToolCall};
use super::part::Role;
use super::seen;

/// The sentence that follows a tool's result; none when the last word is not a tool's.
///
/// Tool messages carry text only, so that the images of a tool may follow in user messages of their own.
pub(super) fn of_tools(messages: &[Message]) -> Option<String> {
    let caller = messages
        .iter()
        .rposition(|message| message.role == Role::Assistant)?;
    let (before, after) = messages.split_at_checked(caller + 1)?;
    let result = after
        .iter()
        .rev()
        .find(|message| message.role == Role::Tool)?;
    if after
        .iter()
        .any(|message| message.role == Role::User && message.attachments.is_empty())
    {
        return None;
    }
    let call = before.last()?.calls.last()?;
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    let prompt = arguments.get("prompt").and_then(Value::as_str);
    if let Some(problem) = failure(&result.text) {
        let what = prompt.map_or("The tool failed", |_| "The image could not be made");
        return Some(format!("{what}: {problem}"));
    }
    let Some(prompt) = prompt else {
        return Some(told(call, &result.text, after));
    };
    Some(match arguments.get("image").and_then(Value::as_u64) {
        Some(image) => {
            let now: Vec<String> = after
                .iter()
                .flat_map(Message::photos)
                .map(|photo| photo.describe())
                .collect();
            format!(
                "Image {image} with this change: {prompt}. It is {} now.",
                now.join(", and ")
            )
        }
        None => format!(
            "Here is {}: {}.",
            with_article(prompt),
            painter::describe(prompt)
        ),
    })
}

/// What a tool said, and what is to be seen of it.
fn told(call: &ToolCall, text: &str, after: &[Message]) -> String {
    let name = &call.name;
    let said = format!("The tool {name} answered: {text}");
    match after.iter().any(|message| !message.attachments.is_empty()) {
        true => format!("{said}\n{}", seen::describe_results(after)),
        false => said,
    }
}

/// The reason that a tool's result gives, if it reports a failure.
fn failure(result: &str) -> Option<String> {
    if let Ok(Value::Object(fields)) = serde_json::from_str(result) {
        let error = fields.get("error")?;
        let text = error
            .as_str()
            .or_else(|| error.get("message").and_then(Value::as_str));
        return Some(text.unwrap_or("the tool gave no reason").to_owned());
    }
    let result = result.trim();
    let reason = result
        .strip_prefix("error")
        .or_else(|| result.strip_prefix("Error"))?;
    Some(reason.trim_start_matches([':', ' ']).to_owned())
}

fn with_article(subject: &str) -> String {
    let mut letters = subject.chars();
    let Some(first) = letters.next() else {
        return "your image".to_owned();
    };
    let subject = first.to_lowercase().chain(letters).collect::<String>();
    let known = [
        "a ", "an ", "the ", "some ", "my ", "your ", "two ", "three ",
    ];
    if known.iter().any(|article| subject.starts_with(article)) {
        subject
    } else {
        format!("your image of {subject}")
    }
}
