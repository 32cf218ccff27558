//! Single elements of the XML documents that services answer with.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Returns the text of the first element of this name, trimmed. Text that precedes the document is
/// ignored, as are nested elements. Returns `None` if there is no such element, or if the document
/// is not well-formed up to its end.
pub(crate) fn first_text(document: &str, name: &str) -> Option<String> {
    let document = document.get(document.find('<')?..)?;
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == name.as_bytes() => {
                return text_until_end(&mut reader, name);
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn text_until_end(reader: &mut Reader<&[u8]>, name: &str) -> Option<String> {
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Text(piece) => text.push_str(&piece.decode().ok()?),
            Event::CData(piece) => text.push_str(&piece.decode().ok()?),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => text.push(character),
                None => text.push_str(resolve_predefined_entity(&reference.decode().ok()?)?),
            },
            Event::End(end) if end.local_name().as_ref() == name.as_bytes() => {
                return Some(text.trim().to_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_is_found_and_entities_are_resolved() {
        let document = "403 Forbidden: <?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>\
            <Message> a &lt;b&gt; &amp; &#99; </Message><Code>Second</Code></Error>";
        assert_eq!(first_text(document, "Code").unwrap(), "NoSuchKey");
        assert_eq!(first_text(document, "Message").unwrap(), "a <b> & c");
        assert_eq!(first_text(document, "Region"), None);
    }

    #[test]
    fn anything_else_has_no_elements() {
        for document in [
            "",
            "plain text",
            "<Code>cut",
            "{\"Code\":\"x\"}",
            "<Code>&bad;</Code>",
        ] {
            assert_eq!(first_text(document, "Code"), None, "{document}");
        }
    }
}
