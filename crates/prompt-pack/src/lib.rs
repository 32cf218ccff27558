//! PromptPack files: prompts, templates, tools, media limits and validators in one JSON file.
//!
//! ```
//! use prompt_pack::{PromptPack, Variables};
//!
//! let pack = PromptPack::from_json(r#"{
//!     "id": "greeter", "version": "1.0.0",
//!     "fragments": { "tone": "Be {{mood}}." },
//!     "prompts": { "hello": { "system_template": "Greet {{ name }}. {{fragments.tone}}" } }
//! }"#)?;
//! let prompt = pack.prompt("hello")?;
//! let variables = Variables::new().with("name", "{{mood}}").with("mood", "kind");
//! assert_eq!(prompt.render(&variables)?, "Greet {{mood}}. Be kind.");
//! # Ok::<(), prompt_pack::PackError>(())
//! ```
//!
//! [`PromptPack::from_path`] reads a file; [`Prompt::builder`] builds a prompt in code, without a
//! pack. This crate knows no provider, no conversation and no store: whoever runs a conversation
//! asks the [`Prompt`] for its system prompt, [tools](Prompt::listed_tools),
//! [parameters](Prompt::parameters_for), [media limits](Prompt::check_media) and
//! [checks of answers](Prompt::check_answer), and keeps a [`PackRef`] in its state.
//!
//! # What is checked when a pack is read
//!
//! Errors, with their place in the file: JSON, size (4 MiB) and nesting (128 levels); the ids of
//! the pack and of its prompts; semantic versions (a prompt may lack one); at least one prompt,
//! each with a template; names and duplicates of variables and tools; tools that a prompt lists and
//! the pack does not define, if the pack defines any (see [`PackOptions::undefined_tools`]);
//! values of the wrong type in every field that this crate reads; patterns that do not compile.
//!
//! A `null` counts as an absent field. Unknown fields are kept in [`PromptPack::json`] and
//! otherwise ignored, so that packs of later versions of the specification load. What loads
//! without full effect is listed by [`PromptPack::warnings`]. Conformance to a JSON schema is a
//! step of its own: `PromptPack::validate_strict` (feature `strict`).
//!
//! # Templates
//!
//! - `{{name}}` is a variable, `{{user.name}}` and `{{items.0}}` reach into objects and arrays.
//!   Blanks inside the braces do not matter.
//! - `{{fragments.x}}` and `{{fragment:x}}` are the fragment `x` of the pack. So is a bare `{{x}}`,
//!   unless the prompt declares a variable of that name.
//! - `{{'{{'}}` is two literal braces: text in single or double quotes stands for itself, up to
//!   the next such quote. [`escape_template`] escapes any text. A `}}` needs no escape.
//! - More than two opening braces are two that open after literal ones, so `{{{x}}}` is the value
//!   in braces.
//! - The text of the author (template, model override, fragments) is read once, from left to right;
//!   fragments may use variables, and other fragments eight deep.
//! - **Given values are inserted and never read again**: `{{role}}` inside a value stays those eight
//!   characters.
//! - Strings are inserted as they are, numbers and booleans as written in JSON, objects and arrays
//!   as compact JSON. A `null` counts as not given.
//! - An optional declared variable that is not given is its `default`, or nothing. An undeclared
//!   one that is not given is an error that names it. Given variables that no template uses are
//!   allowed.
//! - A `{{` that is not closed, conditionals, loops and filters are errors of the prompt that uses
//!   them.
//! - The result is at most 1 MiB.

mod builder;
mod checks;
mod compiled;
mod definition;
mod error;
mod fault;
mod load;
mod media;
mod names;
mod options;
mod overrides;
mod pack;
mod parameters;
mod path;
mod patterns;
mod prompt;
mod read;
mod reference;
mod render;
#[cfg(feature = "strict")]
mod strict;
mod template;
mod tools;
mod validators;
mod variable;
mod variables;

pub use builder::PromptBuilder;
pub use conversation_types::{ToolChoice, ToolDefinition};
pub use definition::PromptDefinition;
pub use error::{PackError, PackErrorKind, PackLocation};
pub use load::MAX_PACK_BYTES;
pub use media::{MediaConfig, MediaLimits, MediaProperties, MediaViolation, MediaViolationKind};
pub use options::{PackOptions, PackWarning};
pub use overrides::ModelOverride;
pub use pack::PromptPack;
pub use parameters::Parameters;
pub use path::JsonPath;
pub use prompt::Prompt;
pub use reference::PackRef;
pub use render::MAX_RENDERED_BYTES;
pub use template::escape_template;
pub use tools::ToolPolicy;
pub use validators::{ValidatorConfig, Violation};
pub use variable::{Variable, VariableRules};
pub use variables::Variables;
