//! Packs and their templates: every prompt renders or says why not, within its bounds, and escaped
//! text renders to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_types::Mime;
use prompt_pack::{
    MAX_RENDERED_BYTES, MediaProperties, PackOptions, Prompt, PromptPack, Variables,
    escape_template,
};

fuzz_target!(|data: &[u8]| {
    let options = PackOptions::new().with_undefined_tools(true);
    match PromptPack::from_json_with(data, &options) {
        Ok(pack) => {
            for name in pack.prompt_names() {
                exercise(&pack.prompt(name).expect("a prompt that the pack lists"));
            }
            let _ = pack.warnings().iter().map(ToString::to_string).count();
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.hint().is_empty()),
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Any text as a template, with a fragment and a value that look like templates themselves.
    let builder = Prompt::builder("p")
        .with_system(text)
        .with_fragment("f", text)
        .with_fragment("g", "{{f}}{{v}}");
    exercise(&builder.build().expect("a prompt with any template"));
    let escaped = Prompt::builder("p").with_system(escape_template(text));
    let escaped = escaped.build().expect("a prompt with any template");
    assert_eq!(escaped.render(&Variables::new()).ok().as_deref(), Some(text));
});

fn exercise(prompt: &Prompt) {
    let given = Variables::new().with("v", "{{v}}{{fragments.f}}");
    for variables in [Variables::new(), given] {
        for text in [prompt.render(&variables), prompt.render_for("m", &variables)] {
            match text {
                Ok(text) => assert!(text.len() <= MAX_RENDERED_BYTES),
                Err(error) => assert_eq!(error.prompt(), Some(prompt.name())),
            }
        }
        let _ = prompt.reference(&variables);
    }
    let _ = (prompt.parameters_for("m"), prompt.listed_tools().count());
    let image = MediaProperties::new(&Mime::IMAGE_PNG).with_size(u64::MAX);
    let _ = (prompt.check_media([image]), prompt.check_answer("some text"));
}
