//! Prices of models, from a table that can be replaced.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use conversation_types::{Cost, TokenUsage};
use serde::Deserialize;

use crate::data::{DataError, check_version, without_date, without_vendor};

const BUILTIN: &str = include_str!("../data/prices.v1.json");
const VERSION: u32 = 1;
const MILLION: f64 = 1_000_000.0;

/// Prices by model: estimates of a date, not an invoice.
///
/// The built-in table knows the common models of OpenAI, Anthropic and Google at its date. Another one is read from JSON
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
    models: Arc<BTreeMap<String, ModelPrice>>,
}

/// The price of one model: an estimate of a date, not an invoice. Clones share it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelPrice(Arc<Price>);

impl ModelPrice {
    /// Returns the cost of a usage.
    pub fn cost(&self, usage: &TokenUsage) -> Cost {
        self.0.cost(usage, ImageTokens::default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    input: f64,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    image_input: Option<f64>,
    output: f64,
    image_output: Option<f64>,
    long: Option<LongPrice>,
}

/// The price of a request whose input is long.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongPrice {
    /// The number of tokens of the input beyond which it holds.
    above: u64,
    input: f64,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    output: f64,
}

impl Price {
    fn cost(self, usage: &TokenUsage, images: ImageTokens) -> Cost {
        let price = self.of_input(usage.input_tokens);
        let image_in = images.input.min(usage.input_tokens);
        let text_in = usage.input_tokens - image_in;
        let cached = usage.cached_input_tokens.min(text_in);
        let written = usage.cache_write_tokens.min(text_in - cached);
        let image_out = images.output.min(usage.output_tokens);
        let text_out = usage.output_tokens - image_out;
        #[allow(clippy::cast_precision_loss)]
        let sum: f64 = [
            (text_in - cached - written, price.input),
            (cached, price.cached_input.unwrap_or(price.input)),
            (written, price.cache_write.unwrap_or(price.input)),
            (image_in, price.image_input.unwrap_or(price.input)),
            (text_out, price.output),
            (image_out, price.image_output.unwrap_or(price.output)),
        ]
        .into_iter()
        .map(|(tokens, per_million)| tokens as f64 * per_million / MILLION)
        .sum();
        Cost::from_usd(sum)
    }

    fn amounts(&self) -> impl Iterator<Item = f64> {
        let long = self.long.into_iter().flat_map(|long| {
            [
                Some(long.input),
                long.cached_input,
                long.cache_write,
                Some(long.output),
            ]
        });
        let own = [
            Some(self.input),
            self.cached_input,
            self.cache_write,
            self.image_input,
            Some(self.output),
            self.image_output,
        ];
        own.into_iter().chain(long).flatten()
    }

    /// Returns the price of a request by the tokens of its input.
    fn of_input(self, tokens: u64) -> Self {
        match self.long.filter(|long| tokens > long.above) {
            None => self,
            Some(long) => Self {
                input: long.input,
                cached_input: long.cached_input.or(self.cached_input),
                cache_write: long.cache_write.or(self.cache_write),
                output: long.output,
                ..self
            },
        }
    }
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
        let is_bad = |amount: f64| amount.is_nan() || amount < 0.0;
        if wire
            .models
            .values()
            .any(|price| price.amounts().any(is_bad))
        {
            return Err(DataError::negative_price());
        }
        let models = wire.models.into_iter();
        let models = models.map(|(name, price)| (name, ModelPrice(Arc::new(price))));
        Ok(Self {
            revised: wire.revised,
            models: Arc::new(models.collect()),
        })
    }

    /// Returns the date of the prices.
    pub fn revised(&self) -> &str {
        &self.revised
    }

    /// Returns the cost of a usage; `None` where the price of the model is not known.
    ///
    /// A name that says which state of a model is meant (`gpt-4o-2024-08-06`,
    /// `claude-sonnet-4-5@20250929`, `gemini-2.5-flash-001`, `-latest`) has the price of the name
    /// without that, where the table does not have it; the vendor before it (`openai/gpt-5`) does
    /// not matter.
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
        Some(self.price(model)?.0.cost(usage, images))
    }

    /// Returns the price of a model, by the rules of [`cost`](Self::cost) for its name.
    pub fn price(&self, model: &str) -> Option<ModelPrice> {
        let known = |name: &str| self.models.get(name);
        let bare = without_vendor(model);
        known(model)
            .or_else(|| known(bare))
            .or_else(|| known(without_date(bare)?))
            .cloned()
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
        for vendor in ["gpt-", "claude-", "gemini-"] {
            let of_vendor = table.models.keys().filter(|name| name.starts_with(vendor));
            assert!(of_vendor.count() > 9, "{vendor}");
        }
        for (model, price) in table.models.iter() {
            let price = &price.0;
            let cached = price.cached_input.unwrap_or_default();
            assert!(
                cached <= price.input && price.input <= price.output,
                "{model}"
            );
        }
        assert_eq!(table, PriceTable::builtin());
    }

    /// The models of recorded requests that have no price here: names that were made up, models that are gone,
    /// and those whose price was not known at the date of the table.
    const WITHOUT_PRICE: [&str; 6] = [
        "c",
        "claude-x",
        "dall-e-3",
        "gemini-x",
        "gpt-6.2-sol",
        "gpt-image-2.6-sunburst",
    ];

    #[test]
    fn models_of_the_day_whose_price_is_not_known_have_none_rather_than_that_of_another() {
        let table = PriceTable::builtin();
        for model in [
            "gpt-6.2-sol",
            "gpt-image-2.6-sunburst",
            "gpt-image-2.6-flare",
            "chatgpt-image-latest",
        ] {
            assert_eq!(table.price(model), None, "{model}");
            let usage = TokenUsage::new(1000, 1000);
            assert_eq!(table.cost(model, &usage), None, "{model}");
        }
    }

    #[test]
    fn every_model_that_is_asked_in_a_recorded_request_has_a_price_or_is_known_to_have_none() {
        let table = PriceTable::builtin();
        let mut without = std::collections::BTreeSet::new();
        let (mut directories, mut priced) = (vec!["tests/golden".into()], 0);
        while let Some(directory) = directories.pop() {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let path: std::path::PathBuf = root.join(directory);
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let text = std::fs::read(&path).unwrap();
                let request: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
                let address = request["path"].as_str().unwrap_or_default();
                let address = address.split_once("models/").map(|(_, rest)| rest);
                let address = address.and_then(|rest| rest.split([':', '/']).next());
                let model = request["body"]["model"].as_str().or(address);
                match model.map(|model| (model, table.price(model))) {
                    Some((model, None)) => {
                        without.insert(model.to_owned());
                    }
                    Some(_) => priced += 1,
                    None => {}
                }
            }
        }
        assert!(priced > 3, "{priced}");
        assert!(without.iter().eq(&WITHOUT_PRICE), "{without:?}");
    }

    #[test]
    fn a_dated_name_has_the_price_of_its_model_and_nothing_else_does() {
        let table = PriceTable::builtin();
        let usage = TokenUsage::new(1_000_000, 0);
        let cost = |model| table.cost(model, &usage).map(Cost::usd);
        assert_eq!(cost("gpt-4o"), Some(2.5));
        assert_eq!(cost("gpt-4o-2024-08-06"), Some(2.5));
        assert_eq!(cost("openai/gpt-4o-latest"), Some(2.5));
        for dated in ["claude-opus-4-5-20251101", "claude-opus-4-5@20251101"] {
            assert_eq!(cost(dated), cost("claude-opus-4-5"), "{dated}");
            assert!(cost(dated).is_some());
        }
        assert_eq!(cost("models/gemini-2.5-flash-001"), Some(0.3));
        assert_eq!(cost("gpt-4o-audio-preview"), None);
        assert_eq!(cost("gpt-4o-2024-08-xx"), None);
        assert_eq!(cost(""), None);
    }

    #[test]
    fn long_inputs_and_writes_to_the_cache_have_their_own_price() {
        let table = PriceTable::from_json(
            r#"{"format_version":1,"revised":"r","models":{"m":{"input":1,"cache_write":2,
                "output":10,"long":{"above":1000000,"input":3,"output":30}}}}"#,
        )
        .unwrap();
        let cost = |usage: TokenUsage| table.cost("m", &usage).unwrap().usd();
        let million = TokenUsage::new(1_000_000, 1_000_000);
        assert_eq!(cost(million), 11.0);
        assert_eq!(cost(million.with_cache_write_tokens(500_000)), 11.5);
        assert_eq!(cost(TokenUsage::new(2_000_000, 1_000_000)), 36.0);
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
            r#"{"format_version":1,"revised":"r","models":{"m":{"input":1,"output":1,
                "long":{"above":1,"input":1,"output":-1}}}}"#,
        ] {
            assert!(PriceTable::from_json(bad).is_err(), "{bad}");
        }
    }
}
