//! Uploads that go to the bucket by a signed URL, and become media when they are adopted.

mod adopt;
mod issue;
mod ticket;

pub(crate) use adopt::adopt;
pub(crate) use issue::issue;

pub use ticket::{SignedUpload, UploadTicket};
