//! What a service said when it refused, without addresses, credentials and bodies.

use std::error::Error;
use std::fmt;

use media_storage::StorageError;
use object_store::Error as StoreError;

/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// What was behind a failure of an object store: the service's status, code and message, or what
/// became of the connection.
///
/// It is the [`source`](Error::source) of the [`StorageError`]s of this crate. It holds no
/// addresses, no credentials, no headers and no bodies.
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
    /// The HTTP status, where the service answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The service's own word for what is wrong, such as `NoSuchBucket`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What happened to the connection, where that is what failed.
    pub(crate) fn transport(&self) -> Option<&'static str> {
        self.transport
    }

    /// Whether the service sent us elsewhere.
    pub(crate) fn redirected(&self) -> bool {
        self.redirected
    }

    /// The region that the service says the bucket is in.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether what failed was to get a credential from the machine's metadata service.
    pub(crate) fn metadata_service(&self) -> bool {
        self.metadata_service
    }

    /// Takes out of an error and its causes what may be told.
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
            failure.look_at(cause);
            next = cause.source();
        }
        failure
    }

    fn look_at(&mut self, cause: &(dyn Error + 'static)) {
        #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
        if let Some(http) = cause.downcast_ref::<object_store::client::HttpError>() {
            self.transport = Some(transport_word(http));
            return;
        }
        let text = cause.to_string();
        let metadata = [
            "169.254.169.254",
            "169.254.170.2",
            "metadata.google.internal",
        ];
        self.metadata_service |= metadata.iter().any(|host| text.contains(host));
        // The outer errors repeat their causes; only the innermost begins with these words.
        if let Some(rest) = text.strip_prefix("Server returned non-2xx status code: ") {
            self.status = rest.get(..3).and_then(|digits| digits.parse().ok());
            self.read_answer(rest);
        } else if let Some(body) = text.strip_prefix("Server returned error response: ") {
            self.read_answer(body);
        } else if text.starts_with("Received redirect without LOCATION") {
            self.redirected = true;
        } else if self.status.is_none() && text.starts_with("Bulk delete request failed") {
            // One part of a batch, which has no answer of its own.
            self.status = status_of_part(&text);
        }
        if self
            .status
            .is_some_and(|status| (300..400).contains(&status) && status != 304)
        {
            self.redirected = true;
        }
    }

    fn read_answer(&mut self, body: &str) {
        if let Some(code) = said_in_words(body) {
            self.code = Some(code.to_owned());
            return;
        }
        self.code = element(body, "Code").filter(|code| is_word(code));
        self.message = element(body, "Message").and_then(|message| harmless(&message));
        self.region = element(body, "Region").filter(|region| is_word(region));
    }
}

/// The status in a text that ends with `(code: 403)`.
fn status_of_part(text: &str) -> Option<u16> {
    let (_, code) = text.rsplit_once("(code: ")?;
    code.strip_suffix(')')?.parse().ok()
}

#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
fn transport_word(error: &object_store::client::HttpError) -> &'static str {
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
        HttpErrorKind::Connect => "no connection",
        HttpErrorKind::Timeout => "timed out",
        HttpErrorKind::Interrupted => "the connection broke",
        HttpErrorKind::Request => "the connection ended before the answer",
        HttpErrorKind::Decode => "the answer could not be read",
        _ => "the answer ended early or could not be read",
    }
}

/// The transport failure of a request by plain HTTP that was not allowed.
pub(super) const PLAIN_HTTP: &str = "plain HTTP is not allowed";
/// The transport failure of a server that shows a certificate nobody here trusts.
pub(super) const BAD_CERTIFICATE: &str = "the server's certificate is not trusted";

/// Garage has one code for all that is denied, and tells keys and signatures in the message, the key's
/// id included.
fn said_in_words(body: &str) -> Option<&'static str> {
    let message = element(body, "Message")?;
    let words = message.strip_prefix("Forbidden: ")?;
    if words.starts_with("No such key") {
        Some("InvalidAccessKeyId")
    } else if words.starts_with("Invalid signature") {
        Some("SignatureDoesNotMatch")
    } else {
        None
    }
}

/// The text of the first element of that name.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The message without control characters and bounded, unless it looks as if it quoted a signature.
fn harmless(message: &str) -> Option<String> {
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

/// Whether there is no such object, in a bucket that is there.
pub(crate) fn is_absent(error: &StoreError) -> bool {
    let no_bucket = ["NoSuchBucket", "ContainerNotFound"];
    matches!(error, StoreError::NotFound { .. })
        && !ServiceFailure::of(error)
            .code()
            .is_some_and(|code| no_bucket.contains(&code))
}

/// Whether the failure of a conditional write was the service's refusal: the condition did not hold.
pub(crate) fn refused(error: &StorageError) -> bool {
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
                    (None, false, true) => "the condition of the write did not hold",
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
    use media_storage::{Operation, StorageErrorKind};

    use super::*;
    use crate::error::{Verb, from_object_store};

    fn generic(text: &str) -> StoreError {
        StoreError::Generic {
            store: "any",
            source: text.into(),
        }
    }

    #[test]
    fn a_part_of_a_batch_has_a_status() {
        let text = "Bulk delete request failed for key a/b: not authorized (code: 403)";
        let error = from_object_store(generic(text), Operation::Delete, Verb::Delete);
        assert_eq!(error.kind(), StorageErrorKind::Permission);
        assert!(error.to_string().ends_with("the credential may not delete"));
    }

    #[test]
    fn what_a_service_quotes_is_not_repeated() {
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

    #[test]
    fn garage_says_in_words_what_others_say_by_code() {
        for (message, words) in [
            (
                "Forbidden: No such key: GK37f3",
                "does not know the access key id",
            ),
            (
                "Forbidden: Invalid signature",
                "the secret access key does not belong",
            ),
        ] {
            let body = format!(
                "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code>\
                 <Message>{message}</Message><Region>garage</Region></Error>"
            );
            let error = from_object_store(generic(&body), Operation::Open, Verb::Write);
            assert_eq!(error.kind(), StorageErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("GK37f3"), "{error:?}");
        }
    }

    #[test]
    fn no_metadata_service_means_no_credentials() {
        let text = "Error performing GET http://169.254.169.254/latest/api/token in 1s";
        let error = from_object_store(generic(text), Operation::Open, Verb::List);
        assert_eq!(error.kind(), StorageErrorKind::Config);
        assert!(error.to_string().contains("no credentials"), "{error}");
        let error = from_object_store(generic(text), Operation::Store, Verb::Write);
        assert!(error.is_retryable());
    }
}
