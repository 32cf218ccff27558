//! What the environment says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The longest time between two looks for parts of users who were erased on another node.
const MAX_ERASURES_EVERY: Duration = Duration::from_secs(60);

const MIB: u64 = 1024 * 1024;

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

    /// Directory of uploads in parts that are not complete, one for each node
    /// [default: `uploads` in the directory of the data]
    #[arg(long, env = "SPOOL", value_name = "DIR")]
    pub(crate) spool: Option<PathBuf>,

    /// Bucket for the media, such as s3://bucket/prefix; credentials as the AWS tools take them
    #[arg(long, env = "MEDIA_BUCKET", value_name = "URL")]
    pub(crate) bucket: Option<String>,

    /// How files come into the bucket; `direct` needs a bucket that browsers reach, and a CORS rule
    #[arg(long, env = "BUCKET_UPLOADS", value_name = "WAY", value_enum,
        default_value_t = BucketUploads::Service, requires_if("direct", "bucket"))]
    pub(crate) bucket_uploads: BucketUploads,

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

    /// Seconds after which the turn of a node that died is ended by another node
    #[arg(long, env = "TURN_LEASE", value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) turn_lease: u64,

    /// Seconds between two runs of upkeep on this node; 0 for none
    #[arg(
        long,
        env = "UPKEEP_EVERY",
        value_name = "SECONDS",
        default_value_t = 600
    )]
    pub(crate) upkeep_every: u64,

    /// Address to serve metrics at, for Prometheus alone [default: none are served]
    #[arg(long, env = "METRICS_LISTEN", value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<SocketAddr>,

    /// Mebibytes of media that a user may have, generated media among them
    #[arg(long, env = "USER_QUOTA", value_name = "MIB", default_value_t = 1024,
        value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) user_quota: u64,

    /// Mebibytes of memory for making images smaller; what needs more stays as it is
    #[arg(long, env = "IMAGE_MEMORY", value_name = "MIB", default_value_t = 256,
        value_parser = clap::value_parser!(u64).range(16..=1 << 20))]
    pub(crate) image_memory: u64,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Config {
    /// Returns how many bytes of media a user may have.
    pub(crate) fn user_quota(&self) -> u64 {
        self.user_quota * MIB
    }

    /// Returns how many bytes of memory images may take.
    pub(crate) fn image_memory(&self) -> u64 {
        self.image_memory * MIB
    }

    /// Returns the time between two looks for parts of users who were erased on another node: that of upkeep, at
    /// most a minute.
    pub(crate) fn erasures_every(&self) -> Duration {
        match self.upkeep_every {
            0 => MAX_ERASURES_EVERY,
            seconds => Duration::from_secs(seconds).min(MAX_ERASURES_EVERY),
        }
    }
}

/// How files come into the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BucketUploads {
    /// Through the service
    Service,
    /// Straight from the browser, by signed URLs
    Direct,
}

/// What the program does instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do everything that is due once, print what was done as JSON, and end; for a timer
    Upkeep(Upkeep),
}

/// How upkeep is done.
#[derive(Debug, Args)]
pub(crate) struct Upkeep {
    /// Remove media that no conversation has named for this number of seconds; longer than any turn takes
    /// [default: a day]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) orphan_grace: Option<u64>,

    /// Remove such media also where it is more than a tenth of all
    #[arg(long, requires = "orphan_grace")]
    pub(crate) force: bool,

    /// Look through everything that the media store holds for leftovers of nodes that died
    #[arg(long)]
    pub(crate) full: bool,

    /// Remove such leftovers from a bucket where they are older than this number of seconds; longer than any upload takes
    /// [default: a day]
    #[arg(long, value_name = "SECONDS", requires = "full")]
    pub(crate) sweep_grace: Option<u64>,
}
