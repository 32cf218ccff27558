//! Token counts as the API reports them.

use conversation_types::TokenUsage;
use serde_json::Value;

/// What an answer cost in tokens; `None` where the server gives no count. However it is written, it
/// is no reason to lose an answer that was paid for.
pub(super) fn usage_of(usage: Option<&Value>) -> Option<TokenUsage> {
    let usage = usage?;
    let input = count_at(usage, "/prompt_tokens");
    let output = count_at(usage, "/completion_tokens");
    let detail = |pointer| count_at(usage, pointer).unwrap_or_default();
    input.or(output)?;
    Some(
        TokenUsage::new(input.unwrap_or_default(), output.unwrap_or_default())
            .with_cached_input_tokens(detail("/prompt_tokens_details/cached_tokens"))
            .with_cache_write_tokens(detail("/prompt_tokens_details/cache_write_tokens"))
            .with_reasoning_tokens(detail("/completion_tokens_details/reasoning_tokens")),
    )
}

/// The same as Responses report it.
pub(super) fn responses_usage_of(usage: Option<&Value>) -> Option<TokenUsage> {
    let usage = usage?;
    let input = count_at(usage, "/input_tokens");
    let output = count_at(usage, "/output_tokens");
    let detail = |pointer| count_at(usage, pointer).unwrap_or_default();
    input.or(output)?;
    Some(
        TokenUsage::new(input.unwrap_or_default(), output.unwrap_or_default())
            .with_cached_input_tokens(detail("/input_tokens_details/cached_tokens"))
            .with_cache_write_tokens(detail("/input_tokens_details/cache_write_tokens"))
            .with_reasoning_tokens(detail("/output_tokens_details/reasoning_tokens")),
    )
}

/// The count at a JSON pointer; some servers write it with a fraction, or as `null`.
pub(super) fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    let value = value.pointer(pointer)?;
    let rounded = || {
        let number = value.as_f64()?;
        (number >= 0.0).then(|| number.round() as u64)
    };
    value.as_u64().or_else(rounded)
}
