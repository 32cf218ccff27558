//! Reading JSON in pieces of any size.

pub(crate) mod base64;
pub(crate) mod escape;
pub(crate) mod grammar;
pub(crate) mod nested;
pub(crate) mod numbers;
pub(crate) mod respell;
pub(crate) mod uri;
