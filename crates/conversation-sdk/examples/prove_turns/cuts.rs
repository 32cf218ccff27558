//! Answers that are cut after each of their bytes.

use conversation_sdk::{ConversationErrorKind, TurnOptions};

use crate::child::{conversation, manager};
use crate::judge;
use crate::mock::{CLOSING_TEXT, Mock, Plan, closing_len};
use crate::{Result, Tally};

pub(crate) async fn run(short: bool, stop_at_first: bool) -> Result<Tally> {
    let mock = Mock::start(Plan::Cut(0)).await?;
    let mut tally = Tally::default();
    let whole = closing_len();
    for cut in (0..whole).step_by(if short { 29 } else { 1 }) {
        mock.set(Plan::Cut(cut));
        let dir = tempfile::tempdir()?;
        let manager = manager(dir.path(), &mock.url).await?;
        let mut conversation = conversation(&manager).await?;
        let sent = conversation.send_with("Go", TurnOptions::new()).await;
        let log = mock.take_log();
        let text_sent = log.last().map_or(0, |logged| logged.text_sent);
        let found = judge::read(dir.path())?;
        let mut broken = found.check();
        if let Ok(response) = &sent {
            // Only the marker of the end may be missing.
            if response.text() != CLOSING_TEXT {
                broken.push("an answer that was cut counts as complete".to_owned());
            }
        }
        if let Err(error) = &sent {
            tally.count("errors", 1);
            if error.kind() != ConversationErrorKind::Provider {
                broken.push(format!("the error is {:?}", error.kind()));
            }
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
        if found.of_role("user").len() != 1 || !found.record["current_turn"].is_null() {
            broken.push("the user's message or the end of the turn is missing".to_owned());
        }
        tally.judge(&format!("cut after {cut} bytes"), broken);
        tally.count("bytes of text kept", kept.len());
        if stop_at_first && !tally.broken.is_empty() {
            break;
        }
    }
    Ok(tally)
}
