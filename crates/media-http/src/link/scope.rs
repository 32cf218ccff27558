//! Scopes as they stand in a link.

use media_storage::Scope;

/// Returns the letter of a kind of scope and its id; `None` for a kind that this version does not know.
pub(super) fn parts(scope: &Scope) -> Option<(u8, &str)> {
    Some(match scope {
        Scope::All => (b'a', ""),
        Scope::Run(id) => (b'r', id.as_str()),
        Scope::Session(id) => (b's', id.as_str()),
        Scope::Conversation(id) => (b'c', id.as_str()),
        Scope::User(id) => (b'u', id.as_str()),
        _ => return None,
    })
}

/// Returns the scope of a letter and an id.
pub(super) fn from_parts(kind: u8, id: &str) -> Option<Scope> {
    Some(match kind {
        b'a' if id.is_empty() => Scope::All,
        b'r' => Scope::Run(id.parse().ok()?),
        b's' => Scope::Session(id.parse().ok()?),
        b'c' => Scope::Conversation(id.parse().ok()?),
        b'u' => Scope::User(id.parse().ok()?),
        _ => return None,
    })
}
