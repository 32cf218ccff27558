//! From the paths of the command line to the files that are meant.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::failure::{Failure, Outcome};

/// Endings of files that a directory is searched for.
const ENDINGS: [&str; 4] = ["json", "jsonl", "ndjson", "json-seq"];

/// A file that changed within this time may still be written to.
pub(crate) const QUIET: Duration = Duration::from_secs(600);

/// A file that is meant, and where its result goes if not in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) output: Option<PathBuf>,
}

/// Finds the files: those named, and histories below directories that are named. Links are not
/// followed. With an output, a single file goes to it, and several go below it.
pub(crate) fn jobs(paths: &[PathBuf], output: Option<&Path>) -> Outcome<Vec<Job>> {
    let mut jobs = Vec::new();
    let single = matches!(paths, [path] if !path.is_dir());
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            collect(path, &mut found)?;
            found.sort();
            for file in found {
                let output = match (output, file.strip_prefix(path)) {
                    (Some(output), Ok(inner)) => Some(output.join(inner)),
                    _ => None,
                };
                jobs.push(Job { path: file, output });
            }
            continue;
        }
        let output = match (output, path.file_name()) {
            (Some(output), Some(name)) if !single || output.is_dir() => Some(output.join(name)),
            (output, _) => output.map(Path::to_owned),
        };
        jobs.push(Job {
            path: path.clone(),
            output,
        });
    }
    Ok(jobs)
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) -> Outcome<()> {
    let entries = std::fs::read_dir(directory).map_err(Failure::io("read", directory))?;
    for entry in entries {
        let entry = entry.map_err(Failure::io("read", directory))?;
        let kind = entry.file_type().map_err(Failure::io("read", directory))?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !hidden {
            collect(&path, found)?;
        } else if kind.is_file() && !hidden && is_history(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_history(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Whether a file changed a moment ago, so that its writer may not be done.
pub(crate) fn is_hot(path: &Path) -> bool {
    let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| {
        let age = SystemTime::now().duration_since(at);
        // A time in the future tells of a clock, not of an age.
        age.is_ok_and(|age| age < QUIET)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_and_results_keep_their_places() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("in/deep")).unwrap();
        for name in [
            "in/a.json",
            "in/deep/b.JSONL",
            "in/c.txt",
            "in/.hidden.json",
        ] {
            std::fs::write(at(name), b"{}").unwrap();
        }
        let inside = jobs(&[at("in")], Some(&at("out"))).unwrap();
        let pair = |path: &str, output: &str| Job {
            path: at(path),
            output: Some(at(output)),
        };
        assert_eq!(
            inside,
            [
                pair("in/a.json", "out/a.json"),
                pair("in/deep/b.JSONL", "out/deep/b.JSONL")
            ]
        );
        let one = jobs(&[at("in/c.txt")], Some(&at("x"))).unwrap();
        assert_eq!(one, [pair("in/c.txt", "x")]);
        let into = jobs(&[at("in/c.txt")], Some(directory.path())).unwrap();
        assert_eq!(into, [pair("in/c.txt", "c.txt")]);
        assert!(is_hot(&at("in/c.txt")) && !is_hot(&at("none")));
    }
}
