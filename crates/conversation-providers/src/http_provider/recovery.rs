//! Changes to a request that was refused.

use std::collections::BTreeSet;
use std::time::Duration;

use conversation_types::OmissionReason;
use media_types::readable::causes;
use media_types::{MediaContent, MediaType};

use super::complaint::kind_at;
use super::failure::{Complaint, Failure};
use super::halving::Halving;
use super::refusal::Refusal;
use super::rejections::RejectionCache;
use super::sent::{forms, of_kind, replace_urls, sent, was_taken};
use crate::error::ProviderError;
use crate::media::{
    MediaContext, MediaForm, MediaPlan, RequestPlan, fingerprint, refused_by, unix_now,
};
use crate::planner::Fingerprint;

/// Most changes to one request because of what the server said.
const MAX_CHANGES: u32 = 6;

/// Most requests that follow a refusal of media.
const MAX_MEDIA_CHANGES: u32 = 3;

/// How long a conversation believes what a server said about itself.
const FACT_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What was changed about a request so far.
#[derive(Debug)]
pub(super) struct RecoveryState {
    provider: &'static str,
    model: String,
    changes: u32,
    unreadable: u32,
    media_changes: u32,
    /// Parameters that were left out.
    parameters: BTreeSet<String>,
    /// Items that the server named. If the request succeeds without them, they are remembered.
    named: Vec<MediaContent>,
    /// The kinds of which all media may be refused, where the server named items.
    perhaps_none: BTreeSet<MediaType>,
    /// The items that went out before media was refused first.
    tried: Vec<usize>,
    /// What the server said about itself. If the request succeeds by it, it is remembered.
    facts: Vec<Fact>,
    /// The bytes of the smallest request that was too large.
    too_large: Option<u64>,
    /// The plan before older media was left out of it for its size.
    whole: Option<Box<RequestPlan>>,
    halving: Option<Halving>,
    /// How often words were said that may mean all media of a kind, or some of it.
    doubts: u32,
}

#[derive(Clone, Copy, Debug)]
enum Fact {
    NoneOf(MediaType),
    MaxImages(usize),
}

impl RecoveryState {
    pub(super) fn new(provider: &'static str, model: &str) -> Self {
        Self {
            provider,
            model: model.to_owned(),
            changes: 0,
            unreadable: 0,
            media_changes: 0,
            parameters: BTreeSet::new(),
            named: Vec::new(),
            perhaps_none: BTreeSet::new(),
            tried: Vec::new(),
            facts: Vec::new(),
            too_large: None,
            whole: None,
            halving: None,
            doubts: 0,
        }
    }

    /// Changes the request so that the next attempt may succeed.
    ///
    /// # Errors
    /// The error of the attempt, where there is nothing to change.
    pub(super) async fn repair_request(
        &mut self,
        refusal: Failure,
        plan: &mut RequestPlan,
        media: &MediaContext,
        rejections: &RejectionCache,
    ) -> Result<(), ProviderError> {
        self.changes += 1;
        if self.changes > MAX_CHANGES {
            return Err(refusal.into_error(self.provider));
        }
        match refusal {
            Failure::Unreadable(failed) => {
                self.unreadable += 1;
                tracing::warn!(provider = self.provider, %failed, "media failed while it was sent");
                match self.unreadable {
                    1 => plan.media_mut().amend(&failed),
                    // One after the other would send the same again and again.
                    2 => plan.media_mut().check(media).await,
                    _ => return Err(Failure::Unreadable(failed).into_error(self.provider)),
                }
                Ok(())
            }
            Failure::Refused(Refusal::Media {
                suspects,
                certain,
                error,
            }) => {
                let complaint = match certain {
                    true => Complaint::Items(suspects),
                    false => Complaint::Some(suspects),
                };
                self.repair_media(complaint, plan, error)
            }
            Failure::Complaint { complaint, error } => self.repair_media(complaint, plan, error),
            Failure::Refused(Refusal::Parameter { name, error }) => {
                // Whether another request has learned it in the meantime says nothing about this
                // one.
                if !self.parameters.insert(name.clone()) {
                    return Err(error);
                }
                tracing::warn!(
                    provider = self.provider,
                    name,
                    "the model does not accept this parameter; sending without it"
                );
                rejections.add_parameter(&self.model, &name);
                Ok(())
            }
            Failure::Refused(Refusal::Final(error) | Refusal::Signatures(error)) => Err(error),
        }
    }

    fn repair_media(
        &mut self,
        complaint: Complaint,
        plan: &mut RequestPlan,
        error: ProviderError,
    ) -> Result<(), ProviderError> {
        self.media_changes += 1;
        if self.media_changes > MAX_MEDIA_CHANGES {
            return Err(error);
        }
        tracing::warn!(provider = self.provider, error = %causes(&error), "media was refused; sending without it");
        let is_last = self.media_changes == MAX_MEDIA_CHANGES;
        if self.media_changes == 1 {
            self.tried = sent(plan.media());
        }
        let before = forms(plan.media());
        match complaint {
            // A URL that the provider could not fetch is no bad image.
            Complaint::Items(items) | Complaint::ItemsOrKind(items, _) | Complaint::Some(items)
                if replace_urls(plan.media_mut(), &items) => {}
            Complaint::Items(items) => self.omit_named(&items, is_last, plan.media_mut()),
            Complaint::ItemsOrKind(items, kind) if self.is_rest_of_halving(&items) => {
                self.doubt(kind, &items, is_last, plan);
            }
            Complaint::ItemsOrKind(items, kind) => {
                self.perhaps_none.insert(kind);
                self.omit_named(&items, is_last, plan.media_mut());
            }
            Complaint::Some(items) => self.halve(items, is_last, plan),
            Complaint::PerhapsNoneOf(kind) => self.doubt(kind, &[], is_last, plan),
            Complaint::NoneOf(kind) => self.omit_none_of(kind, plan.media_mut()),
            Complaint::AtMost(most) => {
                self.facts.push(Fact::MaxImages(most));
                plan.keep_newest_images(most);
            }
            Complaint::Size if plan.media().sent_bytes() == 0 => return Err(error),
            Complaint::Size => {
                let bytes = plan.predicted_bytes();
                self.too_large = Some(self.too_large.map_or(bytes, |known| known.min(bytes)));
                self.shrink(is_last, plan);
            }
        }
        // The same request would have the same answer.
        match before == forms(plan.media()) {
            true => Err(error),
            false => Ok(()),
        }
    }

    /// Whether items are all that is left of what a search has not left out.
    fn is_rest_of_halving(&self, items: &[usize]) -> bool {
        let halving = self.halving.as_ref();
        halving.is_some_and(|halving| halving.left().eq(items.iter().copied()))
    }

    /// Searches for what is refused in words that may mean all media of a kind, or some of it: `alone` is what is
    /// left of it, if that is one item. Where each half was refused in these words, they mean all of it.
    fn doubt(&mut self, kind: MediaType, alone: &[usize], is_last: bool, plan: &mut RequestPlan) {
        self.doubts += 1;
        let is_shown = self.doubts == MAX_MEDIA_CHANGES
            && self.halving.as_ref().is_some_and(Halving::has_refused_both);
        if !is_shown && !alone.is_empty() {
            self.perhaps_none.insert(kind);
            self.name(alone, plan.media());
        }
        let before = forms(plan.media());
        let items = of_kind(plan.media(), kind).into_iter();
        let items = items.filter(|index| plan.media().is_sent(*index));
        self.halve(items.collect(), is_last, plan);
        // Without a change it was not what is new: none is taken any more.
        if is_shown || before == forms(plan.media()) {
            self.omit_none_of(kind, plan.media_mut());
        } else if is_last {
            self.omit_kind(kind, plan.media_mut());
        }
    }

    fn name(&mut self, items: &[usize], plan: &MediaPlan) {
        for index in items {
            // By what the next plan has to look at: what was fetched or made to fit is not known then.
            if let (Some((_, form)), Some(original)) = (plan.get(*index), plan.original(*index))
                && !matches!(form, MediaForm::Url(_))
            {
                self.named.push(original.clone());
            }
        }
    }

    fn omit_named(&mut self, items: &[usize], is_last: bool, plan: &mut MediaPlan) {
        let kinds: BTreeSet<MediaType> = items.iter().filter_map(|i| kind_at(plan, *i)).collect();
        self.name(items, plan);
        items.iter().for_each(|index| self.omit(plan, *index));
        if is_last {
            // Others would be named next, and there is no next time.
            kinds
                .into_iter()
                .for_each(|kind| self.omit_kind(kind, plan));
        }
    }

    fn omit_none_of(&mut self, kind: MediaType, plan: &mut MediaPlan) {
        self.facts.push(Fact::NoneOf(kind));
        self.omit_kind(kind, plan);
    }

    fn omit_kind(&self, kind: MediaType, plan: &mut MediaPlan) {
        for index in of_kind(plan, kind) {
            if plan.is_sent(index) {
                self.omit(plan, index);
            }
        }
    }

    fn halve(&mut self, items: Vec<usize>, is_last: bool, plan: &mut RequestPlan) {
        let mut others = Vec::new();
        let halving = match self.halving.take() {
            Some(halving) => {
                others = halving.omitted_otherwise(plan.media());
                halving.next(is_last)
            }
            None => {
                // What the model has seen already is not what it refuses now.
                let new = items.iter().copied();
                let new: Vec<usize> = new.filter(|index| !plan.was_accepted(*index)).collect();
                let suspects = if new.is_empty() { items } else { new };
                Some(Halving::new(plan.media(), suspects, is_last))
            }
        };
        if let Some(halving) = &halving {
            *plan.media_mut() = halving.plan(&others, |plan, index| self.omit(plan, index));
        }
        self.halving = halving;
    }

    /// Makes a request smaller: what its newest message is about goes last.
    fn shrink(&mut self, is_last: bool, plan: &mut RequestPlan) {
        if is_last {
            return self.omit_bytes(plan.media_mut());
        }
        if let Some(whole) = self.whole.take() {
            *plan = *whole;
            return plan.halve_bytes();
        }
        let whole = Box::new(plan.clone());
        match plan.omit_older_bytes() {
            true => self.whole = Some(whole),
            false => plan.halve_bytes(),
        }
    }

    fn omit_bytes(&self, plan: &mut MediaPlan) {
        for index in sent(plan) {
            if plan.size(index) > 0 {
                let detail = format!("it is too large for {}", self.provider);
                plan.omit(index, OmissionReason::TooLarge, detail);
            }
        }
    }

    /// Remembers how large a request may be. The conversation keeps to what this one was made to fit, which is
    /// less than what was refused, so that the next is not refused too; others learn only what is certain.
    fn remember_size(&self, refused: u64, plan: &mut RequestPlan, rejections: &RejectionCache) {
        let now = unix_now();
        let most = match (plan.media().sent_bytes(), plan.max_bytes()) {
            (1.., Some(most)) => most,
            // Where no media was left, what was accepted says little: something between is tried next.
            _ => {
                let accepted = plan.predicted_bytes();
                accepted.isqrt().saturating_mul(refused.isqrt())
            }
        };
        let facts = plan.state_mut().facts_mut();
        facts.note_max_bytes(most, now, FACT_LIFETIME);
        rejections.note(&self.model, |facts, lifetime| {
            facts.note_max_bytes(refused.saturating_sub(1), now, lifetime);
        });
    }

    fn omit(&self, plan: &mut MediaPlan, index: usize) {
        plan.omit(index, OmissionReason::Refused, refused_by(self.provider));
    }

    /// Whether no media of a kind is taken, by words that may mean it: at least two different items were refused,
    /// and none was taken or left out untried. One alone says nothing about others.
    fn is_none(&self, kind: MediaType, plan: &RequestPlan) -> bool {
        let refused = self.named.iter().filter(|one| one.media_type() == kind);
        let refused: BTreeSet<Fingerprint> = refused.filter_map(fingerprint).collect();
        let is_refused = |index: usize| {
            let item = plan.media().original(index).and_then(fingerprint);
            item.is_some_and(|item| refused.contains(&item))
        };
        let mut tried = self.tried.iter().copied();
        refused.len() > 1
            && !was_taken(kind, plan)
            && tried.all(|index| kind_at(plan.media(), index) != Some(kind) || is_refused(index))
    }

    /// Remembers what was learned, since the request has succeeded by it: in the state of the
    /// conversation, and for a while in the process.
    pub(super) fn remember(&self, plan: &mut RequestPlan, rejections: &RejectionCache) {
        let now = unix_now();
        for kind in &self.perhaps_none {
            if self.is_none(*kind, plan) {
                let facts = plan.state_mut().facts_mut();
                facts.note_none_of(*kind, now, FACT_LIFETIME);
            }
        }
        for content in &self.named {
            rejections.add_media(&self.model, content);
            if let Some(item) = fingerprint(content) {
                plan.state_mut().add_refused(item);
            }
        }
        for fact in &self.facts {
            let facts = plan.state_mut().facts_mut();
            match *fact {
                Fact::NoneOf(kind) => facts.note_none_of(kind, now, FACT_LIFETIME),
                Fact::MaxImages(most) => facts.note_max_images(most, now, FACT_LIFETIME),
            }
            rejections.note(&self.model, |facts, lifetime| match *fact {
                Fact::NoneOf(kind) => facts.note_none_of(kind, now, lifetime),
                Fact::MaxImages(most) => facts.note_max_images(most, now, lifetime),
            });
        }
        if let Some(refused) = self.too_large {
            self.remember_size(refused, plan, rejections);
        }
        plan.state_mut().facts_mut().expire(now);
        // Where one was named, the others may be good.
        let halving = self.halving.as_ref().filter(|_| self.named.is_empty());
        let found = halving.map(Halving::found).unwrap_or_default();
        let found = found
            .into_iter()
            .filter_map(|index| fingerprint(plan.media().original(index)?))
            .collect();
        plan.resolve_suspects(found);
    }
}
