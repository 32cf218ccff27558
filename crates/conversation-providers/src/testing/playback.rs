//! Playing an answer.

use std::vec::IntoIter;

use conversation_types::FinishReason;

use super::answer::{ScriptedAnswer, Step};
use crate::accumulator::StreamAccumulator;
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::response::ResponseEvent;
use crate::sink::MediaSink;

/// An answer that is being played.
pub(super) struct Playback {
    steps: Option<IntoIter<Step>>,
    finish: Option<FinishReason>,
    sink: MediaSink,
    gathered: Option<StreamAccumulator>,
    provider: String,
    model: String,
}

impl Playback {
    pub(super) fn new(
        answer: ScriptedAnswer,
        sink: MediaSink,
        provider: String,
        model: String,
    ) -> Self {
        Self {
            steps: Some(answer.steps.into_iter()),
            finish: answer.finish,
            sink,
            gathered: Some(StreamAccumulator::new()),
            provider,
            model,
        }
    }

    /// Plays on to the next event.
    pub(super) async fn next(&mut self) -> Option<Result<ResponseEvent, ProviderError>> {
        let event = loop {
            let Some(step) = self.steps.as_mut()?.next() else {
                return self.done().map(Ok);
            };
            match step {
                Step::Event(event) => break *event,
                Step::Receive(mime, bytes) => {
                    let mut writer = self.sink.begin();
                    let received = match writer.write(&bytes).await {
                        Ok(()) => writer.finish(&mime).await,
                        Err(error) => Err(error),
                    };
                    match received {
                        Ok(content) => break ResponseEvent::Media(content),
                        Err(error) => {
                            let kind = ProviderErrorKind::Spool;
                            let error = ProviderError::new(kind, &self.provider).with_source(error);
                            return self.fail(error);
                        }
                    }
                }
                Step::Gate(gate) => gate.pass().await,
                Step::Fail(error) => return self.fail(error),
                Step::Hang => std::future::pending().await,
                Step::Cut => {
                    self.steps = None;
                    return None;
                }
            }
        };
        if let Some(gathered) = &mut self.gathered {
            gathered.push(&event);
        }
        Some(Ok(event))
    }

    fn fail(&mut self, error: ProviderError) -> Option<Result<ResponseEvent, ProviderError>> {
        self.steps = None;
        Some(Err(error))
    }

    fn done(&mut self) -> Option<ResponseEvent> {
        self.steps = None;
        let (content, calls, usage) = self.gathered.take()?.into_parts();
        let mut completion = Completion::new(content)
            .with_tool_calls(calls)
            .with_usage(usage, None)
            .with_origin(&self.provider, &self.model);
        if let Some(finish) = self.finish.take() {
            completion = completion.with_finish(finish);
        }
        Some(ResponseEvent::Done(Box::new(completion)))
    }
}
