//! Packs and their templates: every prompt renders or says why not, within its bounds.
#![no_main]

use conversation_sdk::pack::{MAX_RENDERED_BYTES, PromptPack, Variables};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(pack) = PromptPack::from_json(data) {
        render(&pack);
    }
    // Any text as a template, with a fragment and a value that look like templates themselves.
    let Ok(template) = std::str::from_utf8(data) else {
        return;
    };
    let pack = serde_json::json!({
        "id": "fuzz", "name": "fuzz", "version": "1.0.0",
        "template_engine": {"version": "v1", "syntax": "{{variable}}"},
        "prompts": {"p": {
            "id": "p", "name": "p", "version": "1.0.0", "system_template": template,
            "variables": [{"name": "v", "type": "string", "required": false}],
        }},
        "fragments": {"f": template, "g": "{{f}}{{v}}"},
    });
    if let Ok(pack) = PromptPack::from_json(pack.to_string().as_bytes()) {
        render(&pack);
    }
});

fn render(pack: &PromptPack) {
    let names: Vec<String> = pack.prompt_names().map(str::to_owned).collect();
    for name in names {
        let Ok(prompt) = pack.prompt(&name) else {
            continue;
        };
        let given = Variables::new().with("v", "{{v}}{{fragments.f}}");
        for variables in [Variables::new(), given] {
            if let Ok(text) = prompt.render(&variables) {
                assert!(text.len() <= MAX_RENDERED_BYTES);
            }
        }
        let _ = (prompt.parameters(), prompt.media(), prompt.validators());
        let _ = prompt.tools().count();
    }
}
