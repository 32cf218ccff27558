//! A raw scan of a disk after everything of a user was deleted.
//!
//! `scripts/prove-deletes.sh` runs it. Each case brings a store into a state in which a deletion could leave
//! something: media that was changed, damaged, moved, quarantined or put on hold, or a process that died. Then the
//! scope is deleted and the store swept, and every name and byte of the directory is looked through. What is
//! left must be named by the report, and what may be on hold must be there.

mod case;
mod killed;
mod place;
mod prepare;
mod prove;

use std::process::ExitCode;

use case::Case;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(directory) = std::env::args_os().nth(1) {
        return match killed::child(directory.as_ref()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let (mut good, mut all) = (0, 0);
    for deduplication in [true, false] {
        for case in Case::ALL {
            all += 1;
            match prove::prove(*case, deduplication).await {
                Ok(()) => good += 1,
                Err(error) => {
                    eprintln!("{case:?}, deduplication {deduplication}: {error}");
                }
            }
        }
    }
    println!(
        "on a disk: {good} of {all} cases leave nothing that the report does not name, and lose \
         nothing that may be on hold"
    );
    match good == all {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
