//! Base64 that was found, before it is known what it is.

use crate::report::MediaClass;
use crate::scan::respell::{Finished, Respelling};
use crate::spool::Spill;

use super::value::{Event, Respell};

/// Base64 that has ended, of a class; the header of its URI.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) class: MediaClass,
    pub(crate) header: String,
    pub(crate) finished: Finished,
    pub(crate) spill: Option<Spill>,
}

/// Media that cannot be replaced, because no style gives its text.
#[derive(Debug)]
pub(crate) struct Uneven {
    pub(crate) class: MediaClass,
    pub(crate) bytes: u64,
    pub(crate) head: Vec<u8>,
}

/// How much text is written in one piece.
const AT_ONCE: usize = 4 * 1024 * 1024;

/// Writes base64 as it was, now or, where most of it is in a file or its text is long, by an event.
pub(crate) fn give_back(
    respelling: Respelling,
    spill: Option<Spill>,
    out: &mut Vec<u8>,
) -> Option<Event> {
    if spill.is_none() && respelling.capacity() <= AT_ONCE {
        respelling.finish(out);
        return None;
    }
    Some(Event::Respell(Box::new(Respell { respelling, spill })))
}
