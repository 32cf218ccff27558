//! Reading opaque data back.

use std::fmt;

use conversation_types::{Message, OpaqueData, Part, ProviderData, RawJson};
use media_loader::{LoadError, MediaLoader};
use media_types::{MediaContent, Mime, StorageReference};

/// Opaque data that cannot be read back: it is gone, or not what was stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnresolvedOpaque {
    /// The reference that stays in the message.
    pub reference: StorageReference,
    /// The loader's error; `None` where what was read is not JSON.
    pub error: Option<LoadError>,
}

impl fmt::Display for UnresolvedOpaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = if self.error.is_some() {
            "it cannot be read"
        } else {
            "it is not JSON"
        };
        write!(
            f,
            "failed to read opaque data `{}`: {cause}",
            self.reference.file_name()
        )
    }
}

impl std::error::Error for UnresolvedOpaque {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

/// Reads opaque data of a message back from its store, for a request to the API that it came from.
/// `api` limits this to one family of APIs. Data that cannot be read stays a reference and is
/// returned with the cause.
///
/// `loader` has to be limited to the scope of the conversation. The future may be dropped at any
/// point; what was read by then is in the message.
pub async fn resolve_opaque(
    loader: &MediaLoader,
    message: &mut Message,
    api: Option<&str>,
) -> Vec<UnresolvedOpaque> {
    let mut resolver = Resolver {
        loader,
        api,
        unresolved: Vec::new(),
    };
    for part in &mut message.content {
        match part {
            Part::Reasoning {
                opaque: Some((of, data)),
                ..
            }
            | Part::Opaque {
                api: of,
                item: data,
                ..
            } => resolver.resolve(of, data).await,
            Part::Text(text) => resolver.resolve_all(&mut text.provider_data).await,
            Part::Media(content) => {
                let mut data = ProviderData::of_media(content);
                if data.iter().any(|(_, data)| data.reference().is_some()) {
                    resolver.resolve_all(&mut data).await;
                    *content = data.attach_to(content.clone());
                }
            }
            _ => {}
        }
    }
    for call in &mut message.tool_calls {
        resolver.resolve_all(&mut call.provider_data).await;
    }
    resolver.unresolved
}

struct Resolver<'a> {
    loader: &'a MediaLoader,
    api: Option<&'a str>,
    unresolved: Vec<UnresolvedOpaque>,
}

impl Resolver<'_> {
    async fn resolve_all(&mut self, data: &mut ProviderData) {
        for (api, data) in data.iter_mut() {
            self.resolve(api, data).await;
        }
    }

    async fn resolve(&mut self, api: &str, data: &mut OpaqueData) {
        let Some(reference) = data.reference().cloned() else {
            return;
        };
        if self.api.is_some_and(|wanted| wanted != api) {
            return;
        }
        let stored = MediaContent::from_reference(Mime::OCTET_STREAM, reference.clone());
        let read = self.loader.bytes(&stored).await;
        let json = match read {
            Ok(bytes) => String::from_utf8(bytes.into())
                .ok()
                .and_then(|text| RawJson::from_text(text).ok())
                .ok_or(None),
            Err(error) => Err(Some(error)),
        };
        match json {
            Ok(json) => *data = OpaqueData::Json(json),
            Err(error) => self.unresolved.push(UnresolvedOpaque { reference, error }),
        }
    }
}
