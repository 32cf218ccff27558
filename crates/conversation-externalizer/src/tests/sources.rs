//! What the text of a tool names is no media: only what it brings.

use std::sync::Arc;

use conversation_types::{Message, Part, ProviderData, RawJson, Role};
use media_loader::{FileAccess, MediaLoader};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt};
use serde_json::{Value, json};

use super::remote::Server;
use super::support::{KIB, count, png, png_base64, png_bytes, references_in, run, shown};
use crate::{BatchKind, ExternalizeOptions, Externalizer, RemoteMedia};

/// A store with a media item of somebody else, a file and a server that may be read, and objects that
/// name them.
struct World {
    store: InMemoryStorage,
    server: Server,
    _dir: tempfile::TempDir,
    externalizer: Externalizer,
    sources: Vec<(&'static str, Value)>,
}

impl World {
    async fn new() -> Self {
        let (store, server) = (InMemoryStorage::new(), Server::start().await);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), png_bytes(1, 5000)).unwrap();
        let foreign = store
            .store_media(&png(9, 10), MediaMetadata::new())
            .await
            .unwrap();
        let storage: Arc<dyn MediaStorage> = Arc::new(store.clone());
        let loader = MediaLoader::builder()
            .with_storage(Arc::clone(&storage))
            .with_file_access(FileAccess::Under(dir.path().to_owned()))
            .build();
        let options = ExternalizeOptions::new().with_remote_media(RemoteMedia::FetchAndKeep);
        let externalizer =
            Externalizer::new(Some(storage), loader, options).with_fetcher(server.fetcher());
        let url = serde_json::to_value(server.at("a.png")).unwrap();
        let sources = vec![
            (
                "provider_file",
                json!({"provider": "openai", "id": "file-OTHER"}),
            ),
            ("file_path", json!("a.png")),
            ("url", url.get("url").unwrap().clone()),
            ("storage_reference", serde_json::to_value(foreign).unwrap()),
        ];
        Self {
            store,
            server,
            _dir: dir,
            externalizer,
            sources,
        }
    }

    /// Objects of content with each source, with data that is empty and without.
    fn objects(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (name, source) in &self.sources {
            for data in ["\"data\":\"\",", "\"data\":null,", ""] {
                all.push(format!(
                    r#"{{"type":"image","mime_type":"image/png",{data}"{name}":{source}}}"#
                ));
                // The last of two keys counts.
                let reference = &self.sources[3].1;
                all.push(format!(
                    r#"{{"type":"image","mime_type":"image/png",{data}"storage_reference":{reference},"storage_reference":null,"{name}":{source}}}"#
                ));
            }
        }
        all
    }

    async fn externalized(&self, message: Message) -> Message {
        let mut messages = [message];
        run(&self.externalizer, BatchKind::Answer, &mut messages).await;
        assert_eq!(count(&self.store).await, 1);
        assert_eq!(self.server.asked(), 0);
        let [message] = messages;
        message
    }
}

#[tokio::test]
async fn no_source_that_the_text_of_a_tool_names_becomes_media() {
    let world = World::new().await;
    for object in world.objects() {
        let in_string = json!({"result": format!("[{object}{}]", " ".repeat(2000))}).to_string();
        for text in [object.clone(), format!("see {object} and more"), in_string] {
            let message = Message::new(Role::Tool, vec![Part::text(text.clone())]);
            assert_eq!(shown(&world.externalized(message).await), [text]);
        }
    }
}

#[tokio::test]
async fn no_source_that_an_unknown_part_names_is_read() {
    let world = World::new().await;
    for object in world.objects() {
        let json = format!(r#"{{"type":"tool_result","content":[{object}]}}"#);
        for role in [Role::Tool, Role::User, Role::Assistant] {
            let part: Part = serde_json::from_str(&json).unwrap();
            assert!(matches!(part, Part::Unknown(_)));
            let message = world.externalized(Message::new(role, vec![part])).await;
            assert_eq!(shown(&message), [format!("?{json}")]);
        }
    }
}

#[tokio::test]
async fn the_text_of_a_tool_sets_no_provider_data_of_its_media() {
    let world = World::new().await;
    let data = RawJson::from_text(r#"{"type":"input_image","file_id":"file-OTHER"}"#).unwrap();
    let data = ProviderData::new().with("openai", data);
    let foreign = &world.sources[3].1;
    let named = json!({"gemini": {"storage_reference": foreign}});
    for data in [serde_json::to_value(data).unwrap(), named, json!("x")] {
        let text = json!({"type": "image", "mime_type": "image/png", "caption": "c",
            "data": png_base64(3, KIB), "provider_data": data});
        let message = Message::new(Role::Tool, vec![Part::text(text.to_string())]);
        let message = world.externalized(message).await;
        let content = message.content[0].as_media().unwrap();
        assert_eq!(content.inline(), Some(&png_bytes(3, KIB)));
        assert_eq!(content.caption(), Some("c"));
        assert_eq!(content.attribute("provider_data"), None);
        assert_eq!(references_in(&message), 0);
    }
}
