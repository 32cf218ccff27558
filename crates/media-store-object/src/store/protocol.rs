//! The protocols that a bucket can be used by.

/// The protocol that a bucket is used by, in object names and in the order of requests.
///
/// `docs/object-stores.md` describes both. A store reads, deletes and sweeps what the first protocol
/// stored, whichever it uses itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// The first protocol. A copy of a request that the network delivers late can bring deleted media
    /// back. Programs of version 0.1 know no other.
    First,
    /// The second protocol: what was deleted stays deleted, names do not reveal hashes or users, and
    /// upkeep decides by listings. Programs that know only the first protocol take media of the second
    /// for damaged, and must not sweep or delete in such a bucket.
    #[default]
    Second,
}
