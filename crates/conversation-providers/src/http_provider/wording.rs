//! What an error says about media, by its words.

use media_types::MediaType;

use super::said::Said;

/// What an error says about media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// No media of a kind is taken.
    NoneOf(MediaType),
    /// At most this number of images is taken.
    AtMost(usize),
    /// Some media of a kind is refused.
    Some(MediaType),
}

/// Statuses that are about something else, whatever the text says: keys, money, rates, load and
/// gateways.
const OTHER_STATUSES: [u16; 12] = [401, 402, 403, 407, 408, 409, 423, 425, 429, 502, 503, 529];

/// Words of errors that mention media by chance.
const OTHER_MATTERS: [&str; 30] = [
    "rate limit",
    "rate_limit",
    "ratelimit",
    "requests per",
    "tokens per",
    "images per minute",
    "quota",
    "billing",
    "credit",
    "context length",
    "context_length",
    "context window",
    "context size",
    "maximum context",
    "too many tokens",
    "number of tokens",
    "token limit",
    "token count",
    "prompt is too long",
    "timed out",
    "timeout",
    "overloaded",
    "temporarily",
    "try again later",
    "moderation",
    "safety system",
    "content policy",
    "content_policy",
    "content_filter",
    "usage policies",
];

/// Words by which servers say that they take no media of a kind.
const NONE: [&str; 26] = [
    "not support",
    "n't support",
    "no support",
    "unsupported",
    "only supported by",
    "only support text",
    "only supports text",
    "only text",
    "text-only",
    "text only",
    "not multimodal",
    "not a multimodal",
    "not a vision",
    "non-vision",
    "no vision",
    "not have vision",
    "vision is not",
    "no endpoints found",
    "mmproj",
    "not accept",
    "n't accept",
    "cannot process image",
    "cannot handle",
    "not enabled",
    "not available",
    "not capable",
];

/// Words that leave little doubt that the model takes none.
const CERTAINLY_NONE: [&str; 7] = [
    "only supported by",
    "support image input",
    "supports image input",
    "not support image_url",
    "n't support image_url",
    "not support images",
    "n't support images",
];

/// Words that leave no doubt of it, also beside the name of a format.
const NONE_WHATEVER_ELSE: [&str; 5] = [
    "found that support image input",
    "not multimodal",
    "not a multimodal",
    "text-only",
    "mmproj",
];

/// Words that leave no doubt of it at the end of a sentence: `images in WebP` are not all images.
const DENIALS: [&str; 6] = [
    "not support image input",
    "n't support image input",
    "not support image_url",
    "n't support image_url",
    "not support images",
    "n't support images",
];

/// Words of errors about one item, not about all.
const ONE_ITEM: [&str; 29] = [
    "format",
    "formats",
    "encoding",
    "animated",
    "larger",
    "smaller",
    "corrupt",
    "corrupted",
    "decode",
    "decoded",
    "parse",
    "invalid",
    "valid",
    "dimension",
    "dimensions",
    "pixel",
    "pixels",
    "size",
    "large",
    "small",
    "bytes",
    "download",
    "fetch",
    "url",
    "base64",
    "uploaded",
    "mime",
    "extension",
    "media_type",
];

/// Phrases of errors about one item.
const ONE_ITEM_PHRASES: [&str; 13] = [
    "image type",
    "media type",
    "file type",
    "mime type",
    "mime-type",
    "audio type",
    "video type",
    "document type",
    "this image",
    "your image",
    "this file",
    "your file",
    "unsupported image.",
];

/// What is said of some media of a kind, and never of all of it.
const NOT_ALL: [&str; 9] = [
    "format",
    "formats",
    "animated",
    "larger",
    "smaller",
    "pixel",
    "pixels",
    "dimension",
    "dimensions",
];

/// Names of formats: whoever names one takes others. PDF is most of what documents are.
const FORMATS: [&str; 36] = [
    "png", "jpg", "jpeg", "gif", "webp", "heic", "heif", "avif", "bmp", "tif", "tiff", "svg",
    "ico", "jxl", "raw", "mp3", "wav", "flac", "ogg", "opus", "aac", "m4a", "mp4", "mov", "mkv",
    "avi", "webm", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "rtf", "odt",
];

/// Words of errors that are about media where the status says that the request is wrong.
const COMPLAINTS: [&str; 18] = [
    "invalid",
    "unsupport",
    "not support",
    "could not",
    "cannot",
    "can't",
    "unable",
    "fail",
    "too large",
    "too big",
    "too many",
    "exceed",
    "corrupt",
    "download",
    "not valid",
    "malformed",
    "does not represent",
    "refused",
];

/// Words of errors about media where the status says that the server failed.
const FAILURES: [&str; 9] = [
    "process image",
    "process the image",
    "decode image",
    "decode the image",
    "load image",
    "load the image",
    "invalid image",
    "read image",
    "identify image",
];

/// Returns what an error says about media; `None` for one that is about something else.
pub(super) fn wording(status: u16, said: &Said) -> Option<Wording> {
    if OTHER_STATUSES.contains(&status) || is_about_another_matter(said) {
        return None;
    }
    let kind = kind_mentioned(said)?;
    if kind == MediaType::Image
        && let Some(most) = at_most(said)
    {
        return Some(Wording::AtMost(most));
    }
    // Codes have such words at their end: `unsupported_image_media_type`.
    let mut codes = said.code.split(' ');
    let is_about_one = said.words().any(|word| ONE_ITEM.contains(&word))
        || said.has(&ONE_ITEM_PHRASES)
        || said.message.trim_end().ends_with("unsupported image")
        || names_format(said)
        || codes.any(|code| code.contains('_') && ONE_ITEM.iter().any(|one| code.ends_with(one)));
    let none = is_certainly_none(said) || said.has(&NONE) && !is_about_one;
    match status {
        400 | 413 | 415 | 422 if none => Some(Wording::NoneOf(kind)),
        400 | 413 | 415 | 422 => {
            let names_kind = said.code.split(' ').any(|code| kind_of(code) == Some(kind));
            (names_kind || said.has(&COMPLAINTS)).then_some(Wording::Some(kind))
        }
        404 | 405 | 406 | 500 | 501 if none => Some(Wording::NoneOf(kind)),
        500 | 501 if said.has(&FAILURES) => Some(Wording::Some(kind)),
        _ => None,
    }
}

/// Whether an error is about something else, such as rates or the length of the context, whatever else it says.
pub(super) fn is_about_another_matter(said: &Said) -> bool {
    said.has(&OTHER_MATTERS)
}

/// Whether an error leaves no doubt that no media of a kind is taken, whatever item it names.
pub(super) fn is_certainly_none(said: &Said) -> bool {
    let is_about_some = names_format(said) || said.words().any(|word| NOT_ALL.contains(&word));
    said.has(&NONE_WHATEVER_ELSE)
        || denies_kind(said)
        || said.has(&CERTAINLY_NONE) && !is_about_some
}

/// Whether a sentence ends by saying that no media of a kind is taken: what follows would say which.
fn denies_kind(said: &Said) -> bool {
    DENIALS.iter().any(|words| {
        let mut places = said.message.match_indices(words);
        places.any(|(at, _)| {
            let rest = said.message.get(at + words.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches(['`', '\'', '"']).trim_end();
            rest.is_empty() || rest.starts_with(['.', ',', ';', '!', ')'])
        })
    })
}

/// Whether an error names a format, as a word or as a type such as `image/tiff`.
fn names_format(said: &Said) -> bool {
    said.words().any(|word| {
        let mut kinds = ["image/", "audio/", "video/", "application/"].iter();
        FORMATS.contains(&word) || kinds.any(|kind| word.starts_with(kind))
    })
}

/// The kind of media that an error mentions.
fn kind_mentioned(said: &Said) -> Option<MediaType> {
    let found = said.words().find_map(kind_of);
    // Servers that were started without what they need for images say so.
    found.or_else(|| {
        said.has(&["mmproj", "multimodal"])
            .then_some(MediaType::Image)
    })
}

fn kind_of(word: &str) -> Option<MediaType> {
    let is_code = |part: &str| word.contains('_') && word.split('_').any(|piece| piece == part);
    let word = word.trim_end_matches("(s)");
    match word {
        "image" | "images" | "picture" | "pictures" | "photo" | "photos" | "vision"
        | "image_url" | "input_image" => Some(MediaType::Image),
        "audio" | "input_audio" => Some(MediaType::Audio),
        "video" | "videos" | "video_url" => Some(MediaType::Video),
        "pdf" | "pdfs" | "document" | "documents" | "file" | "files" | "attachment"
        | "attachments" | "input_file" | "file_data" => Some(MediaType::Document),
        _ if word.starts_with("image/") => Some(MediaType::Image),
        _ if word.starts_with("audio/") => Some(MediaType::Audio),
        _ if word.starts_with("video/") => Some(MediaType::Video),
        // Codes: `invalid_image_format`, but not a tool that is called `generate_image`.
        _ if is_code("image") && CODE_WORDS.iter().any(|part| is_code(part)) => {
            Some(MediaType::Image)
        }
        _ => None,
    }
}

/// Words of codes about media.
const CODE_WORDS: [&str; 12] = [
    "invalid",
    "unsupported",
    "parse",
    "dimensions",
    "large",
    "small",
    "empty",
    "download",
    "failed",
    "found",
    "base64",
    "mode",
];

/// The number of images that a server takes, where it says so.
fn at_most(said: &Said) -> Option<usize> {
    let words: Vec<&str> = said
        .message
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let is_image = |at: usize| matches!(words.get(at), Some(&("image" | "images")));
    let is_unit = |at: usize| {
        let word = words.get(at);
        word.is_some_and(|word| UNITS.iter().any(|unit| word.ends_with(unit)))
    };
    let number = |at: usize| {
        let number = words.get(at).and_then(|word| number_of(word));
        number.filter(|_| !is_unit(at + 1))
    };
    for at in (0..words.len()).filter(|at| is_image(*at)) {
        // `at most 2 images`, `more than one input image`.
        for back in 1..=3 {
            let Some(place) = at.checked_sub(back) else {
                break;
            };
            let before = place.checked_sub(1).and_then(|place| words.get(place));
            let is_limit = matches!(
                before,
                Some(&("most" | "maximum" | "max" | "to" | "than" | "only" | "of" | "limit"))
            );
            if let Some(number) = number(place).filter(|_| is_limit) {
                return Some(number);
            }
        }
    }
    // `the maximum number of images is 4`, `image limit: 4`.
    let is_limit = |word: &str| matches!(word, "maximum" | "max" | "limit" | "allowed");
    if !words.iter().any(|word| is_limit(word)) || !(0..words.len()).any(is_image) {
        return None;
    }
    let ends = words.iter().enumerate().filter(|(_, word)| {
        matches!(
            **word,
            "is" | "limit" | "maximum" | "max" | "exceeds" | "allowed"
        )
    });
    ends.filter_map(|(at, _)| number(at + 1)).next_back()
}

/// Numbers before these are no numbers of images.
const UNITS: [&str; 8] = ["mb", "mib", "kb", "kib", "bytes", "pixels", "px", "tokens"];

fn number_of(word: &str) -> Option<usize> {
    match word {
        "one" => Some(1),
        "two" => Some(2),
        "three" => Some(3),
        "four" => Some(4),
        "five" => Some(5),
        "ten" => Some(10),
        digits => digits
            .parse()
            .ok()
            .filter(|number| (1..=10_000).contains(number)),
    }
}

#[cfg(test)]
mod tests;
