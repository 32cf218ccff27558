//! conversation-sdk
