//! Runs the command, and stores to run it on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The results as JSON documents.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let documents = serde_json::Deserializer::from_str(&self.stdout).into_iter();
        documents.collect::<Result<_, _>>().expect("JSON")
    }

    /// The only result.
    #[track_caller]
    pub(crate) fn one(&self) -> Value {
        let mut all = self.json();
        assert_eq!(all.len(), 1, "{self:#?}");
        all.remove(0)
    }

    /// The error, which must be one line and say these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        let errors: Vec<_> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        assert_eq!(errors.len(), 1, "one sentence: {self:#?}");
        assert!(errors[0].contains(words), "{words:?}: {self:#?}");
    }
}

/// The command with a home of its own and nothing of the environment that names clouds.
pub(crate) fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_media"));
    command
        .env_clear()
        .env("HOME", home)
        .env("TMPDIR", std::env::temp_dir())
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// A home with stores in it.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    pub(crate) fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.dir.path());
        command
            .envs(self.environment.iter().cloned())
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.command(arguments).output().unwrap())
    }

    /// Runs the command while nobody reads its standard output.
    pub(crate) fn run_unread(&self, arguments: &[&str]) -> Ran {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Ran::new(self.command(arguments).stdout(writer).output().unwrap())
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        name.to_owned()
    }

    /// Puts a file and returns its id.
    #[track_caller]
    pub(crate) fn put(&self, store: &str, user: &str, name: &str, bytes: &[u8]) -> String {
        self.file(name, bytes);
        let ran = self.run(&[
            "put",
            store,
            name,
            "--create",
            "--json",
            "--user",
            user,
            "--session",
            "s1",
            "--conversation",
            "c1",
        ]);
        ran.ended(0).one()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn ids(&self, store: &str) -> Vec<String> {
        let ran = self.run(&["ls", store, "--ids"]).ended(0);
        let mut ids: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

/// A PNG of one color.
pub(crate) fn png(side: u32, color: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(side, side, image::Rgb([color, 80, 160]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
