//! Files for those who give none: a document, a recording and a chart, made by code.

use std::f32::consts::TAU;
use std::fmt::Write as _;

use conversation_sdk::providers::PcmFormat;
use media_types::Mime;

use crate::attachment::Attachment;
use crate::chart;

/// The lines of each page of the document.
const PAGES: [&[&str]; 2] = [
    &[
        "Ferry to the island of Hallum",
        "Timetable, April to September",
        "",
        "From the mainland: 7:40, 11:15, 15:30, 18:05",
        "From the island: 8:30, 12:05, 16:20, 18:55",
    ],
    &[
        "Fares",
        "",
        "Adults 9.40, children 4.20, bicycles 3.00",
        "Dogs travel free, and have to be on a leash.",
    ],
];

/// Notes of the recording, in hertz: A, C sharp, E.
const NOTES: [f32; 3] = [440.0, 554.37, 659.26];

const SAMPLES_PER_SECOND: u32 = 16_000;

/// A PDF document of two pages.
#[must_use]
pub fn timetable() -> Attachment {
    Attachment::new("timetable.pdf", Mime::APPLICATION_PDF, pdf(&PAGES))
}

/// A WAV file of three notes, half a second each.
#[must_use]
pub fn three_notes() -> Attachment {
    let samples: Vec<u8> = NOTES
        .iter()
        .flat_map(|note| {
            (0..SAMPLES_PER_SECOND / 2).map(move |at| {
                let second = at as f32 / SAMPLES_PER_SECOND as f32;
                // It fades, so that the next one is heard to begin.
                let loudness = 0.6 * (1.0 - 2.0 * second);
                ((TAU * note * second).sin() * loudness * f32::from(i16::MAX)) as i16
            })
        })
        .flat_map(i16::to_le_bytes)
        .collect();
    let format = PcmFormat::new(SAMPLES_PER_SECOND, 1);
    let wav = format.map_or_else(Vec::new, |format| format.wav(&samples).to_vec());
    Attachment::new("three-notes.wav", Mime::AUDIO_WAV, wav)
}

/// A PNG file of a bar chart.
#[must_use]
pub fn chart() -> Attachment {
    let png = chart::bars(&[4.0, 0.0, 12.0, 7.0, 0.0, 0.0, 3.0]);
    Attachment::new("rainfall.png", Mime::IMAGE_PNG, png.unwrap_or_default())
}

/// A document with a page of text for each list of lines.
fn pdf(pages: &[&[&str]]) -> Vec<u8> {
    // Two objects a page, after the three that all share.
    let page_ids = (0..pages.len()).map(|page| 4 + 2 * page);
    let kids: Vec<String> = page_ids.map(|id| format!("{id} 0 R")).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            pages.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for lines in pages {
        let contents = objects.len() + 2;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] \
             /Resources << /Font << /F1 3 0 R >> >> /Contents {contents} 0 R >>"
        ));
        let shown: Vec<String> = lines.iter().map(|line| format!("({line}) Tj T*")).collect();
        let text = format!("BT /F1 16 Tf 24 TL 72 740 Td {} ET", shown.join(" "));
        objects.push(format!(
            "<< /Length {} >>\nstream\n{text}\nendstream",
            text.len()
        ));
    }
    let mut file = "%PDF-1.4\n".to_owned();
    let mut index = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        let _ = writeln!(index, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{} 0 obj\n{object}\nendobj", number + 1);
    }
    let start = file.len();
    let size = objects.len() + 1;
    let _ = write!(
        file,
        "{index}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    file.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_the_document_leads_to_its_objects() {
        let file = String::from_utf8(pdf(&PAGES)).unwrap();
        let start = file.rsplit("startxref\n").next().unwrap();
        let start: usize = start.lines().next().unwrap().parse().unwrap();
        let rows: Vec<&str> = file[start..].lines().skip(3).collect();
        for number in 1..=7 {
            let offset: usize = rows[number - 1][..10].parse().unwrap();
            assert!(file[offset..].starts_with(&format!("{number} 0 obj\n")));
        }
        assert!(rows[7].starts_with("trailer"), "{rows:?}");
    }
}
