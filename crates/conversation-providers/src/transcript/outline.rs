//! What a request amounts to, before its body is written.

use std::io::{self, Write};

use media_types::MediaContent;
use serde::Serialize;

use super::rules::TranscriptRules;
use super::wire::{Transcript, WireMessage, WirePart};
use crate::planner::RequestOutline;
use crate::request::ProviderRequest;

/// Bytes around a message, a part and a call: no API has fewer.
const AROUND: u64 = 24;

/// Returns the outline of a request. Words are never counted too high, so that nothing is left out
/// of a request that fits.
pub(crate) fn outline<'a>(
    rules: &TranscriptRules,
    request: &ProviderRequest<'_>,
    transcript: &Transcript<'a>,
) -> RequestOutline<'a> {
    // As the first message it is counted there.
    let system = request.system.filter(|_| !rules.system_is_message);
    let tools = request.tools.iter().map(|tool| {
        json_len(&tool.name) + json_len(&tool.description) + json_len(&tool.parameters)
    });
    let mut outline = RequestOutline::new(system.map_or(0, json_len) + tools.sum::<u64>());
    for message in &transcript.messages {
        let media: Vec<&'a MediaContent> = message
            .parts
            .iter()
            .filter_map(|part| match part {
                WirePart::Media { index, .. } => transcript.media.get(*index).copied(),
                _ => None,
            })
            .collect();
        outline.push(words(message), media);
    }
    outline
}

fn words(message: &WireMessage<'_>) -> u64 {
    let parts = message.parts.iter().map(|part| match part {
        WirePart::Text { text, .. } => json_len(text),
        WirePart::Opaque { item, .. } => item.get().len() as u64,
        WirePart::Call(call) => {
            AROUND + json_len(&call.call.name) + call.call.arguments.len() as u64
        }
        WirePart::Media { .. } => 0,
    });
    AROUND + parts.sum::<u64>()
}

/// The length of a value as JSON, in bytes.
fn json_len(value: &(impl Serialize + ?Sized)) -> u64 {
    struct Counter(u64);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // What JSON cannot express is found when the body is written.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}
