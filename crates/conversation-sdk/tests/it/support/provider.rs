//! A model that answers by script and reads the media of every question as a provider does.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use conversation_sdk::pack::ToolChoice;
use conversation_sdk::provider::{
    Capabilities, Completion, Delivery, MediaForm, Provider, ProviderRequest, Reply, ReplyEvent,
};
use conversation_sdk::{MediaContext, Message, Part, ProviderError, TokenUsage, ToolDefinition};
use futures_util::StreamExt;
use media_types::{MediaContent, base64};
use serde_json::{Map, Value};

/// A question as the model got it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) system: Option<String>,
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) delivery: Delivery,
    /// The bytes of all media, oldest first; or the note in their place.
    pub(crate) media: Vec<Result<Bytes, String>>,
}

type Answer = Box<dyn FnOnce(&Asked) -> Result<Completion, ProviderError> + Send>;

/// Answers by script; says `ok` when the script is at its end.
#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
    /// How often a question gives way before it is answered.
    yields: Mutex<usize>,
}

/// An answer of words, with some usage.
pub(crate) fn says(text: &str) -> Completion {
    Completion::new(vec![Part::Text(text.to_owned())])
        .with_usage(Some(TokenUsage::new(10, 2)), None)
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an answer at the end of the script.
    pub(crate) fn then(
        self,
        answer: impl FnOnce(&Asked) -> Result<Completion, ProviderError> + Send + 'static,
    ) -> Self {
        self.0.answers.lock().unwrap().push_back(Box::new(answer));
        self
    }

    pub(crate) fn then_says(self, completion: Completion) -> Self {
        self.then(|_| Ok(completion))
    }

    pub(crate) fn with_yields(self, yields: usize) -> Self {
        *self.0.yields.lock().unwrap() = yields;
        self
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Asked {
        self.asked().pop().unwrap()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn model(&self) -> &str {
        "script-1"
    }

    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        context: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let yields = *self.0.yields.lock().unwrap();
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        let api = Capabilities::builtin().api("openai.chat").unwrap();
        let content: Vec<&MediaContent> =
            request.messages.iter().flat_map(Message::media).collect();
        let plan = context.plan("openai", &api, content).await;
        let mut media = Vec::new();
        for index in 0..plan.len() {
            media.push(match plan.get(index).unwrap().1 {
                MediaForm::Note { note, .. } => Err(format!("{}: {}", note.name, note.reason)),
                MediaForm::Base64 { .. } => {
                    let mut text = BytesMut::new();
                    let mut pieces = plan.base64(index, context);
                    while let Some(piece) = pieces.next().await {
                        text.extend_from_slice(&piece.unwrap());
                    }
                    Ok(base64::decode(&text).unwrap().into())
                }
                other => Err(format!("{other:?}")),
            });
        }
        let asked = Asked {
            system: request.system.map(str::to_owned),
            messages: request.messages.to_vec(),
            tools: request.tools.to_vec(),
            tool_choice: request.tool_choice,
            parameters: request.parameters,
            delivery: request.delivery,
            media,
        };
        self.0.asked.lock().unwrap().push(asked.clone());
        let answer = self.0.answers.lock().unwrap().pop_front();
        let completion = match answer {
            Some(answer) => answer(&asked)?,
            None => says("ok"),
        };
        let completion = completion.with_notes(plan.notes());
        if request.delivery == Delivery::Whole {
            return Ok(Reply::whole(completion));
        }
        let words: Vec<_> = completion
            .content
            .iter()
            .filter_map(Part::as_text)
            .flat_map(|text| text.split_inclusive(' '))
            .map(|word| Ok(ReplyEvent::TextDelta(word.to_owned())))
            .collect();
        let done = Ok(ReplyEvent::Done(Box::new(completion)));
        let events = futures_util::stream::iter(words.into_iter().chain([done]));
        Ok(Reply::from_events(events.boxed()))
    }
}
