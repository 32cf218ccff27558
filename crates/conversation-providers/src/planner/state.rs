//! What a planner keeps between requests.

use conversation_types::RawJson;
use media_storage::Sha256Hasher;
use media_types::base64;
use serde::{Deserialize, Serialize};

use super::facts::ServerFacts;
use super::mark::{Mark, SentForm, align};

/// The version of the rules by which marks were made.
const VERSION: u32 = 1;
/// Most items whose form is kept: the newest ones.
const MAX_MARKS: usize = 448;
/// Most items that are kept as refused, and as possibly refused.
const MAX_REFUSED: usize = 64;
const MAX_SUSPECTS: usize = 48;

/// What a request planner keeps of one conversation with one model between requests: at most 4 KiB
/// as JSON.
///
/// It names no media and holds no text: forms of items and hashes, and what the server said that
/// it does not take. Without it nothing is wrong: requests are planned as if they were the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannerState {
    /// The number of items before the marks.
    before: usize,
    marks: Vec<Mark>,
    by_bytes: bool,
    refused: Vec<Fingerprint>,
    suspects: Vec<Fingerprint>,
    facts: ServerFacts,
}

/// The start of the hash of what identifies a media item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// Creates the fingerprint of an identity.
    pub(crate) fn of(identity: &[u8]) -> Self {
        let digest = Sha256Hasher::digest(identity);
        let start = digest.as_bytes().first_chunk::<8>();
        Self(start.map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }

    /// Returns it as a number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    v: u32,
    #[serde(skip_serializing_if = "is_zero")]
    before: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    sent: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_bytes: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    refused: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    suspects: String,
    #[serde(skip_serializing_if = "ServerFacts::is_empty")]
    facts: ServerFacts,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl PlannerState {
    /// Reads a state. One of another version, or a broken one, is an empty state.
    pub fn from_json(json: &RawJson) -> Self {
        let wire: Wire = serde_json::from_str(json.get()).unwrap_or_default();
        if wire.v != VERSION {
            return Self::default();
        }
        let marks = pieces::<4>(&wire.sent).map(Mark::from_bytes).collect();
        let hashes = |text: &str| {
            let hashes = pieces::<8>(text).map(u64::from_be_bytes);
            hashes.map(Fingerprint).collect()
        };
        Self {
            before: wire.before,
            marks,
            by_bytes: wire.by_bytes,
            refused: hashes(&wire.refused),
            suspects: hashes(&wire.suspects),
            facts: wire.facts,
        }
    }

    /// Returns the state as JSON.
    pub fn to_json(&self) -> RawJson {
        let hashes = |hashes: &[Fingerprint]| {
            let bytes: Vec<u8> = hashes
                .iter()
                .flat_map(|hash| hash.0.to_be_bytes())
                .collect();
            base64::encode(&bytes)
        };
        let marks: Vec<u8> = self.marks.iter().flat_map(|mark| mark.to_bytes()).collect();
        let wire = Wire {
            v: VERSION,
            before: self.before,
            sent: base64::encode(&marks),
            by_bytes: self.by_bytes,
            refused: hashes(&self.refused),
            suspects: hashes(&self.suspects),
            facts: self.facts.clone(),
        };
        // Numbers and text always become JSON.
        RawJson::from(serde_json::to_value(wire).unwrap_or_default())
    }

    /// Returns what was sent of the items of a request, by index.
    pub(crate) fn sent(&self, items: &[u64]) -> Vec<Option<Mark>> {
        align(&self.marks, self.before, items)
    }

    /// Returns whether media goes by its bytes, since signed URLs did not stay equal.
    pub(crate) fn is_by_bytes(&self) -> bool {
        self.by_bytes
    }

    pub(crate) fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    pub(crate) fn facts_mut(&mut self) -> &mut ServerFacts {
        &mut self.facts
    }

    pub(crate) fn refused(&self) -> &[Fingerprint] {
        &self.refused
    }

    /// Returns the items of which some may be refused; which is not known yet.
    pub(crate) fn suspects(&self) -> &[Fingerprint] {
        &self.suspects
    }

    /// Notes that an item is refused.
    pub(crate) fn add_refused(&mut self, item: Fingerprint) {
        self.suspects.retain(|suspect| *suspect != item);
        if !self.refused.contains(&item) {
            self.refused.push(item);
        }
        let excess = self.refused.len().saturating_sub(MAX_REFUSED);
        self.refused.drain(..excess);
    }

    pub(crate) fn set_suspects(&mut self, mut suspects: Vec<Fingerprint>) {
        suspects.truncate(MAX_SUSPECTS);
        self.suspects = suspects;
    }

    /// Sets what was sent.
    pub(crate) fn set_sent(&mut self, marks: Vec<Mark>, by_bytes: bool) {
        self.before = marks.len().saturating_sub(MAX_MARKS);
        self.marks = marks;
        self.marks.drain(..self.before);
        self.by_bytes = by_bytes;
    }

    /// Returns the number of items at the beginning of a request that are left out already, given
    /// what was sent of it, and whether because of their bytes.
    pub(crate) fn skipped(sent: &[Option<Mark>]) -> (usize, bool) {
        let mut skipped = 0;
        let mut because = false;
        for (at, mark) in sent.iter().enumerate() {
            match mark.map(Mark::form) {
                Some(Some(SentForm::Skipped { by_bytes })) => {
                    skipped = at + 1;
                    because = by_bytes;
                }
                // Before the marks, or omitted for a reason of its own.
                None | Some(None | Some(SentForm::Omitted)) => {}
                Some(Some(_)) => break,
            }
        }
        (skipped, because)
    }
}

/// Decodes base64 into pieces of `N` bytes.
fn pieces<const N: usize>(text: &str) -> impl Iterator<Item = [u8; N]> {
    let bytes = base64::decode(text.as_bytes()).unwrap_or_default();
    let pieces: Vec<[u8; N]> = bytes
        .chunks_exact(N)
        .filter_map(|piece| piece.try_into().ok())
        .collect();
    pieces.into_iter()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use media_types::MediaType;

    use super::*;

    fn full() -> PlannerState {
        let mut state = PlannerState::default();
        let mark = |n| Mark::new(n, SentForm::Bytes, n);
        state.set_sent((0..5000).map(mark).collect(), true);
        for n in 0..200_u64 {
            state.add_refused(Fingerprint::of(&n.to_be_bytes()));
        }
        state.set_suspects((0..200_u64).map(|n| Fingerprint(u64::MAX - n)).collect());
        use MediaType::{Audio, Document, Image, Video};
        for kind in [Audio, Document, Image, Video] {
            state.facts.note_none_of(kind, u64::MAX / 2, Duration::MAX);
        }
        state.facts.note_max_images(usize::MAX, 0, Duration::MAX);
        state.facts.note_max_bytes(u64::MAX, 0, Duration::MAX);
        state
    }

    #[test]
    fn a_state_fits_its_row_and_reads_back() {
        let state = full();
        let json = state.to_json();
        assert!(json.get().len() <= 4096, "{}", json.get().len());
        assert_eq!(PlannerState::from_json(&json), state);
        let empty = PlannerState::default().to_json();
        assert_eq!(empty.get(), r#"{"v":1}"#);
    }

    #[test]
    fn another_state_is_an_empty_one() {
        let json = |text: &str| RawJson::from_text(text).unwrap();
        for other in [r#"{"v":2,"by_bytes":true}"#, "[]", "null", r#"{"v":"x"}"#] {
            let state = PlannerState::from_json(&json(other));
            assert_eq!(state, PlannerState::default(), "{other}");
        }
        let torn = json(r#"{"v":1,"sent":"AAAA!","refused":"AAAA","later":1}"#);
        assert_eq!(PlannerState::from_json(&torn), PlannerState::default());
    }

    #[test]
    fn what_is_left_out_stands_at_the_beginning() {
        let skipped = Some(Mark::new(1, SentForm::Skipped { by_bytes: true }, 0));
        let omitted = Some(Mark::new(1, SentForm::Omitted, 0));
        let sent = Some(Mark::new(1, SentForm::Bytes, 0));
        for (marks, expected) in [
            (vec![], (0, false)),
            (vec![sent, skipped], (0, false)),
            (vec![skipped, omitted, skipped, omitted, sent], (3, true)),
            (vec![None, skipped, sent], (2, true)),
            (vec![omitted, sent], (0, false)),
        ] {
            assert_eq!(PlannerState::skipped(&marks), expected, "{marks:?}");
        }
    }
}
