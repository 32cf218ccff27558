//! From events of the API to events of an answer, and the complete answer.

use conversation_providers::api::{AnswerAssembly, AnswerDecoder, Decoded, Events, HttpSettings};
use conversation_providers::sink::MediaSink;
use conversation_providers::{
    Completion, PriceTable, ProviderError, ProviderErrorKind, ResponseEvent,
};
use conversation_types::{FinishReason, OmittedMedia, TokenUsage};
use media_types::Mime;
use serde::Deserialize;
use serde_json::Value;

use super::error::hidden;

/// A complete answer, or an event of a streamed one.
#[derive(Deserialize)]
struct Talk {
    #[serde(default)]
    reply: Vec<Reply>,
    why: Option<String>,
    used: Option<[u64; 2]>,
    trouble: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Say {
        say: String,
    },
    Show {
        show: String,
        #[serde(rename = "as")]
        mime: String,
    },
    Call {
        call: String,
        tool: String,
        with: Value,
    },
}

#[derive(Debug)]
pub(super) struct TalkDecoder {
    answer: AnswerAssembly,
    calls: usize,
    why: Option<String>,
}

impl AnswerDecoder for TalkDecoder {
    fn new(input: TokenUsage, _: &MediaSink) -> Self {
        Self {
            answer: AnswerAssembly::new("acme", input),
            calls: 0,
            why: None,
        }
    }

    async fn push(
        &mut self,
        settings: &HttpSettings,
        max_answer: usize,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.answer
            .count(settings, decoded.json().len(), max_answer)?;
        let talk: Talk = decoded.parse().map_err(|error| {
            let invalid = settings.error(ProviderErrorKind::InvalidResponse);
            invalid
                .with_reason("the response is not one of Acme")
                .with_source(error)
        })?;
        if let Some(trouble) = talk.trouble {
            return Err(hidden(settings, &trouble));
        }
        for reply in talk.reply {
            match reply {
                Reply::Say { say } => self.answer.emit_text(say, events),
                Reply::Show { show, mime } => {
                    let declared = mime.parse().unwrap_or(Mime::OCTET_STREAM);
                    let media = self.answer.receive(&show, &declared, decoded).await?;
                    if let Some(media) = media {
                        self.answer.emit(ResponseEvent::Media(media), events);
                    }
                }
                Reply::Call { call, tool, with } => {
                    let index = self.calls;
                    self.calls += 1;
                    let arguments = with.to_string();
                    for event in [
                        ResponseEvent::ToolCallStarted {
                            index,
                            id: call,
                            name: tool,
                        },
                        ResponseEvent::ToolCallDelta { index, arguments },
                    ] {
                        self.answer.emit(event, events);
                    }
                }
            }
        }
        if let Some([input, output]) = talk.used {
            let usage = ResponseEvent::Usage(TokenUsage::new(input, output));
            self.answer.emit(usage, events);
        }
        self.why = talk.why.or(self.why.take());
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.why.is_some()
    }

    fn is_complete(&self) -> bool {
        self.why.is_some()
    }

    fn finish(
        self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        _: &mut Events,
    ) -> Completion {
        let finish = match self.why.as_deref() {
            Some("full") => Some(FinishReason::Length),
            _ => None,
        };
        self.answer.finish(model, prices, omitted, finish)
    }
}
