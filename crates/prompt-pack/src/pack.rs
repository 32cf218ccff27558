//! Packs: files of prompts, read whole and checked before anything is taken from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use conversation_types::ToolDefinition;
use serde_json::Value;

use crate::checks;
use crate::compiled::CompiledPrompt;
use crate::definition::PackFile;
use crate::error::{Operation, PackError, PackErrorKind};
use crate::fault::{Fault, Within as _};
use crate::load;
use crate::names;
use crate::options::{PackOptions, PackWarning};
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::prompt::{PackIdentity, Prompt, PromptContext};
use crate::read::read;
use crate::reference::PackRef;

/// A pack of prompts, read from one JSON file. Cheap to clone.
#[derive(Clone)]
pub struct PromptPack {
    shared: Arc<Shared>,
}

struct Shared {
    context: Arc<PromptContext>,
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
        let shared = read(&json).and_then(|file| Shared::new(file, path, options));
        let mut shared = shared
            .map_err(|fault| PackError::new(PackErrorKind::InvalidPack, Operation::Read, fault))?;
        shared.json = json;
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
        let names = escape_for_display(&names.join(", "));
        let fault = Fault::new(format!(
            "the pack `{}` has no prompt of that name",
            self.id()
        ))
        .about(name)
        .with_hint(format!("Choose a prompt of the pack: {names}"));
        let error = PackError::new(PackErrorKind::UnknownPrompt, Operation::Find, fault);
        Err(error.of_prompt(name).in_file(self.path()))
    }

    /// Returns the prompt that a conversation was started with. The pack may have another version
    /// now; compare the version of the reference with [`version`](Self::version) where that matters.
    ///
    /// # Errors
    /// `PackMismatch` if the reference is to a pack with another id, `UnknownPrompt` if the pack
    /// has the prompt no longer.
    pub fn prompt_for(&self, reference: &PackRef) -> Result<Prompt, PackError> {
        let PackRef { pack, prompt, .. } = reference;
        if pack == self.id() {
            return self.prompt(prompt);
        }
        let shown = escape_for_display(pack);
        let message = format!("expected the pack `{shown}`, found `{}`", self.id());
        let fault = Fault::new(message).about(pack);
        let error = PackError::new(PackErrorKind::PackMismatch, Operation::Find, fault);
        Err(error.of_prompt(prompt).in_file(self.path()))
    }

    /// Returns the definitions of all tools in the order of their names.
    pub fn tools(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.shared.context.tools.values()
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
    fn new(file: PackFile, path: Option<&Path>, options: &PackOptions) -> Result<Self, Fault> {
        names::check_pack_id(&file.id).in_key("id")?;
        names::check_version(&file.version).in_key("version")?;
        let mut warnings = Vec::new();
        if let Some(engine) = &file.template_engine {
            checks::check_engine(engine, &mut warnings)?;
        }
        let mut tools = BTreeMap::new();
        for (name, tool) in file.tools {
            let tool = tool.define(&name).in_key(&name).in_key("tools")?;
            tools.insert(name, tool);
        }
        let context = Arc::new(PromptContext {
            pack: Some(PackIdentity {
                id: file.id.clone(),
                version: file.version.clone(),
                path: path.map(Path::to_path_buf),
            }),
            tools,
            fragments: file.fragments,
        });
        let mut compiler = PatternCompiler::default();
        let mut prompts = BTreeMap::new();
        for (name, definition) in file.prompts {
            let prompt = CompiledPrompt::new(&name, definition, &mut compiler)
                .in_key(&name)
                .in_key("prompts")?;
            checks::check_prompt(&prompt, &context.tools, options, &mut warnings)?;
            prompts.insert(name, Prompt::new(Arc::clone(&context), prompt));
        }
        if prompts.is_empty() {
            let fault = Fault::new("the pack has no prompt").with_hint("Add a prompt to the pack");
            return Err(fault.in_key("prompts"));
        }
        Ok(Self {
            context,
            id: file.id,
            version: file.version,
            name: file.name,
            description: file.description,
            prompts,
            warnings,
            json: Value::Null,
        })
    }
}
