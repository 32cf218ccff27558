//! The error of this crate.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// The kind of an [`ImageError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageErrorKind {
    /// The bytes are not those of an image format that this crate knows.
    UnknownFormat,
    /// The bytes end before what was looked for.
    Truncated,
    /// The bytes contradict their format.
    Malformed,
    /// The image exceeds a limit on bytes, pixels or memory.
    TooLarge,
    /// The format is known, but this crate cannot decode it.
    Unsupported,
    /// No rendition satisfies the profile.
    CannotFit,
    /// The work was stopped, because the runtime is shutting down.
    Stopped,
}

/// The operation that failed with an [`ImageError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageOperation {
    /// Reading type and dimensions.
    Probe,
    /// Removing metadata.
    Strip,
    /// Reading pixels.
    Decode,
    /// Scaling.
    Resize,
    /// Writing pixels.
    Encode,
    /// Making an image fit a profile.
    Fit,
}

/// Error returned when an image cannot be probed or made to fit.
///
/// It contains no bytes of the image.
#[derive(Debug)]
pub struct ImageError {
    kind: ImageErrorKind,
    operation: ImageOperation,
    reason: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ImageError {
    pub(crate) fn new(
        kind: ImageErrorKind,
        operation: ImageOperation,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            operation,
            reason: reason.into(),
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn with_operation(mut self, operation: ImageOperation) -> Self {
        self.operation = operation;
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ImageErrorKind {
        self.kind
    }

    /// Returns the operation.
    pub fn operation(&self) -> ImageOperation {
        self.operation
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            ImageOperation::Probe => "probe",
            ImageOperation::Strip => "remove the metadata of",
            ImageOperation::Decode => "decode",
            ImageOperation::Resize => "resize",
            ImageOperation::Encode => "encode",
            ImageOperation::Fit => "fit",
        };
        write!(f, "failed to {operation} an image: {}", self.reason)
    }
}

impl Error for ImageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref();
        source.map(|source| source as &(dyn Error + 'static))
    }
}
