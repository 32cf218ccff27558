//! The content of one string: what it may be, followed until it is something else.

use crate::report::MediaClass;
use crate::scan::base64::{Dialect, Fed, NotCanonical, Reader};
use crate::scan::escape::Unit;
use crate::scan::nested::Checker;
use crate::scan::respell::Respelling;
use crate::scan::uri::Finder;
use crate::spool::Spill;

use super::evidence::may_show_media;
use super::found::{Found, Uneven, give_back};
use super::value::{Event, Hold};

/// How much of a string is looked at to tell words from base64.
const GLANCE: usize = 64;

/// Base64 of fewer symbols is a word, and no media.
const MIN_LEN: usize = 16;

/// What `MIN_LEN` symbols stand for, in bytes.
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

/// What came of a unit, besides what was written.
#[derive(Debug)]
pub(crate) enum Step {
    /// This number of bytes of the run, or of the character, was read.
    Read(usize),
    /// As [`Step::Read`]; and this comes first in the text.
    Found(usize, Box<Found>),
    Event(usize, Event),
}

impl Step {
    /// How many bytes of the run were read, or of the character.
    pub(super) fn read(&self) -> usize {
        match self {
            Self::Read(read) | Self::Found(read, _) | Self::Event(read, _) => *read,
        }
    }
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

/// Whether a string that begins with this run is prose, by a look at its start.
fn is_plainly_prose(run: &[u8], nests: bool, judged_by_bytes: impl FnOnce() -> bool) -> bool {
    let glance = run.get(..GLANCE).unwrap_or(run);
    let end = memchr::memchr3(b'"', b'\\', b'\n', glance);
    let text = glance
        .get(..end.unwrap_or(glance.len()))
        .unwrap_or_default();
    let is_all = run.get(text.len()) == Some(&b'"');
    match text {
        [] | [b' ' | b'\t' | b'\r' | 0x0c, ..] => false,
        [b'{' | b'[', ..] if nests => false,
        _ if is_all && text.len() < MIN_LEN => true,
        _ if !is_base64(text) => true,
        // An identifier, as there are many.
        [first, second, ..] if is_all => {
            let first = value_of(*first) << 2 | value_of(*second) >> 4;
            !may_show_media(first) && judged_by_bytes()
        }
        _ => false,
    }
}

/// The six bits of a symbol of either alphabet.
fn value_of(symbol: u8) -> u8 {
    match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
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
                let text = unit.text();
                let (read, begins) = finder.find(text);
                if begins {
                    let header = finder.take_header();
                    self.mode = Mode::Uri(Open::new(Dialect::Uri), header);
                }
                Step::Read(copy(unit, read, out))
            }
            Mode::Whole(open) => match open.reader.feed(unit) {
                Fed::All => Step::Read(unit.text().len()),
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
                Fed::All => Step::Read(unit.text().len()),
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
                    hold.raw.extend_from_slice(unit.raw());
                    return Step::Read(unit.text().len());
                }
                let hold = std::mem::take(hold);
                self.mode = Mode::Prose(Finder::default());
                Step::Event(0, Event::Replay(hold))
            }
            Mode::Done => Step::Read(copy(unit, unit.text().len(), out)),
        }
    }

    /// Reads a run as long as nothing in it can be media, and nothing is kept of it; returns how much
    /// that is. Short escapes count as part of it where `escapes` says so. `judged_by_bytes` says whether
    /// nothing but its first bytes can make the string media.
    pub(crate) fn skip(
        &mut self,
        run: &[u8],
        nests: bool,
        escapes: bool,
        judged_by_bytes: impl FnOnce() -> bool,
    ) -> usize {
        if matches!(self.mode, Mode::Start) {
            if !is_plainly_prose(run, nests, judged_by_bytes) {
                return 0;
            }
            self.mode = Mode::Prose(Finder::default());
        }
        let Mode::Prose(finder) = &mut self.mode else {
            return 0;
        };
        if finder.is_in_header() {
            return 0;
        }
        let mut at = 0;
        loop {
            let rest = run.get(at..).unwrap_or_default();
            let len = memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
            let read = finder.skip(rest.get(..len).unwrap_or_default());
            at += read;
            let is_escape = matches!(
                rest.get(len..),
                Some([
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..
                ])
            );
            if read < len || !is_escape || !escapes {
                return at;
            }
            finder.forget();
            at += 2;
        }
    }

    /// Whether the string may end without anything that is to be done.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.mode, Mode::Start | Mode::Prose(_))
    }

    /// Reads units that were held as prose.
    pub(crate) fn reads_prose(&self) -> bool {
        matches!(self.mode, Mode::Prose(_) | Mode::Uri(..))
    }

    fn start(&mut self, unit: Unit<'_>, nests: bool, is_all: bool, out: &mut Vec<u8>) -> Step {
        let text = unit.text();
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

/// Copies `len` bytes of a run, or the whole character.
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
