//! How much memory a large history takes, both ways, with a file store.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use media_history::{History, HistoryKey};
use media_storage::MediaMetadata;
use media_store_fs::{Durability, FileStore};
use media_types::base64;

use crate::Result;

const MIB: u64 = 1024 * 1024;

/// The bound of the product.
const BOUND_MIB: u64 = 16;

/// Measures each case in a process of its own.
pub(crate) fn run(short: bool) -> Result<bool> {
    if !cfg!(target_os = "linux") {
        return Err("NOT RUN: memory is measured on Linux only".into());
    }
    let mib = if short { "128" } else { "1024" };
    let mut kept = true;
    for case in ["images", "small", "untyped", "late", "value", "nested"] {
        let this = std::env::current_exe()?;
        let status = std::process::Command::new(this)
            .args(["memory-of", case, mib])
            .status()?;
        kept &= match status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(format!("{case}: not measured").into()),
        };
    }
    Ok(kept)
}

/// One case.
pub(crate) async fn run_case(case: &str, mib: &str) -> Result<bool> {
    let size = mib.parse::<u64>()? * MIB;
    let equal = size / 4000 * 1000;
    match case {
        "images" => measure("a history of 1 MB images", size, 1_000_000, Form::Typed).await,
        // Fewer bytes: what counts here is how many images there are.
        "small" => measure("a history of 1 KB images", size / 16, 1000, Form::Typed).await,
        "untyped" => measure("1 KB values without a type", equal, 1000, Form::Untyped).await,
        "late" => measure("1 KB values before their type", equal, 1000, Form::Late).await,
        "value" => measure("a history of one value", size, size, Form::Typed).await,
        _ => measure("one value in a string of JSON", size, size, Form::Nested).await,
    }
}

/// How the values of a history are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Typed,
    /// In a string of JSON.
    Nested,
    /// No type is named, and the array that may name one ends last. All values are equal: what is looked
    /// at is what is kept of each, not the store.
    Untyped,
    /// As that, and the object around a value names its type behind it.
    Late,
}

impl Form {
    /// What is before all, before each, behind each and behind all.
    fn text(self) -> [&'static str; 4] {
        match self {
            Self::Typed => ["[", "{\"image_url\":\"data:image/png;base64,", "\"}", "]"],
            Self::Nested => [
                "{\"output\":\"[",
                "{\\\"image_url\\\":\\\"data:image/png;base64,",
                "\\\"}",
                "]\"}",
            ],
            Self::Untyped => ["{\"data\":[", "{\"b64_json\":\"", "\"}", "]}"],
            Self::Late => [
                "{\"data\":[",
                "{\"image\":{\"b64_json\":\"",
                "\"},\"mime_type\":\"image/webp\"}",
                "]}",
            ],
        }
    }

    fn is_repeated(self) -> bool {
        matches!(self, Self::Untyped | Self::Late)
    }
}

async fn measure(what: &str, size: u64, value: u64, form: Form) -> Result<bool> {
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name);
    write(&file("whole"), size, value, form)?;
    let store = FileStore::builder(file("store")).with_durability(Durability::Buffered);
    let ids = MediaMetadata::new()
        .with_session("proof".parse()?)
        .with_conversation("proof".parse()?);
    let history = History::new(
        &store.build().await?,
        HistoryKey::new("the key of the proof")?,
    )
    .unscoped()
    .with_threshold_kb(0)
    .with_metadata(ids)
    .with_spool_directory(directory.path());
    // What is set up once is not counted.
    history.externalize(b"[]").await?;
    let mib = size / MIB;

    let idle = Idle::now()?;
    let reader = tokio::fs::File::open(file("whole")).await?;
    let writer = tokio::fs::File::create(file("slim")).await?;
    let report = history.externalize_stream(reader, writer).await?;
    let mut kept = idle.judge(&format!("{what}, {mib} MiB of media, externalize"))?;
    if report.totals.replaced != size.div_ceil(value) {
        return Err(format!("{what}: {report}").into());
    }
    let idle = Idle::now()?;
    let reader = tokio::fs::File::open(file("slim")).await?;
    let writer = tokio::fs::File::create(file("again")).await?;
    history.restore_stream(reader, writer).await?;
    kept &= idle.judge(&format!("{what}, {mib} MiB of media, restore"))?;
    if !std::process::Command::new("cmp")
        .args([file("whole"), file("again")])
        .status()?
        .success()
    {
        return Err(format!("{what}: did not come back").into());
    }
    Ok(kept)
}

/// Writes a history of so many bytes of media.
fn write(path: &Path, size: u64, value: u64, form: Form) -> Result<()> {
    let mut out = BufWriter::with_capacity(256 * 1024, std::fs::File::create(path)?);
    let [begin, before, behind, end] = form.text();
    write!(out, "{begin}")?;
    let (mut written, mut seed) = (0, 1_u64);
    let mut bytes = vec![0; 48 * 1024];
    while written < size {
        write!(out, "{}{before}", if written > 0 { "," } else { "" })?;
        if form.is_repeated() {
            seed = 1;
        }
        let mut left = value.min(size - written);
        written += left;
        while left > 0 {
            let len = left.min(bytes.len() as u64) as usize;
            for piece in bytes[..len].chunks_mut(8) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                piece.copy_from_slice(&seed.to_le_bytes()[..piece.len()]);
            }
            out.write_all(base64::encode(&bytes[..len]).as_bytes())?;
            left -= len as u64;
        }
        write!(out, "{behind}")?;
    }
    write!(out, "{end}")?;
    out.flush()?;
    Ok(())
}

fn field(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: u64 = kib.ok_or("no such field in /proc/self/status")?.parse()?;
    Ok(kib * 1024)
}

/// Memory before, against which the largest is held.
struct Idle(u64);

impl Idle {
    fn now() -> Result<Self> {
        std::fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self(field("VmRSS:")?))
    }

    fn judge(&self, what: &str) -> Result<bool> {
        let risen = field("VmHWM:")?.saturating_sub(self.0);
        let kept = risen <= BOUND_MIB * MIB;
        println!(
            "{}: {what}: {:.1} MiB above idle ({:.1} MiB), bound {BOUND_MIB} MiB",
            if kept { "ok" } else { "NOT MET" },
            risen as f64 / MIB as f64,
            self.0 as f64 / MIB as f64,
        );
        Ok(kept)
    }
}
