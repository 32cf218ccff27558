//! `media url`: a signed URL for one reference.

use std::time::Duration;

use clap::Args;
use media_storage::SignedUrlOptions;
use serde_json::json;

use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::quantity::{exact_time, parse_duration};
use crate::store::{StoreArguments, find, open_existing};

/// Arguments of `media url`.
#[derive(Debug, Args)]
pub(crate) struct UrlArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Id of the media, its end, or a reference as JSON.
    #[arg(value_name = "ID")]
    id: String,

    /// How long the URL works, at most 7d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "15m")]
    valid: Duration,
}

pub(crate) async fn run(arguments: UrlArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let Some(signer) = store.storage().url_signer() else {
        let reason = match store.files() {
            Some(_) => "only buckets do",
            None => "the credential cannot sign",
        };
        return Err(Failure::failed(format!(
            "{} signs no URLs: {reason}",
            store.location()
        )));
    };
    let entry = find(&store, &arguments.id).await?;
    let options = SignedUrlOptions::new().with_validity(arguments.valid);
    let signed = signer.signed_url(&entry.reference, options).await?;
    if output.is_json() {
        output.json(&json!({
            "url": signed.url().as_str(),
            "expires_at": exact_time(signed.expires_at()),
        }))?;
    } else {
        output.line(signed.url().as_str())?;
        output.note(format_args!(
            "works for everybody who has it until {}",
            exact_time(signed.expires_at())
        ));
    }
    Ok(Exit::Fine)
}
