//! PromptPacks: prompts, tools and limits read from one JSON file.
//!
//! A pack is read by [`PromptPack::from_json`] or [`PromptPack::from_path`], a [`Prompt`] is taken from it by name,
//! and [`Prompt::render`] turns the prompt's template and the given [`Variables`] into the system prompt.
//!
//! # What is checked when a pack is read
//!
//! Errors, with the place in the file: JSON, size (4 MiB) and nesting (128 levels); the ids of the pack and of its
//! prompts; semantic versions (a prompt may lack one); at least one prompt, each with a template; names and
//! duplicates of variables and tools; tools that a prompt names and the pack does not define, if the pack defines
//! any; values of the wrong type in every field this module uses; patterns that do not compile.
//!
//! Unknown fields are kept in [`PromptPack::json`] and otherwise left alone, so packs of later versions of the
//! specification load. What loads but does not have its full effect is listed by [`PromptPack::warnings`]. Schema
//! conformance is a separate, opt-in step: `PromptPack::validate_strict` (feature `strict-pack`).
//!
//! # Templates
//!
//! - `{{name}}` is a variable, `{{user.name}}` and `{{items.0}}` reach into objects and arrays, and blanks inside the
//!   braces do not matter.
//! - `{{fragments.x}}` and `{{fragment:x}}` are the pack's fragment `x`; a bare `{{x}}` is the fragment too unless the
//!   prompt declares a variable of that name. An undeclared variable never replaces a fragment.
//! - The text of the pack's author (template, model override, fragments) is read once, from left to right; placeholders
//!   in fragments are filled in with the same variables, and fragments may use fragments, eight deep.
//! - **Inserted values are never read again**: `{{role}}` inside a value stays those eight characters.
//! - Strings are inserted as they are, numbers and booleans as written in JSON, objects and arrays as compact JSON. A
//!   `null` counts as not given.
//! - A declared variable that is neither required nor given is its `default`, or nothing. An undeclared one that is not
//!   given is an error which names it. Variables that no template uses are allowed.
//! - More than two opening braces are two that open and the rest text, so `{{{x}}}` is the value in braces. A `{{` that
//!   is never closed, conditionals, loops and filters are errors of the prompt that uses them.
//! - The result is at most 1 MiB.
//!
//! ```
//! use conversation_sdk::pack::{PromptPack, Variables};
//!
//! let pack = PromptPack::from_json(br#"{
//!     "id": "greeter", "version": "1.0.0",
//!     "fragments": { "tone": "Be {{mood}}." },
//!     "prompts": { "hello": { "system_template": "Greet {{ name }}. {{fragments.tone}}" } }
//! }"#)?;
//! let prompt = pack.prompt("hello")?;
//! let variables = Variables::new().with("name", "{{mood}}").with("mood", "kind");
//! assert_eq!(prompt.render(&variables)?, "Greet {{mood}}. Be kind.");
//! # Ok::<(), conversation_sdk::pack::PackError>(())
//! ```
//!
//! # Module map
//!
//! `prompt_pack` the file and its prompts · `prompt` one prompt · `template` rendering · `variables` values and
//! declarations · `parameters`, `tools`, `media` (with
//! `media_facts`), `validators`, `overrides` the sections of a prompt · `reference` what
//! a conversation's state remembers · `node` reading JSON with its place · `names` grammars · `pattern` regular
//! expressions · `strict` schema validation · `error`.

mod error;
mod media;
mod media_facts;
mod names;
mod node;
mod overrides;
mod parameters;
mod pattern;
mod prompt;
mod prompt_pack;
mod reference;
#[cfg(feature = "strict-pack")]
mod strict;
mod template;
mod tools;
mod validators;
mod variables;

pub use error::{PackError, PackErrorKind, PackLocation};
pub use media::{MediaConfig, MediaLimits};
pub use media_facts::{MediaFacts, MediaViolation, MediaViolationKind};
pub use overrides::ModelOverride;
pub use parameters::Parameters;
pub use prompt::Prompt;
pub use prompt_pack::{MAX_PACK_BYTES, PackOptions, PackWarning, PromptPack};
pub use reference::PackRef;
pub use template::MAX_RENDERED_BYTES;
pub use tools::{PackTool, ToolChoice, ToolPolicy};
pub use validators::{Validator, Validators, Violation};
pub use variables::{Variable, VariableType, Variables};
