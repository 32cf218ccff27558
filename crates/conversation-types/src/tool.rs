//! Tools that a model may call, and its calls.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extra::ExtraFields;
use crate::json::RawJson;
use crate::lossy::LossyText;
use crate::opaque::ProviderData;

/// A call of a tool by a model. `Debug` prints the size of the arguments, not the arguments.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolCall {
    /// The provider's id of the call; the answer names it.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, which may be invalid.
    pub arguments: String,
    /// Data that providers want back with the call.
    pub provider_data: ProviderData,
    /// Fields that this version does not know.
    pub extra: ExtraFields,
}

impl ToolCall {
    /// Creates a call with its arguments as JSON text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            provider_data: ProviderData::new(),
            extra: ExtraFields::default(),
        }
    }

    /// Sets the data that providers want back with the call. Defaults to none.
    #[must_use]
    pub fn with_provider_data(mut self, data: ProviderData) -> Self {
        self.provider_data = data;
        self
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("arguments", &format_args!("{} bytes", self.arguments.len()))
            .finish_non_exhaustive()
    }
}

impl Serialize for ToolCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("arguments", &self.arguments)?;
        if !self.provider_data.is_empty() {
            map.serialize_entry("provider_data", &self.provider_data)?;
        }
        self.extra.serialize_into(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for ToolCall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CallVisitor;
        impl<'de> Visitor<'de> for CallVisitor {
            type Value = ToolCall;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tool call")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ToolCall, A::Error> {
                let (mut id, mut name, mut arguments) = (None, None, None);
                let mut call = ToolCall::new("", "", "");
                while let Some(LossyText(key)) = map.next_key()? {
                    match key.as_str() {
                        "id" => id = Some(map.next_value::<LossyText>()?.0),
                        "name" => name = Some(map.next_value::<LossyText>()?.0),
                        "arguments" => arguments = Some(map.next_value::<LossyText>()?.0),
                        "provider_data" => {
                            // Data that is not keyed by API is not ours; it stays as it is.
                            let data = map.next_value::<RawJson>()?;
                            match data.parse() {
                                Ok(data) => call.provider_data = data,
                                Err(_) => call.extra.insert(key, data),
                            }
                        }
                        _ => call.extra.insert(key, map.next_value::<RawJson>()?),
                    }
                }
                call.id = id.ok_or_else(|| de::Error::missing_field("id"))?;
                call.name = name.ok_or_else(|| de::Error::missing_field("name"))?;
                call.arguments = arguments.ok_or_else(|| de::Error::missing_field("arguments"))?;
                Ok(call)
            }
        }
        deserializer.deserialize_map(CallVisitor)
    }
}

/// The description of a tool for a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// The name, as the model writes it.
    pub name: String,
    /// What the tool does and when to use it.
    pub description: String,
    /// A JSON Schema of the arguments, which are an object.
    pub parameters: Value,
}

impl ToolDefinition {
    /// Creates a definition.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters,
        }
    }
}

/// Whether a model may, must or must not call tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// The model has to call a tool.
    Required,
    /// No tool may be called.
    None,
    /// The model has to call the tool of this name.
    Tool(String),
}
