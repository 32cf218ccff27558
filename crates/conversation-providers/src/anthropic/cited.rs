//! Text with citations: blocks that follow one another are one text for readers, and go back as the
//! blocks that they were.

use conversation_types::{Part, ProviderData, RawJson, TextPart};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names::NAME;

/// Text blocks that followed one another, of which some have citations.
#[derive(Debug, Default)]
pub(super) struct CitedText {
    blocks: Vec<TextBlock>,
}

#[derive(Debug, Default, Serialize)]
struct TextBlock {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Box<RawValue>>,
}

impl CitedText {
    /// A block begins, perhaps with citations.
    pub(super) fn begin(&mut self, citations: Vec<Box<RawValue>>) {
        self.blocks.push(TextBlock {
            kind: "text",
            text: String::new(),
            citations,
        });
    }

    /// Takes more text of the newest block.
    pub(super) fn push(&mut self, text: &str) {
        if let Some(block) = self.blocks.last_mut() {
            block.text.push_str(text);
        }
    }

    /// Adds a citation to the newest block.
    pub(super) fn cite(&mut self, citation: Box<RawValue>) {
        if let Some(block) = self.blocks.last_mut() {
            block.citations.push(citation);
        }
    }

    /// Ends the text. Returns it with its blocks, if any has citations.
    pub(super) fn finish(&mut self) -> Option<Part> {
        let mut blocks = std::mem::take(&mut self.blocks);
        let is_cited = blocks.iter().any(|block| !block.citations.is_empty());
        let text: String = blocks.iter().map(|block| block.text.as_str()).collect();
        // Blocks of white space are refused.
        blocks.retain(|block| !block.text.trim().is_empty());
        if !is_cited || blocks.is_empty() {
            return None;
        }
        let json = serde_json::to_string(&Blocks { blocks }).ok()?;
        let data = ProviderData::new().with(NAME, RawJson::from_text(json).ok()?);
        Some(Part::Text(TextPart::new(text).with_provider_data(data)))
    }
}

#[derive(Serialize)]
struct Blocks {
    blocks: Vec<TextBlock>,
}

#[derive(Deserialize)]
struct KeptBlocks<'a> {
    #[serde(borrow)]
    blocks: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct KeptText {
    text: String,
}

/// Returns the JSON of the blocks that a text was, as long as it is still the same text.
pub(super) fn blocks_of(text: &str, data: &RawJson) -> Option<Vec<String>> {
    let kept: KeptBlocks<'_> = serde_json::from_str(data.get()).ok()?;
    let mut all = String::new();
    for block in &kept.blocks {
        all.push_str(&serde_json::from_str::<KeptText>(block.get()).ok()?.text);
    }
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    let is_same = !kept.blocks.is_empty() && letters(&all) == letters(text);
    is_same.then(|| {
        kept.blocks
            .iter()
            .map(|block| block.get().to_owned())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn citation(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn cited_text_is_one_text_and_keeps_its_blocks() {
        let mut cited = CitedText::default();
        cited.begin(Vec::new());
        cited.push("Grass is ");
        cited.begin(Vec::new());
        cited.push("gre");
        cited.push("en");
        cited.cite(citation(r#"{ "type":"char_location", "cited_text":"g" }"#));
        cited.begin(Vec::new());
        cited.push(" ");
        cited.begin(vec![citation(r#"{"type":"page_location"}"#)]);
        cited.push("here.");
        let Some(Part::Text(part)) = cited.finish() else {
            panic!("no text");
        };
        assert_eq!(part.text, "Grass is green here.");
        let data = part.provider_data.get(NAME).unwrap().json().unwrap();
        assert_eq!(
            blocks_of(&part.text, data).unwrap(),
            [
                r#"{"type":"text","text":"Grass is "}"#,
                r#"{"type":"text","text":"green","citations":[{ "type":"char_location", "cited_text":"g" }]}"#,
                r#"{"type":"text","text":"here.","citations":[{"type":"page_location"}]}"#,
            ]
        );
        // A text that was changed is no longer that of the blocks.
        assert_eq!(blocks_of("Grass is blue here.", data), None);
        assert!(cited.finish().is_none());
    }

    #[test]
    fn text_without_citations_stays_plain() {
        let mut cited = CitedText::default();
        cited.begin(Vec::new());
        cited.push("Hello");
        assert!(cited.finish().is_none());
    }
}
