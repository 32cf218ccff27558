//! A bucket that can be reached.

use std::borrow::Cow;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use crate::sign::ObjectSigner;

/// A bucket that can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The signer of URLs; `None` if the credential cannot sign.
    pub(crate) signer: Option<Arc<dyn ObjectSigner>>,
    /// Name of this kind of store in references.
    pub(crate) backend: Cow<'static, str>,
    /// Prefix of all keys; may be the root.
    pub(crate) prefix: Path,
}
