//! Templates: what placeholders mean, what is refused, and that nothing panics or hangs.

use std::fmt::Write as _;

use prompt_pack::{
    MAX_RENDERED_BYTES, PackError, PackErrorKind, Prompt, Variables, escape_template,
};
use proptest::prelude::*;
use serde_json::json;

const MAX_FRAGMENT_DEPTH: usize = 8;

fn render(
    template: &str,
    fragments: &[(&str, &str)],
    given: &Variables,
) -> Result<String, PackError> {
    let mut builder = Prompt::builder("p").with_system(template);
    for (name, text) in fragments {
        builder = builder.with_fragment(*name, *text);
    }
    builder.build()?.render(given)
}

fn error(template: &str, fragments: &[(&str, &str)]) -> PackError {
    render(template, fragments, &Variables::new()).unwrap_err()
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
    let template = "{{name}} {{ name }} {{\n name\t}} {{user.age}} {{user.tags.0}} {{user.tags.1}} \
                    {{user.tags.1.y}}|{{user.none}}|{{a.b}}";
    assert_eq!(
        render(template, &[], &given).unwrap(),
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
    let template = "{{fragments.tone}}|{{fragment:tone}}|{{ fragment: tone }}|{{tone}}|{{all}}|\
                    {{fragments.a.b}}|{{a.b}}";
    assert_eq!(
        render(template, &fragments, &given).unwrap(),
        "be kind|be kind|be kind|be kind|be kind, be kind|dotted|dotted"
    );
}

#[test]
fn an_undeclared_value_never_replaces_a_fragment() {
    let given = Variables::new()
        .with("rules", "none")
        .with("fragments", json!({"rules": "none"}));
    let fragments = [("rules", "strict")];
    assert_eq!(
        render("{{rules}} {{fragments.rules}}", &fragments, &given).unwrap(),
        "strict strict"
    );
}

#[test]
fn values_are_not_read_again() {
    let given = Variables::new()
        .with("a", "{{b}} {{fragments.f}} {{'x'}} {{")
        .with("b", "}} {{a}}");
    assert_eq!(
        render("{{a}}{{b}}{{f}}", &[("f", "[{{a}}]")], &given).unwrap(),
        "{{b}} {{fragments.f}} {{'x'}} {{}} {{a}}[{{b}} {{fragments.f}} {{'x'}} {{]"
    );
}

#[test]
fn braces_that_are_text() {
    let given = Variables::new().with("x", 1);
    for (template, expected) in [
        ("{ {x} } {{{x}}} {{{{x}}}} }} {", "{ {x} } {1} {{1}} }} {"),
        ("{{'{{'}}x}} is {{x}}", "{{x}} is 1"),
        (r#"{{ "{{x}}" }}"#, "{{x}}"),
        ("{{'it is \"x\"'}}", "it is \"x\""),
        ("a{{''}}b", "ab"),
        ("{{{'x'}}}", "{x}"),
    ] {
        assert_eq!(
            render(template, &[], &given).unwrap(),
            expected,
            "{template}"
        );
    }
}

#[test]
fn errors_name_the_variable_and_the_prompt() {
    for (template, name) in [("{{x}}", "x"), ("{{ user.name }}", "user.name")] {
        let error = error(template, &[]);
        assert_eq!(error.kind(), PackErrorKind::MissingVariable);
        assert_eq!((error.prompt(), error.name()), (Some("p"), Some(name)));
        let text = format!("failed to render prompt `p`: missing variable `{name}`");
        assert_eq!(error.to_string(), text);
    }
    let given = Variables::new().with("user", json!({"age": 1}));
    for path in ["user.name", "user.age.x", "user.0"] {
        let error = render(&format!("{{{{{path}}}}}"), &[], &given).unwrap_err();
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
        "{{'a}}",
        "{{'a' 'b'}}",
    ] {
        assert_eq!(
            error(template, &[]).kind(),
            PackErrorKind::InvalidTemplate,
            "{template}"
        );
    }
}

#[test]
fn circles_and_bombs_end() {
    let circle = [("a", "{{b}}"), ("b", "{{a}}")];
    assert_eq!(
        error("{{a}}", &circle).kind(),
        PackErrorKind::InvalidTemplate
    );
    let many = "{{b}}".repeat(1000);
    for last in ["", "0123456789"] {
        let fragments = [
            ("a", many.as_str()),
            ("b", &many.replace('b', "c")),
            ("c", &many.replace('b', "d")),
            ("d", last),
        ];
        assert_eq!(
            error("{{a}}", &fragments).kind(),
            PackErrorKind::InvalidTemplate
        );
    }
    // Blanks and empty text cost work as well, although nothing of them is in the result.
    for nothing in [
        format!("{{{{{}'' }}}}", " ".repeat(1 << 20)),
        "{{''}}".repeat(1 << 18),
    ] {
        let fragments = [("a", many.as_str()), ("b", &nothing)];
        let error = error("{{a}}", &fragments);
        assert!(error.to_string().contains("expand to more than"), "{error}");
    }
}

#[test]
fn nesting_at_the_limit_and_beyond() {
    for (length, works) in [(MAX_FRAGMENT_DEPTH, true), (MAX_FRAGMENT_DEPTH + 1, false)] {
        let mut builder = Prompt::builder("p").with_system("{{f1}}");
        for n in 1..length {
            builder = builder.with_fragment(format!("f{n}"), format!("{{{{f{}}}}}", n + 1));
        }
        let prompt = builder
            .with_fragment(format!("f{length}"), "end")
            .build()
            .unwrap();
        assert_eq!(prompt.render(&Variables::new()).is_ok(), works);
    }
}

#[test]
fn length_at_the_limit_and_beyond() {
    for (length, works) in [(MAX_RENDERED_BYTES - 1, true), (MAX_RENDERED_BYTES, false)] {
        let given = Variables::new().with("x", "a".repeat(length));
        assert_eq!(render("{{x}}.", &[], &given).is_ok(), works);
    }
}

proptest! {
    #[test]
    fn any_text_renders_or_fails_and_never_panics(
        template in ".{1,80}",
        fragment in "[{}a: .#'\"]{1,40}",
        value in ".{0,40}",
    ) {
        let given = Variables::new().with("a", value);
        let _ = render(&template, &[("f", &fragment)], &given);
        let _ = render(&fragment, &[("a", &template)], &given);
    }

    #[test]
    fn text_without_double_braces_stays(text in "([^{}]|\\{[^{}]|\\}){1,40}") {
        prop_assert_eq!(render(&text, &[], &Variables::new()).unwrap(), text);
    }

    #[test]
    fn escaped_text_renders_to_itself(text in "([{}'\"a ]|.){1,60}") {
        prop_assert_eq!(render(&escape_template(&text), &[], &Variables::new()).unwrap(), text);
    }

    #[test]
    fn escaped_text_stays_itself_before_a_placeholder_and_in_fragments(
        texts in proptest::collection::vec("[{}'\"a]{0,8}", 1..6),
    ) {
        let mut template = "{{f}}".to_owned();
        let mut expected = texts[0].clone();
        for text in &texts {
            write!(template, "{}{{{{x}}}}|", escape_template(text)).unwrap();
            write!(expected, "{text}<>|").unwrap();
        }
        let given = Variables::new().with("x", "<>");
        let fragment = escape_template(&texts[0]);
        prop_assert_eq!(render(&template, &[("f", &fragment)], &given).unwrap(), expected);
    }

    #[test]
    fn values_arrive_byte_by_byte(
        before in "[^{}]{0,20}",
        after in "[^{}]{0,20}",
        value in "([{}abf.:]|.){0,60}",
        blank in "[ \t\n]{0,3}",
    ) {
        let given = Variables::new().with("a", value.clone()).with("b", "no");
        let template = format!("{before}{{{{{blank}a{blank}}}}}{after}");
        prop_assert_eq!(
            render(&template, &[("f", "no")], &given).unwrap(),
            format!("{before}{value}{after}")
        );
    }
}
