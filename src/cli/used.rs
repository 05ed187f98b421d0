//! How what was used of a line is written as an argument.
//!
//! ```text
//! 1                      all of line 1
//! 1=2                    two of its units
//! 1@2026-12-26           until the 26th: for nights
//! 1=2@2026-12-24T11:03Z  two units until 11:03: for slots
//! ```
//!
//! The last `@` is before the end, and the last `=` before the quantity.
//!
//! Not here: whether there is such a line, and so much of it.

use std::str::FromStr;

use crate::cli::parse;
use crate::cli::when;
use crate::proto::v1::{self, commit_line::End};

/// What was used of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct UsedSpec {
    /// Which line.
    pub line_id: String,
    /// How many units; all where missing.
    pub quantity: Option<u64>,
    /// Until when; to the line's end where missing.
    pub end: Option<End>,
}

impl FromStr for UsedSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, end) = match text.rsplit_once('@') {
            None => (text, None),
            Some((rest, end)) => (rest, Some(until(end)?)),
        };
        let (line_id, quantity) = match rest.rsplit_once('=') {
            None => (rest, None),
            Some((line_id, units)) => (line_id, Some(quantity(units)?)),
        };
        if line_id.is_empty() {
            return Err("no line, as in 1, 1=2 or 1@2026-12-26".to_owned());
        }
        Ok(Self { line_id: line_id.to_owned(), quantity, end })
    }
}

fn quantity(text: &str) -> Result<u64, String> {
    let quantity = text.parse().ok().filter(|quantity| *quantity > 0);
    quantity.ok_or_else(|| format!("`{text}` is no quantity: a whole number from 1"))
}

fn until(text: &str) -> Result<End, String> {
    if let Ok(moment) = parse::moment(text) {
        return Ok(End::EndTime(moment));
    }
    let date = when::date(text).map(|date| End::CheckOutDate(when::to_wire_date(date)));
    date.map_err(|_| format!("`{text}` is no end such as 2026-12-26 or 2026-12-24T11:00Z"))
}

impl UsedSpec {
    /// The line as a request carries it.
    pub fn into_message(self) -> v1::CommitLine {
        v1::CommitLine { line_id: self.line_id, quantity: self.quantity, end: self.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> UsedSpec {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_used_is_a_line_a_quantity_and_an_end_of_which_two_may_be_missing() {
        assert_eq!(read("1"), UsedSpec { line_id: "1".into(), quantity: None, end: None });
        let date = crate::proto::Date { year: 2026, month: 12, day: 26 };
        let early = UsedSpec { end: Some(End::CheckOutDate(date)), ..read("1") };
        assert_eq!(read("1@2026-12-26"), early);
        assert_eq!(read("1=2@2026-12-26"), UsedSpec { quantity: Some(2), ..early });
        let at = parse::moment("2026-12-24T11:03:00Z").unwrap();
        assert_eq!(read("1@2026-12-24T11:03Z").end, Some(End::EndTime(at)));
        assert_eq!(read("a=b=2").line_id, "a=b");
    }

    #[test]
    fn what_is_not_used_says_what_would_be() {
        let refused = |text: &str| text.parse::<UsedSpec>().unwrap_err();
        assert_eq!(refused("1=0"), "`0` is no quantity: a whole number from 1");
        assert_eq!(refused("1@noon"), "`noon` is no end such as 2026-12-26 or 2026-12-24T11:00Z");
        assert_eq!(refused("=2"), "no line, as in 1, 1=2 or 1@2026-12-26");
    }
}
