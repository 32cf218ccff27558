//! Prompts built in code keep the rules of those in packs.

use std::time::Duration;

use media_types::{MediaContent, MediaType, Mime};
use prompt_pack::{
    MediaConfig, MediaLimits, MediaProperties, MediaViolationKind, ModelOverride, PackError,
    PackErrorKind, PackLocation, Parameters, Prompt, PromptBuilder, ToolChoice, ToolDefinition,
    ToolPolicy, ValidatorConfig, Variable, Variables,
};
use serde_json::json;

#[test]
fn a_prompt_needs_no_pack() {
    let prompt = Prompt::builder("chat")
        .with_system("Be exact.")
        .build()
        .unwrap();
    assert_eq!((prompt.name(), prompt.title()), ("chat", "chat"));
    assert_eq!(prompt.render(&Variables::new()).unwrap(), "Be exact.");
    assert_eq!(
        (prompt.pack_id(), prompt.pack_version(), prompt.pack_path()),
        (None, None, None)
    );
    assert_eq!(prompt.reference(&Variables::new()), None);
    assert!(!prompt.lists_tools() && prompt.media().is_none() && prompt.validators().is_empty());
}

#[test]
fn a_prompt_needs_no_system_prompt() {
    let prompt = Prompt::builder("chat").build().unwrap();
    assert_eq!(prompt.render(&Variables::new()).unwrap(), "");
}

#[test]
fn a_prompt_in_code_has_everything_that_one_in_a_pack_has() {
    let definition = ToolDefinition::new("draw", "Draws", json!({"type": "object"}));
    let media = MediaConfig::new()
        .with_limits(MediaType::Image, MediaLimits::new().with_max_per_message(1));
    let prompt = Prompt::builder("p")
        .with_title("Title")
        .with_description("For tests")
        .with_system("{{who}} {{fragments.tone}}")
        .with_fragment("tone", "is {{mood}}")
        .with_variable(Variable::new("who", "string").with_required(true))
        .with_variable(Variable::new("mood", "string").with_default("kind"))
        .with_tools(["search", "forbidden"])
        .with_tool_definition(definition.clone())
        .with_tool_policy(
            ToolPolicy::new()
                .with_choice(ToolChoice::Tool("draw".to_owned()))
                .with_max_rounds(0)
                .with_blocklist(["forbidden"]),
        )
        .with_parameters(
            Parameters::new()
                .with_temperature(0.5)
                .with_other("seed", 7),
        )
        .with_model_override(
            "small",
            ModelOverride::new()
                .with_prefix("<")
                .with_suffix(">")
                .with_parameters(Parameters::new().with_temperature(0.1)),
        )
        .with_media(media)
        .with_validator(ValidatorConfig::max_characters(3).with_fail_on_violation(true))
        .with_validator(ValidatorConfig::must_match("^a"))
        .build()
        .unwrap();
    let given = Variables::new().with("who", "Ann");
    assert_eq!(prompt.render(&given).unwrap(), "Ann is kind");
    assert_eq!(
        prompt.render_for("small-latest", &given).unwrap(),
        "<Ann is kind>"
    );
    let small = prompt.parameters_for("small");
    assert_eq!(
        (small.temperature(), &small.other()["seed"]),
        (Some(0.1), &json!(7))
    );

    assert_eq!(
        prompt.listed_tools().collect::<Vec<_>>(),
        ["search", "draw"]
    );
    assert_eq!(prompt.undefined_tools().collect::<Vec<_>>(), ["search"]);
    assert_eq!(prompt.tools().collect::<Vec<_>>(), [&definition]);
    assert_eq!(prompt.tool_policy().max_rounds(), 1);

    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0]);
    let violations = prompt
        .media()
        .unwrap()
        .check([&image, &image].map(MediaProperties::from));
    assert_eq!(violations.len(), 1);
    assert_eq!(
        (violations[0].index(), violations[0].kind()),
        (1, MediaViolationKind::TooMany)
    );

    let violations = prompt.validators().check("long");
    let failures: Vec<_> = violations
        .iter()
        .map(|violation| (violation.validator(), violation.is_failure()))
        .collect();
    assert_eq!(failures, [("max_length", true), ("regex_match", false)]);
}

#[test]
fn content_is_checked_by_what_it_says_about_itself() {
    let limits = MediaLimits::new().with_max_bytes(1).with_formats(["wav"]);
    let config = MediaConfig::new().with_limits(MediaType::Audio, limits);
    let content = MediaContent::from_bytes(Mime::AUDIO_MPEG, vec![0; 2])
        .with_duration(Duration::from_secs(3));
    let violations = config.check([MediaProperties::from(&content)]);
    let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "media item 1: format audio/mpeg is not among wav",
            "media item 1: 2 bytes exceed the limit of 1"
        ]
    );
}

fn error(builder: PromptBuilder) -> PackError {
    builder.build().unwrap_err()
}

#[test]
fn errors_name_the_prompt_and_the_path() {
    let builder = || Prompt::builder("p").with_system("text");
    let variable = Variable::new("x", "string");
    for (error, path, text) in [
        (
            error(Prompt::builder("").with_system("x")),
            "",
            "`` is not a prompt name",
        ),
        (
            error(builder().with_variable(Variable::new("a b", "string"))),
            "variables[0].name",
            "`a b` is not a variable name",
        ),
        (
            error(
                builder()
                    .with_variable(variable.clone())
                    .with_variable(variable.clone()),
            ),
            "variables[1]",
            "the variable `x` is listed twice",
        ),
        (
            error(builder().with_variable(variable.with_pattern("("))),
            "variables[0].validation.pattern",
            "unsupported regular expression",
        ),
        (
            error(builder().with_tools(["a", "a"])),
            "tools[1]",
            "the tool `a` is listed twice",
        ),
        (
            error(builder().with_tools(["a", "b c"])),
            "tools[1]",
            "`b c` is not a tool name",
        ),
        (
            error(builder().with_validator(ValidatorConfig::banned_words(["a", ""]))),
            "validators[0].params.words[1]",
            "expected a word of 1 to 200 bytes",
        ),
    ] {
        assert_eq!(error.kind(), PackErrorKind::InvalidPack, "{error}");
        let Some(PackLocation::Path(found)) = error.location() else {
            panic!("{error}")
        };
        assert_eq!(found.to_string(), path, "{error}");
        let start = "failed to build prompt ";
        assert!(
            error.to_string().starts_with(start) && error.to_string().ends_with(text),
            "{error}"
        );
    }
}
