//! `media put`: files as media.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use media_storage::{
    MediaBody, MediaUpload, Operation, Organization, RetentionPolicy, StorageError,
    StorageErrorKind,
};
use media_types::{Mime, SNIFF_LEN, sniff};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, escaped};
use crate::quantity::human_bytes;
use crate::store::{OpenStore, Owner, StoreArguments, open_for_writing};

/// How much of a file is read at a time.
const PIECE: usize = 256 * 1024;

/// Arguments of `media put`.
#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Files to store; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    owner: Owner,

    /// MIME type. Defaults to what the bytes, or else the file name, say.
    #[arg(long, value_name = "TYPE")]
    mime: Option<Mime>,

    /// How long it is kept: retain, delete-after-5min, retain-12hours, retain-30days.
    #[arg(long, value_name = "POLICY")]
    retention: Option<RetentionPolicy>,

    /// Create the store if it does not exist.
    #[arg(long)]
    create: bool,

    /// How keys are laid out: flat, by-conversation, by-session, by-run. Defaults to the deepest
    /// one of the store that the given ids allow.
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<Organization>,
}

pub(crate) async fn run(arguments: PutArguments, output: &Output) -> Outcome {
    let store = open_for_writing(
        &arguments.store,
        &arguments.owner.metadata(),
        arguments.organization,
        arguments.create,
    )
    .await?;
    for path in &arguments.files {
        let reference = put(&store, path, &arguments).await?;
        if output.is_json() {
            output.json_line(&reference)?;
        } else {
            let size = human_bytes(reference.size().unwrap_or_default());
            output.line(format_args!("{} ({size})", reference.id()))?;
        }
    }
    if let Some(files) = store.files() {
        files.close().await?;
    }
    Ok(Exit::Fine)
}

async fn put(
    store: &OpenStore,
    path: &Path,
    arguments: &PutArguments,
) -> Outcome<media_types::StorageReference> {
    let is_input = path == Path::new("-");
    let (mut reader, len): (Box<dyn AsyncRead + Send + Unpin>, Option<u64>) = if is_input {
        (Box::new(tokio::io::stdin()), None)
    } else {
        let file = tokio::fs::File::open(path)
            .await
            .map_err(Failure::io("open", path))?;
        let metadata = file.metadata().await.map_err(Failure::io("open", path))?;
        if metadata.is_dir() {
            let shown = escaped(&path.to_string_lossy());
            return Err(Failure::usage(format!("{shown:?} is a directory")));
        }
        let len = metadata.is_file().then_some(metadata.len());
        (Box::new(file), len)
    };
    let mut head = Vec::with_capacity(SNIFF_LEN);
    (&mut reader)
        .take(SNIFF_LEN as u64)
        .read_to_end(&mut head)
        .await
        .map_err(Failure::io("read", path))?;
    let mime = arguments
        .mime
        .clone()
        .or_else(|| sniff(&head))
        .or_else(|| Mime::from_extension(path.extension()?.to_str()?))
        .unwrap_or(Mime::OCTET_STREAM);
    let mut metadata = arguments.owner.metadata();
    if let Some(retention) = arguments.retention {
        metadata = metadata.with_retention(retention);
    }
    if let Some(name) = path.file_name().filter(|_| !is_input) {
        metadata = metadata.with_filename(name.to_string_lossy().into_owned());
    }
    let body = MediaBody::from_stream(len, pieces(Bytes::from(head), reader));
    Ok(store
        .storage()
        .store(MediaUpload::new(mime, body, metadata))
        .await?)
}

/// The head that was read already, then the rest piece by piece.
fn pieces(
    head: Bytes,
    reader: Box<dyn AsyncRead + Send + Unpin>,
) -> impl futures_util::Stream<Item = Result<Bytes, StorageError>> + Send + 'static {
    futures_util::stream::unfold((Some(head), reader), |(head, mut reader)| async move {
        if let Some(head) = head
            && !head.is_empty()
        {
            return Some((Ok(head), (None, reader)));
        }
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut reader)
            .take(PIECE as u64)
            .read_to_end(&mut piece)
            .await
        {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.into()), (None, reader))),
            Err(error) => {
                let error = StorageError::new(StorageErrorKind::Other, Operation::Store)
                    .with_reason("the file cannot be read")
                    .with_source(error);
                Some((Err(error), (None, reader)))
            }
        }
    })
}
