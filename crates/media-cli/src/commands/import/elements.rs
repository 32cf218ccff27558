//! Reading a file of JSON one value at a time, and the arrays in it one element at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize as _;
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::output::escaped;

/// What programs of Windows begin UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A part of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Element {
    /// A value that stands by itself.
    Value(Value),
    /// An element of an array that stands by itself.
    Item(Value),
    /// The end of that array.
    End,
}

/// The parts of a file: JSON, JSON Lines or values in a row.
#[derive(Debug)]
pub(super) struct Elements {
    reader: Lines,
    shown: String,
    array: Option<Place>,
    failed: bool,
}

/// A reader that knows in which line it is.
#[derive(Debug)]
struct Lines {
    reader: BufReader<File>,
    line: u64,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        let consumed = self.reader.buffer().get(..len).unwrap_or_default();
        self.line += consumed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.reader.consume(len);
    }
}

/// Where in an array the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Comma,
}

impl Elements {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let file = File::open(path).map_err(Failure::io("open", path))?;
        let mut reader = Lines {
            reader: BufReader::new(file),
            line: 1,
        };
        let start = reader.fill_buf().map_err(Failure::io("read", path))?;
        if start.starts_with(BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            reader,
            shown: escaped(&path.to_string_lossy()),
            array: None,
            failed: false,
        })
    }

    fn read(&mut self) -> Outcome<Option<Element>> {
        let mut next = self.byte()?;
        if let Some(place) = self.array {
            match (place, next) {
                (_, Some(b']')) => {
                    self.reader.consume(1);
                    self.array = None;
                    return Ok(Some(Element::End));
                }
                (Place::Comma, Some(b',')) => {
                    self.reader.consume(1);
                    next = self.byte()?;
                }
                (Place::Start, Some(_)) => {}
                (_, Some(_)) => return Err(self.failure("expected a comma or the end of an array")),
                (_, None) => return Err(self.failure("the file ends inside an array")),
            }
            self.array = Some(Place::Comma);
        } else if next == Some(b'[') {
            self.reader.consume(1);
            self.array = Some(Place::Start);
            return self.read();
        }
        match next {
            None if self.array.is_some() => Err(self.failure("the file ends inside an array")),
            None => Ok(None),
            // Messages and conversations are objects; the deserializer stops right behind one.
            Some(b'{' | b'[' | b'"') => {
                let mut values = serde_json::Deserializer::from_reader(&mut self.reader);
                let value = Value::deserialize(&mut values);
                let value = value.map_err(|error| self.json_failure(&error))?;
                Ok(Some(match self.array {
                    Some(_) => Element::Item(value),
                    None => Element::Value(value),
                }))
            }
            Some(_) => self.scalar(),
        }
    }

    /// Reads a number or a word, which ends where something else begins.
    fn scalar(&mut self) -> Outcome<Option<Element>> {
        let mut text = Vec::new();
        while let Some(byte) = self.peek()?
            && !matches!(
                byte,
                b',' | b']' | b'[' | b'{' | b'"' | b' ' | b'\t' | b'\n' | b'\r'
            )
            && text.len() < 64
        {
            text.push(byte);
            self.reader.consume(1);
        }
        let value = serde_json::from_slice(&text);
        let value = value.map_err(|error| self.json_failure(&error))?;
        Ok(Some(match self.array {
            Some(_) => Element::Item(value),
            None => Element::Value(value),
        }))
    }

    /// The next byte that is no white space. It is not taken.
    fn byte(&mut self) -> Outcome<Option<u8>> {
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(Some(byte));
            }
            self.reader.consume(1);
        }
        Ok(None)
    }

    fn peek(&mut self) -> Outcome<Option<u8>> {
        match self.reader.fill_buf() {
            Ok(buffer) => Ok(buffer.first().copied()),
            Err(error) => {
                let shown = &self.shown;
                Err(Failure::failed(format!("failed to read {shown:?}")).because(error))
            }
        }
    }

    fn failure(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        let (shown, line) = (&self.shown, self.reader.line);
        Failure::data(format!("{shown} cannot be read at line {line}")).because(why)
    }

    /// The reason without the place, which counts from the beginning of the value.
    fn json_failure(&self, error: &serde_json::Error) -> Failure {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        self.failure(why)
    }
}

impl Iterator for Elements {
    type Item = Outcome<Element>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read();
        self.failed = read.is_err();
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Vec<Element>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let all: Outcome<Vec<_>> = Elements::open(file.path()).unwrap().collect();
        all.map_err(|failure| failure.to_string())
    }

    #[test]
    fn arrays_are_read_one_element_at_a_time() {
        let item = |value| Element::Item(value);
        assert_eq!(
            read("{\"a\":[1]}\n [ {\"b\":2} , [3] ,\"x\", 4,true]\n7 [] \"y\"").unwrap(),
            [
                Element::Value(json!({"a": [1]})),
                item(json!({"b": 2})),
                item(json!([3])),
                item(json!("x")),
                item(json!(4)),
                item(json!(true)),
                Element::End,
                Element::Value(json!(7)),
                Element::End,
                Element::Value(json!("y")),
            ]
        );
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_the_line_of_a_fault_told() {
        let one = Element::Value(json!({"a": 1}));
        assert_eq!(read("\u{feff}{\"a\":1}").unwrap(), [one]);
        for (text, line) in [
            ("{}\n{}\n{\"a\":oops}\n", 3),
            ("[\n{},\noops]", 3),
            ("\n{\"a\":\n\n1 2}", 4),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(&format!("at line {line}:")), "{told}");
            assert_eq!(told.matches("line").count(), 1, "{told}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_told() {
        for text in [
            "{\"a\":", "[{}", "[{} {}]", "[{},", "oops", "[1,oops]", "{} ]", "[{},}",
        ] {
            assert!(read(text).unwrap_err().contains("cannot be read"), "{text}");
        }
    }
}
