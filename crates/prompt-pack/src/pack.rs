//! Packs: files of prompts, read whole and checked before anything is taken from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::checks;
use crate::error::{Operation, PackError, PackErrorKind};
use crate::fault::{Fault, Within as _};
use crate::file::PackFile;
use crate::load;
use crate::names;
use crate::options::{PackOptions, PackWarning};
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::prompt::Prompt;
use crate::prompt_data::{PackContext, PackIdentity, PromptData};
use crate::read::read;
use crate::reference::PackRef;
use conversation_types::ToolDefinition;

/// A pack of prompts, read from one JSON file. Cheap to clone.
#[derive(Clone)]
pub struct PromptPack {
    shared: Arc<Shared>,
}

struct Shared {
    context: Arc<PackContext>,
    id: String,
    version: String,
    name: Option<String>,
    description: Option<String>,
    prompts: BTreeMap<String, Prompt>,
    warnings: Vec<PackWarning>,
    json: Value,
}

impl PromptPack {
    /// Reads a pack from a file. Blocks the thread, for some milliseconds if the pack is large.
    ///
    /// # Errors
    /// `Unreadable`, `TooLarge`, `InvalidJson` and `InvalidPack`; all name the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, PackError> {
        Self::from_path_with(path, &PackOptions::default())
    }

    /// Reads a pack from a file, with options. Blocks the thread.
    ///
    /// # Errors
    /// Those of [`from_path`](Self::from_path).
    pub fn from_path_with(
        path: impl AsRef<Path>,
        options: &PackOptions,
    ) -> Result<Self, PackError> {
        let path = path.as_ref();
        load::read_file(path)
            .and_then(|bytes| Self::read(&bytes, Some(path), options))
            .map_err(|error| error.in_file(Some(path)))
    }

    /// Reads a pack from JSON in UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// `TooLarge`, `InvalidJson` with line and column, `InvalidPack` with a path.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, PackError> {
        Self::from_json_with(json, &PackOptions::default())
    }

    /// Reads a pack from JSON, with options.
    ///
    /// # Errors
    /// Those of [`from_json`](Self::from_json).
    pub fn from_json_with(
        json: impl AsRef<[u8]>,
        options: &PackOptions,
    ) -> Result<Self, PackError> {
        Self::read(json.as_ref(), None, options)
    }

    fn read(bytes: &[u8], path: Option<&Path>, options: &PackOptions) -> Result<Self, PackError> {
        let json = load::parse(bytes)?;
        let invalid = |fault| PackError::invalid(Operation::Read, fault);
        let file = read(&json).map_err(invalid)?;
        let shared = Shared::new(file, json, path, options).map_err(invalid)?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Returns the id of the pack.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Returns the name for people; the id where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name.as_deref().unwrap_or(self.id())
    }

    /// Returns the version, as written.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// Returns what the pack is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.shared.description.as_deref()
    }

    /// Returns the file that the pack was read from, if it was read from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        let pack = self.shared.context.pack.as_ref();
        pack.and_then(|pack| pack.path.as_deref())
    }

    /// Returns the names of the prompts, sorted; there is at least one.
    pub fn prompt_names(&self) -> impl Iterator<Item = &str> {
        self.shared.prompts.keys().map(String::as_str)
    }

    /// Returns the prompt of that name.
    ///
    /// # Errors
    /// `UnknownPrompt`; its hint lists the prompts of the pack.
    pub fn prompt(&self, name: &str) -> Result<Prompt, PackError> {
        if let Some(prompt) = self.shared.prompts.get(name) {
            return Ok(prompt.clone());
        }
        let names: Vec<&str> = self.prompt_names().collect();
        let message = format!("the pack `{}` has no prompt of that name", self.id());
        Err(
            PackError::new(PackErrorKind::UnknownPrompt, Operation::Find, message)
                .in_file(self.path())
                .of_prompt(name)
                .about(name)
                .with_hint(format!(
                    "Choose a prompt of the pack: {}",
                    escape_for_display(&names.join(", "))
                )),
        )
    }

    /// Returns the prompt that a conversation was started with. The pack may have another version
    /// now; compare [`PackRef::version`] with [`version`](Self::version) where that matters.
    ///
    /// # Errors
    /// `PackMismatch` if the reference is to a pack with another id, `UnknownPrompt` if the pack
    /// has the prompt no longer.
    pub fn prompt_for(&self, reference: &PackRef) -> Result<Prompt, PackError> {
        if reference.pack() == self.id() {
            return self.prompt(reference.prompt());
        }
        let message = format!(
            "expected the pack `{}`, found `{}`",
            escape_for_display(reference.pack()),
            self.id()
        );
        Err(
            PackError::new(PackErrorKind::PackMismatch, Operation::Find, message)
                .in_file(self.path())
                .of_prompt(reference.prompt())
                .about(reference.pack()),
        )
    }

    /// Returns the definition of a tool.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&ToolDefinition> {
        self.shared.context.tools.get(name)
    }

    /// Returns the definitions of all tools in the order of their names.
    pub fn tools(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.shared.context.tools.values()
    }

    /// Returns the fragments by name.
    #[must_use]
    pub fn fragments(&self) -> &BTreeMap<String, String> {
        &self.shared.context.fragments
    }

    /// Returns what the pack has without full effect: validators, variable types and template
    /// features that are not supported, and tools that the program has to provide.
    #[must_use]
    pub fn warnings(&self) -> &[PackWarning] {
        &self.shared.warnings
    }

    /// Returns the whole document as it was read, unknown fields included.
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
            .field("path", &self.path())
            .field("prompts", &self.shared.prompts.keys())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn new(
        file: PackFile,
        json: Value,
        path: Option<&Path>,
        options: &PackOptions,
    ) -> Result<Self, Fault> {
        names::check_pack_id(&file.id).in_key("id")?;
        names::check_version(&file.version).in_key("version")?;
        let mut warnings = Vec::new();
        if let Some(engine) = &file.template_engine {
            checks::check_engine(engine, &mut warnings).in_key("template_engine")?;
        }
        let mut tools = BTreeMap::new();
        for (name, tool) in file.tools {
            let tool = tool.define(&name).in_key(&name).in_key("tools")?;
            tools.insert(name, tool);
        }
        let context = Arc::new(PackContext {
            pack: Some(PackIdentity {
                id: file.id.clone(),
                version: file.version.clone(),
                path: path.map(Path::to_path_buf),
            }),
            tools,
            fragments: file.fragments,
        });
        let mut patterns = PatternCompiler::default();
        let mut prompts = BTreeMap::new();
        for (name, prompt) in file.prompts {
            let data = PromptData::new(&name, prompt, &mut patterns)
                .and_then(|data| {
                    checks::check_template(&data)?;
                    checks::check_tools(&data, &context.tools, options, &mut warnings)?;
                    Ok(data)
                })
                .in_key(&name)
                .in_key("prompts")?;
            checks::warn_of_unknown_types(&data, &mut warnings);
            prompts.insert(name, Prompt::new(Arc::clone(&context), data));
        }
        if prompts.is_empty() {
            return Err(Fault::new("the pack has no prompt")
                .with_hint("Add a prompt to the pack")
                .in_key("prompts"));
        }
        Ok(Self {
            context,
            id: file.id,
            version: file.version,
            name: file.name,
            description: file.description,
            prompts,
            warnings,
            json,
        })
    }
}
