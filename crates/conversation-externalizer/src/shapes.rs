//! Objects in JSON that are media, by the shapes that programs of this field give them.
//!
//! Known are content objects of this workspace, MCP (`type` with `data` and `mimeType`, and
//! `resource.blob`), OpenAI (`image_url`, `input_image`, `input_audio`, `file`, `b64_json`),
//! Anthropic (`source`) and Gemini (`inlineData`).

use std::ops::Range;

use super::json_tokens::{JsonTokens, Token};

/// How deep media is looked for. Deeper values are passed over.
const MAX_DEPTH: usize = 512;

/// A media object in a text of JSON. Ranges of strings are those between the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether it may be a content object of this workspace, which is read as a whole.
    pub(super) is_content: bool,
    /// Whether the object says that it is media. Otherwise its bytes have to confirm it.
    pub(super) is_told: bool,
    /// Whether the object says more than can be kept with media.
    pub(super) says_more: bool,
    /// The object, with objects around it that say nothing else.
    pub(super) object: Range<usize>,
    /// The object that has the bytes.
    pub(super) inner: Range<usize>,
    /// The base64 or `data:` URI; empty where the media is in a store.
    pub(super) payload: Range<usize>,
    pub(super) mime: Option<Range<usize>>,
    pub(super) format: Option<Range<usize>>,
    pub(super) name: Option<Range<usize>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    /// Says something about media that media items need not keep.
    Minor,
    Type,
    OwnMime,
    Mime,
    Data,
    Payload,
    Url,
    Format,
    Name,
    Reference,
    /// Wraps a media object: `source`, `resource`, `image_url`, ...
    Wrapper,
    InlineData,
    InputAudio,
}

fn key(name: &[u8]) -> Key {
    match name {
        b"type" => Key::Type,
        b"mime_type" => Key::OwnMime,
        b"mimeType" | b"media_type" | b"mediaType" | b"content_type" | b"contentType" => Key::Mime,
        b"data" => Key::Data,
        b"blob" | b"file_data" | b"fileData" | b"b64_json" => Key::Payload,
        b"url" => Key::Url,
        b"format" => Key::Format,
        b"uri" | b"filename" | b"file_name" | b"title" | b"name" => Key::Name,
        b"storage_reference" => Key::Reference,
        b"source" | b"resource" | b"image_url" | b"file" => Key::Wrapper,
        b"inlineData" | b"inline_data" => Key::InlineData,
        b"input_audio" => Key::InputAudio,
        b"detail" | b"cache_control" | b"annotations" | b"_meta" | b"id" | b"file_id" => Key::Minor,
        _ => Key::Other,
    }
}

/// Shorter strings hold no media that is worth a look.
const MIN_JSON_STRING: usize = 1024;

/// An object or array that is still open.
#[derive(Debug, Default)]
struct Frame {
    start: usize,
    is_object: bool,
    key: Key,
    /// Number of shapes that were found before it.
    found_before: usize,
    /// Whether `type` is a word for media.
    is_media: bool,
    own_mime: Option<Range<usize>>,
    mime: Option<Range<usize>>,
    data: Option<Range<usize>>,
    payload: Option<Range<usize>>,
    /// Whether the payload is a `data:` URI.
    is_uri: bool,
    format: Option<Range<usize>>,
    name: Option<Range<usize>>,
    has_reference: bool,
    /// Whether it says something that would be lost with it.
    has_more: bool,
    /// Whether an object that is nothing but media stands under a wrapping key.
    wraps: bool,
}

/// Finds media objects in one JSON value.
#[derive(Debug)]
pub(super) struct ShapeFinder<'a> {
    text: &'a [u8],
    tokens: JsonTokens<'a>,
    open: Vec<Frame>,
    /// Number of open brackets beyond [`MAX_DEPTH`].
    too_deep: usize,
    found: Vec<Shape>,
    json_strings: Vec<Range<usize>>,
}

/// What a JSON value holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The outermost media objects.
    pub(super) shapes: Vec<Shape>,
    /// Strings that may be JSON themselves, between their quotes.
    pub(super) json_strings: Vec<Range<usize>>,
}

impl<'a> ShapeFinder<'a> {
    /// Creates a finder for the value that starts at a place in a text.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self {
            text: text.as_bytes(),
            tokens: JsonTokens::new(text, at),
            open: Vec::new(),
            too_deep: 0,
            found: Vec::new(),
            json_strings: Vec::new(),
        }
    }

    /// Returns how far was read.
    pub(super) fn position(&self) -> usize {
        self.tokens.position()
    }

    /// Reads on until `bytes` more are read or the value ends; returns whether there is more.
    pub(super) fn advance(&mut self, bytes: usize) -> bool {
        let end = self.position().saturating_add(bytes);
        while self.position() < end {
            let Some(token) = self.tokens.next() else {
                return false;
            };
            self.take(token);
        }
        !self.tokens.is_complete()
    }

    /// Returns what was found, which is nothing where the text was not JSON.
    pub(super) fn finish(self) -> Found {
        if !self.tokens.is_complete() {
            return Found::default();
        }
        Found {
            shapes: self.found,
            json_strings: self.json_strings,
        }
    }

    fn take(&mut self, token: Token) {
        match token {
            Token::ObjectStart(start) => self.push(start, true),
            Token::ArrayStart => self.push(0, false),
            Token::ObjectEnd(_) | Token::ArrayEnd if self.too_deep > 0 => self.too_deep -= 1,
            Token::ObjectEnd(end) => {
                if let Some(frame) = self.open.pop() {
                    self.close(frame, end);
                }
            }
            Token::ArrayEnd => {
                self.open.pop();
                self.note(|frame| frame.has_more |= frame.key != Key::Minor);
            }
            Token::Key(name) => {
                let key = key(self.text.get(name).unwrap_or_default());
                self.note(|frame| frame.key = key);
            }
            Token::String(span) => {
                let string = self.text.get(span.clone()).unwrap_or_default();
                if may_be_json(string) {
                    self.json_strings.push(span.clone());
                }
                self.note(|frame| frame.string(string, span));
            }
            Token::Scalar => {
                self.note(|frame| frame.has_more |= !matches!(frame.key, Key::Minor | Key::Name));
            }
        }
    }

    fn push(&mut self, start: usize, is_object: bool) {
        if self.open.len() >= MAX_DEPTH {
            self.too_deep += 1;
            return;
        }
        self.open.push(Frame {
            start,
            is_object,
            found_before: self.found.len(),
            ..Frame::default()
        });
    }

    /// Notes something in the innermost object; arrays and what is too deep have no notes.
    fn note(&mut self, note: impl FnOnce(&mut Frame)) {
        if self.too_deep == 0
            && let Some(frame) = self.open.last_mut().filter(|frame| frame.is_object)
        {
            note(frame);
        }
    }

    fn close(&mut self, frame: Frame, end: usize) {
        let object = frame.start..end;
        let parent = self.open.last().filter(|frame| frame.is_object);
        let parent_key = parent.map_or(Key::Other, |frame| frame.key);
        let inside = &mut self.found[frame.found_before..];
        let mut is_only_media = false;
        if let Some(shape) = frame.shape(object.clone(), parent_key) {
            is_only_media = !shape.says_more;
            if !shape.says_more || shape.is_content {
                self.found.truncate(frame.found_before);
            }
            self.found.push(shape);
        } else if let (true, [shape]) = (
            frame.wraps && !frame.has_more && frame.data.is_none(),
            inside,
        ) {
            shape.object = object;
            shape.name = shape.name.take().or(frame.name);
            is_only_media = true;
        }
        self.note(|parent| match parent.key {
            Key::Wrapper | Key::InlineData | Key::InputAudio if is_only_media => {
                parent.wraps = true;
            }
            Key::Reference => parent.has_reference = true,
            Key::Minor => {}
            _ => parent.has_more = true,
        });
    }
}

impl Frame {
    fn string(&mut self, string: &[u8], span: Range<usize>) {
        let is_uri = || {
            string
                .get(..5)
                .is_some_and(|s| s.eq_ignore_ascii_case(b"data:"))
        };
        match self.key {
            Key::Type => self.is_media = is_media_word(string),
            Key::OwnMime => self.own_mime = Some(span),
            Key::Mime => self.mime = Some(span),
            Key::Data => self.data = Some(span),
            Key::Payload => (self.payload, self.is_uri) = (Some(span), is_uri()),
            // `image_url` may be an object or the address itself.
            Key::Url | Key::Wrapper if is_uri() => (self.payload, self.is_uri) = (Some(span), true),
            Key::Format => self.format = Some(span),
            Key::Name => self.name = Some(span),
            Key::Minor => {}
            _ => self.has_more = true,
        }
    }

    /// The media that this object is, provided that its strings turn out to be what they seem.
    fn shape(&self, object: Range<usize>, parent: Key) -> Option<Shape> {
        let is_content = self.own_mime.is_some() && (self.has_reference || self.data.is_some());
        let is_wrapped = matches!(parent, Key::InlineData | Key::InputAudio | Key::Wrapper);
        let mime = self.own_mime.clone().or_else(|| self.mime.clone());
        let is_typed = mime.is_some() || self.format.is_some();
        let (payload, is_told) = match (&self.payload, &self.data) {
            (Some(payload), _) => (payload.clone(), self.is_uri || mime.is_some()),
            (None, Some(data)) if is_typed => (data.clone(), self.is_media || is_wrapped),
            (None, Some(data)) if self.is_media => (data.clone(), false),
            (None, None) if is_content => (0..0, true),
            _ => return None,
        };
        Some(Shape {
            is_content,
            is_told,
            says_more: self.has_more || self.wraps,
            inner: object.clone(),
            object,
            payload,
            mime,
            format: self.format.clone(),
            name: self.name.clone(),
        })
    }
}

/// Whether a string is long enough for media and begins as an object or array with strings does.
fn may_be_json(string: &[u8]) -> bool {
    string.len() >= MIN_JSON_STRING
        && matches!(string.first(), Some(b'{' | b'['))
        && memchr::memmem::find(string, b"\\\"").is_some()
}

fn is_media_word(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] = [
        b"image",
        b"audio",
        b"video",
        b"document",
        b"file",
        b"base64",
        b"media",
        b"binary",
        b"blob",
    ];
    WORDS.contains(&word)
}
