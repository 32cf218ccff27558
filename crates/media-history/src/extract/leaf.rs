//! The content of one string: what it may be, followed until it is something else.

use crate::report::MediaClass;
use crate::scan::base64::{Dialect, Fed, NotCanonical, Reader};
use crate::scan::escape::{Atom, Unit};
use crate::scan::nested::Checker;
use crate::scan::respell::{Finished, Respelling};
use crate::scan::uri::Finder;
use crate::spool::Spill;

use super::value::{Event, Hold, Respell};

/// How much of a string is looked at to tell words from base64.
const GLANCE: usize = 64;

/// Base64 of fewer symbols is a word, and no media.
const MIN_LEN: usize = 16;

/// What so many symbols stand for, in bytes.
const MIN_BYTES: u64 = 12;

/// What a string may be.
#[derive(Debug, Default)]
enum Mode {
    /// Nothing but white space was read.
    #[default]
    Start,
    Prose(Finder),
    /// Base64 as a whole.
    Whole(Box<Open>),
    /// Base64 in a `data:` URI, whose header is kept.
    Uri(Box<Open>, String),
    /// JSON, as a whole.
    Nested(Hold, Box<Checker>),
    /// All that it was is with the caller.
    Done,
}

/// Base64 that has not ended.
#[derive(Debug)]
struct Open {
    reader: Reader,
    spill: Option<Spill>,
}

impl Open {
    fn new(dialect: Dialect) -> Box<Self> {
        Box::new(Self {
            reader: Reader::new(dialect),
            spill: None,
        })
    }
}

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

/// What came of a unit, besides what was written.
#[derive(Debug)]
pub(crate) enum Step {
    /// So many bytes of the run were read, or the character.
    Read(usize),
    /// As [`Step::Read`]; and this comes first in the text.
    Found(usize, Box<Found>),
    Event(usize, Event),
}

/// What a string was, when it ends.
#[derive(Debug)]
pub(crate) enum Closing {
    Text,
    Found(Box<Found>),
    Event(Event),
    /// It holds JSON itself.
    Nested(Hold),
}

/// Follows the content of a string that is a value.
#[derive(Debug, Default)]
pub(crate) struct Leaf {
    mode: Mode,
    uneven: Option<Uneven>,
}

fn is_base64(text: &[u8]) -> bool {
    let glance = text.get(..GLANCE).unwrap_or(text);
    glance
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte))
}

impl Leaf {
    /// What is known of media that cannot be replaced.
    pub(crate) fn take_uneven(&mut self) -> Option<Uneven> {
        self.uneven.take()
    }

    /// The bytes that are in memory, and where they go when they are too many.
    pub(crate) fn buffer(&mut self) -> Option<(&mut Vec<u8>, &mut Option<Spill>)> {
        match &mut self.mode {
            Mode::Whole(open) | Mode::Uri(open, _) => {
                let Open { reader, spill } = &mut **open;
                Some((reader.decoded(), spill))
            }
            Mode::Nested(hold, _) => Some((&mut hold.raw, &mut hold.spill)),
            _ => None,
        }
    }

    /// Takes the next unit. `nests` says whether JSON in the string is followed, `is_all` whether the
    /// run is known to be all that is left of the string.
    pub(crate) fn unit(
        &mut self,
        unit: Unit<'_>,
        nests: bool,
        is_all: bool,
        out: &mut Vec<u8>,
    ) -> Step {
        match &mut self.mode {
            Mode::Start => self.start(unit, nests, is_all, out),
            Mode::Prose(finder) => {
                let text = text_of(unit);
                let (read, begins) = finder.find(text);
                if begins {
                    let header = finder.take_header();
                    self.mode = Mode::Uri(Open::new(Dialect::Uri), header);
                }
                Step::Read(copy(unit, read, out))
            }
            Mode::Whole(open) => match open.reader.feed(unit) {
                Fed::All => Step::Read(len_of(unit)),
                Fed::Stop(read) => self.is_prose(read, out),
                Fed::Uneven(read) => {
                    self.uneven = Some(Uneven {
                        class: MediaClass::Base64,
                        bytes: open.reader.decoded_len(),
                        head: open.reader.head().to_vec(),
                    });
                    self.is_prose(read, out)
                }
            },
            Mode::Uri(open, _) => match open.reader.feed(unit) {
                Fed::All => Step::Read(len_of(unit)),
                Fed::Stop(read) => match self.end_uri(out) {
                    Closing::Found(found) => Step::Found(read, found),
                    Closing::Event(event) => Step::Event(read, event),
                    _ => Step::Read(read),
                },
                Fed::Uneven(read) => {
                    self.uneven = Some(Uneven {
                        class: MediaClass::DataUri,
                        bytes: open.reader.decoded_len(),
                        head: Vec::new(),
                    });
                    self.is_prose(read, out)
                }
            },
            Mode::Nested(hold, checker) => {
                if checker.feed(unit) {
                    hold.raw.extend_from_slice(raw_of(unit));
                    return Step::Read(len_of(unit));
                }
                let hold = std::mem::take(hold);
                self.mode = Mode::Prose(Finder::default());
                Step::Event(0, Event::Replay(hold))
            }
            Mode::Done => Step::Read(copy(unit, len_of(unit), out)),
        }
    }

    /// Reads units that were held as prose.
    pub(crate) fn reads_prose(&self) -> bool {
        matches!(self.mode, Mode::Prose(_) | Mode::Uri(..))
    }

    fn start(&mut self, unit: Unit<'_>, nests: bool, is_all: bool, out: &mut Vec<u8>) -> Step {
        let text = text_of(unit);
        let blank = text.iter().take_while(|byte| byte.is_ascii_whitespace());
        let blank = blank.count();
        if blank > 0 || text.is_empty() {
            return Step::Read(copy(unit, blank, out));
        }
        self.mode = match text {
            [b'{' | b'[', ..] if nests => Mode::Nested(Hold::default(), Box::default()),
            _ if is_all && text.len() < MIN_LEN => Mode::Prose(Finder::default()),
            _ if is_base64(text) => Mode::Whole(Open::new(Dialect::Whole)),
            _ => Mode::Prose(Finder::default()),
        };
        Step::Read(0)
    }

    /// What was taken for base64 is text.
    fn is_prose(&mut self, read: usize, out: &mut Vec<u8>) -> Step {
        let mode = std::mem::replace(&mut self.mode, Mode::Prose(Finder::default()));
        let (Mode::Whole(open) | Mode::Uri(open, _)) = mode else {
            return Step::Read(read);
        };
        match give_back(open.reader.into_respelling(), open.spill, out) {
            Some(event) => Step::Event(read, event),
            None => {
                let seen = out.get(out.len().saturating_sub(4)..).unwrap_or_default();
                if let Mode::Prose(finder) = &mut self.mode {
                    finder.find(seen);
                }
                Step::Read(read)
            }
        }
    }

    /// The payload of a URI has ended.
    fn end_uri(&mut self, out: &mut Vec<u8>) -> Closing {
        match std::mem::replace(&mut self.mode, Mode::Prose(Finder::default())) {
            Mode::Uri(open, header) => self.end(*open, MediaClass::DataUri, header, out),
            mode => {
                self.mode = mode;
                Closing::Text
            }
        }
    }

    fn end(&mut self, open: Open, class: MediaClass, header: String, out: &mut Vec<u8>) -> Closing {
        let Open { reader, spill } = open;
        match reader.finish() {
            Ok(finished) if class == MediaClass::Base64 && finished.decoded_len < MIN_BYTES => {
                match give_back(Respelling::of(finished), spill, out) {
                    Some(event) => Closing::Event(event),
                    None => Closing::Text,
                }
            }
            Ok(finished) => Closing::Found(Box::new(Found {
                class,
                header,
                finished,
                spill,
            })),
            Err((reader, why)) => {
                if why == NotCanonical::NotReproducible {
                    self.uneven = Some(Uneven {
                        class,
                        bytes: reader.decoded_len(),
                        head: reader.head().to_vec(),
                    });
                }
                match give_back(reader.into_respelling(), spill, out) {
                    Some(event) => Closing::Event(event),
                    None => Closing::Text,
                }
            }
        }
    }

    /// The string ends. After anything but [`Closing::Text`], it ends again.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) -> Closing {
        match std::mem::replace(&mut self.mode, Mode::Done) {
            Mode::Whole(open) => self.end(*open, MediaClass::Base64, String::new(), out),
            Mode::Uri(open, header) => self.end(*open, MediaClass::DataUri, header, out),
            Mode::Nested(hold, checker) if checker.is_whole() => Closing::Nested(hold),
            Mode::Nested(hold, _) => {
                self.mode = Mode::Prose(Finder::default());
                Closing::Event(Event::Replay(hold))
            }
            _ => Closing::Text,
        }
    }

    /// The text ends inside the string: gives back what is kept. Returns what was being read as media.
    pub(crate) fn abandon(&mut self, out: &mut Vec<u8>) -> (Option<Event>, Option<Uneven>) {
        let torn = |open: &Open, class| Uneven {
            class,
            bytes: open.reader.decoded_len(),
            head: open.reader.head().to_vec(),
        };
        match std::mem::replace(&mut self.mode, Mode::Done) {
            Mode::Whole(open) => {
                let torn = torn(&open, MediaClass::Base64);
                let event = give_back(open.reader.into_respelling(), open.spill, out);
                (event, Some(torn))
            }
            Mode::Uri(open, _) => {
                let torn = torn(&open, MediaClass::DataUri);
                let event = give_back(open.reader.into_respelling(), open.spill, out);
                (event, Some(torn))
            }
            Mode::Nested(hold, _) => (Some(Event::Held(hold)), None),
            _ => (None, None),
        }
    }
}

/// Writes base64 as it was, now or, where most of it is in a file, by an event.
pub(crate) fn give_back(
    respelling: Respelling,
    spill: Option<Spill>,
    out: &mut Vec<u8>,
) -> Option<Event> {
    match spill {
        None => {
            respelling.finish(out);
            None
        }
        Some(spill) => Some(Event::Respell(Box::new(Respell { respelling, spill }))),
    }
}

fn text_of(unit: Unit<'_>) -> &[u8] {
    match unit {
        Unit::Run(run) => run,
        Unit::Atom(atom) => Atom::text(atom),
    }
}

fn raw_of(unit: Unit<'_>) -> &[u8] {
    match unit {
        Unit::Run(run) => run,
        Unit::Atom(atom) => Atom::raw(atom),
    }
}

fn len_of(unit: Unit<'_>) -> usize {
    text_of(unit).len()
}

/// Copies so many bytes of a run, or the whole character.
fn copy(unit: Unit<'_>, len: usize, out: &mut Vec<u8>) -> usize {
    match unit {
        Unit::Run(run) => {
            let read = run.get(..len).unwrap_or(run);
            out.extend_from_slice(read);
            read.len()
        }
        Unit::Atom(atom) => {
            out.extend_from_slice(atom.raw());
            atom.text().len()
        }
    }
}
