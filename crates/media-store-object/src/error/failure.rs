//! What a service answered, without addresses, credentials and bodies.

use std::error::Error;
use std::fmt;

use media_storage::StorageError;
use object_store::Error as StoreError;

use crate::xml::first_text;

/// Maximum length of a message that is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// The cause of a failure of an object store: the status, code and message that the service
/// answered with, or what happened to the connection.
///
/// It is the [`source`](Error::source) of the [`StorageError`]s of this crate. It contains no
/// addresses, credentials, headers or bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFailure {
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    transport: Option<&'static str>,
    redirected: bool,
    condition: bool,
    region: Option<String>,
    metadata_service: bool,
}

impl ServiceFailure {
    /// Returns the HTTP status, if the service answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns the error code of the service, such as `NoSuchBucket`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns what happened to the connection, if that is what failed.
    pub(crate) fn transport(&self) -> Option<&'static str> {
        self.transport
    }

    /// Whether the service redirected the request.
    pub(crate) fn redirected(&self) -> bool {
        self.redirected
    }

    /// Returns the region that the bucket is in, if the service named it.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether the request that failed was for a credential of the machine's metadata service.
    pub(crate) fn metadata_service(&self) -> bool {
        self.metadata_service
    }

    /// Extracts from an error and its causes what may be shown.
    pub(super) fn of(error: &StoreError) -> Self {
        let mut failure = Self {
            condition: matches!(
                error,
                StoreError::AlreadyExists { .. }
                    | StoreError::Precondition { .. }
                    | StoreError::NotModified { .. }
            ),
            ..Self::default()
        };
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(cause) = next {
            failure.inspect(cause);
            next = cause.source();
        }
        failure
    }

    fn inspect(&mut self, cause: &(dyn Error + 'static)) {
        #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
        if let Some(http) = cause.downcast_ref::<object_store::client::HttpError>() {
            self.transport = Some(transport_failure(http));
            return;
        }
        let text = cause.to_string();
        let metadata = [
            "169.254.169.254",
            "169.254.170.2",
            "metadata.google.internal",
        ];
        self.metadata_service |= metadata.iter().any(|host| text.contains(host));
        // OuterObject errors repeat their causes; only the innermost begins with these words.
        if let Some(rest) = text.strip_prefix("Server returned non-2xx status code: ") {
            self.status = rest.get(..3).and_then(|digits| digits.parse().ok());
            self.read_response(rest);
        } else if let Some(body) = text.strip_prefix("Server returned error response: ") {
            self.read_response(body);
        } else if text.starts_with("Received redirect without LOCATION") {
            self.redirected = true;
        } else if self.status.is_none() && text.starts_with("Bulk delete request failed") {
            // One part of a batch has no response of its own.
            self.status = status_of_part(&text);
        }
        if self
            .status
            .is_some_and(|status| (300..400).contains(&status) && status != 304)
        {
            self.redirected = true;
        }
    }

    fn read_response(&mut self, body: &str) {
        let message = first_text(body, "Message");
        if let Some(code) = message.as_deref().and_then(code_of_garage) {
            self.code = Some(code.to_owned());
            return;
        }
        self.code = first_text(body, "Code").filter(|code| is_word(code));
        self.message = message.and_then(|message| presentable(&message));
        self.region = first_text(body, "Region").filter(|region| is_word(region));
    }
}

/// Returns the status in a text that ends with `(code: 403)`.
fn status_of_part(text: &str) -> Option<u16> {
    let (_, code) = text.rsplit_once("(code: ")?;
    code.strip_suffix(')')?.parse().ok()
}

#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
fn transport_failure(error: &object_store::client::HttpError) -> &'static str {
    use object_store::client::HttpErrorKind;
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if text.contains("scheme is not allowed") {
            return PLAIN_HTTP;
        }
        if text.contains("invalid peer certificate") {
            return BAD_CERTIFICATE;
        }
        next = cause.source();
    }
    match error.kind() {
        HttpErrorKind::Connect => "failed to connect",
        HttpErrorKind::Timeout => "timed out",
        HttpErrorKind::Interrupted => "the connection was interrupted",
        HttpErrorKind::Request => "the connection was closed before the response",
        HttpErrorKind::Decode => "failed to decode the response",
        _ => "the response was truncated or malformed",
    }
}

/// The transport failure of a plain HTTP request that is not allowed.
pub(super) const PLAIN_HTTP: &str = "plain HTTP is not allowed";
/// The transport failure of a server whose certificate is not trusted.
pub(super) const BAD_CERTIFICATE: &str = "the server's certificate is not trusted";

/// Returns the code that fits a message of Garage, which has one code for everything that it denies,
/// and names the id of the key in the message.
fn code_of_garage(message: &str) -> Option<&'static str> {
    let words = message.strip_prefix("Forbidden: ")?;
    if words.starts_with("No such key") {
        Some("InvalidAccessKeyId")
    } else if words.starts_with("Invalid signature") {
        Some("SignatureDoesNotMatch")
    } else {
        None
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Returns the first line of a message, bounded and without control characters, unless it seems to
/// quote a signature.
fn presentable(message: &str) -> Option<String> {
    let quotes = ["ignature=", "sig=", "X-Amz-", "X-Goog-", "Authorization"];
    let first_line = message.lines().next().unwrap_or_default();
    let quoting = quotes.iter().any(|mark| first_line.contains(mark));
    let text: String = first_line
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MESSAGE)
        .collect();
    (!quoting && !text.is_empty()).then_some(text)
}

/// Whether an error says that there is no such object in an existing bucket.
pub(crate) fn is_absent(error: &StoreError) -> bool {
    let no_bucket = ["NoSuchBucket", "ContainerNotFound"];
    matches!(error, StoreError::NotFound { .. })
        && !ServiceFailure::of(error)
            .code()
            .is_some_and(|code| no_bucket.contains(&code))
}

/// Whether a conditional write failed because its condition did not hold.
pub(crate) fn is_refused(error: &StorageError) -> bool {
    let source = Error::source(error).and_then(|source| source.downcast_ref::<ServiceFailure>());
    source.is_some_and(|failure| failure.condition)
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "the service answered {status} {code}")?,
            (Some(status), None) => write!(f, "the service answered {status}")?,
            (None, Some(code)) => write!(f, "the service answered {code}")?,
            (None, None) => {
                f.write_str(match (self.transport, self.redirected, self.condition) {
                    (Some(word), ..) => word,
                    (None, true, _) => "the service redirected the request",
                    (None, false, true) => "the condition of the write was not met",
                    (None, false, false) => "the object store failed",
                })?
            }
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl Error for ServiceFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic {
            store: "any",
            source: text.into(),
        }
    }

    #[test]
    fn quotations_in_a_response_are_not_repeated() {
        let answer = |message: &str| {
            let body = format!(
                "Server returned non-2xx status code: 403 Forbidden: <Error><Code>X</Code>\
                 <Message>{message}</Message><StringToSign>hunter2</StringToSign></Error>"
            );
            ServiceFailure::of(&generic(&body)).to_string()
        };
        assert_eq!(answer("no"), "the service answered 403 X: no");
        assert_eq!(answer("bad Signature=abc"), "the service answered 403 X");
        assert_eq!(answer("one\nhunter2"), "the service answered 403 X: one");
        assert!(answer(&"x".repeat(5000)).len() < 400);
    }
}
