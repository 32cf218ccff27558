//! What clients get wrong, by mistake or on purpose.

mod content;
mod forms;
mod headers;
mod paths;
