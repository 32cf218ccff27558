//! Media content, base64 in pieces, sniffing and URLs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_types::{MediaContent, MediaUrl, base64, sniff};

fuzz_target!(|data: &[u8]| {
    if let Ok(content) = serde_json::from_slice::<MediaContent>(data) {
        let json = serde_json::to_string(&content).expect("content writes");
        let again: MediaContent = serde_json::from_str(&json).expect("it reads again");
        assert_eq!(
            serde_json::to_string(&again).expect("it writes again"),
            json
        );
    }
    let _ = sniff(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = MediaUrl::new(text);
        let _ = base64::split_data_uri(text);
    }

    // Base64 is the same in one piece and in two, wherever it is cut.
    let whole = base64::decode(data);
    if let Ok(bytes) = &whole {
        let again = base64::decode(base64::encode(bytes).as_bytes());
        assert_eq!(again.as_ref().ok(), Some(bytes));
    }
    let cut = data.first().map_or(0, |byte| usize::from(*byte)) % (data.len() + 1);
    let (one, two) = data.split_at(cut);
    let (mut decoder, mut out) = (base64::Decoder::new(), Vec::new());
    let pieces = decoder
        .push(one, &mut out)
        .and_then(|()| decoder.push(two, &mut out))
        .and_then(|()| decoder.finish(&mut out));
    match (whole, pieces) {
        (Ok(bytes), Ok(())) => assert_eq!(bytes, out),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} in one piece, {pieces:?} in two"),
    }
});
