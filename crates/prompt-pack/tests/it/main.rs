//! Packs: our own, example packs in use elsewhere, prompts built in code, and what is not a pack.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod builder;
mod examples;
mod packs;
mod properties;
mod structure;
mod templates;

use std::path::{Path, PathBuf};

use prompt_pack::{PackError, PromptPack};
use serde_json::{Value, json};

fn own_pack() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/image-generator.pack.json")
}

fn read(json: &Value) -> Result<PromptPack, PackError> {
    PromptPack::from_json(json.to_string())
}

/// A pack with one prompt `p`, to which `fields` are added.
fn with_prompt(fields: Value) -> Value {
    let mut prompt = json!({"system_template": "text"});
    prompt
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    json!({"id": "a", "version": "1.0.0", "prompts": {"p": prompt}})
}
