//! The lines of a scenario's commands, as the wire has them and as what varies in a template.
//!
//! Not here: which command has which lines.

use super::template::{NUMBER_DIGITS, Piece};
use crate::cli::parse;
use crate::domain::calendar::Span;
use crate::domain::time::Timestamp;
use crate::proto::v1;
use v1::reservation_line::Resource;

/// What one line wants; SKUs, bays and hotels are numbered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line {
    /// Of a SKU.
    Unit(u32),
    /// Of a bay where it is a slot, of a hotel where it is nights.
    Time(u32, Span),
}

impl Line {
    /// The bytes that it differs in from others of its kind, in their order.
    pub(super) fn pieces(self) -> impl Iterator<Item = Piece> {
        let pieces = match self {
            Self::Unit(sku) => [Some(Piece::Number(sku)), None, None],
            Self::Time(number, Span::Slots { start, end }) => {
                let [start, end] = [start, end].map(|at| Piece::Moment(seconds(at)));
                [Piece::Number(number), start, end].map(Some)
            }
            Self::Time(number, Span::Nights { check_in, check_out }) => {
                [Piece::Number(number), Piece::Day(check_in), Piece::Day(check_out)].map(Some)
            }
        };
        pieces.into_iter().flatten()
    }

    /// As the wire has it, with a run's names.
    pub(super) fn resource(self, run: &str) -> Resource {
        match self {
            Self::Unit(sku) => Resource::Stock(stock(run, sku)),
            Self::Time(number, Span::Slots { start, end }) => Resource::Slots(v1::SlotsResource {
                calendar_id: bay(run, number),
                start_time: Some(time(start)),
                end_time: Some(time(end)),
            }),
            Self::Time(number, Span::Nights { check_in, check_out }) => {
                Resource::Nights(v1::NightsResource {
                    calendar_id: hotel(run, number),
                    check_in_date: Some(parse::to_wire_date(check_in)),
                    check_out_date: Some(parse::to_wire_date(check_out)),
                })
            }
        }
    }
}

/// The SKU with this number, of a run.
pub(super) fn stock(run: &str, number: u32) -> v1::StockResource {
    v1::StockResource { sku: format!("{run}-{}", digits(number)), location: String::new() }
}

/// The id of a calendar of slots.
pub(super) fn bay(run: &str, number: u32) -> String {
    format!("{run}-bay-{}", digits(number))
}

/// The id of a calendar of nights.
pub(super) fn hotel(run: &str, number: u32) -> String {
    format!("{run}-hotel-{}", digits(number))
}

fn digits(number: u32) -> String {
    format!("{number:0digits$}", digits = NUMBER_DIGITS)
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: seconds(at).cast_signed(), nanos: 0 }
}

fn seconds(at: Timestamp) -> u64 {
    at.0 / 1_000
}
