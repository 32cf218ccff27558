//! Sidecars and names.

use std::hint::black_box;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use media_storage::layout::{CaseRule, FileName, MediaToken, encode_segment, parse_media_key};
use media_storage::{MediaMetadata, RetentionPolicy, Sidecar};
use media_types::{Mime, Sha256};

fn sidecar() -> Result<Sidecar, Box<dyn std::error::Error>> {
    let metadata = MediaMetadata::new()
        .with_session("session-5d8f1c1e-8c1f-4c55-9a5e-0e6a1f0f6c11".parse()?)
        .with_conversation("conv-0b7c6a1e-52c4-4b0d-8f0a-4a8b3f1d2e90".parse()?)
        .with_user("user-1".parse()?)
        .with_filename("photo.png".to_owned());
    let id = "session-5d8f1c1e/conv-0b7c6a1e/e3b0c4-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    Ok(Sidecar::new(
        id,
        Mime::IMAGE_PNG,
        1_234_567,
        Sha256::EMPTY,
        metadata,
        RetentionPolicy::RetainDays(30),
        DateTime::from_timestamp(1_767_323_045, 678_000_000).unwrap_or_default(),
    ))
}

fn records(c: &mut Criterion) {
    let Ok(sidecar) = sidecar() else {
        return;
    };
    let json = sidecar.to_json().unwrap_or_default();
    c.bench_function("sidecar, parse", |b| {
        b.iter(|| Sidecar::from_json(black_box(&json)));
    });
    c.bench_function("sidecar, write", |b| {
        b.iter(|| black_box(&sidecar).to_json())
    });
}

fn names(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode_segment");
    for (name, id) in [
        (
            "UUID",
            "session-5d8f1c1e-8c1f-4c55-9a5e-0e6a1f0f6c11".to_owned(),
        ),
        ("encoded", "user@example.com/../x".to_owned()),
        ("hashed", "ä".repeat(100)),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| encode_segment(black_box(&id), CaseRule::Sensitive));
        });
    }
    group.finish();
    c.bench_function("file name, mint", |b| {
        b.iter(|| MediaToken::mint().map(|id| FileName::new(Sha256::EMPTY, &id, &Mime::IMAGE_PNG)));
    });
    let key = "session-5d8f1c1e/conv-0b7c6a1e/e3b0c4-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    c.bench_function("key, parse", |b| b.iter(|| parse_media_key(black_box(key))));
}

criterion_group!(benches, records, names);
criterion_main!(benches);
