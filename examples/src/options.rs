//! Options that the examples share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use conversation_sdk::ManagerConfig;
use media_storage::Organization;

/// Where media and conversations are kept.
#[derive(Args, Clone, Debug)]
pub struct Paths {
    /// Directory for media
    #[arg(long, value_name = "DIR", env = "MEDIA_DIR", default_value = "media")]
    pub media_dir: PathBuf,

    /// File for conversations
    #[arg(long, value_name = "FILE", default_value = "conversations.sqlite")]
    pub state: PathBuf,
}

/// Where media and conversations are kept, and how.
#[derive(Args, Clone, Debug)]
pub struct Keeping {
    /// Directory and file
    #[command(flatten)]
    pub paths: Paths,

    /// Layout of the media directory: flat, by-conversation, by-session or by-run
    #[arg(long, value_name = "LAYOUT", default_value = "by-session", value_parser = organization)]
    pub organization: Organization,

    /// Media of at least this many KiB goes into the store; 0 means all
    #[arg(long, value_name = "KIB", default_value_t = 100)]
    pub threshold_kb: u64,

    /// Keep a copy of equal bytes for each reference
    #[arg(long)]
    pub no_dedup: bool,

    /// Keep media inside the conversation, to see the difference
    #[arg(long)]
    pub no_storage: bool,

    /// Start a new conversation instead of continuing the last one
    #[arg(long = "new")]
    pub start_over: bool,
}

impl Keeping {
    /// The part of it that a manager decides.
    #[must_use]
    pub fn config(&self) -> ManagerConfig {
        ManagerConfig::default()
            .with_media_size_threshold_kb(self.threshold_kb)
            // Services may take minutes for an image.
            .with_turn_timeout(Duration::from_secs(600))
    }
}

fn organization(text: &str) -> Result<Organization, String> {
    text.parse()
        .map_err(|_| "expected flat, by-conversation, by-session or by-run".to_owned())
}

/// A file of this repository's `packs`, also when the program is started elsewhere.
#[must_use]
pub fn pack_path(name: &str) -> PathBuf {
    let here = Path::new("packs").join(name);
    if here.exists() {
        here
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../packs")
            .join(name)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        keeping: Keeping,
    }

    fn parse(arguments: &[&str]) -> Result<Keeping, clap::Error> {
        let all = std::iter::once("example").chain(arguments.iter().copied());
        Command::try_parse_from(all).map(|command| command.keeping)
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let keeping = parse(&[]).unwrap();
        assert_eq!(keeping.organization, Organization::BySession);
        assert_eq!(keeping.threshold_kb, 100);
        assert!(!keeping.no_dedup && !keeping.no_storage && !keeping.start_over);
        assert_eq!(keeping.paths.state, Path::new("conversations.sqlite"));
    }

    #[test]
    fn every_layout_has_its_word_and_others_are_refused() {
        for layout in Organization::ALL {
            let keeping = parse(&[
                "--organization",
                layout.as_str(),
                "--threshold-kb",
                "0",
                "--new",
            ])
            .unwrap();
            assert_eq!(
                (
                    keeping.organization,
                    keeping.threshold_kb,
                    keeping.start_over
                ),
                (layout, 0, true)
            );
        }
        let error = parse(&["--organization", "by-color"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("by-conversation"), "{error}");
        assert!(parse(&["--threshold-kb", "-1"]).is_err());
    }
}
