//! The tables, and the version of their form.

/// Version of the form, in the table `store`.
pub(super) const VERSION: i32 = 1;

/// Makes the tables in the schema that the search path names.
///
/// Names and keys are bytes, for they may hold NUL, and are ordered byte by byte. `record`, `turn`,
/// `message` and `value` are the JSON that is documented for them, as text: the columns beside them
/// are copies of their fields, for indexes. A reference without a store name has the empty name.
///
/// `changes` is apart from `conversations`, so that a write changes no index of the latter.
/// `changed` is the number of the transaction that wrote last, plus `base`, which only grows when
/// the tables move to another server, whose transactions are numbered anew.
pub(super) const CREATE: &str = "
CREATE TABLE store (
    one         integer PRIMARY KEY CHECK (one = 1),
    version     integer NOT NULL,
    id          bytea NOT NULL,
    created_at  bigint NOT NULL,
    base        bigint NOT NULL
);
CREATE TABLE conversations (
    key           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            bytea NOT NULL UNIQUE,
    \"user\"      bytea,
    session       bytea,
    parent        bytea,
    status        text NOT NULL,
    creation_key  bytea,
    created_at    bigint NOT NULL,
    version       bigint NOT NULL,
    current_turn  bytea,
    record        text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX conversations_created ON conversations (created_at DESC, id);
CREATE INDEX conversations_user_created ON conversations (\"user\", created_at DESC, id) WHERE \"user\" IS NOT NULL;
CREATE INDEX conversations_session_created ON conversations (session, created_at DESC, id) WHERE session IS NOT NULL;
CREATE INDEX conversations_parent ON conversations (parent, created_at DESC, id) WHERE parent IS NOT NULL;
CREATE INDEX conversations_status_created ON conversations (status, created_at DESC, id) WHERE status <> 'active';
CREATE UNIQUE INDEX conversations_creation_key ON conversations (coalesce(\"user\", ''), creation_key) WHERE creation_key IS NOT NULL;
CREATE TABLE changes (
    conversation  bigint PRIMARY KEY,
    changed       bigint NOT NULL,
    \"user\"      bytea,
    session       bytea,
    status        text NOT NULL
);
CREATE INDEX changes_changed ON changes (changed);
CREATE INDEX changes_user ON changes (\"user\", changed) WHERE \"user\" IS NOT NULL;
CREATE INDEX changes_session ON changes (session, changed) WHERE session IS NOT NULL;
CREATE INDEX changes_status ON changes (status, changed) WHERE status <> 'active';
CREATE TABLE tags (
    conversation  bigint NOT NULL,
    tag           bytea NOT NULL,
    created_at    bigint NOT NULL,
    id            bytea NOT NULL,
    PRIMARY KEY (conversation, tag)
);
CREATE INDEX tags_created ON tags (tag, created_at DESC, id);
CREATE TABLE slots (
    conversation  bigint NOT NULL,
    slot          bigint NOT NULL,
    branch        bigint NOT NULL,
    first         bigint NOT NULL,
    in_context    boolean NOT NULL,
    id            bytea,
    key           bytea,
    turn          text,
    PRIMARY KEY (conversation, slot)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX slots_id ON slots (conversation, id) WHERE id IS NOT NULL;
CREATE UNIQUE INDEX slots_key ON slots (conversation, key) WHERE key IS NOT NULL;
CREATE INDEX slots_first ON slots (conversation, branch, first);
CREATE INDEX slots_in_context ON slots (conversation, slot) WHERE branch = 0 AND in_context;
CREATE TABLE messages (
    key           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation  bigint NOT NULL,
    branch        bigint NOT NULL,
    position      bigint NOT NULL,
    slot          bigint NOT NULL,
    id            bytea NOT NULL,
    message       text NOT NULL
);
CREATE UNIQUE INDEX messages_position ON messages (conversation, branch, position);
CREATE UNIQUE INDEX messages_id ON messages (conversation, id);
CREATE INDEX messages_slot ON messages (conversation, slot);
CREATE TABLE refs (
    message       bigint NOT NULL,
    conversation  bigint NOT NULL,
    backend       bytea NOT NULL,
    store         bytea NOT NULL,
    id            bytea NOT NULL,
    PRIMARY KEY (message, backend, store, id)
);
CREATE INDEX refs_reference ON refs (id, backend, store);
CREATE INDEX refs_conversation ON refs (conversation, backend, store, id);
CREATE TABLE writes (
    conversation  bigint NOT NULL,
    version       bigint NOT NULL,
    id            bytea NOT NULL,
    head          bigint NOT NULL,
    epoch         bigint,
    at            bigint NOT NULL,
    PRIMARY KEY (conversation, version)
);
CREATE TABLE planner (
    conversation  bigint NOT NULL,
    key           bytea NOT NULL,
    value         text NOT NULL,
    PRIMARY KEY (conversation, key)
);
CREATE TABLE unnamed (
    id          bytea NOT NULL,
    backend     bytea NOT NULL,
    store       bytea NOT NULL,
    first_seen  bigint NOT NULL,
    PRIMARY KEY (id, backend, store)
);
CREATE TABLE tombstones (
    id     bytea PRIMARY KEY,
    until  bigint NOT NULL
);
CREATE INDEX tombstones_until ON tombstones (until);
CREATE TABLE fences (
    hash   bytea PRIMARY KEY,
    until  bigint NOT NULL
);
CREATE TABLE leases (
    name   bytea PRIMARY KEY,
    owner  bytea NOT NULL,
    until  bigint NOT NULL
);
";
