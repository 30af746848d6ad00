//! Tables for spreadsheets: RFC 4180, and no cell that a spreadsheet would take for a formula.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

/// A cell.
pub(super) enum Cell {
    /// Somebody's words, or a number with a plus: never a formula.
    Text(String),
    /// What we have written ourselves: amounts, counts and dates. A minus in front of an amount stays one.
    Exact(String),
}

impl Cell {
    fn written(&self) -> String {
        match self {
            Self::Text(text) => {
                let begins_formula = |first: char| "=+-@\t\r".contains(first);
                let guard = if text.starts_with(begins_formula) { "'" } else { "" };
                quoted(&format!("{guard}{text}"))
            }
            Self::Exact(text) => quoted(text),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A table with its heading.
pub(super) struct Table {
    text: String,
}

impl Table {
    pub(super) fn new(heading: &[&str]) -> Self {
        Self { text: format!("{}\r\n", heading.join(",")) }
    }

    pub(super) fn add(&mut self, cells: &[Cell]) {
        let cells: Vec<String> = cells.iter().map(Cell::written).collect();
        self.text.push_str(&cells.join(","));
        self.text.push_str("\r\n");
    }

    /// The answer; browsers keep it as a file of this name.
    pub(super) fn response(self, name: &'static str) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text));
        let content_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Table};

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut table = Table::new(&["number", "amount", "words"]);
        let words =
            ["=1+1", "+61", "-1", "@a", "\tx", "\rx", "a,b", "say \"no\"", "two\nlines", " plain ", ""];
        for text in words {
            table.add(&[Cell::Text(text.to_owned()), Cell::Exact("-3.50".to_owned())]);
        }
        assert_eq!(
            table.text,
            "number,amount,words\r\n'=1+1,-3.50\r\n'+61,-3.50\r\n'-1,-3.50\r\n'@a,-3.50\r\n'\tx,-3.50\r\n\"'\rx\",-3.50\r\n\
             \"a,b\",-3.50\r\n\"say \"\"no\"\"\",-3.50\r\n\"two\nlines\",-3.50\r\n plain ,-3.50\r\n,-3.50\r\n"
        );
    }
}
