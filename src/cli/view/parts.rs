//! What was used of lines, and what is left of them.

use std::fmt;

use serde::Serialize;

use crate::proto::v1::{self, line_part};

/// Some of one line.
#[derive(Debug, Serialize)]
pub struct LineParts {
    /// Which line.
    pub line_id: String,
    /// Its units, those that fared alike together.
    pub parts: Vec<LinePart>,
}

/// Units of one line.
#[derive(Debug, Serialize)]
pub struct LinePart {
    /// How many.
    pub quantity: u64,
    /// For when; none for stock.
    pub when: Option<String>,
}

impl From<v1::LineParts> for LineParts {
    fn from(line: v1::LineParts) -> Self {
        let parts = line.parts.into_iter().map(LinePart::from).collect();
        Self { line_id: line.line_id, parts }
    }
}

impl From<v1::LinePart> for LinePart {
    fn from(part: v1::LinePart) -> Self {
        let when = part.when.map(|when| match when {
            line_part::When::Interval(interval) => interval.to_string(),
            line_part::When::Nights(nights) => nights.to_string(),
        });
        Self { quantity: part.quantity, when }
    }
}

/// As lines of a block: of each part how many, and for when.
pub fn write(f: &mut fmt::Formatter<'_>, what: &str, lines: &[LineParts]) -> fmt::Result {
    for LineParts { line_id, parts } in lines {
        for LinePart { quantity, when } in parts {
            write!(f, "\n  {what} {line_id:<7}{quantity}")?;
            if let Some(when) = when {
                write!(f, " for {when}")?;
            }
        }
    }
    Ok(())
}
