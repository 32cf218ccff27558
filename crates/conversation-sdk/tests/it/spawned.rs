//! Everything can be awaited in a task: handlers of web frameworks are spawned.

use std::time::Duration;

use conversation_sdk::{
    ConversationFilter, ConversationManager, Owner, ReconcileOptions, Start, TurnOptions, Upload,
    ViewOptions, Window,
};
use media_storage::SweepOptions;
use media_types::Mime;

/// Compiled, and not run: a future that is not `Send` is an error of the compiler.
#[allow(dead_code)]
fn spawned(manager: ConversationManager) {
    tokio::spawn(async move {
        let owner = || Owner::user("user-1");
        let mut conversation = manager.start(Start::new()).await?;
        let id = conversation.id().clone();
        manager.resume(&id, owner()).await?;
        manager.conversations("user-1").await?;
        manager
            .find_conversations(&ConversationFilter::new())
            .await?;
        let upload = Upload::new(Mime::IMAGE_PNG, Vec::from("bytes"));
        let media = manager.upload(owner(), upload).await?;
        let mut events = conversation.stream_with("Hello", TurnOptions::new());
        let turn = events.turn().clone();
        events.next().await;
        events.response().await?;
        conversation.attach(turn.clone()).response().await?;
        conversation.send("Hello").await?;
        conversation.send_with("Hello", TurnOptions::new()).await?;
        conversation
            .send_with_media("Hello", vec![media.clone()])
            .await?;
        let view = conversation.view(Window::All, &ViewOptions::new()).await?;
        let cursor = view.cursor.unwrap_or_default();
        conversation
            .view_before(&cursor, 10, &ViewOptions::new())
            .await?;
        conversation.messages(Window::All).await?;
        conversation.record().await?;
        conversation.open_media(&media).await?;
        conversation.set_title(None).await?;
        conversation.set_tags(["tag"]).await?;
        conversation.child(Start::new()).await?;
        let message = view.messages[0].id.clone();
        conversation.branch(&message).await?;
        conversation.end().await?;
        manager.cancel_turn(&id, owner(), &turn).await?;
        manager.delete_conversation(&id, Owner::any()).await?;
        manager.finish_deletions().await?;
        manager.erase_user(&"user-1".parse().unwrap()).await?;
        manager.reconcile(ReconcileOptions::new()).await?;
        manager.sweep(SweepOptions::new()).await?;
        manager.run_upkeep_once().await?;
        manager.shutdown(Duration::ZERO).await
    });
}
