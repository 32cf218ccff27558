//! Regular expressions of packs: compiled within bounds and matched in linear time.

use regex::{Regex, RegexBuilder};

use crate::fault::Fault;

const MAX_COMPILED_BYTES: usize = 512 * 1024;
const MAX_PATTERNS: u32 = 256;

/// Compiles the patterns of one pack and counts them, so that a small file cannot fill the memory
/// with automata.
#[derive(Debug, Default)]
pub(crate) struct PatternCompiler {
    compiled: u32,
}

impl PatternCompiler {
    pub(crate) fn compile(&mut self, pattern: &str) -> Result<Regex, Fault> {
        if self.compiled == MAX_PATTERNS {
            return Err(Fault::new(format!(
                "the pack has more than {MAX_PATTERNS} patterns"
            )));
        }
        self.compiled += 1;
        RegexBuilder::new(pattern)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| {
                Fault::new("unsupported regular expression")
                    .with_hint("Use a smaller pattern without look-around and back references")
                    .with_source(error)
            })
    }
}
