//! Kinds of failures of providers.

use std::fmt;

use serde::Serialize;

/// The phase of a request in which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Nothing of an answer had arrived. The request may have been carried out, and billed.
    BeforeFirstByte,
    /// Some of the answer had arrived.
    AfterFirstByte,
    /// The deadline of the caller's [`AttemptBudget`](crate::AttemptBudget) had passed before a
    /// request was sent.
    BeforeSending,
}

/// The kind of a provider's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// No connection could be made: unknown host, refused, connect timeout. Nothing was processed.
    Connect,
    /// Too many requests (429).
    RateLimited,
    /// The provider is overloaded (503, 529).
    Overloaded,
    /// The provider failed (other 5xx).
    Server,
    /// Time ran out.
    Timeout(TimeoutPhase),
    /// The connection broke after the request was sent.
    Interrupted,
    /// The request is not acceptable (400, 422).
    InvalidRequest,
    /// The conversation is longer than the model's context.
    ContextLength,
    /// A content filter or safety system refused the request.
    Refused,
    /// The key is missing, wrong, or lacks a permission (401, 403).
    Authentication,
    /// No quota or credit is left (402, or 429 with that reason); waiting does not help.
    Quota,
    /// The model or the endpoint does not exist (404).
    NotFound,
    /// The provider refuses a media item of the request.
    MediaRefused,
    /// The request is too large (413).
    TooLarge,
    /// The answer is not what the API promises.
    InvalidResponse,
    /// A media item of the request could not be read while the body was being sent.
    MediaRead,
    /// Media of the answer could not be kept until it is stored: the spool directory is full,
    /// missing or not writable.
    Spool,
    /// The caller's [`AttemptBudget`](crate::AttemptBudget) is used up.
    AttemptsExhausted,
    /// The provider is misconfigured.
    Config,
    /// Another failure; see the source.
    Other,
}

impl ProviderErrorKind {
    /// Returns whether the provider was reached and said no: to the rate, the key, or what the request
    /// holds.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::RateLimited
            | Self::InvalidRequest
            | Self::ContextLength
            | Self::Refused
            | Self::Authentication
            | Self::Quota
            | Self::NotFound
            | Self::MediaRefused
            | Self::TooLarge => true,
            Self::Connect
            | Self::Overloaded
            | Self::Server
            | Self::Timeout(_)
            | Self::Interrupted
            | Self::InvalidResponse
            | Self::MediaRead
            | Self::Spool
            | Self::AttemptsExhausted
            | Self::Config
            | Self::Other => false,
        }
    }

    /// Returns what to do, as one sentence without a full stop.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Connect => "Check the base URL of the provider and the network",
            Self::RateLimited | Self::Overloaded | Self::Server => "Try again later",
            Self::Timeout(TimeoutPhase::BeforeSending) | Self::AttemptsExhausted => {
                "Give the turn more attempts or time"
            }
            Self::Timeout(_) => "Try again, or allow the provider more time",
            Self::Interrupted => "Try again; what had arrived is kept",
            Self::InvalidRequest => {
                "Check the model, its parameters and the base URL; the provider's message says more"
            }
            Self::ContextLength => {
                "Send a smaller part of the history, or use a model with a longer context"
            }
            Self::Refused => "Change what the message says",
            Self::Authentication => "Check the key of the provider and what it permits",
            Self::Quota => "Add credit to the account, or use the key of another",
            Self::NotFound => "Check the name of the model and the base URL of the provider",
            Self::MediaRefused => "Send the message without the media, or in another format",
            Self::TooLarge => "Send less or smaller media",
            Self::InvalidResponse => {
                "Check that the base URL leads to a service that speaks this API"
            }
            Self::MediaRead => "Check the media store",
            Self::Spool => "Free space for temporary files, or choose another directory for them",
            Self::Config => "Correct the configuration of the provider",
            Self::Other => "See the cause",
        }
    }
}

impl fmt::Display for ProviderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "failed to connect",
            Self::RateLimited => "rate limit exceeded",
            Self::Overloaded => "provider overloaded",
            Self::Server => "provider failed",
            Self::Timeout(TimeoutPhase::BeforeFirstByte) => "timed out waiting for an answer",
            Self::Timeout(TimeoutPhase::AfterFirstByte) => "timed out in the middle of the answer",
            Self::Timeout(TimeoutPhase::BeforeSending) => "deadline passed before the request",
            Self::Interrupted => "connection closed before the answer was complete",
            Self::InvalidRequest => "request rejected as invalid",
            Self::ContextLength => "conversation exceeds the context length of the model",
            Self::Refused => "request refused by a content filter",
            Self::Authentication => "authentication failed",
            Self::Quota => "quota exhausted",
            Self::NotFound => "model or endpoint not found",
            Self::MediaRefused => "media refused",
            Self::TooLarge => "request too large",
            Self::InvalidResponse => "invalid response",
            Self::MediaRead => "failed to read media for the request",
            Self::Spool => "failed to spool received media",
            Self::AttemptsExhausted => "attempt budget exhausted",
            Self::Config => "invalid provider configuration",
            Self::Other => "unexpected failure",
        })
    }
}
