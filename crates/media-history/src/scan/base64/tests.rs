//! Reading base64 and giving it back.

use super::{Dialect, Fed, NotCanonical, Reader};
use crate::scan::escape::{Chain, Link, Unit};
use crate::scan::respell::Respelling;
use proptest::prelude::*;

/// Reads raw text inside of so many levels of strings; what was read, and the text it stops at.
fn read(dialect: Dialect, levels: usize, raw: &[u8], step: usize) -> (Reader, Vec<u8>) {
    let (mut chain, mut reader) = (Chain::new(levels), Reader::new(dialect));
    let (mut at, mut end) = (0, 0);
    while at < raw.len() {
        end = raw.len().min(end.max(at + step));
        let (consumed, unit) = match chain.next(&raw[at..end]) {
            Link::Open(used) => {
                at += used;
                continue;
            }
            Link::Unit(used, unit) => (used, unit),
            Link::Bad => panic!("not the content of a string"),
        };
        let len = match unit {
            Unit::Run(run) => run.len(),
            Unit::Atom(atom) => atom.raw().len(),
        };
        match reader.feed(unit) {
            Fed::All => at += if consumed == 0 { len } else { consumed },
            Fed::Stop(taken) | Fed::Uneven(taken) => {
                let from = match consumed {
                    0 => at + taken,
                    _ => at + consumed - len,
                };
                return (reader, raw[from..].to_vec());
            }
        }
    }
    (reader, Vec::new())
}

fn respelled(respelling: Respelling) -> Vec<u8> {
    let mut out = Vec::new();
    respelling.finish(&mut out);
    out
}

#[test]
fn styles_are_found() {
    for (dialect, levels, raw, style) in [
        (Dialect::Whole, 1, &b"+//+Pw=="[..], "sp"),
        (Dialect::Whole, 1, b"+//+Pw", "sn"),
        (Dialect::Whole, 1, b"-__-Pw==", "up"),
        (Dialect::Whole, 1, b"-__-Pw", "un"),
        (Dialect::Whole, 1, b"AAAA", "sp"),
        (Dialect::Whole, 1, br"+\/\/+Pw==", "sp.b5c2f"),
        (Dialect::Whole, 2, br"+\\/\\/+Pw==", "sp.b5c5c2f"),
        (
            Dialect::Whole,
            1,
            br"\u002b//\u002bPw\u003d\u003d",
            "sp.a5c7530303262.c5c7530303364",
        ),
        (Dialect::Whole, 1, br"AAAA\nBBBB\nCA==", "sp.l4-5c6e"),
        (Dialect::Whole, 1, br"AAAA\r\nBBBB\r\n", "sp.l4-5c725c6e.t"),
        (Dialect::Whole, 1, br"AAAA\n", "sp.l4-5c6e.t"),
        (Dialect::Whole, 1, br"AAAAB\nBBBCC\nAA", "sp.l5-5c6e"),
        (Dialect::Uri, 1, b"%2B//%2BPw%3D%3D", "sp.a253242.c253344"),
    ] {
        for step in [1, 2, 1000] {
            let (reader, rest) = read(dialect, levels, raw, step);
            assert_eq!(rest, b"", "{}", String::from_utf8_lossy(raw));
            let finished = reader.finish().unwrap();
            assert_eq!(finished.style.to_string(), style);
            assert_eq!(finished.text_len, raw.len() as u64);
            assert_eq!(respelled(Respelling::of(finished)), raw);
        }
    }
}

#[test]
fn other_text_is_given_back() {
    for (dialect, raw, rest) in [
        (Dialect::Whole, &b"Hello world"[..], " world"),
        (Dialect::Whole, b"AAA=A", "A"),
        (Dialect::Whole, b"A=", "="),
        (Dialect::Whole, b"AA===", "="),
        (Dialect::Whole, b"+_AA", "_AA"),
        (Dialect::Whole, b"AAAA%2B", "%2B"),
        (Dialect::Whole, br"+/\/", r"\/"),
        (Dialect::Whole, br"\/A/", "/"),
        (Dialect::Whole, br"A\u0041", r"\u0041"),
        (Dialect::Whole, br"AAAA\nBB\nCCCC", "CCCC"),
        (Dialect::Whole, br"AAAA\nBBBBB", "BBBBB"),
        (Dialect::Uri, br"AAAA\nBBBB", r"\nBBBB"),
        (Dialect::Uri, b"AAAA%20x", "0x"),
        (Dialect::Uri, b"AAAA%zz", "zz"),
    ] {
        let (reader, left) = read(dialect, 1, raw, 1000);
        assert_eq!(String::from_utf8_lossy(&left), rest);
        let mut again = respelled(reader.into_respelling());
        again.extend_from_slice(&left);
        assert_eq!(
            String::from_utf8(again).unwrap(),
            String::from_utf8_lossy(raw)
        );
    }
}

#[test]
fn what_encoding_would_not_write_is_not_canonical() {
    for (raw, why) in [
        (&b"A"[..], NotCanonical::NotBase64),
        (b"AAAAB", NotCanonical::NotBase64),
        (b"AB", NotCanonical::NotReproducible),
        (b"AAA=", NotCanonical::NotReproducible),
        (b"AA=", NotCanonical::NotReproducible),
    ] {
        let (reader, _) = read(Dialect::Whole, 1, raw, 1000);
        match (raw, reader.finish()) {
            (b"AAA=", Ok(_)) => {}
            (_, Err((reader, found))) => {
                assert_eq!(found, why);
                assert_eq!(respelled(reader.into_respelling()), raw);
            }
            (raw, Ok(_)) => panic!("{}", String::from_utf8_lossy(raw)),
        }
    }
}

proptest! {
    /// Whatever is read, what is decoded and what is left are the text again.
    #[test]
    fn no_text_is_lost(
        raw in r"([A-D+/_=-]|\\/|\\u002b|\\n|%2B|%3d|[A-Z]{8}\\n){0,40}",
        levels in 1..3_usize,
        step in 1..40_usize,
        uri: bool,
    ) {
        let dialect = if uri { Dialect::Uri } else { Dialect::Whole };
        let mut raw = raw;
        for _ in 1..levels {
            let json = serde_json::to_string(&raw).unwrap();
            raw = json[1..json.len() - 1].to_owned();
        }
        let (reader, rest) = read(dialect, levels, raw.as_bytes(), step);
        let mut again = match reader.finish() {
            Ok(finished) => {
                let len = finished.text_len;
                let again = respelled(Respelling::of(finished));
                prop_assert_eq!(again.len() as u64, len);
                again
            }
            Err((reader, _)) => respelled(reader.into_respelling()),
        };
        again.extend_from_slice(&rest);
        prop_assert_eq!(String::from_utf8(again).unwrap(), raw);
    }
}
