//! Rendering: the text of the author is expanded, given values are inserted and never read again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::PackErrorKind;
use crate::fault::Fault;
use crate::names;
use crate::path::escape_for_display;
use crate::template::{Piece, Unclosed, pieces};
use crate::variable::Variable;
use crate::variables::Variables;

/// The largest size of a rendered system prompt: 1 MiB.
pub const MAX_RENDERED_BYTES: usize = 1024 * 1024;

const MAX_FRAGMENT_DEPTH: usize = 8;
/// Together these bound the work for fragments that use fragments and come to little text.
const MAX_PLACEHOLDERS: usize = 20_000;
const MAX_EXPANDED_BYTES: usize = 16 * 1024 * 1024;

/// What the names in a template stand for.
pub(crate) struct Scope<'a> {
    pub(crate) fragments: &'a BTreeMap<String, String>,
    pub(crate) declared: &'a [Variable],
    pub(crate) given: &'a Variables,
}

/// A `MissingVariable` or `InvalidTemplate`, and what it is about.
type Failure = (PackErrorKind, Fault);

/// Renders a template with variables that were checked.
pub(crate) fn render(template: &str, scope: &Scope<'_>) -> Result<String, Failure> {
    let mut rendering = Rendering {
        scope,
        output: String::with_capacity(template.len().min(MAX_RENDERED_BYTES)),
        placeholders: 0,
        expanded: 0,
    };
    rendering.expand(template, 0)?;
    Ok(rendering.output)
}

struct Rendering<'a> {
    scope: &'a Scope<'a>,
    output: String,
    placeholders: usize,
    expanded: usize,
}

enum Resolved<'a> {
    Fragment(&'a str),
    Value(&'a Value),
    /// An optional variable without value and default.
    Nothing,
}

impl<'a> Rendering<'a> {
    fn expand(&mut self, text: &str, depth: usize) -> Result<(), Failure> {
        self.expanded += text.len();
        if self.expanded > MAX_EXPANDED_BYTES {
            let message = format!(
                "the fragments expand to more than {MAX_EXPANDED_BYTES} bytes of templates"
            );
            return Err(invalid(Fault::new(message)));
        }
        for piece in pieces(text) {
            match piece {
                Ok(Piece::Text(text)) => self.push(text)?,
                Ok(Piece::Placeholder(name)) => self.fill_in(name, depth)?,
                Err(Unclosed(rest)) => {
                    let start: String = rest.chars().take(20).collect();
                    let start = escape_for_display(&start);
                    let message = format!("`{start}` is not closed by `}}}}`");
                    return Err(invalid(Fault::new(message)));
                }
            }
        }
        Ok(())
    }

    fn fill_in(&mut self, name: &str, depth: usize) -> Result<(), Failure> {
        self.placeholders += 1;
        if self.placeholders > MAX_PLACEHOLDERS {
            let message = format!("more than {MAX_PLACEHOLDERS} placeholders");
            return Err(invalid(Fault::new(message)));
        }
        match self.resolve(name)? {
            Resolved::Nothing => Ok(()),
            Resolved::Value(value) => self.push(&text_of(value)),
            Resolved::Fragment(_) if depth == MAX_FRAGMENT_DEPTH => {
                let shown = escape_for_display(name);
                let message = format!(
                    "fragments are nested more than {MAX_FRAGMENT_DEPTH} deep at `{shown}`"
                );
                let fault = Fault::new(message).about(name);
                Err(invalid(fault.with_hint(
                    "Check whether fragments of the pack use each other in a circle",
                )))
            }
            Resolved::Fragment(text) => self.expand(text, depth + 1),
        }
    }

    fn resolve(&self, name: &str) -> Result<Resolved<'a>, Failure> {
        let Scope {
            fragments,
            declared,
            given,
        } = *self.scope;
        let fragment = name
            .strip_prefix("fragments.")
            .or_else(|| name.strip_prefix("fragment:"));
        if let Some(fragment) = fragment {
            let fragment = fragment.trim();
            return match fragments.get(fragment) {
                Some(text) => Ok(Resolved::Fragment(text)),
                None if names::is_fragment_name(fragment) => Err(unknown_fragment(fragment)),
                None => Err(unsupported(name)),
            };
        }
        if !names::is_variable_path(name) {
            return Err(unsupported(name));
        }
        let (root, path) = name
            .split_once('.')
            .map_or((name, None), |(root, path)| (root, Some(path)));
        if let Some(variable) = declared.iter().find(|variable| variable.name == root) {
            let default = variable.default.as_ref().filter(|_| !variable.required);
            return match given.given(root).or(default) {
                Some(value) => inner_value(name, value, path),
                None => Ok(Resolved::Nothing),
            };
        }
        // An undeclared variable never replaces a fragment.
        if let Some(text) = fragments.get(name) {
            return Ok(Resolved::Fragment(text));
        }
        if let Some(value) = given.given(name) {
            return Ok(Resolved::Value(value));
        }
        match given.given(root) {
            Some(value) => inner_value(name, value, path),
            None => Err(missing(name)),
        }
    }

    fn push(&mut self, text: &str) -> Result<(), Failure> {
        if text.len() > MAX_RENDERED_BYTES - self.output.len() {
            let message = format!("the system prompt is longer than {MAX_RENDERED_BYTES} bytes");
            let fault = Fault::new(message);
            return Err(invalid(
                fault.with_hint("Give shorter values or shorten the template"),
            ));
        }
        self.output.push_str(text);
        Ok(())
    }
}

/// Follows a path such as `user.tags.0` into a value.
fn inner_value<'a>(
    name: &str,
    value: &'a Value,
    path: Option<&str>,
) -> Result<Resolved<'a>, Failure> {
    let mut value = value;
    for segment in path.into_iter().flat_map(|path| path.split('.')) {
        let inner = match value {
            Value::Object(members) => members.get(segment),
            Value::Array(items) => segment.parse().ok().and_then(|n: usize| items.get(n)),
            _ => None,
        };
        value = inner.ok_or_else(|| missing(name))?;
    }
    Ok(Resolved::Value(value))
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn invalid(fault: Fault) -> Failure {
    (PackErrorKind::InvalidTemplate, fault)
}

fn missing(name: &str) -> Failure {
    let shown = escape_for_display(name);
    let fault = Fault::new(format!("missing variable `{shown}`")).about(name);
    let hint = format!("Give the variable `{shown}` a value");
    (PackErrorKind::MissingVariable, fault.with_hint(hint))
}

fn unknown_fragment(name: &str) -> Failure {
    let shown = escape_for_display(name);
    let fault = Fault::new(format!("unknown fragment `{shown}`")).about(name);
    invalid(fault.with_hint(format!(
        "Add the fragment `{shown}` to the pack or correct its name in the template"
    )))
}

fn unsupported(name: &str) -> Failure {
    let shown = escape_for_display(name);
    let message = format!("`{{{{{shown}}}}}` is neither a variable nor a fragment");
    invalid(Fault::new(message).with_hint(
        "Use {{name}}, {{name.field}} or {{fragments.name}}, and {{'{{'}} for two braces; \
         conditionals, loops and filters are not supported",
    ))
}
