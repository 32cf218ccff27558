//! Tables for people.

use comfy_table::{CellAlignment, ContentArrangement, presets};

/// On which side of a column its cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table without lines.
#[derive(Debug)]
pub(crate) struct Table {
    table: comfy_table::Table,
    aligns: Vec<Align>,
    rows: usize,
}

impl Table {
    /// Creates a table with these columns.
    pub(crate) fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if columns.iter().any(|(name, _)| !name.is_empty()) {
            table.set_header(columns.map(|(name, _)| name));
        }
        Self {
            table,
            aligns: columns.iter().map(|(_, align)| *align).collect(),
            rows: 0,
        }
    }

    /// Creates a table of names and values.
    pub(crate) fn of_fields() -> Self {
        Self::new([("", Align::Left), ("", Align::Left)])
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows += 1;
        self.table.add_row(cells);
    }

    /// Adds a name and a value.
    pub(crate) fn field(&mut self, name: &str, value: impl Into<String>) {
        self.row([name.to_owned(), value.into()]);
    }

    /// Returns whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the table as lines, without blanks at their ends.
    pub(crate) fn render(mut self) -> String {
        for (at, align) in self.aligns.iter().enumerate() {
            let alignment = match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            };
            if let Some(column) = self.table.column_mut(at) {
                column.set_cell_alignment(alignment);
                column.set_padding((0, 2));
            }
        }
        let mut text = String::new();
        for line in self.table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_no_line_ends_in_blanks() {
        let mut table = Table::new([("user", Align::Left), ("size", Align::Right)]);
        table.row(["a".into(), "1 B".into()]);
        table.row(["longer".into(), "100 B".into()]);
        assert_eq!(
            table.render(),
            "user     size\na         1 B\nlonger  100 B\n"
        );
    }
}
