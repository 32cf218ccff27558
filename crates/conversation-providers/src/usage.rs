//! Estimates of what a request consumes, for where no provider reports it.
//!
//! The rule: one token for every four bytes of text or JSON, rounded up, and 1,000 tokens for each
//! media item. It is meant to be near enough for budgets, not for invoices.

use conversation_types::{TokenUsage, UsageSource};

/// Bytes of text that count as one token.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that one media item counts as.
const TOKENS_PER_MEDIA_ITEM: u64 = 1000;

/// Returns the estimated number of tokens of text of a length in bytes.
///
/// ```
/// assert_eq!(conversation_providers::estimate_tokens(9), 3);
/// ```
pub fn estimate_tokens(text_bytes: u64) -> u64 {
    text_bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Returns the estimated usage of a request, before anything of an answer has come: `text_bytes`
/// is the length of its body without media.
pub fn estimate_input(text_bytes: u64, media_items: usize) -> TokenUsage {
    let media = (media_items as u64).saturating_mul(TOKENS_PER_MEDIA_ITEM);
    let tokens = estimate_tokens(text_bytes).saturating_add(media);
    TokenUsage::new(tokens, 0).with_source(UsageSource::Estimated)
}

/// Returns what an answer consumed that ended early, from the latest counts of its provider or an
/// estimate of its input, and the bytes of text that came.
///
/// Counts of the provider are kept and marked [`UsageSource::Partial`]; output tokens that it had
/// not counted yet are estimated.
pub fn usage_of_interrupted(latest: Option<TokenUsage>, output_bytes: u64) -> TokenUsage {
    let mut usage = latest.unwrap_or_default();
    usage.source = match latest {
        Some(usage) if usage.source != UsageSource::Estimated => UsageSource::Partial,
        _ => UsageSource::Estimated,
    };
    usage.output_tokens = usage.output_tokens.max(estimate_tokens(output_bytes));
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_provider_go_before_estimates() {
        let none = usage_of_interrupted(None, 10);
        assert_eq!(
            (none.output_tokens, none.source),
            (3, UsageSource::Estimated)
        );
        let input = estimate_input(400, 2);
        let estimated = usage_of_interrupted(Some(input), 8);
        assert_eq!((estimated.input_tokens, estimated.output_tokens), (2100, 2));
        assert_eq!(estimated.source, UsageSource::Estimated);
        let reported = usage_of_interrupted(Some(TokenUsage::new(7, 50)), 8);
        assert_eq!((reported.input_tokens, reported.output_tokens), (7, 50));
        assert_eq!(reported.source, UsageSource::Partial);
    }
}
