//! Ending what a run left half done.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use memchr::memmem;

use crate::journal::{Journal, Swap};

use super::names::{beside, remove_if_there, same_file};
use super::tail::{LastLine, carry, settle};

/// How far behind its mark a piece may stand that was being appended: other programs append too.
const REACH: u64 = 4 * 1024 * 1024;

/// What became of what a run left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovery {
    Done,
    /// A program has a file open that lost its place. All is left as it is.
    Held,
}

/// Ends what a run that was killed, or could not wait any longer, left half done: what programs appended
/// to a file after another took its place goes to the other.
pub(super) fn recover(path: &Path, swap: Option<Swap>, journal: &Journal) -> io::Result<Recovery> {
    remove_if_there(&beside(path, ".media-new"))?;
    let (old, back) = (beside(path, ".media-old"), beside(path, ".media-back"));
    let backward = swap.filter(|swap| swap.is_back);
    if carry_over(&back, path, backward, journal)? == Recovery::Held {
        return Ok(Recovery::Held);
    }
    // The old file was about to get its place again, and has not: nothing was appended to it by us.
    let forward = swap.map(|swap| match swap.is_back {
        true => swap.reversed(),
        false => swap,
    });
    carry_over(&old, path, forward, journal)
}

/// Appends to `path` what was appended to `from` after the swap, and removes `from`.
fn carry_over(
    from: &Path,
    path: &Path,
    swap: Option<Swap>,
    journal: &Journal,
) -> io::Result<Recovery> {
    let mut old = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recovery::Done),
        opened => opened?,
    };
    let mut new = OpenOptions::new().read(true).append(true).open(path)?;
    if let Some(swap) = swap.filter(|_| !same_file(&old, &new)) {
        if !settle(&old)? {
            return Ok(Recovery::Held);
        }
        let swap = finish_piece(&mut old, swap, &mut new)?;
        carry(&mut old, swap, &mut new, journal, LastLine::Finished)?;
    }
    std::fs::remove_file(from)?;
    Ok(Recovery::Done)
}

/// Appends what is missing of a piece that was being appended.
fn finish_piece(old: &mut File, mut swap: Swap, new: &mut File) -> io::Result<Swap> {
    if swap.appending == 0 {
        return Ok(swap);
    }
    let piece = read_at(old, swap.old_len, swap.appending)?;
    let written = read_at(new, swap.new_len, swap.appending + REACH)?;
    if memmem::find(&written, &piece).is_none() {
        // A write that was cut short is the last of the file.
        let is_torn = |len: &usize| {
            piece
                .get(..*len)
                .is_some_and(|part| written.ends_with(part))
        };
        let torn = (1..piece.len()).rev().find(is_torn).unwrap_or(0);
        new.write_all(piece.get(torn..).unwrap_or_default())?;
    }
    swap.old_len += swap.appending;
    swap.appending = 0;
    Ok(swap)
}

fn read_at(file: &mut File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}
