//! Copying a history with its media replaced.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::report::Report;
use crate::settings::Settings;

const OPERATION: HistoryOperation = HistoryOperation::Externalize;

pub(crate) async fn externalize<R, W>(
    settings: &Settings,
    mut reader: R,
    mut writer: W,
) -> Result<Report, HistoryError>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let owner = settings.owner(OPERATION)?;
    owner.metadata(settings.metadata.clone(), OPERATION)?;
    let failed = |error| HistoryError::new(HistoryErrorKind::Write, OPERATION).with_source(error);
    let copied = tokio::io::copy(&mut reader, &mut writer)
        .await
        .map_err(failed)?;
    writer.flush().await.map_err(failed)?;
    let mut report = Report::default();
    report.totals.input_bytes = copied;
    report.totals.output_bytes = copied;
    Ok(report)
}
