//! Starts a program of this package and takes what it says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.out
    }
}

pub(crate) fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let build = here.parent().and_then(Path::parent).unwrap();
    let path = build
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is not built; `cargo test -p examples` builds it",
        path.display()
    );
    path
}

pub(crate) fn command(name: &str, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(directory).args(arguments);
    for variable in [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_MODEL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "OPENAI_IMAGE_MODEL",
        "OPENAI_AUDIO_MODEL",
        "MEDIA_DIR",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn run(name: &str, directory: &Path, arguments: &[&str]) -> Ran {
    output(
        command(name, directory, arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap(),
    )
}

/// Runs a program with lines on its standard input.
pub(crate) fn talk(name: &str, directory: &Path, arguments: &[&str], lines: &str) -> Ran {
    let mut command = command(name, directory, arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    output(child.wait_with_output().unwrap())
}

pub(crate) fn output(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// All files below a directory, relative and sorted, those of the store itself left out.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".store") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap();
                found.push(name.replace(std::path::MAIN_SEPARATOR, "/"));
            }
        }
    }
    found.sort();
    found
}

/// The longest stretch of base64 in the file of conversations and what lies beside it.
pub(crate) fn longest_base64(state: &Path) -> usize {
    let mut longest = 0;
    for suffix in ["", "-wal"] {
        let mut path = state.as_os_str().to_owned();
        path.push(suffix);
        let bytes = std::fs::read(PathBuf::from(path)).unwrap_or_default();
        let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+' || *byte == b'/';
        longest = bytes
            .split(|byte| !alphabet(byte))
            .map(<[u8]>::len)
            .max()
            .unwrap_or(0)
            .max(longest);
    }
    longest
}
