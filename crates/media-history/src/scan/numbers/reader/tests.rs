use super::*;

fn read(text: &str) -> (NumberReader, Read) {
    let text = text.as_bytes();
    let mut reader = NumberReader::new(text[0] == b'{', &text[..1]);
    let outcome = reader.feed(Unit::Run(&text[1..]));
    // Byte by byte it is the same.
    let mut slow = NumberReader::new(text[0] == b'{', &text[..1]);
    let mut ends = text[1..].iter().map(|byte| slow.feed(Unit::Run(&[*byte])));
    let end = ends.find(|read| *read != Read::All);
    assert_eq!(end.is_none(), outcome == Read::All);
    assert_eq!(slow.count(), reader.count());
    assert_eq!(
        (&slow.decoded, slow.text_len),
        (&reader.decoded, reader.text_len)
    );
    (reader, outcome)
}

#[test]
fn bytes_are_read_in_every_even_spelling() {
    for (text, style) in [
        ("[137,80,78,0,255]", "nl"),
        ("[137, 80, 78, 0, 255]", "nl.s2c20"),
        (
            "[\n  137,\n  80,\n  78,\n  0,\n  255\n]",
            "nl.o5b0a2020.s2c0a2020.e0a5d",
        ),
        (r#"{"0":137,"1":80,"2":78,"3":0,"4":255}"#, "nm"),
        (
            r#"{ "0" : 137, "1" : 80, "2" : 78, "3" : 0, "4" : 255 }"#,
            "nm.o7b20.s2c20.v22203a20.e207d",
        ),
    ] {
        let (reader, outcome) = read(text);
        assert_eq!(outcome, Read::End(text.len() - 1), "{text}");
        let finished = reader.finish();
        assert_eq!(finished.style.to_string(), style);
        assert_eq!(finished.decoded, [137, 80, 78, 0, 255]);
        assert_eq!(finished.text_len, text.len() as u64);
        assert_eq!(finished.head, finished.decoded);
        let mut spelled = Vec::new();
        Respelling::of(finished).finish(&mut spelled);
        assert_eq!(String::from_utf8(spelled).unwrap(), text);
    }
}

#[test]
fn what_is_no_byte_is_given_back() {
    for (text, bytes) in [
        ("[]", 0),
        ("[{", 0),
        (r#"["a""#, 0),
        ("[1,2.5]", 1),
        ("[1,2e1]", 1),
        ("[1,-2]", 1),
        ("[1,256]", 1),
        ("[1,2560]", 1),
        ("[1,00]", 1),
        ("[1,01]", 1),
        ("[1,2,null]", 2),
        ("[1,2,]", 2),
        ("[1,2 3]", 2),
        ("[1,2, 3]", 2),
        ("[1, 2,3]", 2),
        (r#"{"1":1}"#, 0),
        (r#"{"0":1,"2":3}"#, 1),
        (r#"{"0":1,"01":3}"#, 1),
        (r#"{"0":1,"1" :3}"#, 1),
        (r#"{"role":1}"#, 0),
    ] {
        let (mut reader, outcome) = read(text);
        let (Read::Stop(read) | Read::Uneven(read)) = outcome else {
            panic!("{text}: {outcome:?}");
        };
        assert_eq!(reader.count(), bytes, "{text}");
        let mut spelled = Vec::new();
        reader.respelling().finish(&mut spelled);
        let pending = reader.pending();
        spelled.extend_from_slice(pending.raw());
        assert_eq!(String::from_utf8(spelled).unwrap(), text[..=read], "{text}");
        let atoms: Vec<u8> = pending
            .split(0)
            .1
            .flat_map(|atom| atom.raw().to_vec())
            .collect();
        assert_eq!(atoms, pending.raw());
    }
}
