//! The parts that the work of a full sweep is divided into.

use super::super::second_garbage::Division;
use crate::bucket::SHARDS;

/// A part of the work, which one sweep does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// The shard that is listed, unless it is everything.
    pub(super) shard: Option<&'static str>,
}

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lists records, blobs and markers of hashes, and removes blobs that no reference holds.
    Garbage,
    /// Lists markers.
    Markers,
    /// Lists sidecars, and media that is not shared.
    References,
    /// Lists expiry hints.
    Hints,
    /// Lists the index of users.
    Users,
    /// Repairs what the listings disagree about.
    Finish,
}

impl Part {
    pub(super) const FINISH: Self = Self::whole(Kind::Finish);

    const fn whole(kind: Kind) -> Self {
        Self { kind, shard: None }
    }

    fn of_hashes(kind: Kind, division: Division) -> Vec<Self> {
        match division {
            Division::Whole => vec![Self::whole(kind)],
            Division::Shards => SHARDS
                .iter()
                .map(|digit| Self {
                    shard: Some(digit),
                    ..Self::whole(kind)
                })
                .collect(),
        }
    }

    /// Returns the listings that are compared with each other.
    pub(super) fn compared(division: Division) -> Vec<Self> {
        // The longest listing comes first, since it cannot be divided.
        let mut all = vec![Self::whole(Kind::References)];
        all.extend([Kind::Users, Kind::Hints].map(Self::whole));
        all.extend(Self::of_hashes(Kind::Markers, division));
        all
    }

    /// Returns the listings of hashes, whose garbage is removed.
    pub(super) fn garbage(division: Division) -> Vec<Self> {
        Self::of_hashes(Kind::Garbage, division)
    }

    /// Returns the last segment of the name of its object.
    pub(super) fn name(self) -> String {
        let kind = match self.kind {
            Kind::Garbage => "garbage",
            Kind::Markers => "markers",
            Kind::References => "references",
            Kind::Hints => "hints",
            Kind::Users => "users",
            Kind::Finish => "finish",
        };
        match self.shard {
            Some(shard) => format!("{kind}-{shard}"),
            None => kind.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        for (division, parts) in [(Division::Whole, 6), (Division::Shards, 36)] {
            let mut all = vec![Part::FINISH];
            all.extend(Part::garbage(division));
            all.extend(Part::compared(division));
            assert_eq!(all.len(), parts);
            let names: HashSet<_> = all.iter().map(|part| part.name()).collect();
            assert_eq!(names.len(), parts);
        }
    }
}
