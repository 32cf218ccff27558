//! Power cuts: file systems in images, copied while they are mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system to cut the power of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSystem {
    /// ext4 with its default options, except that it does not commit periodically.
    Ext4,
    /// XFS as it is made by default.
    Xfs,
    /// Btrfs with its default options, except that it does not commit periodically.
    Btrfs,
}

impl FileSystem {
    /// The word that `mount` knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The least that it can be made with, roughly.
    fn mebibytes(self) -> u64 {
        match self {
            Self::Ext4 => 48,
            Self::Xfs => 300,
            Self::Btrfs => 128,
        }
    }

    /// Options that keep it from writing before it is asked to.
    fn options(self) -> &'static str {
        match self {
            Self::Ext4 | Self::Btrfs => "loop,commit=300",
            Self::Xfs => "loop",
        }
    }

    /// Options for a copy, which has the same identity as the original that is mounted still.
    fn options_of_copy(self) -> &'static str {
        match self {
            Self::Ext4 | Self::Btrfs => "loop",
            Self::Xfs => "loop,nouuid",
        }
    }
}

/// An empty file system, to be copied for each run.
#[derive(Debug)]
pub(super) struct Image {
    file_system: FileSystem,
    work: PathBuf,
    empty: PathBuf,
}

impl Image {
    pub(super) fn make(file_system: FileSystem, work: &Path) -> io::Result<Self> {
        fs::create_dir_all(work)?;
        let word = file_system.as_str();
        let empty = work.join(format!("empty.{word}"));
        if empty.exists() {
            fs::remove_file(&empty)?;
        }
        let file = fs::File::create(&empty)?;
        file.set_len(file_system.mebibytes() << 20)?;
        let force = match file_system {
            FileSystem::Ext4 => "-F",
            FileSystem::Xfs | FileSystem::Btrfs => "-f",
        };
        run(Command::new(format!("mkfs.{word}"))
            .args([force, "-q"])
            .arg(&empty))?;
        Ok(Self {
            file_system,
            work: work.to_owned(),
            empty,
        })
    }

    /// A copy of it, mounted.
    pub(super) fn mount(&self) -> io::Result<Mounted<'_>> {
        let before = self.work.join("before");
        copy(&self.empty, &before)?;
        Mounted::new(self, before, self.file_system.options())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.empty);
    }
}

/// A mounted image; dropping it removes it.
#[derive(Debug)]
pub(super) struct Mounted<'a> {
    image: &'a Image,
    file: PathBuf,
    path: PathBuf,
}

impl<'a> Mounted<'a> {
    fn new(image: &'a Image, file: PathBuf, options: &str) -> io::Result<Self> {
        let path = file.with_extension("mounted");
        fs::create_dir_all(&path)?;
        run(Command::new("mount")
            .args(["-t", image.file_system.as_str(), "-o", options])
            .args([&file, &path]))?;
        Ok(Self { image, file, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts the power: gives what was on the device, without what was on its way there.
    pub(super) fn cut(self) -> io::Result<Mounted<'a>> {
        let after = self.image.work.join("after");
        copy(&self.file, &after)?;
        let image = self.image;
        drop(self);
        Mounted::new(image, after, image.file_system.options_of_copy())
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("umount").arg(&self.path)) {
            eprintln!("{} stays mounted: {error}", self.path.display());
            return;
        }
        let _ = fs::remove_dir(&self.path);
        let _ = fs::remove_file(&self.file);
    }
}

/// Copies an image, holes as holes.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    run(Command::new("cp").arg("--sparse=always").args([from, to]))
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let program = command.get_program().to_string_lossy().into_owned();
    Err(io::Error::other(format!("{program}: {}", said.trim())))
}
