//! The text and the media of a request, in order.

use media_types::MediaContent;

/// The text and the media of a request in the order in which they stand in its body: what a
/// [`RequestPlanner`](crate::RequestPlanner) plans.
///
/// Text is counted in bytes as it stands in the body, escapes and names of fields included. An
/// estimate will do if it is not too low.
#[derive(Clone, Debug, Default)]
pub struct RequestOutline<'a> {
    head: u64,
    steps: Vec<OutlineStep<'a>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OutlineStep<'a> {
    pub(crate) words: u64,
    pub(crate) media: Vec<&'a MediaContent>,
}

impl<'a> RequestOutline<'a> {
    /// Creates an outline of a request without messages: its head is what stands beside the
    /// messages, such as instructions, tools and parameters, in bytes.
    pub fn new(head: u64) -> Self {
        Self {
            head,
            steps: Vec::new(),
        }
    }

    /// Adds a message: the bytes of its words, and its media.
    pub fn push(&mut self, words: u64, media: impl IntoIterator<Item = &'a MediaContent>) {
        self.steps.push(OutlineStep {
            words,
            media: media.into_iter().collect(),
        });
    }

    /// Returns the number of media items.
    pub fn media_len(&self) -> usize {
        self.steps.iter().map(|step| step.media.len()).sum()
    }

    /// Returns the bytes of all words, those beside the messages included.
    pub fn words(&self) -> u64 {
        let words = self.steps.iter().map(|step| step.words);
        words.fold(self.head, u64::saturating_add)
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn steps(&self) -> &[OutlineStep<'a>] {
        &self.steps
    }

    pub(crate) fn media(&self) -> impl Iterator<Item = &'a MediaContent> {
        self.steps
            .iter()
            .flat_map(|step| step.media.iter().copied())
    }
}
