//! A provider for tests, which answers by a script.
//!
//! ```
//! use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
//! use conversation_providers::{MediaContext, Provider, ProviderRequest};
//! use conversation_types::Message;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = ScriptedProvider::new()
//!     .with_answer(ScriptedAnswer::new().tool_call("c1", "weather", r#"{"city":"Rome"}"#))
//!     .with_answer(ScriptedAnswer::new().text("It is sunny in Rome."));
//! let messages = [Message::user("How is the weather in Rome?")];
//! provider.complete(ProviderRequest::new(&messages), &MediaContext::default()).await?;
//! assert_eq!(provider.request_count(), 1);
//! assert_eq!(provider.requests()[0].messages[0].text(), "How is the weather in Rome?");
//! # Ok(())
//! # }
//! ```

mod answer;
mod gate;
mod playback;
mod provider;

pub use answer::ScriptedAnswer;
pub use gate::Gate;
pub use provider::{RecordedRequest, ScriptedProvider};
