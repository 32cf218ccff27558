//! Finding what is refused where the server does not say it.

use std::collections::BTreeSet;

use crate::media::{MediaForm, MediaPlan, fingerprint};
use crate::planner::Fingerprint;

/// The search for refused media among suspects: first without the older half, then without the
/// newer one, then without all of them. So one refused item costs at most half of the suspects and
/// two requests, and in the third there is nothing left to refuse.
#[derive(Clone, Debug)]
pub(super) struct Halving {
    /// The plan before anything was left out.
    original: MediaPlan,
    suspects: Vec<usize>,
    stage: Stage,
}

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Older,
    Newer,
    All,
}

impl Halving {
    /// Begins a search. `is_last` where there is but one attempt.
    pub(super) fn new(plan: &MediaPlan, suspects: Vec<usize>, is_last: bool) -> Self {
        let stage = match suspects.len() {
            0 | 1 => Stage::All,
            _ if is_last => Stage::All,
            _ => Stage::Older,
        };
        Self {
            original: plan.clone(),
            suspects,
            stage,
        }
    }

    /// Goes on after another refusal; `None` where nothing is left to try. `is_last` where there is
    /// but one attempt.
    pub(super) fn next(mut self, is_last: bool) -> Option<Self> {
        self.stage = match self.stage {
            Stage::All => return None,
            _ if is_last => Stage::All,
            Stage::Older => Stage::Newer,
            Stage::Newer => Stage::All,
        };
        Some(self)
    }

    /// Returns the items that are left out now: if the request is accepted, what is refused is
    /// among them.
    pub(super) fn omitted(&self) -> &[usize] {
        let (older, newer) = self.suspects.split_at(self.suspects.len() / 2);
        match self.stage {
            Stage::Older => older,
            Stage::Newer => newer,
            Stage::All => &self.suspects,
        }
    }

    /// Returns the suspects that are not left out now.
    pub(super) fn left(&self) -> impl Iterator<Item = usize> {
        let items = self.suspects.iter().copied();
        items.filter(|index| !self.omitted().contains(index))
    }

    /// Returns whether another refusal now says that each half was refused for media of its own: none of it
    /// is in both, and none goes by a URL, which may fail without a word about its image.
    pub(super) fn has_refused_both(&self) -> bool {
        let (older, newer) = self.suspects.split_at(self.suspects.len() / 2);
        let items = |half: &[usize]| -> Option<BTreeSet<Fingerprint>> {
            let items = half.iter().filter(|index| !self.is_url(**index));
            let items: Vec<_> = items
                .map(|index| fingerprint(self.original.original(*index)?))
                .collect();
            (items.len() == half.len() && !half.is_empty()).then_some(())?;
            items.into_iter().collect()
        };
        match (self.stage, items(older), items(newer)) {
            (Stage::Newer, Some(older), Some(newer)) => older.is_disjoint(&newer),
            _ => false,
        }
    }

    fn is_url(&self, index: usize) -> bool {
        matches!(self.original.get(index), Some((_, MediaForm::Url(_))))
    }

    /// Returns the items that are left out now and would have gone out by their bytes or by an id: a
    /// URL that failed says nothing about its image.
    pub(super) fn found(&self) -> Vec<usize> {
        let items = self.omitted().iter().copied();
        items.filter(|index| !self.is_url(*index)).collect()
    }

    /// Returns the items that have been left out of a plan since for reasons of their own.
    pub(super) fn omitted_otherwise(&self, plan: &MediaPlan) -> Vec<usize> {
        let items = (0..plan.len()).filter(|index| {
            self.original.is_sent(*index)
                && !plan.is_sent(*index)
                && !self.omitted().contains(index)
        });
        items.collect()
    }

    /// Returns the plan of the next attempt, without these items either.
    pub(super) fn plan(&self, others: &[usize], omit: impl Fn(&mut MediaPlan, usize)) -> MediaPlan {
        let mut plan = self.original.clone();
        for index in others.iter().chain(self.omitted()) {
            omit(&mut plan, *index);
        }
        plan
    }
}
