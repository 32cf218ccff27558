//! Answers that are cut after each of their bytes.

use conversation_sdk::{ConversationErrorKind, TurnOptions};
use futures_util::{StreamExt, TryStreamExt};

use crate::child::{conversation, manager};
use crate::judge;
use crate::mock::{CLOSING_TEXT, Mock, OUTPUT_TOKENS, Plan, closing_len};
use crate::{AT_A_TIME, Result, Tally};

/// What became of one answer.
#[derive(Debug)]
struct Cut {
    at: usize,
    broken: Vec<String>,
    failed: bool,
    /// Bytes of text that were kept.
    kept: usize,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let cuts = (0..closing_len()).step_by(if short { 29 } else { 1 });
    let mut cuts = futures_util::stream::iter(cuts)
        .map(cut)
        .buffer_unordered(AT_A_TIME);
    while let Some(cut) = cuts.try_next().await? {
        tally.judge(&format!("cut after {} bytes", cut.at), cut.broken);
        tally.count("errors", usize::from(cut.failed));
        tally.count("bytes of text kept", cut.kept);
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

async fn cut(at: usize) -> Result<Cut> {
    let mock = Mock::start(Plan::Cut(at)).await?;
    let dir = tempfile::tempdir()?;
    let manager = manager(dir.path(), &mock.url).await?;
    let mut conversation = conversation(&manager).await?;
    let sent = conversation.send_with("Go", TurnOptions::new()).await;
    let log = mock.take_log();
    let text_sent = log.last().map_or(0, |logged| logged.text_sent);
    let found = judge::read(dir.path())?;
    let mut broken = found.check();
    match &sent {
        // Only the marker of the end may be missing.
        Ok(response) if response.text() != CLOSING_TEXT => {
            broken.push("an answer that was cut counts as complete".to_owned());
        }
        Err(error) if error.kind() != ConversationErrorKind::Provider => {
            broken.push(format!("the error is {:?}", error.kind()));
        }
        _ => {}
    }
    if log.len() != 1 {
        broken.push(format!("{} requests were paid", log.len()));
    }
    let kept = found.answer();
    if !CLOSING_TEXT.starts_with(&kept) || kept.len() < text_sent {
        broken.push(format!("{} bytes are kept of {text_sent}", kept.len()));
    }
    let turn = found.turns.last().cloned().unwrap_or_default();
    let tokens = turn["usage"]["output_tokens"].as_u64().unwrap_or(0);
    if text_sent > 0 && tokens == 0 {
        broken.push("the usage is zero".to_owned());
    }
    // Where the server had sent its count, that one counts.
    if log.last().is_some_and(|logged| logged.usage_sent) && tokens != OUTPUT_TOKENS {
        broken.push(format!(
            "{tokens} tokens, the server counted {OUTPUT_TOKENS}"
        ));
    }
    if found.of_role("user").len() != 1 || !found.record["current_turn"].is_null() {
        broken.push("the user's message or the end of the turn is missing".to_owned());
    }
    Ok(Cut {
        at,
        broken,
        failed: sent.is_err(),
        kept: kept.len(),
    })
}
