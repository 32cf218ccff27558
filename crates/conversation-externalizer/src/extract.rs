//! Finding the media that messages hold in other forms than media parts.

use conversation_types::{Message, MessageStatus, Part, Role, TextPart};

use super::context::BatchKind;
use super::draft::{Draft, Slot};
use super::media_kind;
use super::pacer::Pacer;
use super::received::ReceivedLookup;
use super::report::TypeCorrection;
use super::split::{self, TextRules};

/// Makes media parts of media in text and in the results of tools, and corrects types.
#[derive(Debug)]
pub(super) struct MediaExtractor<'a> {
    received: &'a dyn ReceivedLookup,
    pacer: Pacer,
}

impl<'a> MediaExtractor<'a> {
    /// Creates an extractor. `received` knows media of this turn, to which tools may refer.
    pub(super) fn new(received: &'a dyn ReceivedLookup) -> Self {
        Self {
            received,
            pacer: Pacer::default(),
        }
    }

    /// Returns how many bytes were looked at.
    pub(super) fn work(&self) -> u64 {
        self.pacer.total()
    }

    /// Returns the pacer, for work on what was found.
    pub(super) fn pacer(&mut self) -> &mut Pacer {
        &mut self.pacer
    }

    /// Drafts a message whose media stands in media parts of the right type. Text around media
    /// stays, in order; nothing is stored yet. `position` is the message's in its conversation.
    pub(super) async fn draft(
        &mut self,
        message: &Message,
        position: u64,
        kind: BatchKind,
    ) -> Draft {
        let mut draft = Draft::default();
        let is_open = kind == BatchKind::Checkpoint && message.status == MessageStatus::Partial;
        for (index, part) in message.content.iter().enumerate() {
            let is_last = index + 1 == message.content.len();
            let made = self.parts_of(message.role, part, is_open && is_last).await;
            match made {
                Some(parts) => draft
                    .slots
                    .extend(parts.into_iter().map(|part| Slot::Made(Box::new(part)))),
                None => draft.slots.push(Slot::Kept(index)),
            }
        }
        self.correct_types(message, position, &mut draft);
        draft
    }

    /// The parts that take the place of one.
    async fn parts_of(&mut self, role: Role, part: &Part, may_go_on: bool) -> Option<Vec<Part>> {
        let is_tool = role == Role::Tool;
        let rules = TextRules {
            in_json: is_tool.then_some(self.received),
            may_go_on,
        };
        match part {
            Part::Text(text) if matches!(role, Role::User | Role::Assistant | Role::Tool) => {
                let found = split::find_media(&text.text, rules, &mut self.pacer).await;
                (!found.is_empty()).then(|| split::split(text, found))
            }
            // A tool's result that no part stands for: the model gets its media and its text.
            Part::Unknown(unknown) if is_tool => {
                let json = unknown.json().get();
                let found = split::find_media(json, rules, &mut self.pacer).await;
                if found.iter().all(|media| media.is_content) {
                    return None;
                }
                Some(split::split(&TextPart::new(json), found))
            }
            _ => None,
        }
    }

    fn correct_types(&mut self, message: &Message, position: u64, draft: &mut Draft) {
        if message.role == Role::Unknown {
            return;
        }
        for (index, slot) in draft.slots.iter_mut().enumerate() {
            let part = match slot {
                Slot::Kept(index) => message.content.get(*index),
                Slot::Made(part) => Some(&**part),
            };
            let Some((content, declared)) =
                part.and_then(Part::as_media).and_then(media_kind::correct)
            else {
                continue;
            };
            draft.corrections.push(TypeCorrection {
                message_index: position,
                content_index: index as u64,
                declared,
                found: content.mime().clone(),
            });
            *slot = Slot::Made(Box::new(Part::Media(content)));
        }
    }
}
