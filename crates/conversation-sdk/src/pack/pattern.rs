//! Regular expressions from packs: compiled within bounds, matched in linear time.

use std::cell::Cell;

use regex::{Regex, RegexBuilder};

use super::error::PackError;
use super::node::Node;

const MAX_COMPILED_BYTES: usize = 512 * 1024;
const MAX_PATTERNS: u32 = 256;

/// Compiles the patterns of one pack and counts them, so that a small file cannot fill the memory with automata.
#[derive(Default)]
pub(super) struct Patterns {
    compiled: Cell<u32>,
}

impl Patterns {
    pub(super) fn compile(&self, node: &Node<'_>) -> Result<Regex, PackError> {
        let count = self.compiled.get().saturating_add(1);
        if count > MAX_PATTERNS {
            return Err(node.error(format!("the pack has more than {MAX_PATTERNS} patterns")));
        }
        self.compiled.set(count);
        RegexBuilder::new(node.string()?)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| {
                node.error("the regular expression cannot be used")
                    .with_hint("Write a pattern without look-around and back references, and not too large")
                    .with_source(error)
            })
    }
}
