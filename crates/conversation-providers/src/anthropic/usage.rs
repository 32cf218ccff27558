//! Token counts as the API reports them.

use conversation_types::TokenUsage;
use serde_json::Value;

/// The counts of a message so far: each report replaces those that it names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Input that was neither read from the cache nor written to it.
    uncached: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    /// Takes a report; returns the usage where there is any count.
    pub(super) fn update(&mut self, report: Option<&Value>) -> Option<TokenUsage> {
        let report = report?;
        let mut is_any = false;
        for (count, name) in [
            (&mut self.uncached, "input_tokens"),
            (&mut self.cache_read, "cache_read_input_tokens"),
            (&mut self.cache_write, "cache_creation_input_tokens"),
            (&mut self.output, "output_tokens"),
        ] {
            if let Some(found) = report.get(name).and_then(Value::as_u64) {
                *count = Some(found);
                is_any = true;
            }
        }
        is_any.then(|| self.usage())
    }

    fn usage(&self) -> TokenUsage {
        let count = |count: Option<u64>| count.unwrap_or_default();
        let (read, written) = (count(self.cache_read), count(self.cache_write));
        let input = count(self.uncached)
            .saturating_add(read)
            .saturating_add(written);
        TokenUsage::new(input, count(self.output))
            .with_cached_input_tokens(read)
            .with_cache_write_tokens(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn later_reports_replace_what_they_name() {
        let mut counts = Counts::default();
        let start = json!({"input_tokens": 10, "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 7, "output_tokens": 1});
        let usage = counts.update(Some(&start)).unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (117, 1));
        assert_eq!(usage.cached_input_tokens, 100);
        assert_eq!(usage.cache_write_tokens, 7);
        let usage = counts.update(Some(&json!({"output_tokens": 9}))).unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (117, 9));
        assert!(
            counts
                .update(Some(&json!({"output_tokens": null})))
                .is_none()
        );
        assert!(counts.update(None).is_none());
    }
}
