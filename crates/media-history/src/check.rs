//! Looking whether what a slim history names is there.

use media_storage::{ReadData, RetrieveOptions, StorageErrorKind, next};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::history::History;
use crate::placeholder::{MAX_PLACEHOLDER_LEN, Placeholder, find};
use crate::report::{CheckReport, Unresolved, UnresolvedReason};
use crate::settings::{Owner, Settings};

const OPERATION: HistoryOperation = HistoryOperation::Check;

/// How much is read at a time.
const PIECE: u64 = 256 * 1024;

impl History {
    /// Looks whether everything that a slim history names is there, and reads and verifies as much of it
    /// as `read_data` says.
    ///
    /// # Errors
    /// Returns `Storage` when the store fails, `Config`. Media that is missing or corrupted is in the
    /// report.
    pub async fn check(
        &self,
        slim: &[u8],
        read_data: ReadData,
    ) -> Result<CheckReport, HistoryError> {
        self.check_stream(slim, read_data).await
    }

    /// Looks whether everything is there that the slim history of a reader names, in bounded memory.
    ///
    /// # Errors
    /// As [`History::check`], and `Read`.
    pub async fn check_stream<R>(
        &self,
        mut slim: R,
        read_data: ReadData,
    ) -> Result<CheckReport, HistoryError>
    where
        R: AsyncRead + Unpin + Send,
    {
        let owner = self.settings.owner(OPERATION)?;
        let (mut report, mut buffer, mut offset) = (CheckReport::default(), Vec::new(), 0);
        loop {
            let got = (&mut slim).take(PIECE).read_to_end(&mut buffer).await;
            let got = got.map_err(|error| {
                HistoryError::new(HistoryErrorKind::Read, OPERATION).with_source(error)
            })?;
            // A placeholder that begins later may end in what is not read yet.
            let whole = match got {
                0 => buffer.len(),
                _ => buffer.len().saturating_sub(MAX_PLACEHOLDER_LEN),
            };
            let mut done = whole;
            let found = find(&buffer, &self.settings.key, &owner.tag);
            for (at, is_ours, candidate) in found.take_while(|(at, _, _)| *at < whole) {
                if is_ours {
                    done = done.max(at + candidate.len);
                }
                let at = offset + at as u64;
                let placeholder = candidate.placeholder;
                look_up(
                    &self.settings,
                    &owner,
                    (at, is_ours, placeholder),
                    read_data,
                    &mut report,
                )
                .await?;
            }
            if got == 0 {
                return Ok(report);
            }
            buffer.drain(..done);
            offset += done as u64;
        }
    }
}

/// Looks one placeholder up; reads and verifies the media where `read_data` includes it.
async fn look_up(
    settings: &Settings,
    owner: &Owner,
    (offset, is_ours, placeholder): (u64, bool, Placeholder),
    read_data: ReadData,
    report: &mut CheckReport,
) -> Result<(), HistoryError> {
    let reason = match is_ours {
        true => resolve(settings, owner, &placeholder, read_data).await?,
        false => Some(UnresolvedReason::NotOurs),
    };
    match reason {
        None => {
            report.resolved += 1;
            report.media_bytes += placeholder.size;
        }
        Some(reason) => report.push(Unresolved {
            offset,
            reference: placeholder.reference,
            reason,
        }),
    }
    Ok(())
}

/// Why a placeholder does not resolve; `None` when it does.
async fn resolve(
    settings: &Settings,
    owner: &Owner,
    placeholder: &Placeholder,
    read_data: ReadData,
) -> Result<Option<UnresolvedReason>, HistoryError> {
    let reference = &placeholder.reference;
    let store = settings.store_of(reference, OPERATION)?;
    let mut options = RetrieveOptions::new().with_expected_scope(owner.scope.clone());
    if !read_data.includes(reference) {
        options = options.with_head();
    }
    let found = match store.retrieve_opts(reference, options).await {
        Ok(stored) if stored.size != placeholder.size => {
            return Ok(Some(UnresolvedReason::Corrupted));
        }
        Ok(stored) => {
            let mut stream = stored.body.into_stream();
            loop {
                match next(&mut stream).await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                }
            }
        }
        Err(error) => Err(error),
    };
    match found.as_ref().map_err(|error| error.kind()) {
        Ok(()) => Ok(None),
        Err(StorageErrorKind::NotFound) => Ok(Some(UnresolvedReason::Missing)),
        Err(StorageErrorKind::Corrupted | StorageErrorKind::InvalidRef) => {
            Ok(Some(UnresolvedReason::Corrupted))
        }
        Err(_) => match found {
            Ok(()) => Ok(None),
            Err(error) => {
                Err(HistoryError::storage(OPERATION, error).with_reference(reference.clone()))
            }
        },
    }
}
