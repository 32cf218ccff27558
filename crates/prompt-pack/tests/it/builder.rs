//! Prompts built in code keep the rules of those in packs.

use std::num::NonZeroU64;
use std::time::Duration;

use media_types::{MediaContent, Mime};
use prompt_pack::{
    MediaConfig, MediaProperties, MediaViolationKind, ModelOverride, PackError, PackErrorKind,
    PackLocation, Parameters, Prompt, PromptBuilder, ToolChoice, ToolDefinition, ToolPolicy,
    ValidatorConfig, Variable, Variables,
};
use serde_json::json;

#[test]
fn a_prompt_needs_no_pack() {
    let prompt = Prompt::builder("chat")
        .with_system("Be exact.")
        .build()
        .unwrap();
    assert_eq!(prompt.name(), "chat");
    assert_eq!(prompt.render(&Variables::new()).unwrap(), "Be exact.");
    assert_eq!(prompt.pack_id(), None);
    assert_eq!(prompt.reference(&Variables::new()), None);
    assert!(!prompt.lists_tools());
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0]);
    assert_eq!(prompt.check_media([MediaProperties::from(&image)]), []);
    assert_eq!(prompt.check_answer("anything"), []);
}

#[test]
fn a_prompt_needs_no_system_prompt() {
    let prompt = Prompt::builder("chat").build().unwrap();
    assert_eq!(prompt.render(&Variables::new()).unwrap(), "");
}

#[test]
fn a_prompt_in_code_has_everything_that_one_in_a_pack_has() {
    let definition = ToolDefinition::new("draw", "Draws", json!({"type": "object"}));
    let mut media = MediaConfig::default();
    media.image.max_per_message = NonZeroU64::new(1);
    let mut policy = ToolPolicy::default();
    policy.tool_choice = ToolChoice::Tool("draw".to_owned());
    policy.blocklist = vec!["forbidden".to_owned()];
    let mut parameters = Parameters::default();
    parameters.temperature = Some(0.5);
    parameters.other.insert("seed".to_owned(), json!(7));
    let mut small = ModelOverride::default();
    small.system_template_prefix = "<".to_owned();
    small.system_template_suffix = ">".to_owned();
    small.parameters.temperature = Some(0.1);
    let prompt = Prompt::builder("p")
        .with_system("{{who}} {{fragments.tone}}")
        .with_fragment("tone", "is {{mood}}")
        .with_variable(Variable::new("who", "string").with_required(true))
        .with_variable(Variable::new("mood", "string").with_default("kind"))
        .with_tools(["search", "forbidden"])
        .with_tool_definition(definition.clone())
        .with_tool_policy(policy)
        .with_parameters(parameters)
        .with_model_override("small", small)
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
        (small.temperature, &small.other["seed"]),
        (Some(0.1), &json!(7))
    );

    assert_eq!(
        prompt.listed_tools().collect::<Vec<_>>(),
        ["search", "draw"]
    );
    assert_eq!(prompt.undefined_tools().collect::<Vec<_>>(), ["search"]);
    assert_eq!(prompt.tools().collect::<Vec<_>>(), [&definition]);

    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0]);
    let violations = prompt.check_media([&image, &image].map(MediaProperties::from));
    assert_eq!(violations.len(), 1);
    assert_eq!(
        (violations[0].index, violations[0].kind),
        (1, MediaViolationKind::TooMany)
    );

    let violations = prompt.check_answer("long");
    let failures: Vec<_> = violations
        .iter()
        .map(|violation| (violation.validator.as_str(), violation.is_failure))
        .collect();
    assert_eq!(failures, [("max_length", true), ("regex_match", false)]);
}

#[test]
fn content_is_checked_by_what_it_says_about_itself() {
    let mut config = MediaConfig::default();
    config.audio.max_size_mb = Some(0.000_001);
    config.audio.allowed_formats = Some(vec!["wav".to_owned()]);
    config.audio.max_duration_sec = NonZeroU64::new(3);
    let content = MediaContent::from_bytes(Mime::AUDIO_MPEG, vec![0; 2])
        .with_duration(Duration::from_millis(3500));
    let violations = config.check([MediaProperties::from(&content)]);
    let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "media item 1: format audio/mpeg is not among wav",
            "media item 1: 2 bytes exceed the limit of 1",
            "media item 1: a duration of 3.5s exceeds the limit of 3s"
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
            {
                let mut variable = variable.clone();
                variable.validation.pattern = Some("(".to_owned());
                error(builder().with_variable(variable))
            },
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
