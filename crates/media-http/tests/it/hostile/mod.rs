//! What clients get wrong, by mistake or on purpose.

mod content;
mod headers;
mod paths;
