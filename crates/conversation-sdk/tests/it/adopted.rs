//! Media that answers of tools name by a reference, while the store does not say whose it is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Message, OmissionReason, Part, Role, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput,
    Window,
};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, Operation, RetrieveOptions,
    StorageError, StorageErrorKind, StoredMedia,
};
use media_types::{MediaContent, Mime, StorageReference};

use crate::support::{KIB, Rig, image, image_bytes, references};

/// A store that is not available for a number of reads.
#[derive(Clone, Debug, Default)]
struct Hesitant {
    inner: InMemoryStorage,
    failures: Arc<AtomicUsize>,
}

#[async_trait]
impl MediaStorage for Hesitant {
    media_storage::forward_storage!(
        self => self.inner;
        backend, store, delete_opts, inventory,
    );

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let less = |left: usize| left.checked_sub(1);
        let left = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        match left {
            Ok(_) => Err(StorageError::new(
                StorageErrorKind::Unavailable,
                Operation::Retrieve,
            )),
            Err(_) => self.inner.retrieve_opts(reference, options).await,
        }
    }
}

/// A tool that answers with media that is in the store, from when on reads fail.
#[derive(Clone, Debug)]
struct Naming {
    named: Arc<OnceLock<[StorageReference; 2]>>,
    store: Hesitant,
    failures: usize,
}

#[async_trait]
impl Tool for Naming {
    fn definition(&self) -> ToolDefinition {
        let parameters = serde_json::json!({"type": "object"});
        ToolDefinition::new("name", "Names media.", parameters)
    }

    async fn call(&self, _: serde_json::Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.store.failures.store(self.failures, Ordering::SeqCst);
        let named = self.named.get().unwrap().iter().cloned();
        let media = named.map(|named| MediaContent::from_reference(Mime::IMAGE_PNG, named));
        Ok(ToolOutput::new(media.map(Part::from).collect()))
    }
}

#[tokio::test(start_paused = true)]
async fn media_of_the_conversation_stays_while_the_store_is_not_available() {
    for (failures, reason) in [
        (2, OmissionReason::Unavailable),
        (usize::MAX, OmissionReason::StorageFailed),
    ] {
        let provider = ScriptedProvider::new()
            .with_answer(ScriptedAnswer::new().text("seen"))
            .with_answer(ScriptedAnswer::new().tool_call("c1", "name", "{}"))
            .with_answer(ScriptedAnswer::new().text("done"));
        let store = Hesitant::default();
        let tool = Naming {
            named: Arc::default(),
            store: store.clone(),
            failures,
        };
        let rig = Rig::with(provider, |builder| {
            builder
                .with_media_storage(store.clone())
                .with_tool(tool.clone())
        });
        let mut conversation = rig.start().await;
        let look = conversation.send_with_media("look", [image(7, 150 * KIB)]);
        look.await.unwrap();
        let messages = conversation.messages(Window::All).await.unwrap();
        let ours = references(&messages).remove(0);
        let of_another = MediaMetadata::new().with_conversation("conv-0".parse().unwrap());
        let bytes = image_bytes(8, KIB);
        let theirs = store.store_bytes(Mime::IMAGE_PNG, bytes, of_another).await;
        let named = [ours.clone(), theirs.unwrap()];
        assert!(tool.named.set(named).is_ok());
        conversation.send("name").await.unwrap();

        let messages = conversation.messages(Window::All).await.unwrap();
        let is_result = |message: &&Message| message.role == Role::Tool;
        let result = messages.iter().find(is_result).unwrap();
        let [Part::Media(kept), Part::Omitted(omitted)] = &result.content[..] else {
            panic!("{result:?}")
        };
        assert_eq!(kept.reference(), Some(&ours));
        assert_eq!((&omitted.reason, &omitted.reference), (&reason, &None));
        // Others' media is nobody's loss.
        let is_told = rig.event_names().contains(&"media_omitted".to_owned());
        assert_eq!(is_told, reason == OmissionReason::StorageFailed);
    }
}
