//! Entries of the quarantine, as far as their names say.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use media_storage::layout::FileName;
use media_types::Sha256;

/// Length of a token with the `-` behind it.
const PREFIX: usize = 27;

/// What an entry of the quarantine was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Media(FileName),
    Sidecar(FileName),
    /// A damaged blob, which only earlier versions kept. References that shared it are here too.
    Blob,
    Other,
}

/// One entry of the quarantine.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) day: Option<NaiveDate>,
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Entry {
    pub(super) fn new(day: Option<NaiveDate>, name: String) -> Self {
        let kind = kind_of(&name);
        Self { day, name, kind }
    }

    /// The name that the media had.
    pub(super) fn file(&self) -> Option<&FileName> {
        match &self.kind {
            Kind::Media(file) | Kind::Sidecar(file) => Some(file),
            Kind::Blob | Kind::Other => None,
        }
    }

    /// Whether the entry only keeps bytes from being freed.
    pub(crate) fn is_useless(&self) -> bool {
        self.kind == Kind::Blob
    }

    pub(crate) fn is_media(&self) -> bool {
        matches!(self.kind, Kind::Media(_))
    }

    pub(super) fn is_sidecar(&self) -> bool {
        matches!(self.kind, Kind::Sidecar(_))
    }

    /// Whether the entry was moved here more than this long ago, in whole days.
    pub(crate) fn is_older_than(&self, retention: Duration, now: DateTime<Utc>) -> bool {
        let days = Days::new(retention.as_secs().div_ceil(24 * 3600));
        self.day
            .and_then(|day| day.checked_add_days(days))
            .is_some_and(|end| end < now.date_naive())
    }
}

/// Returns the name of the directory of a day.
pub(super) fn name_of_day(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

pub(super) fn parse_day(name: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(name, "%Y-%m-%d").ok()
}

fn kind_of(name: &str) -> Kind {
    let rest = name.get(PREFIX..).unwrap_or_default();
    if let Some(file) = FileName::parse(rest) {
        Kind::Media(file)
    } else if let Some(file) = rest.strip_suffix(".meta").and_then(FileName::parse) {
        Kind::Sidecar(file)
    } else if rest.parse::<Sha256>().is_ok() {
        Kind::Blob
    } else {
        Kind::Other
    }
}
