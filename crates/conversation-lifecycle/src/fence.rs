//! Fences of users who are being erased.

use conversation_state::StateStore;
use hmac::{Hmac, KeyInit, Mac};
use media_types::UserId;
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::error::LifecycleError;

/// Names users in fences without keeping their ids: an HMAC under the random id of the state store.
#[derive(Debug, Default)]
pub(crate) struct UserFences {
    key: OnceCell<[u8; 16]>,
}

impl UserFences {
    /// Returns the name of a user in fences and journals.
    ///
    /// # Errors
    /// `State`.
    pub(crate) async fn hash(
        &self,
        state: &dyn StateStore,
        user: &UserId,
    ) -> Result<Vec<u8>, LifecycleError> {
        let key = self
            .key
            .get_or_try_init(|| async { state.info().await.map(|info| *info.id.as_bytes()) })
            .await?;
        // Any key length is valid for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
            return Ok(Vec::new());
        };
        mac.update(user.as_str().as_bytes());
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Returns whether a user is being erased, or was erased lately.
    ///
    /// # Errors
    /// `State`.
    pub(crate) async fn is_fenced(
        &self,
        state: &dyn StateStore,
        user: Option<&UserId>,
    ) -> Result<bool, LifecycleError> {
        let Some(user) = user else {
            return Ok(false);
        };
        let hash = self.hash(state, user).await?;
        Ok(state.user_fence(&hash).await?.is_some())
    }
}
