//! Ids of calls, made fit for the API that they go to.
//!
//! A conversation may go on at another API than the one that named its calls: at one that takes fewer letters,
//! or that wants no two the same where some servers begin again in every round.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use media_storage::Sha256Hasher;

/// The ids that an API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallIds {
    /// Any text, different within a message.
    Any,
    /// Any text of at most 40 bytes, different within a message.
    Short,
    /// At most 64 ASCII letters, digits, `_` and `-`; no two of a conversation are the same.
    Plain,
}

impl CallIds {
    /// The ids that an API takes at a server. OpenAI itself takes no long ones; servers that are compatible with it
    /// give long ones, in which they find again what the model behind them needs.
    pub(super) fn at(self, base_url: Option<&str>) -> Self {
        let host = base_url.and_then(|url| url.strip_prefix("https://"));
        let host = host.and_then(|rest| rest.split(['/', ':', ' ']).next());
        let is_openai = host.is_some_and(|host| {
            host == "api.openai.com"
                || host.ends_with(".api.openai.com")
                || host.ends_with(".azure.com")
        });
        match self {
            Self::Any if is_openai => Self::Short,
            other => other,
        }
    }

    fn takes(self, id: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_fit = match self {
            Self::Any => true,
            Self::Short => id.len() <= 40,
            Self::Plain => id.len() <= 64 && id.bytes().all(is_plain),
        };
        !id.is_empty() && is_fit
    }
}

/// The ids of a conversation so far.
#[derive(Debug)]
pub(super) struct UsedIds<'a> {
    rule: CallIds,
    used: HashSet<String>,
    /// How many others an id has had.
    others: HashMap<&'a str, usize>,
}

impl<'a> UsedIds<'a> {
    pub(super) fn new(rule: CallIds) -> Self {
        Self {
            rule,
            used: HashSet::new(),
            others: HashMap::new(),
        }
    }

    /// Begins a message with calls.
    pub(super) fn begin_message(&mut self) {
        if self.rule != CallIds::Plain {
            self.used.clear();
            self.others.clear();
        }
    }

    /// Returns an id as it goes out: as it is where the provider has it or takes it, else another one, which
    /// is the same in every request.
    pub(super) fn id(&mut self, id: &'a str, is_known: bool) -> Cow<'a, str> {
        let is_new = self.rule.takes(id) && self.used.insert(id.to_owned());
        if is_new || is_known {
            return id.into();
        }
        let number = self.others.entry(id).or_default();
        loop {
            let digest = Sha256Hasher::digest(format!("{number} {id}").as_bytes()).to_string();
            let other = format!("call_{}", digest.get(..24).unwrap_or(&digest));
            *number += 1;
            if self.used.insert(other.clone()) {
                return other.into();
            }
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

    #[test]
    fn an_id_that_is_too_long_for_its_server_is_made_shorter() {
        let long = |len: usize| "x".repeat(len);
        for (rule, most) in [(CallIds::Plain, 64), (CallIds::Short, 40)] {
            let (fits, too_long) = (long(most), long(most + 1));
            let mut used = UsedIds::new(rule);
            assert_eq!(used.id(&fits, false), fits.as_str());
            let shorter = used.id(&too_long, false).into_owned();
            assert!(shorter.len() <= most && rule.takes(&shorter), "{shorter}");
            assert_eq!(used.id(&too_long, true), too_long.as_str());
        }
        let id = long(300);
        assert_eq!(UsedIds::new(CallIds::Any).id(&id, false), id.as_str());
        for (url, rule) in [
            ("https://api.openai.com/v1 account", CallIds::Short),
            ("https://eu.api.openai.com/v1", CallIds::Short),
            ("https://mine.openai.azure.com/openai/v1", CallIds::Short),
            ("https://api.openai.com.example/v1", CallIds::Any),
            ("http://127.0.0.1:4000/v1", CallIds::Any),
        ] {
            assert_eq!(CallIds::Any.at(Some(url)), rule, "{url}");
        }
        assert_eq!(CallIds::Any.at(None), CallIds::Any);
    }

    #[test]
    fn ids_that_repeat_take_linear_time() {
        let mut used = UsedIds::new(CallIds::Plain);
        let ids: HashSet<String> = (0..20_000)
            .map(|_| used.id("call_0", false).into_owned())
            .collect();
        assert_eq!((ids.len(), used.others["call_0"]), (20_000, 19_999));
    }
}
