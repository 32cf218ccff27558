//! What programs append to a file that loses its place, and the file that takes it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::journal::{Journal, Swap};

use super::writers::has_writers;

/// How long a program that opened the file just before it was replaced may take to close it.
const SETTLE: Duration = Duration::from_secs(2);

/// How often it is looked at in the meantime.
const LOOK: Duration = Duration::from_millis(5);

/// How often in a row no program may have it open.
const QUIET_LOOKS: u32 = 5;

/// How much is appended at a time, unless a line is longer.
const PIECE: u64 = 1024 * 1024;

/// What a last line without a line end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLine {
    /// A program may be in the middle of writing it: it stays where it is.
    Unfinished,
    /// All that there will be of it: it is taken.
    Finished,
}

/// Appends what `from` has after an offset to `to`, which no other program knows. Returns where it
/// ends.
pub(super) fn take_lines(
    from: &mut File,
    mut offset: u64,
    to: &mut File,
    last: LastLine,
) -> io::Result<u64> {
    while let Some(piece) = next_piece(from, offset, last)? {
        to.write_all(&piece)?;
        offset += piece.len() as u64;
    }
    Ok(offset)
}

/// Appends what `from` has after `swap.old_len` to `to`, which other programs append to at the same
/// time: `to` is open for appending, and a piece of whole lines is one write, so that neither replaces
/// or divides what the other writes. The journal names each piece before it is written.
pub(super) fn carry(
    from: &mut File,
    mut swap: Swap,
    to: &mut File,
    journal: &Journal,
    last: LastLine,
) -> io::Result<()> {
    while let Some(piece) = next_piece(from, swap.old_len, last)? {
        swap.new_len = to.metadata()?.len();
        swap.appending = piece.len() as u64;
        journal.swaps(swap)?;
        to.write_all(&piece)?;
        swap.old_len += swap.appending;
    }
    to.sync_data()
}

/// Waits until no program has the file open for writing. Returns false if one keeps it open.
pub(super) fn settle(file: &File) -> io::Result<bool> {
    let start = Instant::now();
    let mut seen = file.metadata()?;
    // A program may be in the middle of opening it: it has to be quiet more than once.
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        let is_open = has_writers(&seen);
        let now = file.metadata()?;
        quiet = match is_open || now.len() != seen.len() {
            true => 0,
            false => quiet + 1,
        };
        seen = now;
        if quiet == 0 && start.elapsed() > SETTLE {
            return Ok(false);
        }
        if quiet < QUIET_LOOKS {
            sleep(LOOK);
        }
    }
    Ok(true)
}

/// The next lines after an offset: whole ones, and the last as it is said.
fn next_piece(from: &mut File, offset: u64, last: LastLine) -> io::Result<Option<Vec<u8>>> {
    from.seek(SeekFrom::Start(offset))?;
    let from: &File = from;
    let mut piece = Vec::new();
    loop {
        let before = piece.len();
        from.take(PIECE).read_to_end(&mut piece)?;
        let is_end = (piece.len() - before) < PIECE as usize;
        if is_end && last == LastLine::Finished {
            break;
        }
        if let Some(end) = memchr::memrchr(b'\n', &piece) {
            piece.truncate(end + 1);
            break;
        }
        if is_end {
            return Ok(None);
        }
    }
    Ok(Some(piece).filter(|piece| !piece.is_empty()))
}
