//! Answers that are cut after each of their bytes: text, a call of a tool, the text behind its result.

use conversation_sdk::{ConversationErrorKind, TurnOptions};
use futures_util::{StreamExt, TryStreamExt};

use crate::child::{conversation, manager};
use crate::judge::{self, Found, text_of};
use crate::mock::{
    Answer, CALLING_TEXT, CLOSING_TEXT, INPUT_TOKENS, Logged, Mock, OUTPUT_TOKENS, Plan,
};
use crate::{AT_A_TIME, Result, Tally};

/// How many bytes the short form goes on by at a time.
const SHORT_STRIDE: usize = 29;

/// What became of one answer.
#[derive(Debug)]
struct Cut {
    answer: Answer,
    after: usize,
    broken: Vec<String>,
    failed: bool,
    /// Bytes of text that were kept.
    kept: usize,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let stride = if short { SHORT_STRIDE } else { 1 };
    let cuts = [Answer::Text, Answer::Calling, Answer::Closing]
        .into_iter()
        .flat_map(|answer| {
            (0..answer.len())
                .step_by(stride)
                .map(move |at| (answer, at))
        });
    let mut cuts = futures_util::stream::iter(cuts)
        .map(|(answer, after)| cut(answer, after))
        .buffer_unordered(AT_A_TIME);
    while let Some(cut) = cuts.try_next().await? {
        let Cut { answer, after, .. } = cut;
        tally.judge(&format!("{answer:?} cut after {after} bytes"), cut.broken);
        tally.count(&format!("errors of {answer:?}"), usize::from(cut.failed));
        tally.count("bytes of text kept", cut.kept);
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

async fn cut(answer: Answer, after: usize) -> Result<Cut> {
    let mock = Mock::start(Plan::Cut { answer, after }).await?;
    let dir = tempfile::tempdir()?;
    let manager = manager(dir.path(), &mock.url).await?;
    let mut conversation = conversation(&manager).await?;
    let sent = conversation.send_with("Go", TurnOptions::new()).await;
    let log = mock.take_log();
    let found = judge::read(dir.path())?;
    let mut broken = found.check();
    broken.extend(found.check_ends());
    match &sent {
        // Only the marker of the end may be missing.
        Ok(response) if !response.text().ends_with(CLOSING_TEXT) => {
            broken.push("an answer that was cut counts as complete".to_owned());
        }
        Err(error) if error.kind() != ConversationErrorKind::Provider => {
            broken.push(format!("the error is {:?}", error.kind()));
        }
        _ => {}
    }
    let (paid, results) = match (answer, sent.is_ok()) {
        (Answer::Text, _) | (Answer::Calling, false) => (1, 0),
        (Answer::Calling, true) => (2, 1),
        (Answer::Closing, _) => (2, 1),
    };
    broken.extend(judge_requests(&found, &log, after > 0, paid, results));
    let texts: Vec<String> = found
        .of_role("assistant")
        .into_iter()
        .map(text_of)
        .collect();
    let kept = texts.concat();
    let whole = match answer {
        Answer::Text | Answer::Closing => CLOSING_TEXT.to_owned(),
        Answer::Calling => format!("{CALLING_TEXT}{CLOSING_TEXT}"),
    };
    let text_sent: usize = log.iter().map(|logged| logged.text_sent).sum();
    if !whole.starts_with(&kept) || kept.len() < text_sent {
        broken.push(format!("{} bytes are kept of {text_sent}", kept.len()));
    }
    if found.of_role("user").len() != 1 || !found.record["current_turn"].is_null() {
        broken.push("the user's message or the end of the turn is missing".to_owned());
    }
    Ok(Cut {
        answer,
        after,
        broken,
        failed: sent.is_err(),
        kept: kept.len(),
    })
}

/// What was paid is counted, also where no more than a byte of the answer came, and no call was run that had
/// not come to its end.
fn judge_requests(
    found: &Found,
    log: &[Logged],
    began: bool,
    paid: usize,
    results: usize,
) -> Vec<String> {
    let mut broken = Vec::new();
    if log.len() != paid {
        broken.push(format!("{} requests were paid", log.len()));
    }
    let (run, files) = (found.of_role("tool").len(), found.files.len());
    if (run, files) != (results, results) {
        broken.push(format!("{run} results of {results}, with {files} files"));
    }
    let turn = found.turns.last().cloned().unwrap_or_default();
    let tokens_of = |name: &str| turn["usage"][name].as_u64().unwrap_or(0);
    let (input, tokens) = (tokens_of("input_tokens"), tokens_of("output_tokens"));
    // Where the server had sent its count, that one counts; else what came is estimated.
    let (counted, uncounted): (Vec<&Logged>, Vec<&Logged>) =
        log.iter().partition(|logged| logged.usage_sent);
    let asked = counted.len() as u64 * INPUT_TOKENS;
    let counted = counted.len() as u64 * OUTPUT_TOKENS;
    if began && !uncounted.is_empty() && input <= asked {
        broken.push(format!(
            "the input of the cut answer is not counted: {input} tokens"
        ));
    }
    if uncounted.is_empty() && input != asked {
        broken.push(format!(
            "{input} tokens of input, the server counted {asked}"
        ));
    }
    if uncounted.iter().any(|logged| logged.text_sent > 0) && tokens <= counted {
        broken.push(format!(
            "the usage of the cut answer is zero: {tokens} tokens"
        ));
    }
    if uncounted.is_empty() && tokens != counted {
        broken.push(format!("{tokens} tokens, the server counted {counted}"));
    }
    broken
}
