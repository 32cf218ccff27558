//! What the environment says.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// A chat service with streamed answers, uploads and media.
#[derive(Debug, Parser)]
pub(crate) struct Config {
    /// Address to listen at
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Database of the conversations, postgres://... or redis://..., for many nodes
    /// [default: a SQLite file in the directory]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Directory of the SQLite file and of the media, where they are not elsewhere
    #[arg(long, env = "DATA", default_value = "chat-data")]
    pub(crate) data: PathBuf,

    /// Bucket for the media, such as s3://bucket/prefix; credentials as the AWS tools take them
    #[arg(long, env = "MEDIA_BUCKET", value_name = "URL")]
    pub(crate) bucket: Option<String>,

    /// Address of the service as browsers see it [default: the address it listens at]
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Secret that links to media are signed with, at least 32 bytes; the same on all nodes
    /// [default: a new one for each start]
    #[arg(
        long,
        env = "LINK_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub(crate) link_secret: Option<String>,
}
