//! Base64 and sniffing.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media_benches::bodies::Bodies;
use media_types::{base64, sniff};

fn codec(c: &mut Criterion) {
    for (len, name) in [(1_000_000, "1 MB"), (100_000, "100 KB"), (1_000, "1 KB")] {
        let bytes = Bodies::new(len).bytes();
        let text = base64::encode(&bytes);
        let mut group = c.benchmark_group(format!("base64 {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("encode", |b| b.iter(|| base64::encode(black_box(&bytes))));
        group.bench_function("decode", |b| {
            b.iter(|| base64::decode(black_box(text.as_bytes())));
        });
        group.bench_function("decode, in pieces of 64 KiB", |b| {
            let mut out = Vec::new();
            b.iter(|| {
                let mut decoder = base64::Decoder::new();
                for piece in text.as_bytes().chunks(64 * 1024) {
                    out.clear();
                    let _ = black_box(decoder.push(black_box(piece), &mut out));
                }
                decoder.finish(&mut out)
            });
        });
        group.bench_function("decode, lines of 76", |b| {
            let lines: Vec<&[u8]> = text.as_bytes().chunks(76).collect();
            let wrapped = lines.join(&b"\r\n"[..]);
            b.iter(|| base64::decode(black_box(&wrapped)));
        });
        group.bench_function("length when decoded", |b| {
            b.iter(|| base64::decoded_len(black_box(text.as_bytes())));
        });
        group.finish();
    }
}

fn types(c: &mut Criterion) {
    let mut group = c.benchmark_group("sniff");
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.resize(1024, 7);
    let mut svg = b"<?xml version=\"1.0\"?>\n<!-- a comment -->\n<svg>".to_vec();
    svg.resize(1024, b' ');
    for (name, bytes) in [
        ("PNG", png),
        ("SVG", svg),
        ("unknown", Bodies::new(1024).bytes().to_vec()),
    ] {
        group.bench_function(name, |b| b.iter(|| sniff(black_box(&bytes))));
    }
    group.finish();
}

criterion_group!(benches, codec, types);
criterion_main!(benches);
