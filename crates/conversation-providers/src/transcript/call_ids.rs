//! Ids of calls, made fit for the API that they go to.
//!
//! A conversation may go on at another API than the one that named its calls: at one that takes fewer letters,
//! or that wants no two the same where some servers begin again in every round.

use std::borrow::Cow;
use std::collections::HashSet;

use media_storage::Sha256Hasher;

/// The ids that an API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallIds {
    /// Any text, different within a message.
    Any,
    /// ASCII letters, digits, `_` and `-`; no two of a conversation are the same.
    Plain,
}

impl CallIds {
    fn takes(self, id: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        !id.is_empty() && (self == Self::Any || id.bytes().all(is_plain))
    }
}

/// The ids of a conversation so far.
#[derive(Debug)]
pub(super) struct UsedIds {
    rule: CallIds,
    used: HashSet<String>,
}

impl UsedIds {
    pub(super) fn new(rule: CallIds) -> Self {
        Self {
            rule,
            used: HashSet::new(),
        }
    }

    /// Begins a message with calls.
    pub(super) fn begin_message(&mut self) {
        if self.rule == CallIds::Any {
            self.used.clear();
        }
    }

    /// Returns an id as it goes out: as it is where the provider has it or takes it, else another one, which
    /// is the same in every request.
    pub(super) fn id<'a>(&mut self, id: &'a str, is_known: bool) -> Cow<'a, str> {
        let is_new = self.rule.takes(id) && self.used.insert(id.to_owned());
        if is_new || is_known {
            return id.into();
        }
        let mut number = 0_usize;
        loop {
            let digest = Sha256Hasher::digest(format!("{number} {id}").as_bytes()).to_string();
            let other = format!("call_{}", digest.get(..24).unwrap_or(&digest));
            if self.used.insert(other.clone()) {
                return other.into();
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_taken_stays_and_others_are_the_same_every_time() {
        let ids = |rule| {
            let mut used = UsedIds::new(rule);
            let mut all = Vec::new();
            for message in [["call_0", "f:0"], ["call_0", "call_0"]] {
                used.begin_message();
                all.extend(message.map(|id| used.id(id, false).into_owned()));
            }
            all
        };
        let any = ids(CallIds::Any);
        assert_eq!(any[..3], ["call_0", "f:0", "call_0"]);
        let plain = ids(CallIds::Plain);
        assert_eq!(plain[0], "call_0");
        assert_eq!(plain.iter().collect::<HashSet<_>>().len(), 4);
        assert!(plain.iter().all(|id| CallIds::Plain.takes(id)), "{plain:?}");
        assert_eq!((ids(CallIds::Any), ids(CallIds::Plain)), (any, plain));
        let mut used = UsedIds::new(CallIds::Plain);
        assert_eq!(used.id("f:0", true), "f:0");
        assert_ne!(used.id("", false), "");
    }
}
