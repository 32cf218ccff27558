//! Rendering: the text of the author is expanded, given values are inserted and never read again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::declared::DeclaredVariable;
use crate::error::{Operation, PackError, PackErrorKind};
use crate::names;
use crate::path::escape_for_display;
use crate::template::{Piece, Unclosed, pieces};
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
    pub(crate) declared: &'a [DeclaredVariable],
    pub(crate) given: &'a Variables,
}

/// Renders a template.
///
/// # Errors
/// `MissingVariable`, `InvalidVariable` and `InvalidTemplate`, without the prompt.
pub(crate) fn render(template: &str, scope: &Scope<'_>) -> Result<String, PackError> {
    for declared in scope.declared {
        declared.check(scope.given)?;
    }
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
    fn expand(&mut self, text: &str, depth: usize) -> Result<(), PackError> {
        self.expanded += text.len();
        if self.expanded > MAX_EXPANDED_BYTES {
            return Err(invalid_template(format!(
                "the fragments expand to more than {MAX_EXPANDED_BYTES} bytes of templates"
            )));
        }
        for piece in pieces(text) {
            match piece {
                Ok(Piece::Text(text)) => self.push(text)?,
                Ok(Piece::Placeholder(name)) => self.fill_in(name, depth)?,
                Err(Unclosed(rest)) => {
                    let start: String = rest.chars().take(20).collect();
                    return Err(invalid_template(format!(
                        "`{}` is not closed by `}}}}`",
                        escape_for_display(&start)
                    )));
                }
            }
        }
        Ok(())
    }

    fn fill_in(&mut self, name: &str, depth: usize) -> Result<(), PackError> {
        self.placeholders += 1;
        if self.placeholders > MAX_PLACEHOLDERS {
            return Err(invalid_template(format!(
                "more than {MAX_PLACEHOLDERS} placeholders"
            )));
        }
        match self.resolve(name)? {
            Resolved::Nothing => Ok(()),
            Resolved::Value(value) => self.push(&text_of(value)),
            Resolved::Fragment(_) if depth == MAX_FRAGMENT_DEPTH => {
                let shown = escape_for_display(name);
                let message = format!(
                    "fragments are nested more than {MAX_FRAGMENT_DEPTH} deep at `{shown}`"
                );
                Err(invalid_template(message)
                    .about(name)
                    .with_hint("Check whether fragments of the pack use each other in a circle"))
            }
            Resolved::Fragment(text) => self.expand(text, depth + 1),
        }
    }

    fn resolve(&self, name: &str) -> Result<Resolved<'a>, PackError> {
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
        if let Some(declared) = declared.iter().find(|one| one.variable.name() == root) {
            return match declared.value(given) {
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

    fn push(&mut self, text: &str) -> Result<(), PackError> {
        if text.len() > MAX_RENDERED_BYTES - self.output.len() {
            return Err(invalid_template(format!(
                "the system prompt is longer than {MAX_RENDERED_BYTES} bytes"
            ))
            .with_hint("Give shorter values or shorten the template"));
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
) -> Result<Resolved<'a>, PackError> {
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

fn invalid_template(message: impl Into<String>) -> PackError {
    PackError::new(PackErrorKind::InvalidTemplate, Operation::Render, message)
}

fn missing(name: &str) -> PackError {
    let shown = escape_for_display(name);
    PackError::new(
        PackErrorKind::MissingVariable,
        Operation::Render,
        format!("missing variable `{shown}`"),
    )
    .about(name)
    .with_hint(format!("Give the variable `{shown}` a value"))
}

fn unknown_fragment(name: &str) -> PackError {
    let shown = escape_for_display(name);
    invalid_template(format!("unknown fragment `{shown}`"))
        .about(name)
        .with_hint(format!(
            "Add the fragment `{shown}` to the pack or correct its name in the template"
        ))
}

fn unsupported(name: &str) -> PackError {
    let shown = escape_for_display(name);
    invalid_template(format!(
        "`{{{{{shown}}}}}` is neither a variable nor a fragment"
    ))
    .with_hint(
        "Use {{name}}, {{name.field}} or {{fragments.name}}, and {{'{{'}} for two braces; \
         conditionals, loops and filters are not supported",
    )
}
