//! Charts as SVG.

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::quantity::human_bytes;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 24.0;

/// One line of a chart: its class for the style, and its values by day.
pub(crate) struct Line<'a> {
    pub(crate) class: &'a str,
    pub(crate) values: Vec<(NaiveDate, u64)>,
}

/// Draws lines over time, with areas below them, largest first.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn over_time(lines: &[Line<'_>]) -> String {
    let all = || lines.iter().flat_map(|line| &line.values);
    let (Some(first), Some(last)) = (
        all().map(|(day, _)| *day).min(),
        all().map(|(day, _)| *day).max(),
    ) else {
        return String::new();
    };
    let top = all().map(|(_, value)| *value).max().unwrap_or(1).max(1) as f64;
    let span = (last - first).num_days().max(1) as f64;
    let x = |day: NaiveDate| LEFT + (day - first).num_days() as f64 / span * (WIDTH - LEFT - 10.0);
    let y = |value: u64| 10.0 + (1.0 - value as f64 / top) * (HEIGHT - BOTTOM - 10.0);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    for step in 0..=2_u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let value = (top * step as f64 / 2.0) as u64;
        let at = y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            human_bytes(value)
        );
    }
    for line in lines {
        let mut path = String::new();
        for (at, (day, value)) in line.values.iter().enumerate() {
            let word = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{word}{:.1} {:.1}", x(*day), y(*value));
        }
        let (from, to) = match (line.values.first(), line.values.last()) {
            (Some((from, _)), Some((to, _))) => (x(*from), x(*to).max(x(*from) + 2.0)),
            _ => continue,
        };
        let floor = y(0);
        let _ = write!(
            svg,
            "<path class=\"area {0}\" d=\"{path}L{to:.1} {floor:.1}L{from:.1} {floor:.1}Z\"/>\
             <path class=\"line {0}\" d=\"{path}\"/>",
            line.class
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{0:.1}\">{first}</text>\
         <text x=\"{WIDTH}\" y=\"{0:.1}\" text-anchor=\"end\">{last}</text></svg>",
        HEIGHT - 4.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_of_one_day_or_of_nothing_is_no_failure() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
        let line = |values| Line {
            class: "seen",
            values,
        };
        assert_eq!(over_time(&[line(vec![])]), "");
        let svg = over_time(&[line(vec![(day, 0)])]);
        assert!(svg.contains("2026-01-02") && !svg.contains("NaN"), "{svg}");
    }
}
