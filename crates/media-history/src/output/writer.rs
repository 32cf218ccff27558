//! Writing a history in its order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use media_storage::MediaMetadata;
use media_types::{Mime, StorageReference};
use tokio::io::AsyncWrite;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::{Hold, Open, Respell, Value};
use crate::known::Known;
use crate::lifetime::discard;
use crate::placeholder::Placeholder;
use crate::report::{LeftReason, LeftValue, ReplacedValue, Report};
use crate::settings::{Owner, Settings};
use crate::sink::{Sink, write_failed};
use crate::upload::{About, Media, Uploaded};

use super::slot::{Slot, Written};
use super::uploads::Uploads;

const OPERATION: HistoryOperation = HistoryOperation::Externalize;

/// How much text may wait for a value.
const MAX_WAITING: usize = 512 * 1024;

/// Writes a history in its order.
pub(crate) struct Output<'a, W> {
    settings: &'a Settings,
    owner: Owner,
    metadata: MediaMetadata,
    sink: Sink<W>,
    slots: VecDeque<Slot>,
    uploads: Uploads,
    known: Known,
    report: Report,
    /// The ids of the report's values, in rising order as they are found.
    ids: Vec<u64>,
    /// Types that were named before their values were written, by their ids.
    late: HashMap<u64, Mime>,
    /// New references that no placeholder was written for, by their ids.
    unwritten: HashMap<String, StorageReference>,
    /// The first of the others.
    written: Vec<StorageReference>,
    /// How many of the others are kept.
    listed: usize,
}

impl<'a, W: AsyncWrite + Unpin + Send> Output<'a, W> {
    pub(crate) fn new(
        settings: &'a Settings,
        owner: Owner,
        metadata: MediaMetadata,
        writer: W,
        listed: usize,
    ) -> Self {
        Self {
            settings,
            owner,
            metadata,
            sink: Sink::new(writer),
            slots: VecDeque::new(),
            uploads: Uploads::default(),
            known: Known::clone(&settings.known),
            report: Report::default(),
            ids: Vec::new(),
            late: HashMap::new(),
            unwritten: HashMap::new(),
            written: Vec::new(),
            listed,
        }
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    pub(crate) fn left(&mut self, left: LeftValue) {
        self.report.push_left(left);
    }

    /// Waits for what is being stored; returns the new references whose placeholders were written, and
    /// the others.
    pub(crate) async fn stored(mut self) -> (Vec<StorageReference>, Vec<StorageReference>) {
        while let Some((uploaded, _)) = self.uploads.next().await {
            if let Ok(reference) = uploaded.result {
                self.unwritten.insert(reference.id().to_owned(), reference);
            }
        }
        (self.written, self.unwritten.into_values().collect())
    }

    /// Text comes next; it is taken.
    pub(crate) async fn text(&mut self, text: &mut Vec<u8>) -> Result<(), HistoryError> {
        if text.is_empty() {
            return Ok(());
        }
        if self.slots.is_empty() {
            // Nothing waits: the buffer is used again.
            self.sink.write(text).await?;
            text.clear();
            return Ok(());
        }
        match self.slots.back_mut() {
            Some(Slot::Text(last)) => last.append(text),
            _ => self.slots.push_back(Slot::Text(std::mem::take(text))),
        }
        self.advance(false).await
    }

    /// Text comes next that is kept in another form.
    pub(crate) async fn respell(&mut self, respell: Box<Respell>) -> Result<(), HistoryError> {
        self.slots.push_back(Slot::Respell(respell));
        self.advance(false).await
    }

    /// Text comes next that may be in a file.
    pub(crate) async fn held(&mut self, hold: Hold) -> Result<(), HistoryError> {
        self.slots.push_back(Slot::Held(hold));
        self.advance(false).await
    }

    /// A value comes next.
    pub(crate) async fn value(
        &mut self,
        id: u64,
        value: Box<Value>,
        open: Open,
    ) -> Result<(), HistoryError> {
        let slot = match open {
            Open::Nothing => self.begin(id, *value).await?,
            _ => Slot::Open(id, value, open),
        };
        self.slots.push_back(slot);
        self.advance(false).await
    }

    /// It is known whether a value is media.
    pub(crate) async fn resolve(
        &mut self,
        id: u64,
        is_media: bool,
        named: Option<Mime>,
    ) -> Result<(), HistoryError> {
        let is_its = |slot: &Slot| matches!(slot, Slot::Open(open, ..) if *open == id);
        let Some(at) = self.slots.iter().position(is_its) else {
            return Ok(());
        };
        let open = self
            .slots
            .get_mut(at)
            .map(|slot| std::mem::replace(slot, Slot::Text(Vec::new())));
        let Some(Slot::Open(_, mut value, _)) = open else {
            return Ok(());
        };
        let bytes = value.finished.decoded_len;
        let slot = if is_media && bytes >= self.settings.rules.threshold {
            value.named = named;
            self.begin(id, *value).await?
        } else {
            if is_media {
                self.report
                    .push_left(value.left(LeftReason::BelowThreshold));
            }
            Slot::give_back(*value)
        };
        if let Some(open) = self.slots.get_mut(at) {
            *open = slot;
        }
        self.advance(false).await
    }

    /// A type was named after the value was stored.
    pub(crate) fn late_type(&mut self, id: u64, mime: Mime) {
        let written = self.ids.binary_search(&id).ok();
        if let Some(value) = written.and_then(|at| self.report.values.get_mut(at)) {
            value.late_type = Some(mime).filter(|mime| *mime != value.mime);
        } else if self.slots.iter().any(|slot| slot.is_value(id)) {
            // Of what was written and is not listed, it says nothing.
            self.late.insert(id, mime);
        }
    }

    /// Writes everything.
    pub(crate) async fn finish(&mut self) -> Result<(), HistoryError> {
        self.advance(true).await?;
        self.report.totals.output_bytes = self.sink.written();
        self.sink.flush().await
    }

    /// Begins to store a value, unless its bytes are known.
    async fn begin(&mut self, id: u64, value: Value) -> Result<Slot, HistoryError> {
        let (about, media) = Media::new(value);
        let rules = self.settings.rules;
        if !rules.small && media.text_len <= Placeholder::MIN_LEN {
            self.report
                .push_left(about.left(media.size, LeftReason::ShorterThanPlaceholder));
            return Ok(Slot::Text(media.text()));
        }
        let glance = media.glance();
        while self.uploads.may_have(media.size, glance) {
            self.upload_ends().await?;
        }
        let known = media
            .known(&mut self.known, self.settings, &self.owner)
            .await;
        if let Some(reference) = known.map_err(|error| error.with_path(about.path.clone()))? {
            return self.stored_as(id, about, media, reference, false).await;
        }
        while self.uploads.is_full() {
            self.upload_ends().await?;
        }
        let Some(store) = self.settings.stores.first() else {
            return Err(HistoryError::new(HistoryErrorKind::Config, OPERATION));
        };
        let (store, metadata) = (Arc::clone(store), self.metadata.clone());
        self.uploads.begin(id, (about, media), store, metadata);
        Ok(Slot::Uploading(id))
    }

    /// Waits for one value to be stored.
    async fn upload_ends(&mut self) -> Result<(), HistoryError> {
        let Some((uploaded, glance)) = self.uploads.next().await else {
            return Ok(());
        };
        let Uploaded {
            id,
            about,
            media,
            result,
        } = uploaded;
        let reference = result.map_err(|error| error.with_path(about.path.clone()))?;
        self.unwritten
            .insert(reference.id().to_owned(), reference.clone());
        if let Some(journal) = &self.settings.journal {
            journal
                .append(reference.clone())
                .await
                .map_err(write_failed)?;
        }
        if let Some((size, sha256)) = reference.size().zip(reference.sha256()) {
            self.known
                .insert_new(size, sha256, glance, reference.clone());
        }
        let slot = self.stored_as(id, about, media, reference, true).await?;
        let is_its = |slot: &&mut Slot| matches!(slot, Slot::Uploading(upload) if *upload == id);
        if let Some(uploading) = self.slots.iter_mut().find(is_its) {
            *uploading = slot;
        }
        Ok(())
    }

    /// The part that stands for a stored value: its placeholder, or its text where that is shorter.
    async fn stored_as(
        &mut self,
        id: u64,
        about: About,
        media: Media,
        reference: StorageReference,
        new: bool,
    ) -> Result<Slot, HistoryError> {
        let text = Placeholder::new(reference.clone(), media.text_len, media.style.clone())
            .and_then(|placeholder| placeholder.to_text(&self.settings.key, &self.owner.tag));
        let Some(text) = text else {
            return Err(HistoryError::new(HistoryErrorKind::Storage, OPERATION)
                .with_reason("the store returned a reference without size or hash")
                .with_reference(reference));
        };
        let text = [media.quote, &text, media.quote].concat();
        if !self.settings.rules.small && media.text_len <= text.len() as u64 {
            if new {
                self.unwritten.remove(reference.id());
                if let Some((size, sha256)) = reference.size().zip(reference.sha256()) {
                    self.known.remove(size, sha256);
                }
                discard(self.settings, [reference]).await;
            }
            self.late.remove(&id);
            self.report
                .push_left(about.left(media.size, LeftReason::ShorterThanPlaceholder));
            return Ok(Slot::Text(media.text()));
        }
        let value = ReplacedValue {
            document: about.document,
            path: about.path,
            class: about.class,
            mime: media.mime,
            late_type: None,
            bytes: media.size,
            reference,
            new,
        };
        Ok(Slot::Placeholder(Box::new(Written { id, text, value })))
    }

    /// Writes what can be written; all of it, or what is too much to wait.
    async fn advance(&mut self, all: bool) -> Result<(), HistoryError> {
        loop {
            let must = all || self.waiting() > MAX_WAITING;
            match self.slots.front() {
                None => return Ok(()),
                Some(Slot::Uploading(_)) if must => {
                    self.upload_ends().await?;
                    continue;
                }
                Some(Slot::Uploading(_)) => return Ok(()),
                Some(Slot::Open(..)) if !must => return Ok(()),
                _ => {}
            }
            match self.slots.pop_front() {
                Some(Slot::Text(text)) => self.sink.write(&text).await?,
                Some(Slot::Respell(respell)) => self.sink.write_respelled(*respell).await?,
                Some(Slot::Held(hold)) => self.sink.write_held(hold).await?,
                Some(Slot::Open(id, value, open)) => {
                    let slot = match open {
                        Open::Kind => Slot::give_back(*value),
                        _ => self.begin(id, *value).await?,
                    };
                    self.slots.push_front(slot);
                }
                Some(Slot::Placeholder(written)) => self.write_placeholder(*written).await?,
                _ => {}
            }
        }
    }

    fn waiting(&self) -> usize {
        self.slots.iter().map(Slot::text_len).sum()
    }

    async fn write_placeholder(&mut self, written: Written) -> Result<(), HistoryError> {
        let Written {
            id,
            text,
            mut value,
        } = written;
        if let Some(mime) = self.late.remove(&id) {
            value.late_type = Some(mime).filter(|mime| *mime != value.mime);
        }
        // From here on it may have been written.
        if self.unwritten.get(value.reference.id()) == Some(&value.reference)
            && let Some(reference) = self.unwritten.remove(value.reference.id())
            && self.written.len() < self.listed
        {
            self.written.push(reference);
        }
        self.sink.write(text.as_bytes()).await?;
        self.report.push_value(value);
        if self.ids.len() < self.report.values.len() {
            self.ids.push(id);
        }
        Ok(())
    }
}
