//! `media import`: histories of other programs into a conversation database and a store.

mod agno;
mod anthropic;
mod command;
mod documents;
mod elements;
mod foreign;
mod gemini;
mod langchain;
mod media;
mod openai;
mod parts;
mod promptkit;
mod rows;
mod save;

pub(crate) use command::{ImportArguments, run};
