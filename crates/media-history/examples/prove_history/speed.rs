//! How fast it is, beside the same work by hand, in one run.

use std::path::Path;
use std::time::{Duration, Instant};

use media_history::{History, HistoryKey};
use media_storage::{MediaMetadata, Sha256Hasher};
use media_store_fs::{Durability, FileStore};
use media_types::base64;

use crate::{Result, typed};

/// Images of so many bytes.
const IMAGE: usize = 1_000_000;

pub(crate) async fn run(short: bool) -> Result<bool> {
    let (images, rounds) = if short { (20, 5) } else { (50, 9) };
    let directory = tempfile::tempdir()?;
    let mut lanes: [Vec<Duration>; 7] = Default::default();
    let text = prose(if short { 64 } else { 256 });
    for round in 0..rounds {
        let whole = history_text(images, round);
        let place = directory.path().join(round.to_string());
        std::fs::create_dir(&place)?;
        let start = Instant::now();
        by_hand(&whole, &place.join("hand"))?;
        lanes[0].push(start.elapsed());

        let store = FileStore::builder(place.join("store"))
            .with_durability(Durability::Buffered)
            .build()
            .await?;
        let ids = MediaMetadata::new()
            .with_session("proof".parse()?)
            .with_conversation("proof".parse()?);
        let history = History::new(&store, HistoryKey::new("the key of the proof")?)
            .unscoped()
            .with_metadata(ids);
        let start = Instant::now();
        let slim = history.externalize(&whole).await?;
        lanes[1].push(start.elapsed());
        if slim.report().totals.stored != images as u64 {
            return Err(format!("not all images were found: {}", slim.report()).into());
        }

        let start = Instant::now();
        let restored = by_hand_back(&place.join("hand"), images)?;
        lanes[2].push(start.elapsed());
        std::hint::black_box(restored);
        let start = Instant::now();
        let restored = history.restore(slim.bytes()).await?;
        lanes[3].push(start.elapsed());
        if restored != whole {
            return Err("the history did not come back".into());
        }

        let start = Instant::now();
        let named = typed::store_images(&whole, &place.join("typed"))?;
        lanes[5].push(start.elapsed());
        let start = Instant::now();
        let loaded = typed::load_images(&named, &place.join("typed"))?;
        lanes[6].push(start.elapsed());
        if loaded.len() != whole.len() {
            return Err("the typed history did not come back".into());
        }

        let start = core_time()?;
        let report = history
            .externalize_stream(&text[..], tokio::io::sink())
            .await?;
        lanes[4].push(core_time()? - start);
        if report.totals.replaced != 0 {
            return Err("text was taken for media".into());
        }
        std::fs::remove_dir_all(&place)?;
    }
    let [
        hand,
        externalize,
        hand_back,
        restore,
        scan,
        typed,
        typed_back,
    ] = lanes.map(median);
    let bytes = (images * IMAGE) as f64;
    let rate = |time: Duration| bytes / time.as_secs_f64() / 1e6;
    println!("{images} images of 1 MB, median of {rounds} rounds:");
    println!("decode, hash, write by hand   {:7.0} MB/s", rate(hand));
    println!(
        "externalize                   {:7.0} MB/s",
        rate(externalize)
    );
    println!("read, hash, encode by hand    {:7.0} MB/s", rate(hand_back));
    println!("restore                       {:7.0} MB/s", rate(restore));
    println!("typed, as rig-memory, out     {:7.0} MB/s", rate(typed));
    println!(
        "typed, as rig-memory, back    {:7.0} MB/s",
        rate(typed_back)
    );
    let scanned = text.len() as f64 / scan.as_secs_f64() / 1e9;
    println!("text without media            {scanned:7.2} GB/s");
    let mut met = true;
    for (what, is, wanted) in [
        (
            "externalize, of the speed by hand",
            hand.as_secs_f64() / externalize.as_secs_f64(),
            0.6,
        ),
        (
            "restore, of the speed by hand",
            hand_back.as_secs_f64() / restore.as_secs_f64(),
            0.6,
        ),
        ("text without media, GB/s a core", scanned, 1.0),
    ] {
        met &= is >= wanted;
        println!(
            "{}: {what}: {is:.2}, wanted {wanted}",
            if is >= wanted { "ok" } else { "NOT MET" }
        );
    }
    Ok(met)
}

/// How long this thread has had a core: text without media is read on one.
fn core_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = vec![0; len];
    for piece in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
    bytes
}

/// A history with so many images, different in each round.
fn history_text(images: usize, round: usize) -> Vec<u8> {
    let mut text = b"{\"messages\":[".to_vec();
    for image in 0..images {
        if image > 0 {
            text.push(b',');
        }
        text.extend_from_slice(b"{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
        let bytes = noise((round * images + image) as u64 + 1, IMAGE);
        text.extend_from_slice(base64::encode(&bytes).as_bytes());
        text.extend_from_slice(b"\"}}]}");
    }
    text.extend_from_slice(b"]}");
    text
}

/// What someone writes by hand who knows where the images are.
fn by_hand(text: &[u8], place: &Path) -> Result<()> {
    std::fs::create_dir(place)?;
    let mark = b";base64,";
    let (mut at, mut count) = (0, 0);
    while let Some(found) = memchr::memmem::find(&text[at..], mark) {
        let start = at + found + mark.len();
        let end = start + memchr::memchr(b'"', &text[start..]).ok_or("no end")?;
        let bytes = base64::decode(&text[start..end])?;
        let name = Sha256Hasher::digest(&bytes).to_hex();
        let draft = place.join("draft");
        std::fs::write(&draft, &bytes)?;
        std::fs::rename(&draft, place.join(&name))?;
        std::fs::write(place.join(format!("{count}.name")), name)?;
        (at, count) = (end, count + 1);
    }
    Ok(())
}

fn by_hand_back(place: &Path, images: usize) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for image in 0..images {
        let name = std::fs::read_to_string(place.join(format!("{image}.name")))?;
        let bytes = std::fs::read(place.join(&name))?;
        if Sha256Hasher::digest(&bytes).to_hex() != name {
            return Err("not what was written".into());
        }
        text.extend_from_slice(b"\"data:image/png;base64,");
        text.extend_from_slice(base64::encode(&bytes).as_bytes());
        text.push(b'"');
    }
    Ok(text)
}

/// Only reads text, over and over, for a profiler to look at.
pub(crate) async fn scan() -> Result<bool> {
    let text = prose(64);
    let store = media_storage::InMemoryStorage::new();
    let history = History::new(&store, HistoryKey::new("the key of the proof")?).unscoped();
    let start = core_time()?;
    for _ in 0..10 {
        history
            .externalize_stream(&text[..], tokio::io::sink())
            .await?;
    }
    let time = core_time()? - start;
    let scanned = (10 * text.len()) as f64 / time.as_secs_f64() / 1e9;
    println!("text without media: {scanned:.2} GB/s");
    Ok(true)
}

/// So many MiB of messages without media.
fn prose(mib: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(mib << 20);
    let words = "The image shows a harbour at dusk: two boats, a crane, and \\\"STELLA\\\" painted on the \
                 nearer one. Nothing in it says when it was taken, though the crane was torn down in 1987. ";
    for number in 0.. {
        if text.len() >= mib << 20 {
            break;
        }
        let body = words.repeat(1 + number % 9);
        text.extend_from_slice(
            format!("{{\"id\":\"msg_{number:024}\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{body}\"}}]}}\n").as_bytes(),
        );
    }
    text
}
