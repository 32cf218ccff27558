use media_types::Mime;
use serde_json::{Value, json};

use super::*;
use crate::capability::AcceptedForm;

fn adapt(model: &str, parameters: Value) -> Value {
    let Value::Object(parameters) = parameters else {
        unreachable!()
    };
    let api = Capabilities::builtin().api("openai.chat").unwrap();
    Value::Object(api.adapt_parameters(model, parameters))
}

#[test]
fn the_builtin_file_is_valid() {
    let file = Capabilities::from_json(BUILTIN).unwrap();
    let chat = file.api("openai.chat").unwrap();
    assert!(chat.accepts(&Mime::IMAGE_PNG) && chat.accepts(&Mime::APPLICATION_PDF));
    assert!(!chat.accepts(&Mime::VIDEO_MP4));
    assert!(
        chat.rule(&Mime::IMAGE_PNG)
            .unwrap()
            .accepts(AcceptedForm::Url)
    );
    assert!(
        !chat
            .rule(&Mime::AUDIO_WAV)
            .unwrap()
            .accepts(AcceptedForm::Url)
    );
    assert!(file.api("nobody.chat").is_none());
}

#[test]
fn each_api_accepts_the_forms_that_it_documents() {
    use AcceptedForm::{Base64, ProviderFile, Upload, Url};
    let file = Capabilities::builtin();
    for (api, mime, forms) in [
        ("openai.chat", Mime::IMAGE_PNG, &[Url, Base64][..]),
        (
            "openai.chat",
            Mime::APPLICATION_PDF,
            &[ProviderFile, Base64],
        ),
        (
            "openai.responses",
            Mime::APPLICATION_PDF,
            &[ProviderFile, Url, Base64],
        ),
        ("openai.files", Mime::VIDEO_MP4, &[Upload]),
        ("openai.images", Mime::IMAGE_PNG, &[Upload]),
        (
            "anthropic.messages",
            Mime::IMAGE_JPEG,
            &[ProviderFile, Url, Base64],
        ),
        ("bedrock.anthropic", Mime::IMAGE_PNG, &[Base64]),
        ("vertex.anthropic", Mime::IMAGE_PNG, &[Base64]),
        (
            "gemini.generate_content",
            Mime::VIDEO_MP4,
            &[ProviderFile, Base64],
        ),
        ("vertex.gemini", Mime::IMAGE_PNG, &[Url, Base64]),
        ("azure.chat", Mime::IMAGE_PNG, &[Url, Base64]),
    ] {
        let found = file.api(api).unwrap().rule(&mime).unwrap().forms().to_vec();
        assert_eq!(found, forms, "{api} {mime}");
    }
    let responses = file.api("openai.responses").unwrap();
    assert!(!responses.accepts(&Mime::AUDIO_WAV));
    assert_eq!(file.api("azure.chat").unwrap().max_items(), Some(50));
}

#[test]
fn what_is_accepted_depends_on_the_model() {
    let chat = Capabilities::builtin().api("openai.chat").unwrap();
    for (model, takes) in [
        ("gpt-4o", true),
        ("our-own-model", true),
        ("gpt-3.5-turbo", false),
        ("openai/o3-mini", false),
        ("o3", true),
    ] {
        let found = chat.for_model(model).accepts(&Mime::IMAGE_PNG);
        assert_eq!(found, takes, "{model}");
    }
}

#[test]
fn parameters_follow_the_family_of_the_model() {
    let given = json!({"max_tokens": 5, "temperature": 0.7, "seed": 1});
    assert_eq!(adapt("gpt-4o", given.clone()), given);
    assert_eq!(adapt("our-own-model", given.clone()), given);
    assert_eq!(
        adapt("gpt-5.4-mini", given.clone()),
        json!({"max_completion_tokens": 5, "temperature": 0.7, "seed": 1})
    );
    for model in ["gpt-5", "openai/gpt-5-mini", "o3", "o1-mini"] {
        assert_eq!(
            adapt(model, given.clone()),
            json!({"max_completion_tokens": 5, "seed": 1}),
            "{model}"
        );
    }
    assert_eq!(
        adapt("o3", json!({"max_tokens": 5, "max_completion_tokens": 9})),
        json!({"max_completion_tokens": 9})
    );
}

#[test]
fn other_files_are_refused() {
    for bad in [
        "[]",
        r#"{"format_version":9,"revised":"r","apis":{}}"#,
        r#"{"format_version":1,"revised":"r","apis":{"a":{"max_item":1}}}"#,
        r#"{"format_version":1,"revised":"r","apis":{"a":{"media":[{"forms":["fax"]}]}}}"#,
    ] {
        assert!(Capabilities::from_json(bad).is_err(), "{bad}");
    }
}
