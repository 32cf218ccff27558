//! Prices of models, from a table that can be replaced.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use conversation_types::{Cost, TokenUsage};
use serde::Deserialize;

use crate::data::{DataError, check_version, is_date_suffix};

const BUILTIN: &str = include_str!("../data/prices.v1.json");
const VERSION: u32 = 1;
const MILLION: f64 = 1_000_000.0;

/// Prices by model: estimates of a date, not an invoice.
///
/// The built-in table knows the common models of OpenAI at its date. Another one is read from JSON
/// of the same form:
///
/// ```
/// use conversation_providers::PriceTable;
/// use conversation_types::TokenUsage;
///
/// let table = PriceTable::from_json(r#"{
///     "format_version": 1, "revised": "2026-01-31",
///     "models": {"our-model": {"input": 1.0, "cached_input": 0.5, "output": 4.0}}
/// }"#)?;
/// let usage = TokenUsage::new(1_000_000, 500_000).with_cached_input_tokens(1_000_000);
/// assert_eq!(table.cost("our-model", &usage).unwrap().usd(), 2.5);
/// assert!(table.cost("another-model", &usage).is_none());
/// # Ok::<(), conversation_providers::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable {
    revised: String,
    models: Arc<BTreeMap<String, Price>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    input: f64,
    cached_input: Option<f64>,
    image_input: Option<f64>,
    output: f64,
    image_output: Option<f64>,
}

#[derive(Deserialize)]
struct Wire {
    format_version: u32,
    revised: String,
    models: BTreeMap<String, Price>,
}

/// The numbers of tokens that are of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImageTokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl PriceTable {
    /// Returns the built-in table.
    pub fn builtin() -> Self {
        // A test reads the file; a table without models is the harmless reading of a broken one.
        static TABLE: LazyLock<PriceTable> = LazyLock::new(|| {
            PriceTable::from_json(BUILTIN).unwrap_or_else(|_| PriceTable {
                revised: String::new(),
                models: Arc::default(),
            })
        });
        TABLE.clone()
    }

    /// Reads a table from JSON: US dollars for one million tokens.
    ///
    /// # Errors
    /// JSON of another form or version, and negative prices.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        let wire: Wire = serde_json::from_str(json)?;
        check_version(wire.format_version, VERSION)?;
        let amounts = |price: &Price| {
            let optional = [price.cached_input, price.image_input, price.image_output];
            [price.input, price.output]
                .into_iter()
                .chain(optional.into_iter().flatten())
                .all(|amount| amount >= 0.0)
        };
        if !wire.models.values().all(amounts) {
            return Err(DataError::negative_price());
        }
        Ok(Self {
            revised: wire.revised,
            models: Arc::new(wire.models),
        })
    }

    /// Returns the date of the prices.
    pub fn revised(&self) -> &str {
        &self.revised
    }

    /// Returns the cost of a usage; `None` where the price of the model is not known.
    ///
    /// A name that ends in a date (`gpt-4o-2024-08-06`) has the price of the name without it.
    pub fn cost(&self, model: &str, usage: &TokenUsage) -> Option<Cost> {
        self.cost_with_images(model, usage, ImageTokens::default())
    }

    /// Returns the cost of a usage of which some tokens are of images.
    pub(crate) fn cost_with_images(
        &self,
        model: &str,
        usage: &TokenUsage,
        images: ImageTokens,
    ) -> Option<Cost> {
        let price = self.price(model)?;
        let image_in = images.input.min(usage.input_tokens);
        let text_in = usage.input_tokens - image_in;
        let cached = usage.cached_input_tokens.min(text_in);
        let image_out = images.output.min(usage.output_tokens);
        let text_out = usage.output_tokens - image_out;
        #[allow(clippy::cast_precision_loss)]
        let sum: f64 = [
            (text_in - cached, price.input),
            (cached, price.cached_input.unwrap_or(price.input)),
            (image_in, price.image_input.unwrap_or(price.input)),
            (text_out, price.output),
            (image_out, price.image_output.unwrap_or(price.output)),
        ]
        .into_iter()
        .map(|(tokens, per_million)| tokens as f64 * per_million / MILLION)
        .sum();
        Some(Cost::from_usd(sum))
    }

    fn price(&self, model: &str) -> Option<&Price> {
        let known = |name: &str| self.models.get(name);
        known(model).or_else(|| {
            let (name, date) = model.split_at_checked(model.len().checked_sub(11)?)?;
            is_date_suffix(date).then(|| known(name)).flatten()
        })
    }
}

impl Default for PriceTable {
    fn default() -> Self {
        Self::builtin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_table_reads() {
        let table = PriceTable::from_json(BUILTIN).unwrap();
        assert!(table.models.len() > 10);
        assert_eq!(table, PriceTable::builtin());
    }

    #[test]
    fn a_dated_name_has_the_price_of_its_model_and_nothing_else_does() {
        let table = PriceTable::builtin();
        let usage = TokenUsage::new(1_000_000, 0);
        let cost = |model| table.cost(model, &usage).map(Cost::usd);
        assert_eq!(cost("gpt-4o"), Some(2.5));
        assert_eq!(cost("gpt-4o-2024-08-06"), Some(2.5));
        assert_eq!(cost("gpt-4o-audio-preview"), None);
        assert_eq!(cost("gpt-4o-2024-08-xx"), None);
        assert_eq!(cost(""), None);
    }

    #[test]
    fn image_tokens_have_their_own_price() {
        let table = PriceTable::from_json(
            r#"{"format_version":1,"revised":"r","models":{"m":{"input":1,"image_input":10,"output":100,"image_output":1000}}}"#,
        )
        .unwrap();
        let usage = TokenUsage::new(3_000_000, 3_000_000);
        let images = ImageTokens {
            input: 1_000_000,
            output: 2_000_000,
        };
        let cost = table.cost_with_images("m", &usage, images).unwrap();
        assert!((cost.usd() - (2.0 + 10.0 + 100.0 + 2000.0)).abs() < 1e-9);
        let too_many = ImageTokens {
            input: u64::MAX,
            output: u64::MAX,
        };
        assert!(table.cost_with_images("m", &usage, too_many).is_some());
    }

    #[test]
    fn other_files_are_refused() {
        for bad in [
            "",
            "{}",
            r#"{"format_version":2,"revised":"r","models":{}}"#,
            r#"{"format_version":1,"revised":"r","models":{"m":{"input":-1,"output":1}}}"#,
            r#"{"format_version":1,"revised":"r","models":{"m":{"input":1}}}"#,
        ] {
            assert!(PriceTable::from_json(bad).is_err(), "{bad}");
        }
    }
}
