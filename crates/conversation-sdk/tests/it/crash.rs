//! A process that is killed in the middle of its turns, and what the next one finds.
#![cfg(all(feature = "sqlite", unix))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use conversation_sdk::provider::Completion;
use conversation_sdk::{ConversationManager, SqliteStateStore};
use media_storage::MediaStorageExt;
use media_store_fs::FileStore;

use crate::support::{KIB, Scripted, config, pack, picture, picture_bytes, references};

const DIRECTORY: &str = "CONVERSATION_CRASH_DIRECTORY";
const ID: &str = "conv-crash";

async fn open(directory: &Path, provider: Scripted) -> (FileStore, ConversationManager) {
    let store = FileStore::open(directory.join("media")).await.unwrap();
    let state = SqliteStateStore::open(directory.join("c.sqlite"))
        .await
        .unwrap();
    let manager = ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store.clone())
        .with_state_store(state)
        .build()
        .unwrap();
    (store, manager)
}

/// The process that is killed: turn after turn, each told when it is saved.
#[tokio::test]
#[ignore = "run by the test below in a process of its own"]
async fn the_process_that_is_killed() {
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let provider = (0..1000).fold(Scripted::new(), |script, seed| {
        script.then(move |_| Ok(Completion::new(vec![picture(seed, 110 * KIB).into()])))
    });
    let (_store, manager) = open(Path::new(&directory), provider).await;
    let id = ID.parse().unwrap();
    let mut conversation = match manager.resume(&pack(), &id).await {
        Ok(conversation) => conversation,
        Err(_) => {
            let config = config().with_conversation_id(ID);
            manager.new_conversation(&pack(), config).await.unwrap()
        }
    };
    loop {
        let seed = conversation.message_count();
        conversation
            .send_with_media("x", [picture(seed, 120 * KIB)])
            .await
            .unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "saved {}", conversation.message_count()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_saved_is_whole_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut saved = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "crash::the_process_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let counts = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("saved ")
                .and_then(|(_, count)| count.parse::<u64>().ok())
        });
        let told = counts.take(round % 3 + 2).last();
        // Somewhere in the turn after the one that was told of.
        std::thread::sleep(std::time::Duration::from_millis(round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        saved = told.expect("the process saved nothing").max(saved);

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (store, manager) = open(directory.path(), Scripted::new()).await;
            let conversation = manager.resume(&pack(), &ID.parse().unwrap()).await.unwrap();
            let messages = conversation.messages().await.unwrap();
            assert!(
                messages.len() as u64 >= saved,
                "{} of {saved}",
                messages.len()
            );
            assert_eq!(messages.len() % 2, 0, "half a turn");
            let references = references(&messages);
            assert_eq!(references.len(), messages.len());
            for (position, reference) in references.iter().enumerate().step_by(2) {
                let bytes = store.retrieve_bytes(reference, u64::MAX).await.unwrap();
                assert_eq!(bytes, picture_bytes(position as u64, 120 * KIB));
                store
                    .retrieve_media(&references[position + 1])
                    .await
                    .unwrap();
            }
        });
    }
    println!("{saved} messages whole after 8 kills");
}
