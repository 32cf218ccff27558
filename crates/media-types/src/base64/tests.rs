use super::*;
use proptest::prelude::*;

#[test]
fn faults_are_placed() {
    for (text, at) in [
        ("a", 1),
        ("aGVsb", 5),
        ("aGV*", 3),
        ("aGVs\naG*s", 7),
        ("aGVsbG8=x", 8),
        ("=", 0),
        ("a===", 1),
        ("aGVsbG8==", 8),
        ("aG VsbG8", 2),
        ("aGVsbG9=", 6),
        ("aG_s", 2),
        ("aGVsbG8=aGVsbG8haGVs", 8),
        ("aGVsbG8haGVsbG8=aGVs", 16),
        ("aGVsbG8haGVs*G8haGVs", 12),
        ("aGVsbG8haGVsbG9=\naGVs", 17),
    ] {
        let error = decode(text.as_bytes()).unwrap_err();
        assert_eq!(error.offset(), at, "{text}: {error}");
    }
}

#[test]
fn the_url_safe_alphabet_goes_both_ways() {
    let bytes = [0xfb, 0xff, 0xfe, 0x3f];
    let mut text = Vec::new();
    let mut encoder = Encoder::with_alphabet(Alphabet::UrlSafe);
    for byte in bytes {
        encoder.push(&[byte], &mut text);
    }
    encoder.finish(&mut text);
    assert_eq!(text, b"-__-Pw==");
    for spelled in [&b"-__-Pw=="[..], b"-__-Pw", b"-__-\nPw=="] {
        assert_eq!(decode_with(Alphabet::UrlSafe, spelled).unwrap(), bytes);
        assert!(decode(spelled).is_err());
    }
    let mixed = decode_with(Alphabet::UrlSafe, b"-__-Pw/_").unwrap_err();
    assert_eq!(mixed.offset(), 6);
}

#[test]
fn data_uris_are_split() {
    let split = |t| split_data_uri(t).unwrap();
    assert_eq!(
        split("data:image/PNG;base64,AAAA").unwrap(),
        (Some(Mime::IMAGE_PNG), "AAAA")
    );
    assert_eq!(split("DATA:;base64,AA==").unwrap(), (None, "AA=="));
    assert_eq!(
        split("data:text/plain;charset=utf-8;base64,").unwrap(),
        (Some(Mime::TEXT_PLAIN), "")
    );
    for bad in [
        "data:",
        "data:image/png,xyz",
        "data:nonsense;base64,AA==",
        "data:;base64",
    ] {
        assert!(split(bad).is_err(), "{bad}");
    }
    assert!(split_data_uri("AAAA").is_none());
    assert!(split_data_uri("dat").is_none());
}

proptest! {
    #[test]
    fn pieces_decode_like_the_whole(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        cuts in proptest::collection::vec(1_usize..97, 1..8),
        wrap in 0_usize..90,
        padded: bool,
    ) {
        let mut text = encode(&bytes);
        prop_assert_eq!(text.len() as u64, encoded_len(bytes.len() as u64));
        if !padded {
            text.truncate(text.trim_end_matches('=').len());
        }
        let text: Vec<u8> = if wrap > 3 {
            text.as_bytes().chunks(wrap).collect::<Vec<_>>().join(&b"\r\n"[..])
        } else {
            text.into_bytes()
        };
        prop_assert_eq!(decoded_len(&text), bytes.len() as u64);
        let (mut decoder, mut out, mut rest) = (Decoder::new(), Vec::new(), &text[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at(rest.len().min(*cut));
            decoder.push(head, &mut out).unwrap();
            rest = tail;
        }
        decoder.finish(&mut out).unwrap();
        prop_assert_eq!(&out, &bytes);

        let (mut decoder, mut out, mut buffer) = (Decoder::new(), Vec::new(), Vec::new());
        for piece in text.chunks(cuts[0]) {
            let len = decoder.push_into(piece, &mut buffer).unwrap();
            out.extend_from_slice(&buffer[..len]);
        }
        decoder.finish(&mut out).unwrap();
        prop_assert_eq!(&out, &bytes);
        prop_assert_eq!(&decode(&text).unwrap(), &bytes);

        let (mut encoder, mut out, mut rest) = (Encoder::new(), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at(rest.len().min(*cut));
            encoder.push(head, &mut out);
            rest = tail;
        }
        encoder.finish(&mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), encode(&bytes));
    }

    #[test]
    fn pieces_fail_like_the_whole(text in "[AQgw]{0,40}[A=\n*]{0,6}[AQgw=]{0,20}", cut in 1_usize..30) {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        let mut pieces = text.as_bytes().chunks(cut);
        let decoded = pieces
            .try_for_each(|piece| decoder.push(piece, &mut out))
            .and_then(|()| decoder.finish(&mut out));
        // One symbol at a time is the slow way throughout.
        let (mut slow, mut expected) = (Decoder::new(), Vec::new());
        let mut symbols = text.as_bytes().chunks(1);
        let slow = symbols
            .try_for_each(|symbol| slow.push(symbol, &mut expected))
            .and_then(|()| slow.finish(&mut expected));
        prop_assert_eq!(decoded.is_ok(), slow.is_ok());
        if let (Err(one), Err(two)) = (&decoded, &slow) {
            prop_assert_eq!(one.offset(), two.offset());
        } else {
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn what_decodes_is_canonical(text in "[A-Za-z0-9+/=\n]{0,60}") {
        if let Ok(bytes) = decode(text.as_bytes()) {
            let clean: String = text.chars().filter(|c| *c != '\n' && *c != '=').collect();
            let written = encode(&bytes);
            prop_assert_eq!(written.trim_end_matches('='), clean);
        }
    }
}
