//! Links: their keys, their text, and the signer.

mod claims;
mod keys;
mod scope;
mod signer;
mod storage;
mod token;
mod window;

pub(crate) use claims::LinkClaims;
pub(crate) use token::read_token;

pub use claims::Disposition;
pub use keys::LinkKeys;
pub use signer::LinkSigner;
pub use storage::LinkedStorage;
