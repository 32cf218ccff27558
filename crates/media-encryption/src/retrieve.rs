//! Reading media.

use std::sync::Arc;

use media_storage::{
    MediaBody, MediaStorage, Operation, RetrieveOptions, StorageError, StoredMedia, Verification,
};
use media_types::StorageReference;

use crate::decrypt::Decryption;
use crate::failure::corrupted;
use crate::geometry::stored_range;
use crate::header::Header;
use crate::references::inward;
use crate::scopes::SplitScope;
use crate::shared::Shared;

impl<S: MediaStorage> Shared<S> {
    pub(crate) async fn retrieve(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let range = options.range();
        let empty = range.as_ref().is_some_and(|range| range.is_empty());
        let head = options.head() || empty;
        // The tags of the chunks verify more than the hash of the whole, and earlier.
        let mut inner = RetrieveOptions::new().with_verification(Verification::SizeOnly);
        let scope = options.expected_scope().map(SplitScope::new);
        if let Some(scope) = &scope {
            inner = inner.with_expected_scope(scope.inner.clone());
        }
        match &range {
            _ if head => inner = inner.with_head(),
            Some(range) => inner = inner.with_range(stored_range(range)),
            None => {}
        }
        let inner_reference = inward(reference, Operation::Retrieve)?;
        let mut stored = self.inner.retrieve_opts(&inner_reference, inner).await?;
        let found = (&stored.metadata, stored.size);
        let opened = self.open(reference, found, Operation::Retrieve).await?;
        self.check_tags(reference, scope.as_ref(), &opened, Operation::Retrieve)?;
        let content = opened.letter.content;
        let ciphertext = std::mem::replace(&mut stored.body, MediaBody::from_bytes("".as_bytes()));
        stored.metadata = opened.letter.reveal(stored.metadata);
        stored.size = content.len;
        stored.sha256 = Some(content.sha256);
        let wanted = match &range {
            Some(range) => range.start.min(content.len)..range.end.min(content.len),
            None => 0..content.len,
        };
        if head || (range.is_some() && wanted.is_empty()) {
            return Ok(stored);
        }
        let header = match range {
            Some(_) => None,
            None => Header::seal(&opened.key, &content)
                .map(|header| Some(header.to_bytes()))
                .map_err(|_| self.adopt(corrupted("the header cannot be checked")))?,
        };
        let decryption = Decryption {
            keys: Arc::clone(&self.keys),
            content,
            range: wanted,
            header,
        };
        let body = decryption.body(ciphertext.into_stream(), &opened.key);
        stored.body = body.map_err(|error| self.adopt(error))?;
        Ok(stored)
    }
}
