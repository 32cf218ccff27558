//! Tests of providers from outside.

mod scripted;
