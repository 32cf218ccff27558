//! What is measured, in the text format of Prometheus.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use chrono::Utc;
use futures_util::StreamExt as _;
use media_storage::{Scope, StorageErrorKind, Usage};
use serde_json::{Map, Value, json};

use crate::failure::Outcome;
use crate::store::OpenStore;

/// One look at a store.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    backend: String,
    usage: Usage,
    /// References by MIME type: number and bytes.
    types: std::collections::BTreeMap<String, (u64, u64)>,
    expired: u64,
    expiring_day: u64,
    unreadable: u64,
    oldest: Option<i64>,
    newest: Option<i64>,
    taken_at: SystemTime,
    took: Duration,
}

impl Snapshot {
    /// Looks at everything in the store once.
    pub(crate) async fn take(store: &OpenStore) -> Outcome<Self> {
        let started = Instant::now();
        let now = Utc::now();
        let mut snapshot = Self {
            backend: store.storage().backend().to_owned(),
            usage: store.inventory()?.usage(Scope::All).await?,
            types: std::collections::BTreeMap::new(),
            expired: 0,
            expiring_day: 0,
            unreadable: 0,
            oldest: None,
            newest: None,
            taken_at: SystemTime::now(),
            took: Duration::ZERO,
        };
        let mut entries = store.list(Scope::All)?;
        while let Some(entry) = entries.next().await {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                    snapshot.unreadable += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (count, bytes) = snapshot.types.entry(entry.mime.to_string()).or_default();
            *count += 1;
            *bytes += entry.reference.size().unwrap_or_default();
            match entry.expires_at {
                Some(at) if at <= now => snapshot.expired += 1,
                Some(at) if at <= now + chrono::TimeDelta::days(1) => snapshot.expiring_day += 1,
                _ => {}
            }
            let stored = entry.stored_at.timestamp();
            snapshot.oldest = Some(snapshot.oldest.map_or(stored, |oldest| oldest.min(stored)));
            snapshot.newest = Some(snapshot.newest.map_or(stored, |newest| newest.max(stored)));
        }
        snapshot.took = started.elapsed();
        Ok(snapshot)
    }

    /// Returns the metrics as JSON.
    pub(crate) fn json(&self) -> Value {
        let types = self
            .types
            .iter()
            .map(|(mime, (references, logical_bytes))| {
                let of_type = json!({ "references": references, "logical_bytes": logical_bytes });
                (mime.clone(), of_type)
            });
        let taken = self.taken_at.duration_since(SystemTime::UNIX_EPOCH);
        json!({
            "backend": self.backend,
            "references": self.usage.references,
            "bodies": self.usage.blobs,
            "logical_bytes": self.usage.logical_bytes,
            "stored_bytes": self.usage.stored_bytes,
            "copies": self.usage.copies,
            "expired_references": self.expired,
            "expiring_references": self.expiring_day,
            "unreadable_references": self.unreadable,
            "oldest_timestamp_seconds": self.oldest,
            "newest_timestamp_seconds": self.newest,
            "types": types.collect::<Map<_, _>>(),
            "snapshot_timestamp_seconds": taken.unwrap_or_default().as_secs(),
            "snapshot_duration_seconds": self.took.as_secs_f64(),
        })
    }

    /// Returns the metrics as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let backend = format!("backend=\"{}\"", escape(&self.backend));
        let usage = self.usage;
        for (name, help, value) in [
            (
                "media_references",
                "References in the store.",
                usage.references,
            ),
            (
                "media_bodies",
                "Distinct bodies that are kept.",
                usage.blobs,
            ),
            (
                "media_logical_bytes",
                "Bytes as callers see them.",
                usage.logical_bytes,
            ),
            (
                "media_stored_bytes",
                "Bytes that are kept.",
                usage.stored_bytes,
            ),
            (
                "media_copies",
                "References whose bytes could not be shared.",
                usage.copies,
            ),
            (
                "media_expired_references",
                "Expired references that no sweep has removed yet.",
                self.expired,
            ),
            (
                "media_expiring_references",
                "References that expire within a day.",
                self.expiring_day,
            ),
            (
                "media_unreadable_references",
                "References whose sidecar cannot be read.",
                self.unreadable,
            ),
        ] {
            gauge(&mut text, name, help);
            let _ = writeln!(text, "{name}{{{backend}}} {value}");
        }
        for (name, help, at) in [
            (
                "media_oldest_timestamp_seconds",
                "When the oldest media was stored.",
                self.oldest,
            ),
            (
                "media_newest_timestamp_seconds",
                "When the newest media was stored.",
                self.newest,
            ),
        ] {
            if let Some(at) = at {
                gauge(&mut text, name, help);
                let _ = writeln!(text, "{name}{{{backend}}} {at}");
            }
        }
        for (name, help, of) in [
            ("media_type_references", "References by MIME type.", 0),
            (
                "media_type_logical_bytes",
                "Bytes as callers see them, by MIME type.",
                1,
            ),
        ] {
            gauge(&mut text, name, help);
            for (mime, (count, bytes)) in &self.types {
                let value = if of == 0 { count } else { bytes };
                let _ = writeln!(
                    text,
                    "{name}{{{backend},mime_type=\"{}\"}} {value}",
                    escape(mime)
                );
            }
        }
        let taken = self
            .taken_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        gauge(
            &mut text,
            "media_snapshot_timestamp_seconds",
            "When the store was looked at.",
        );
        let _ = writeln!(
            text,
            "media_snapshot_timestamp_seconds{{{backend}}} {taken}"
        );
        gauge(
            &mut text,
            "media_snapshot_duration_seconds",
            "How long the look took.",
        );
        let took = self.took.as_secs_f64();
        let _ = writeln!(
            text,
            "media_snapshot_duration_seconds{{{backend}}} {took:.3}"
        );
        text
    }
}

fn gauge(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// Escapes the value of a label.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_cannot_break_out() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
