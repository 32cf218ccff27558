//! The tables, and the version of their form.

/// Marks files of this library (`PRAGMA application_id`): the bytes `cvst`.
pub(super) const APPLICATION_ID: i64 = 0x6376_7374;

/// Version of the form (`PRAGMA user_version`); 0 is a file without tables, 1 is version 0.1.
pub(super) const VERSION: i64 = 2;

/// Makes the tables. `record`, `turn`, `message` and `value` are the JSON that is documented for
/// them; columns beside them are copies of their fields, for indexes. A reference without a store
/// name has the empty name.
pub(super) const CREATE: &str = "
CREATE TABLE store (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    changes     INTEGER NOT NULL
);
CREATE TABLE conversations (
    key           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    user          TEXT,
    session       TEXT,
    parent        TEXT,
    status        TEXT NOT NULL,
    creation_key  TEXT,
    created_at    INTEGER NOT NULL,
    changed       INTEGER NOT NULL,
    record        TEXT NOT NULL
);
CREATE INDEX conversations_created ON conversations (created_at DESC, id);
CREATE INDEX conversations_changed ON conversations (changed);
CREATE INDEX conversations_user_created ON conversations (user, created_at DESC, id) WHERE user IS NOT NULL;
CREATE INDEX conversations_user_changed ON conversations (user, changed) WHERE user IS NOT NULL;
CREATE INDEX conversations_session_created ON conversations (session, created_at DESC, id) WHERE session IS NOT NULL;
CREATE INDEX conversations_session_changed ON conversations (session, changed) WHERE session IS NOT NULL;
CREATE INDEX conversations_parent ON conversations (parent, created_at DESC, id) WHERE parent IS NOT NULL;
CREATE INDEX conversations_status_created ON conversations (status, created_at DESC, id) WHERE status <> 'active';
CREATE INDEX conversations_status_changed ON conversations (status, changed) WHERE status <> 'active';
CREATE UNIQUE INDEX conversations_creation_key ON conversations (ifnull(user, ''), creation_key) WHERE creation_key IS NOT NULL;
CREATE TABLE tags (
    conversation  INTEGER NOT NULL,
    tag           TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    id            TEXT NOT NULL,
    PRIMARY KEY (conversation, tag)
) WITHOUT ROWID;
CREATE INDEX tags_created ON tags (tag, created_at DESC, id);
CREATE TABLE slots (
    conversation  INTEGER NOT NULL,
    slot          INTEGER NOT NULL,
    branch        INTEGER NOT NULL,
    first         INTEGER NOT NULL,
    in_context    INTEGER NOT NULL,
    id            TEXT,
    key           TEXT,
    turn          TEXT,
    PRIMARY KEY (conversation, slot)
) WITHOUT ROWID;
CREATE UNIQUE INDEX slots_id ON slots (conversation, id) WHERE id IS NOT NULL;
CREATE UNIQUE INDEX slots_key ON slots (conversation, key) WHERE key IS NOT NULL;
CREATE INDEX slots_first ON slots (conversation, branch, first);
CREATE INDEX slots_in_context ON slots (conversation, slot) WHERE branch = 0 AND in_context = 1;
CREATE TABLE messages (
    key           INTEGER PRIMARY KEY,
    conversation  INTEGER NOT NULL,
    branch        INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    slot          INTEGER NOT NULL,
    id            TEXT NOT NULL,
    message       TEXT NOT NULL
);
CREATE UNIQUE INDEX messages_position ON messages (conversation, branch, position);
CREATE UNIQUE INDEX messages_id ON messages (conversation, id);
CREATE INDEX messages_slot ON messages (conversation, slot);
CREATE TABLE refs (
    message       INTEGER NOT NULL,
    conversation  INTEGER NOT NULL,
    backend       TEXT NOT NULL,
    store         TEXT NOT NULL,
    id            TEXT NOT NULL,
    PRIMARY KEY (message, backend, store, id)
) WITHOUT ROWID;
CREATE INDEX refs_reference ON refs (id, backend, store);
CREATE INDEX refs_conversation ON refs (conversation, backend, store, id);
CREATE TABLE writes (
    conversation  INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    id            BLOB NOT NULL,
    head          INTEGER NOT NULL,
    epoch         INTEGER,
    at            INTEGER NOT NULL,
    PRIMARY KEY (conversation, version)
) WITHOUT ROWID;
CREATE TABLE planner (
    conversation  INTEGER NOT NULL,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (conversation, key)
) WITHOUT ROWID;
CREATE TABLE unnamed (
    id          TEXT NOT NULL,
    backend     TEXT NOT NULL,
    store       TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    PRIMARY KEY (id, backend, store)
) WITHOUT ROWID;
CREATE TABLE tombstones (
    id     TEXT PRIMARY KEY,
    until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_until ON tombstones (until);
CREATE TABLE fences (
    hash   BLOB PRIMARY KEY,
    until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    owner  TEXT NOT NULL,
    until  INTEGER NOT NULL
) WITHOUT ROWID;
";
