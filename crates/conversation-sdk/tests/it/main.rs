//! Tests of the conversation SDK from outside.

mod pack;
