//! The look at a user's fence before media is stored.

use std::sync::Arc;

use conversation_externalizer::StoreCheck;
use futures_core::future::BoxFuture;
use media_types::UserId;

use crate::core::Core;

/// Lets media be stored unless its user is being erased.
#[derive(Clone, Debug)]
pub struct UserCheck {
    core: Arc<Core>,
    user: Option<UserId>,
}

impl UserCheck {
    pub(crate) fn new(core: Arc<Core>, user: Option<UserId>) -> Self {
        Self { core, user }
    }
}

impl StoreCheck for UserCheck {
    fn may_store(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move { !is_erased(&self.core, self.user.as_ref()).await })
    }
}

/// Whether a user is known to be erased. A fence that cannot be read stops nothing: the answer is paid
/// for, and an erasure waits for the turn that it belongs to.
pub(crate) async fn is_erased(core: &Core, user: Option<&UserId>) -> bool {
    let fenced = core.fences.is_fenced(&*core.state, user).await;
    fenced.unwrap_or(false)
}
