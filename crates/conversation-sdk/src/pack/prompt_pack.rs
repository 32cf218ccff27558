//! The pack: one JSON file, read whole and checked before anything is taken from it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::error::{PackError, PackErrorKind, PackLocation, shown};
use super::names;
use super::node::Node;
use super::pattern::Patterns;
use super::prompt::{Prompt, PromptData};
use super::reference::PackRef;
use super::tools::{self, PackTool};
use super::variables::VariableType;

/// Most bytes of a pack: 4 MiB.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;

/// A pack of prompts. Cheap to clone.
#[derive(Clone)]
pub struct PromptPack {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    name: Option<String>,
    version: String,
    description: Option<String>,
    path: Option<PathBuf>,
    prompts: BTreeMap<String, Arc<PromptData>>,
    tools: BTreeMap<String, PackTool>,
    fragments: BTreeMap<String, String>,
    warnings: Vec<PackWarning>,
    json: Value,
}

/// How a pack is read.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    undefined_tools: bool,
}

impl PackOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether prompts may name tools that a pack with tools does not define, because they come from code; they are
    /// then warnings. A pack that defines no tools may always do so. Default: false.
    #[must_use]
    pub fn with_undefined_tools(mut self, allowed: bool) -> Self {
        self.undefined_tools = allowed;
        self
    }
}

/// Something in a pack that loads but does not have its full effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackWarning {
    pointer: String,
    message: String,
}

impl PackWarning {
    /// Where it is: a JSON pointer.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for PackWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.message, shown(&self.pointer))
    }
}

impl PromptPack {
    /// Reads a pack from a file. Blocks; call it where blocking is fine, as at start.
    ///
    /// # Errors
    /// `Unreadable`, `TooLarge`, `NotJson` and `Structure`; all name the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, PackError> {
        Self::from_path_with(path, &PackOptions::default())
    }

    /// As [`from_path`](Self::from_path), with options.
    ///
    /// # Errors
    /// Those of [`from_path`](Self::from_path).
    pub fn from_path_with(
        path: impl AsRef<Path>,
        options: &PackOptions,
    ) -> Result<Self, PackError> {
        let path = path.as_ref();
        read_file(path)
            .and_then(|json| Self::read(&json, Some(path), options))
            .map_err(|error| error.in_file(Some(path)))
    }

    /// Reads a pack from its JSON text, UTF-8 with or without a byte order mark.
    ///
    /// # Errors
    /// `TooLarge`, `NotJson` with line and column, `Structure` with a JSON pointer.
    pub fn from_json(json: &[u8]) -> Result<Self, PackError> {
        Self::from_json_with(json, &PackOptions::default())
    }

    /// As [`from_json`](Self::from_json), with options.
    ///
    /// # Errors
    /// Those of [`from_json`](Self::from_json).
    pub fn from_json_with(json: &[u8], options: &PackOptions) -> Result<Self, PackError> {
        Self::read(json, None, options)
    }

    fn read(json: &[u8], path: Option<&Path>, options: &PackOptions) -> Result<Self, PackError> {
        if json.len() > MAX_PACK_BYTES {
            return Err(too_large());
        }
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let json: Value = serde_json::from_slice(json).map_err(|error| {
            PackError::new(PackErrorKind::NotJson, "this is not JSON that can be read")
                .at(PackLocation::Position {
                    line: error.line(),
                    column: error.column(),
                })
                .with_source(error)
        })?;
        let mut shared = Shared::from_value(&json, options)?;
        shared.path = path.map(Path::to_path_buf);
        shared.json = json;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Its name for people; its id where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name.as_deref().unwrap_or(&self.shared.id)
    }

    /// Its version, as written.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.shared.description.as_deref()
    }

    /// The file it was read from, if it was read from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }

    /// The names of its prompts, sorted; at least one.
    pub fn prompt_names(&self) -> impl Iterator<Item = &str> {
        self.shared.prompts.keys().map(String::as_str)
    }

    /// The prompt of that name.
    ///
    /// # Errors
    /// `UnknownPrompt`; its hint lists the names there are.
    pub fn prompt(&self, name: &str) -> Result<Prompt, PackError> {
        match self.shared.prompts.get(name) {
            Some(data) => Ok(Prompt::new(self.clone(), Arc::clone(data))),
            None => {
                let message = format!("the pack `{}` has no prompt `{}`", self.id(), shown(name));
                let names: Vec<&str> = self.prompt_names().collect();
                Err(PackError::new(PackErrorKind::UnknownPrompt, message)
                    .in_file(self.path())
                    .of_prompt(name)
                    .about(name)
                    .with_hint(format!(
                        "Choose a prompt of the pack: {}",
                        shown(&names.join(", "))
                    )))
            }
        }
    }

    /// The prompt a conversation was started with. The pack may have another version now; compare
    /// [`PackRef::version`] with [`version`](Self::version) where that matters.
    ///
    /// # Errors
    /// `OtherPack` if the reference is of a pack with another id, `UnknownPrompt` if the prompt is gone.
    pub fn prompt_for(&self, reference: &PackRef) -> Result<Prompt, PackError> {
        if reference.pack() != self.id() {
            let message = format!(
                "the conversation was started with the pack `{}`, and this is `{}`",
                shown(reference.pack()),
                self.id()
            );
            return Err(PackError::new(PackErrorKind::OtherPack, message)
                .in_file(self.path())
                .about(reference.pack()));
        }
        self.prompt(reference.prompt())
    }

    /// The tool of that name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&PackTool> {
        self.shared.tools.get(name)
    }

    /// All tools it defines, in the order of their names.
    pub fn tools(&self) -> impl Iterator<Item = &PackTool> {
        self.shared.tools.values()
    }

    /// Its fragments by name.
    #[must_use]
    pub fn fragments(&self) -> &BTreeMap<String, String> {
        &self.shared.fragments
    }

    /// What was read but does not have its full effect: unknown validators, variable types and template features,
    /// and tools that have to come from code.
    #[must_use]
    pub fn warnings(&self) -> &[PackWarning] {
        &self.shared.warnings
    }

    /// The whole document as it was read, unknown fields included.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.shared.json
    }
}

impl fmt::Debug for PromptPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptPack")
            .field("id", &self.shared.id)
            .field("version", &self.shared.version)
            .field("path", &self.shared.path)
            .field("prompts", &self.shared.prompts.keys())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn from_value(json: &Value, options: &PackOptions) -> Result<Self, PackError> {
        let root = Node::root(json);
        root.object()?;
        let id = root.required("id")?;
        if !names::is_pack_id(id.string()?) {
            return Err(id
                .error(format!("`{}` is not an id for a pack", shown(id.string()?)))
                .with_hint("Use lower-case letters, digits and `-`, a letter first, 100 characters at most"));
        }
        let version = root.required("version")?;
        if !names::is_version(version.string()?) {
            return Err(version
                .error(format!(
                    "`{}` is not a semantic version",
                    shown(version.string()?)
                ))
                .with_hint("Use a version such as 1.0.0"));
        }
        let mut warnings = Vec::new();
        check_engine(&root, &mut warnings)?;
        let tools = tools::read_tools(root.get("tools").as_ref())?;
        let mut fragments = BTreeMap::new();
        if let Some(node) = root.get("fragments") {
            for (name, text) in node.entries()? {
                fragments.insert(name.to_owned(), text.string()?.to_owned());
            }
        }
        let patterns = Patterns::default();
        let mut prompts = BTreeMap::new();
        let node = root.required("prompts")?;
        for (name, node) in node.entries()? {
            let prompt = PromptData::read(name, &node, &patterns)?;
            check_tools(&node, &prompt, &tools, options, &mut warnings)?;
            warn_of_unknown_kinds(&node, &prompt, &mut warnings);
            prompts.insert(name.to_owned(), Arc::new(prompt));
        }
        if prompts.is_empty() {
            return Err(node
                .error("the pack has no prompt")
                .with_hint("Add a prompt to the pack"));
        }
        Ok(Self {
            id: id.string()?.to_owned(),
            name: root.get_string("name")?.map(str::to_owned),
            version: version.string()?.to_owned(),
            description: root.get_string("description")?.map(str::to_owned),
            path: None,
            prompts,
            tools,
            fragments,
            warnings,
            json: Value::Null,
        })
    }
}

/// Another placeholder syntax would leave every template as it is, so it is an error and not a warning.
fn check_engine(root: &Node<'_>, warnings: &mut Vec<PackWarning>) -> Result<(), PackError> {
    let Some(engine) = root.get("template_engine") else {
        return Ok(());
    };
    engine.object()?;
    if let Some(syntax) = engine.get("syntax")
        && !syntax.string()?.contains("{{")
    {
        return Err(syntax
            .error(format!(
                "the template syntax `{}` is not supported",
                shown(syntax.string()?)
            ))
            .with_hint("Write templates with {{variable}}"));
    }
    for feature in engine.get_items("features")? {
        let name = feature.string()?;
        if !["basic_substitution", "fragments"].contains(&name) {
            let message = format!("the template feature `{}` is not supported", shown(name));
            warnings.push(PackWarning {
                pointer: feature.pointer().to_owned(),
                message,
            });
        }
    }
    Ok(())
}

fn check_tools(
    node: &Node<'_>,
    prompt: &PromptData,
    tools: &BTreeMap<String, PackTool>,
    options: &PackOptions,
    warnings: &mut Vec<PackWarning>,
) -> Result<(), PackError> {
    let named = node.get_items("tools")?;
    let mut seen = std::collections::BTreeSet::new();
    for (node, name) in named.iter().zip(&prompt.tools) {
        if !seen.insert(name) {
            return Err(node
                .error(format!("the tool `{}` is listed twice", shown(name)))
                .about(name));
        }
        if tools.contains_key(name) {
            continue;
        }
        if !tools.is_empty() && !options.undefined_tools {
            return Err(node
                .error(format!(
                    "the tool `{}` is not defined by the pack",
                    shown(name)
                ))
                .about(name)
                .with_hint(format!(
                    "Define the tool `{0}` under `tools` or take it out of the prompt",
                    shown(name)
                )));
        }
        let message = format!(
            "the tool `{}` is not defined by the pack and has to come from code",
            shown(name)
        );
        warnings.push(PackWarning {
            pointer: node.pointer().to_owned(),
            message,
        });
    }
    Ok(())
}

fn warn_of_unknown_kinds(node: &Node<'_>, prompt: &PromptData, warnings: &mut Vec<PackWarning>) {
    for (index, variable) in prompt.variables().iter().enumerate() {
        if variable.variable_type() == VariableType::Other {
            let message = format!(
                "values of the type `{}` are not checked",
                shown(variable.type_name())
            );
            warnings.push(PackWarning {
                pointer: format!("{}/variables/{index}/type", node.pointer()),
                message,
            });
        }
    }
    for (index, validator) in prompt.validators.iter().enumerate() {
        if validator.is_enabled() && !validator.is_supported() {
            let message = format!(
                "the validator `{}` is not known and does not run",
                shown(validator.kind())
            );
            warnings.push(PackWarning {
                pointer: format!("{}/validators/{index}", node.pointer()),
                message,
            });
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, PackError> {
    let unreadable = |message: &str, error: io::Error| {
        PackError::new(PackErrorKind::Unreadable, message.to_owned()).with_source(error)
    };
    let failed = |error| unreadable("the file cannot be read", error);
    // Before opening, because opening a pipe without a writer waits for one.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(PackError::new(
            PackErrorKind::Unreadable,
            "this is not a regular file",
        ));
    }
    let file = File::open(path).map_err(failed)?;
    let mut json = Vec::new();
    let limit = MAX_PACK_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut json).map_err(failed)?;
    if json.len() > MAX_PACK_BYTES {
        return Err(too_large());
    }
    Ok(json)
}

fn too_large() -> PackError {
    PackError::new(
        PackErrorKind::TooLarge,
        format!(
            "the pack is larger than {} MiB",
            MAX_PACK_BYTES / 1024 / 1024
        ),
    )
}
