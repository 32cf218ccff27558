//! Rendering: the author's text is expanded, given values are inserted and never looked at again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{PackError, PackErrorKind, shown};
use super::names;
use super::variables::{Variable, Variables};

/// Most bytes of a rendered system prompt: 1 MiB.
pub const MAX_RENDERED_BYTES: usize = 1024 * 1024;

const MAX_FRAGMENT_DEPTH: usize = 8;
/// Bounds the work of fragments that use fragments many times and come to no text.
const MAX_PLACEHOLDERS: usize = 20_000;

pub(super) struct Scope<'a> {
    pub(super) prompt: &'a str,
    pub(super) fragments: &'a BTreeMap<String, String>,
    pub(super) declared: &'a [Variable],
    pub(super) given: &'a Variables,
}

pub(super) fn render(template: &str, scope: &Scope<'_>) -> Result<String, PackError> {
    for variable in scope.declared {
        variable.check(scope.given, scope.prompt)?;
    }
    let mut rendering = Rendering {
        scope,
        output: String::with_capacity(template.len()),
        placeholders: 0,
    };
    rendering.expand(template, 0)?;
    Ok(rendering.output)
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// Cuts a template into text and what stands between `{{` and `}}`; the error is the text from a `{{` on that has no end.
fn pieces(template: &str) -> impl Iterator<Item = Result<Piece<'_>, &str>> {
    let mut rest = template;
    let mut placeholder = None;
    std::iter::from_fn(move || {
        if let Some(name) = placeholder.take() {
            return Some(Ok(Piece::Placeholder(name)));
        }
        if rest.is_empty() {
            return None;
        }
        let Some(start) = rest.find("{{") else {
            return Some(Ok(Piece::Text(std::mem::take(&mut rest))));
        };
        let braces = rest[start..]
            .bytes()
            .take_while(|byte| *byte == b'{')
            .count();
        let (text, opened) = rest.split_at(start + braces - 2);
        let Some((name, after)) = opened[2..].split_once("}}") else {
            rest = "";
            return Some(Err(opened));
        };
        placeholder = Some(name);
        rest = after;
        Some(Ok(Piece::Text(text)))
    })
}

struct Rendering<'a> {
    scope: &'a Scope<'a>,
    output: String,
    placeholders: usize,
}

enum Meaning<'a> {
    Fragment(&'a str),
    Value(&'a Value),
    Nothing,
}

impl<'a> Rendering<'a> {
    fn expand(&mut self, text: &str, depth: usize) -> Result<(), PackError> {
        for piece in pieces(text) {
            match piece {
                Ok(Piece::Text(text)) => self.push(text)?,
                Ok(Piece::Placeholder(name)) => self.fill_in(name.trim(), depth)?,
                Err(opened) => {
                    let start: String = opened.chars().take(20).collect();
                    return Err(
                        self.error(format!("`{}` is never closed by `}}}}`", shown(&start)))
                    );
                }
            }
        }
        Ok(())
    }

    fn fill_in(&mut self, name: &str, depth: usize) -> Result<(), PackError> {
        self.placeholders += 1;
        if self.placeholders > MAX_PLACEHOLDERS {
            return Err(self.error(format!(
                "there are more than {MAX_PLACEHOLDERS} placeholders"
            )));
        }
        match self.meaning(name)? {
            Meaning::Nothing => Ok(()),
            Meaning::Value(value) => self.push(&text_of(value)),
            Meaning::Fragment(_) if depth == MAX_FRAGMENT_DEPTH => Err(self
                .error(format!(
                    "fragments are nested more than {MAX_FRAGMENT_DEPTH} deep at `{}`",
                    shown(name)
                ))
                .about(name)
                .with_hint("See whether fragments of the pack use each other in a circle")),
            Meaning::Fragment(text) => self.expand(text, depth + 1),
        }
    }

    fn meaning(&self, name: &str) -> Result<Meaning<'a>, PackError> {
        let Scope {
            fragments,
            declared,
            given,
            ..
        } = *self.scope;
        if let Some(fragment) = name
            .strip_prefix("fragments.")
            .or_else(|| name.strip_prefix("fragment:"))
        {
            let fragment = fragment.trim();
            return match fragments.get(fragment) {
                Some(text) => Ok(Meaning::Fragment(text)),
                None if names::is_fragment_name(fragment) => Err(self
                    .error(format!("the pack has no fragment `{}`", shown(fragment)))
                    .about(fragment)
                    .with_hint(format!(
                        "Add the fragment `{}` to the pack or correct its name in the template",
                        shown(fragment)
                    ))),
                None => Err(self.unsupported(name)),
            };
        }
        if !names::is_path(name) {
            return Err(self.unsupported(name));
        }
        let (root, path) = name
            .split_once('.')
            .map_or((name, None), |(root, path)| (root, Some(path)));
        if let Some(variable) = declared.iter().find(|variable| variable.name() == root) {
            let value = given
                .given(root)
                .or_else(|| variable.default().filter(|_| !variable.is_required()));
            return match value {
                Some(value) => self.inside(name, value, path),
                None => Ok(Meaning::Nothing),
            };
        }
        if let Some(text) = fragments.get(name) {
            return Ok(Meaning::Fragment(text));
        }
        if let Some(value) = given.given(name) {
            return Ok(Meaning::Value(value));
        }
        match given.given(root) {
            Some(value) => self.inside(name, value, path),
            None => Err(self.missing(name)),
        }
    }

    fn inside(
        &self,
        name: &str,
        value: &'a Value,
        path: Option<&str>,
    ) -> Result<Meaning<'a>, PackError> {
        let mut value = value;
        for segment in path.into_iter().flat_map(|path| path.split('.')) {
            let inner = match value {
                Value::Object(map) => map.get(segment),
                Value::Array(items) => segment
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index)),
                _ => None,
            };
            value = inner.ok_or_else(|| self.missing(name))?;
        }
        Ok(Meaning::Value(value))
    }

    fn push(&mut self, text: &str) -> Result<(), PackError> {
        if text.len() > MAX_RENDERED_BYTES - self.output.len() {
            return Err(self
                .error(format!(
                    "the system prompt is longer than {MAX_RENDERED_BYTES} bytes"
                ))
                .with_hint("Give shorter values or shorten the template"));
        }
        self.output.push_str(text);
        Ok(())
    }

    fn missing(&self, name: &str) -> PackError {
        let prompt = self.scope.prompt;
        let message = format!(
            "the prompt `{prompt}` uses the variable `{}`, which was not given",
            shown(name)
        );
        PackError::new(PackErrorKind::MissingVariable, message)
            .of_prompt(prompt)
            .about(name)
            .with_hint(format!("Give the variable `{}` a value", shown(name)))
    }

    fn unsupported(&self, name: &str) -> PackError {
        self.error(format!("`{{{{{}}}}}` is neither a variable nor a fragment", shown(name)))
            .with_hint("Use {{name}}, {{name.field}} or {{fragments.name}}; conditionals, loops and filters are not supported")
    }

    fn error(&self, what: String) -> PackError {
        let prompt = self.scope.prompt;
        PackError::new(
            PackErrorKind::Template,
            format!("the template of the prompt `{prompt}` cannot be rendered: {what}"),
        )
        .of_prompt(prompt)
    }
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn run(
        template: &str,
        fragments: &[(&str, &str)],
        given: &Variables,
    ) -> Result<String, PackError> {
        let fragments = fragments
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        render(
            template,
            &Scope {
                prompt: "p",
                fragments: &fragments,
                declared: &[],
                given,
            },
        )
    }

    fn error(template: &str, fragments: &[(&str, &str)]) -> PackError {
        run(template, fragments, &Variables::new()).unwrap_err()
    }

    #[test]
    fn variables_paths_and_blanks() {
        let given = Variables::new()
            .with("name", "Ann")
            .with(
                "user",
                json!({"age": 7, "tags": ["x", {"y": true}], "none": null}),
            )
            .with("a.b", "exact");
        let template = "{{name}} {{ name }} {{\n name\t}} {{user.age}} {{user.tags.0}} {{user.tags.1}} {{user.tags.1.y}}|{{user.none}}|{{a.b}}";
        assert_eq!(
            run(template, &[], &given).unwrap(),
            r#"Ann Ann Ann 7 x {"y":true} true||exact"#
        );
    }

    #[test]
    fn fragments_by_three_names_with_variables_inside() {
        let fragments = [
            ("tone", "be {{mood}}"),
            ("all", "{{fragments.tone}}, {{tone}}"),
            ("a.b", "dotted"),
        ];
        let given = Variables::new().with("mood", "kind");
        let template = "{{fragments.tone}}|{{fragment:tone}}|{{ fragment: tone }}|{{tone}}|{{all}}|{{fragments.a.b}}|{{a.b}}";
        assert_eq!(
            run(template, &fragments, &given).unwrap(),
            "be kind|be kind|be kind|be kind|be kind, be kind|dotted|dotted"
        );
    }

    #[test]
    fn an_undeclared_value_never_replaces_a_fragment() {
        let given = Variables::new()
            .with("rules", "none")
            .with("fragments", json!({"rules": "none"}));
        assert_eq!(
            run(
                "{{rules}} {{fragments.rules}}",
                &[("rules", "strict")],
                &given
            )
            .unwrap(),
            "strict strict"
        );
    }

    #[test]
    fn values_are_not_read_again() {
        let given = Variables::new()
            .with("a", "{{b}} {{fragments.f}} {{")
            .with("b", "}} {{a}}");
        assert_eq!(
            run("{{a}}{{b}}{{f}}", &[("f", "[{{a}}]")], &given).unwrap(),
            "{{b}} {{fragments.f}} {{}} {{a}}[{{b}} {{fragments.f}} {{]"
        );
    }

    #[test]
    fn braces_that_are_text() {
        let given = Variables::new().with("x", 1);
        assert_eq!(
            run("{ {x} } {{{x}}} {{{{x}}}} }} {", &[], &given).unwrap(),
            "{ {x} } {1} {{1}} }} {"
        );
    }

    #[test]
    fn errors_name_the_variable_and_the_prompt() {
        for (template, name) in [("{{x}}", "x"), ("{{ user.name }}", "user.name")] {
            let error = error(template, &[]);
            assert_eq!(error.kind(), PackErrorKind::MissingVariable);
            assert_eq!((error.prompt(), error.name()), (Some("p"), Some(name)));
        }
        let given = Variables::new().with("user", json!({"age": 1}));
        for path in ["user.name", "user.age.x", "user.0"] {
            let error = run(&format!("{{{{{path}}}}}"), &[], &given).unwrap_err();
            assert_eq!(
                (error.kind(), error.name()),
                (PackErrorKind::MissingVariable, Some(path))
            );
        }
    }

    #[test]
    fn what_is_not_supported_is_an_error() {
        for template in [
            "{{",
            "a {{b",
            "{{}}",
            "{{ }}",
            "{{#if x}}",
            "{{x | upper}}",
            "{{/if}}",
            "{{fragments.}}",
            "{{fragments.x}}",
            "{{a {{b}}",
        ] {
            assert_eq!(
                error(template, &[]).kind(),
                PackErrorKind::Template,
                "{template}"
            );
        }
    }

    #[test]
    fn circles_and_bombs_end() {
        assert_eq!(
            error("{{a}}", &[("a", "{{b}}"), ("b", "{{a}}")]).kind(),
            PackErrorKind::Template
        );
        let many = "{{b}}".repeat(1000);
        let started = std::time::Instant::now();
        for last in ["", "0123456789"] {
            let fragments = [
                ("a", many.as_str()),
                ("b", &many.replace('b', "c")),
                ("c", &many.replace('b', "d")),
                ("d", last),
            ];
            assert_eq!(error("{{a}}", &fragments).kind(), PackErrorKind::Template);
        }
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn nesting_at_the_limit_and_beyond() {
        let chain = |length: usize| -> Vec<(String, String)> {
            (1..=length)
                .map(|n| {
                    (
                        format!("f{n}"),
                        if n == length {
                            "end".to_owned()
                        } else {
                            format!("{{{{f{}}}}}", n + 1)
                        },
                    )
                })
                .collect()
        };
        for (length, works) in [(MAX_FRAGMENT_DEPTH, true), (MAX_FRAGMENT_DEPTH + 1, false)] {
            let chain = chain(length);
            let fragments: Vec<_> = chain
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            assert_eq!(run("{{f1}}", &fragments, &Variables::new()).is_ok(), works);
        }
    }

    #[test]
    fn length_at_the_limit_and_beyond() {
        for (length, works) in [(MAX_RENDERED_BYTES - 1, true), (MAX_RENDERED_BYTES, false)] {
            let given = Variables::new().with("x", "a".repeat(length));
            assert_eq!(run("{{x}}.", &[], &given).is_ok(), works);
        }
    }

    proptest! {
        #[test]
        fn any_text_renders_or_fails_and_never_panics(template in ".{0,80}", fragment in "[{}a: .#]{0,40}", value in ".{0,40}") {
            let given = Variables::new().with("a", value);
            let _ = run(&template, &[("f", &fragment)], &given);
            let _ = run(&fragment, &[("a", &template)], &given);
        }

        #[test]
        fn text_without_double_braces_stays(text in "([^{}]|\\{[^{}]|\\}){0,40}") {
            prop_assert_eq!(run(&text, &[], &Variables::new()).unwrap(), text);
        }

        #[test]
        fn values_arrive_byte_by_byte(before in "[^{}]{0,20}", after in "[^{}]{0,20}", value in "([{}abf.:]|.){0,60}", blank in "[ \t\n]{0,3}") {
            let given = Variables::new().with("a", value.clone()).with("b", "no");
            let template = format!("{before}{{{{{blank}a{blank}}}}}{after}");
            prop_assert_eq!(run(&template, &[("f", "no")], &given).unwrap(), format!("{before}{value}{after}"));
        }
    }
}
