//! Audio of the model that a provider keeps for a while, so that it goes back by its id.

use chrono::Utc;
use conversation_types::RawJson;
use serde::{Deserialize, Serialize};

/// Audio is not named by its id in its last seconds.
const MARGIN_SECONDS: i64 = 60;

/// Audio that a provider keeps, as the data of its media says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpokenAudio {
    /// The id.
    pub(crate) id: String,
    /// When the provider forgets it, in seconds since 1970.
    pub(crate) expires_at: i64,
    /// Where the id means something.
    account: String,
}

#[derive(Serialize, Deserialize)]
struct Data {
    audio: SpokenAudio,
}

impl SpokenAudio {
    #[cfg(feature = "openai")]
    pub(crate) fn new(id: String, expires_at: i64, account: String) -> Self {
        Self {
            id,
            expires_at,
            account,
        }
    }

    /// Reads it out of the data of media.
    pub(crate) fn of(data: &RawJson) -> Option<Self> {
        let data: Data = serde_json::from_str(data.get()).ok()?;
        Some(data.audio)
    }

    /// Returns it as the data of media.
    #[cfg(feature = "openai")]
    pub(crate) fn into_data(self) -> Option<RawJson> {
        let json = serde_json::to_string(&Data { audio: self }).ok()?;
        RawJson::from_text(json).ok()
    }

    /// Whether an account can still name it.
    pub(super) fn is_kept_for(&self, account: &str) -> bool {
        self.account == account && Utc::now().timestamp() + MARGIN_SECONDS < self.expires_at
    }
}
