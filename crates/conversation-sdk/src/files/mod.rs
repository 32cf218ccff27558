//! What providers keep for a conversation: files of its media, and answers.

mod conversation_files;
mod kept_answers;
mod kept_files;

pub(crate) use conversation_files::ConversationFiles;
pub(crate) use kept_answers::KeptAnswersOf;
pub(crate) use kept_files::KeptFiles;
