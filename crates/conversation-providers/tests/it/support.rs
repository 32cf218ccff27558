//! What the tests share.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use conversation_providers::MediaContext;
use conversation_providers::sink::{ReceivedMedia, SpoolOptions, SpoolRegistry};
use media_loader::MediaLoader;
use media_storage::MediaMetadata;
use media_types::MediaContent;

/// An image of a size, different for each seed.
pub(crate) fn picture_bytes(seed: u64, len: usize) -> Bytes {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    while bytes.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// The received media of one turn, spooled in a directory in which nothing may be seen and whose
/// files must be closed in the end.
pub(crate) struct Turn {
    directory: tempfile::TempDir,
    pub(crate) registry: SpoolRegistry,
    pub(crate) received: Option<ReceivedMedia>,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self::with(|options| options)
    }

    pub(crate) fn with(change: impl FnOnce(SpoolOptions) -> SpoolOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let registry = SpoolRegistry::new();
        let metadata = MediaMetadata::new().with_user("user-1".parse().unwrap());
        let options = SpoolOptions::new(metadata).with_directory(directory.path());
        let received = ReceivedMedia::new(&registry, change(options));
        Self {
            directory,
            registry,
            received: Some(received),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn received(&self) -> &ReceivedMedia {
        self.received.as_ref().unwrap()
    }

    /// A context whose loader finds what was received.
    pub(crate) fn media(&self) -> MediaContext {
        let loader = MediaLoader::builder()
            .with_storage(Arc::new(self.registry.clone()))
            .with_max_bytes(u64::MAX)
            .build();
        MediaContext::new(loader, None).with_sink(self.received().sink())
    }

    /// The bytes of content, inline or received.
    pub(crate) async fn bytes(&self, content: &MediaContent) -> Bytes {
        match self.received().spool(content) {
            Some(spool) => spool.bytes().await.unwrap(),
            None => content.inline().unwrap().clone(),
        }
    }

    /// The number of spool files in use. Their names are gone, so only this process knows of them.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> usize {
        let is_ours = |link: std::io::Result<std::path::PathBuf>| {
            link.is_ok_and(|path| path.starts_with(self.path()))
        };
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|entry| is_ours(std::fs::read_link(entry.as_ref().unwrap().path())))
            .count()
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open_files(&self) -> usize {
        0
    }

    /// Ends the turn; nothing may be left of it.
    pub(crate) fn end(&mut self) {
        self.received = None;
        assert_eq!(self.path().read_dir().unwrap().count(), 0);
        assert_eq!(self.open_files(), 0, "spools are still open");
    }
}
