//! Moving the bytes of messages into media stores.
