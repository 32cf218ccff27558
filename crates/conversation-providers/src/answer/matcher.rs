//! Recognizing the paths to media while JSON arrives.

use super::path::{JsonPath, Step};

/// How a string is media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// It is base64.
    Base64,
    /// It is a `data:` URI, or not media.
    DataUri,
    /// It is base64 that nobody wants.
    Unwanted,
    /// It is the base64 of a preview.
    Preview,
}

/// Deepest JSON that is read; `serde_json` refuses deeper one.
const MAX_DEPTH: usize = 128;
/// Longest key that is compared, in bytes as it is written. A name that is looked for is far
/// shorter, even with every character escaped.
const MAX_KEY: usize = 512;

/// Follows JSON and knows when it is at one of the paths.
///
/// Text that is not JSON is followed in some way; parsing the rest finds out.
#[derive(Debug)]
pub(super) struct PathMatcher {
    paths: &'static [JsonPath],
    open: Vec<Open>,
    /// The key that is being read, as it is written; `None` in any other string.
    key: Option<Vec<u8>>,
}

/// An object or array that has not ended.
#[derive(Debug)]
struct Open {
    is_array: bool,
    /// The paths that lead into it, one bit each.
    here: u32,
    /// The paths that lead to the value that comes next.
    next: u32,
    /// Whether a key comes next.
    at_key: bool,
}

impl PathMatcher {
    /// Looks for at most 32 paths; more are ignored.
    pub(super) fn new(paths: &'static [JsonPath]) -> Self {
        Self {
            paths,
            open: Vec::new(),
            key: None,
        }
    }

    /// A byte outside of strings; `None` where it is too deep.
    pub(super) fn pass(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'{' | b'[' => {
                if self.open.len() == MAX_DEPTH {
                    return None;
                }
                let here = self.open.last().map_or(u32::MAX, |open| open.next);
                let is_array = byte == b'[';
                let next = match is_array {
                    true => self.those(here, Step::Each),
                    false => 0,
                };
                self.open.push(Open {
                    is_array,
                    here,
                    next,
                    at_key: !is_array,
                });
            }
            b'}' | b']' => {
                self.open.pop();
            }
            b',' => {
                if let Some(open) = self.open.last_mut().filter(|open| !open.is_array) {
                    open.at_key = true;
                    open.next = 0;
                }
            }
            _ => {}
        }
        Some(())
    }

    /// How a string that begins now is media; `None` where it is not.
    pub(super) fn coding(&self) -> Option<Coding> {
        let open = self.open.last().filter(|open| !open.at_key)?;
        let depth = self.open.len();
        let ends_as = |is_last: fn(&Step) -> bool| {
            let is_here = |path: &[Step]| path.len() == depth && path.last().is_some_and(is_last);
            self.matching(open.next, is_here) != 0
        };
        if ends_as(|step| matches!(step, Step::Unwanted(_))) {
            return Some(Coding::Unwanted);
        }
        if ends_as(|step| matches!(step, Step::Preview(_))) {
            return Some(Coding::Preview);
        }
        if ends_as(|step| !matches!(step, Step::DataUri(_))) {
            return Some(Coding::Base64);
        }
        ends_as(|step| matches!(step, Step::DataUri(_))).then_some(Coding::DataUri)
    }

    pub(super) fn string_starts(&mut self) {
        let is_key = self.open.last().is_some_and(|open| open.at_key);
        self.key = is_key.then(Vec::new);
    }

    pub(super) fn string_bytes(&mut self, bytes: &[u8]) {
        if let Some(key) = &mut self.key {
            // One more than is compared, so that a longer key is seen to be longer.
            let room = (MAX_KEY + 1).saturating_sub(key.len());
            key.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    pub(super) fn string_ends(&mut self) {
        let Some(key) = self.key.take() else {
            return;
        };
        let here = self.open.last().map_or(0, |open| open.here);
        let next = match (here, unescaped(&key)) {
            (0, _) | (_, None) => 0,
            (_, Some(key)) => {
                let depth = self.open.len() - 1;
                let named = |path: &[Step]| {
                    path.get(depth).is_some_and(|step| {
                        matches!(
                            step,
                            Step::Key(name)
                            | Step::DataUri(name)
                            | Step::Unwanted(name)
                            | Step::Preview(name)
                                if *name == key
                        )
                    })
                };
                self.matching(here, named)
            }
        };
        if let Some(open) = self.open.last_mut() {
            open.next = next;
            open.at_key = false;
        }
    }

    fn those(&self, here: u32, step: Step) -> u32 {
        let depth = self.open.len();
        self.matching(here, |path| path.get(depth) == Some(&step))
    }

    fn matching(&self, among: u32, is_so: impl Fn(&[Step]) -> bool) -> u32 {
        let bits = (0..u32::BITS).map(|at| 1 << at);
        self.paths
            .iter()
            .zip(bits)
            .filter(|(path, bit)| among & bit != 0 && is_so(path))
            .fold(0, |all, (_, bit)| all | bit)
    }
}

/// A key without its escapes; `None` where it is too long or invalid.
fn unescaped(key: &[u8]) -> Option<String> {
    if key.len() > MAX_KEY {
        return None;
    }
    if memchr::memchr(b'\\', key).is_none() {
        return String::from_utf8(key.to_vec()).ok();
    }
    serde_json::from_slice(&[b"\"", key, b"\""].concat()).ok()
}
