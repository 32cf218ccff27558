//! The syntax of templates.

use std::borrow::Cow;

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// What stands between the braces, without blanks around it.
    Placeholder(&'a str),
}

/// The rest of a template from `{{` on, where that is not closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed<'a>(pub(crate) &'a str);

/// Cuts a template into text and placeholders.
pub(crate) fn pieces(template: &str) -> Pieces<'_> {
    Pieces {
        rest: template,
        next: None,
    }
}

pub(crate) struct Pieces<'a> {
    rest: &'a str,
    next: Option<Piece<'a>>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, Unclosed<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(piece) = self.next.take() {
            return Some(Ok(piece));
        }
        if self.rest.is_empty() {
            return None;
        }
        let Some(start) = self.rest.find("{{") else {
            return Some(Ok(Piece::Text(std::mem::take(&mut self.rest))));
        };
        let braces = self.rest[start..]
            .bytes()
            .take_while(|byte| *byte == b'{')
            .count();
        let (text, opened) = self.rest.split_at(start + braces - 2);
        let Some((piece, rest)) = closed(&opened[2..]) else {
            self.rest = "";
            return Some(Err(Unclosed(opened)));
        };
        self.next = Some(piece);
        self.rest = rest;
        Some(Ok(Piece::Text(text)))
    }
}

/// Reads what comes after `{{`: quoted text or a name, then `}}` and the rest.
fn closed(inner: &str) -> Option<(Piece<'_>, &str)> {
    let trimmed = inner.trim_start();
    for quote in ['\'', '"'] {
        if let Some(quoted) = trimmed.strip_prefix(quote) {
            let (text, rest) = quoted.split_once(quote)?;
            let rest = rest.trim_start().strip_prefix("}}")?;
            return Some((Piece::Text(text), rest));
        }
    }
    let (name, rest) = inner.split_once("}}")?;
    Some((Piece::Placeholder(name.trim()), rest))
}

/// Returns a template that renders to exactly this text, whatever braces it has.
///
/// ```
/// use prompt_pack::{Prompt, Variables, escape_template};
///
/// let text = "Write {{name}} where the name goes.";
/// assert_eq!(escape_template(text), "Write {{'{{'}}name}} where the name goes.");
/// let prompt = Prompt::builder("p").with_system(escape_template(text)).build()?;
/// assert_eq!(prompt.render(&Variables::new())?, text);
/// # Ok::<(), prompt_pack::PackError>(())
/// ```
#[must_use]
pub fn escape_template(text: &str) -> Cow<'_, str> {
    if text.contains("{{") {
        Cow::Owned(text.replace("{{", "{{'{{'}}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(template: &str) -> Vec<Piece<'_>> {
        pieces(template)
            .map(Result::unwrap)
            .filter(|piece| *piece != Piece::Text(""))
            .collect()
    }

    #[test]
    fn text_placeholders_and_quoted_text() {
        use Piece::{Placeholder, Text};
        assert_eq!(cut(""), []);
        assert_eq!(cut("a{{ b }}c"), [Text("a"), Placeholder("b"), Text("c")]);
        assert_eq!(cut("{{{b}}}"), [Text("{"), Placeholder("b"), Text("}")]);
        assert_eq!(cut("{{'{{'}}b}}"), [Text("{{"), Text("b}}")]);
        assert_eq!(cut(r#"{{ "}}'" }}"#), [Text("}}'")]);
        assert_eq!(cut("{{''}}"), []);
    }

    #[test]
    fn what_is_not_closed() {
        for template in ["{{", "{{a", "{{'a}}", "{{'a'", "{{'a' | upper}}", "{{\"'}}"] {
            let first = pieces(template).find_map(Result::err);
            assert_eq!(first, Some(Unclosed(template)), "{template}");
        }
    }
}
