//! The measurements of request bodies: stored media on its way into a request.

mod by_hand;
mod lanes;

use std::path::PathBuf;
use std::sync::Arc;

use media_loader::MediaLoader;
use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime};

use crate::bodies::Bodies;
use crate::race::{Lane, race};
use crate::report::{Report, Row};
use crate::stats::Samples;
use crate::{Result, machine};

use lanes::Request;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// An empty directory.
    pub dir: PathBuf,
    /// Where the tables go; nowhere if not set.
    pub docs: Option<PathBuf>,
    /// The number of rounds.
    pub rounds: usize,
}

impl Plan {
    /// Everything that the documents show: a minute or two.
    pub fn full(dir: PathBuf) -> Self {
        Self {
            dir,
            docs: None,
            rounds: 100,
        }
    }

    /// The same with fewer rounds.
    pub fn quick(dir: PathBuf) -> Self {
        Self {
            rounds: 10,
            ..Self::full(dir)
        }
    }
}

const LOADS: [(usize, usize, &str); 3] = [
    (1, 5_000_000, "1 x 5 MB"),
    (20, 1_000_000, "20 x 1 MB"),
    (200, 100_000, "200 x 100 KB"),
];

/// How much longer than by hand loading may take (design: load to base64, verified).
const LOAD_TARGET: f64 = 1.25;

/// Measures and reports.
///
/// # Errors
/// Whatever goes wrong; nothing is written to the documents then.
pub async fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::default();
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC");
    report.say(&format!(
        "Measured {now} on {}, {}, release build{}. Load averages at the start: {}. Written by `scripts/bench.sh wire`, which measures again.",
        machine::describe(),
        machine::file_system(&plan.dir),
        machine::priority(),
        machine::load(),
    ));
    report.say(
        "Media lies in a `FileStore` and in the page cache; contenders take turns within each round, and ratios are medians of the ratios within rounds. *By hand*: each file is read in pieces through memory that is used again, hashed (the same code), encoded to base64 (the same codec), and the text is thrown away; nothing is looked up and no hash compared. *The plain way*: each file is read whole, encoded to a `String`, put into a `serde_json::Value`, and the whole is written by `serde_json::to_vec`; nothing is hashed, and the memory is that of the media several times over. A request body is planned (each media item looked up), written and read to its end, each media item verified, as a chat completions request.",
    );
    for (count, size, name) in LOADS {
        measure(plan, &mut report, count, size, name).await?;
    }
    report.say(&format!("Load averages at the end: {}.", machine::load()));
    Ok(report)
}

async fn measure(
    plan: &Plan,
    report: &mut Report,
    count: usize,
    size: usize,
    name: &str,
) -> Result<()> {
    let dir = plan.dir.join(name.replace(' ', ""));
    std::fs::create_dir_all(dir.join("files"))?;
    let store = FileStore::open(dir.join("store")).await?;
    let metadata = MediaMetadata::new()
        .with_session("bench".parse()?)
        .with_conversation("bench".parse()?);
    let mut bodies = Bodies::new(size);
    let mut media = Vec::new();
    let mut files = Vec::new();
    for number in 0..count {
        let bytes = bodies.bytes();
        let file = dir.join("files").join(number.to_string());
        std::fs::write(&file, &bytes)?;
        files.push(file);
        let content = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes);
        let reference = store.store_media(&content, metadata.clone()).await?;
        media.push(MediaContent::from_reference(Mime::IMAGE_PNG, reference));
    }
    let loader = MediaLoader::builder().with_storage(Arc::new(store)).build();
    let request = Request::new(media.clone(), loader.clone())?;
    let files: Arc<[PathBuf]> = files.into();
    let mut lanes: Vec<Box<dyn Lane>> = vec![
        Box::new(lanes::Floor(Arc::clone(&files))),
        Box::new(lanes::Load(media, loader)),
        Box::new(lanes::Body(request.clone())),
        Box::new(lanes::Written(request)),
        Box::new(lanes::Plain(files)),
    ];
    let times = race(&mut lanes, plan.rounds).await?;
    let [floor, load, body, written, plain] = times.as_slice() else {
        return Err("a lane without times".into());
    };
    let row = |what: &str, samples: &Samples| {
        Row::time(what, samples).with_ratio(samples.by(floor).median())
    };
    let loaded = load.by(floor).median();
    let rows = [
        row("read + hash + encode by hand", floor),
        row("`MediaLoader::base64` of each", load)
            .with_target(format!("≤ {LOAD_TARGET}"), loaded <= LOAD_TARGET),
        row("request body, planned, written, read to its end", body)
            .with_target("below the plain way", body.by(plain).median() < 1.0),
        row("of it: planned and written", written),
        row("the plain way, nothing verified", plain),
    ];
    report.table(
        &format!("Request of {name}"),
        &format!(
            "A body takes {:.2} of the time of the plain way.",
            body.by(plain).median()
        ),
        "by hand",
        &rows,
    );
    Ok(())
}
