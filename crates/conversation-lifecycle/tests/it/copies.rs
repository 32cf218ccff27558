//! Places outside of the media stores that keep copies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_lifecycle::{DeletionStatus, ErasureReceipt, Obstacle};
use media_storage::{CopiesReport, MediaCopies, Operation, Scope, StorageError, StorageErrorKind};

use crate::support::Rig;

/// Files at a provider, by their owner.
#[derive(Clone, Debug, Default)]
struct Files(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, u64>,
    keeps: bool,
    is_down: bool,
}

impl Files {
    fn upload(&self, scope: &Scope, files: u64) {
        self.0
            .lock()
            .unwrap()
            .files
            .insert(format!("{scope:?}"), files);
    }

    fn set(&self, keeps: bool, is_down: bool) {
        let mut inner = self.0.lock().unwrap();
        (inner.keeps, inner.is_down) = (keeps, is_down);
    }
}

#[async_trait]
impl MediaCopies for Files {
    fn place(&self) -> &str {
        "provider files"
    }

    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError> {
        let mut inner = self.0.lock().unwrap();
        if inner.is_down {
            let error = StorageError::new(StorageErrorKind::Unavailable, Operation::DeleteScope);
            return Err(error.with_reason("the provider does not answer"));
        }
        let name = format!("{scope:?}");
        let held = inner.files.get(&name).copied().unwrap_or(0);
        if inner.keeps && held > 0 {
            return Ok(CopiesReport::new(0, 0).with_kept(held, "kept for 30 days"));
        }
        inner.files.remove(&name);
        Ok(CopiesReport::new(held, held * 10))
    }
}

fn rig(files: &Files) -> Rig {
    let files = files.clone();
    Rig::new(|builder| builder.with_media_copies(vec![Arc::new(files)]))
}

#[tokio::test]
async fn an_erasure_reaches_copies_and_lists_them() {
    let files = Files::default();
    let rig = rig(&files);
    let (record, _) = rig.conversation("u1").await;
    let (other, _) = rig.conversation("u2").await;
    let user = Scope::User("u1".parse().unwrap());
    files.upload(&Scope::Conversation(record.id.clone()), 2);
    files.upload(&user, 3);
    files.upload(&Scope::Conversation(other.id.clone()), 7);
    let receipt = rig
        .lifecycle
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    let copies = &receipt.copies[0];
    assert_eq!(
        (copies.place.as_str(), copies.copies, copies.bytes),
        ("provider files", 5, 50)
    );
    assert_eq!(
        files.0.lock().unwrap().files.len(),
        1,
        "those of the other user"
    );
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(
        serde_json::from_str::<ErasureReceipt>(&json).unwrap(),
        receipt
    );
}

#[tokio::test]
async fn copies_that_stay_keep_a_deletion_open_until_they_go() {
    let files = Files::default();
    let rig = rig(&files);
    let (record, _) = rig.conversation("u1").await;
    files.upload(&Scope::Conversation(record.id.clone()), 2);
    files.set(true, false);
    let receipt = rig.lifecycle.delete_conversation(&record.id).await.unwrap();
    assert_eq!(receipt.status, DeletionStatus::InProgress);
    let [
        Obstacle::CopiesKept {
            place,
            copies,
            detail,
            ..
        },
    ] = receipt.obstacles.as_slice()
    else {
        panic!("{receipt:?}");
    };
    assert_eq!(
        (place.as_str(), *copies, detail.as_str()),
        ("provider files", 2, "kept for 30 days")
    );
    assert_eq!(rig.stored().await, 0, "media goes all the same");

    files.set(false, true);
    let report = rig.lifecycle.finish_deletions().await.unwrap();
    let obstacle = &report.receipts[0].obstacles[0];
    let Obstacle::CopiesFailed { detail, .. } = obstacle else {
        panic!("{obstacle:?}");
    };
    assert!(detail.contains("the provider does not answer"), "{detail}");

    files.set(false, false);
    let report = rig.lifecycle.finish_deletions().await.unwrap();
    assert_eq!((report.finished, report.unfinished), (1, 0));
    assert!(files.0.lock().unwrap().files.is_empty());
}
