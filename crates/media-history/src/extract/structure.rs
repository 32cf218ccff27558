//! Where a document is read, between its strings.

use crate::report::FaultKind;
use crate::scan::grammar::{Grammar, Token};

use super::shared::Shared;
use super::site::Site;

/// The structure of a document, up to the place that was reached.
#[derive(Debug)]
pub(super) struct Structure {
    pub(super) site: Site,
    grammar: Grammar,
}

/// What a byte begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Nothing,
    Key,
    Text,
    /// A container that may be one of numbers. It is not entered before it is known to be none.
    Array {
        is_map: bool,
    },
    Fault(FaultKind),
}

impl Structure {
    pub(super) fn new(level: usize, prefix: String) -> Self {
        Self {
            site: Site::new(level, prefix),
            grammar: Grammar::default(),
        }
    }

    /// Whether the text may end here.
    pub(super) fn may_end(&self) -> bool {
        self.grammar.may_end()
    }

    /// Forgets what is open, to begin anew.
    pub(super) fn reset(&mut self) {
        self.grammar = Grammar::default();
        self.site.stack.clear();
    }

    /// Reads a byte outside of a string.
    pub(super) fn byte(&mut self, byte: u8, shared: &mut Shared) -> Begins {
        let Site { level, stack, .. } = &mut self.site;
        let is_start = *level == 0 && self.grammar.is_between_values();
        let token = self.grammar.byte(byte);
        if byte == b'\n' && *level == 0 && shared.document > 0 {
            shared.is_lines |= self.grammar.is_between_values();
        }
        if is_start && matches!(token, Token::Scalar | Token::Text | Token::Open { .. }) {
            shared.document += 1;
        }
        match token {
            Token::Inside | Token::Scalar | Token::Colon => {}
            Token::Key => return Begins::Key,
            Token::Text => return Begins::Text,
            Token::Open { object } if shared.rules.numbers => {
                return Begins::Array { is_map: object };
            }
            Token::Open { object } => stack.open(object),
            Token::Close => {
                let depth = (*level, stack.depth());
                shared.watch.close(depth, stack, &mut shared.events);
                stack.close();
            }
            Token::Comma => stack.comma(),
            Token::Fault => return Begins::Fault(FaultKind::Unexpected),
            Token::TooDeep => return Begins::Fault(FaultKind::TooDeep),
        }
        Begins::Nothing
    }

    /// A string that is a key has ended.
    pub(super) fn key_ends(&mut self, key: &[u8]) {
        self.site.stack.set_key(key);
        self.grammar.key_ends();
    }

    /// A string that is a value has ended.
    pub(super) fn value_ends(&mut self) {
        self.grammar.value_ends();
    }

    /// A container of numbers has ended.
    pub(super) fn array_ends(&mut self, is_map: bool) {
        self.grammar.byte(if is_map { b'}' } else { b']' });
    }

    /// Enters a container that was read as one of numbers, behind `count` of them.
    pub(super) fn enter_array(&mut self, is_map: bool, count: u64) {
        self.site.stack.open(is_map);
        if count > 0 {
            self.site.stack.passed(count);
            self.grammar.value_ends();
        }
    }
}
