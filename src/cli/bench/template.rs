//! Commands as bytes that were encoded once: what varies is written over a copy.
//!
//! The load comes from the machine that it measures, so each command must cost the sender next to
//! nothing. For the same reason an answer is read only as far as it is counted.
//!
//! Not here: what is sent, and when.

use prost::Message;
use prost::bytes::Bytes;
use tonic_types::pb;
use uuid::Uuid;

use crate::client::bare::{PREFIX_BYTES, write_prefix};
use crate::domain::calendar::Date;
use crate::proto::v1;
use v1::sequenced_command::Command;

/// Every sequence from here on is a varint of so many bytes.
const SEQUENCE_MIN: u64 = 1 << 28;
const SEQUENCE_BYTES: usize = 5;
/// Every moment from 1979 to 3058 is one of so many bytes, every year from 128 on of so many.
const MOMENT_BYTES: usize = 5;
const YEAR_BYTES: usize = 2;
/// The digits of a number in a name.
pub(super) const NUMBER_DIGITS: usize = 6;
/// The tags of a message's first members, where they are varints.
const FIRST_MEMBER: u8 = 0x08;
const SECOND_MEMBER: u8 = 0x10;
const THIRD_MEMBER: u8 = 0x18;

/// What varies beside the request id: as many bytes in every command of a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Piece {
    /// The digits in which a name ends.
    Number(u32),
    /// What is in a Timestamp, in seconds since 1970, from 1979 on.
    Moment(u64),
    /// What is in a Date.
    Day(Date),
}

impl Piece {
    fn len(self) -> usize {
        match self {
            Self::Number(_) => NUMBER_DIGITS,
            Self::Moment(_) => 1 + MOMENT_BYTES,
            Self::Day(_) => 1 + YEAR_BYTES + 2 + 2,
        }
    }

    fn write(self, into: &mut [u8]) {
        match self {
            Self::Number(number) => write_digits(&mut into[..NUMBER_DIGITS], number),
            Self::Moment(seconds) => {
                into[0] = FIRST_MEMBER;
                write_varint(&mut into[1..=MOMENT_BYTES], seconds);
            }
            Self::Day(date) => {
                let (year, month, day) = date.civil();
                into[0] = FIRST_MEMBER;
                write_varint(&mut into[1..=YEAR_BYTES], u64::from(year.unsigned_abs()));
                into[1 + YEAR_BYTES..].copy_from_slice(&[SECOND_MEMBER, month, THIRD_MEMBER, day]);
            }
        }
    }
}

/// One command in its bytes.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    request_id_at: usize,
    pieces_at: Vec<usize>,
}

impl Template {
    /// With the request id nil, and these pieces in their order. Whatever else there is between the
    /// request id and the last of them must not look like one.
    fn new(bytes: Vec<u8>, pieces: impl Iterator<Item = Piece>) -> Self {
        let request_id = Uuid::nil().to_string();
        let request_id_at = find(&bytes, 0, request_id.as_bytes());
        let mut end = request_id_at + request_id.len();
        let place = |piece: Piece| {
            let mut written = vec![0; piece.len()];
            piece.write(&mut written);
            let at = find(&bytes, end, &written);
            end = at + written.len();
            at
        };
        let pieces_at = pieces.map(place).collect();
        Self { bytes, request_id_at, pieces_at }
    }

    /// Writes what varies over a copy.
    fn vary(&self, copy: &mut [u8], request_id: Uuid, pieces: impl Iterator<Item = Piece>) {
        request_id.hyphenated().encode_lower(&mut copy[self.request_id_at..]);
        for (at, piece) in self.pieces_at.iter().zip(pieces) {
            piece.write(&mut copy[*at..at + piece.len()]);
        }
    }
}

/// The command of a call.
#[derive(Debug)]
pub(super) struct CallTemplate(Template);

impl CallTemplate {
    /// A command with the request id nil, and these pieces.
    pub(super) fn new(command: &impl Message, pieces: impl Iterator<Item = Piece>) -> Self {
        let mut frame = vec![0; PREFIX_BYTES];
        frame.extend(command.encode_to_vec());
        write_prefix(&mut frame);
        Self(Template::new(frame, pieces))
    }

    /// The command with other pieces.
    pub(super) fn frame(&self, request_id: Uuid, pieces: impl Iterator<Item = Piece>) -> Bytes {
        let mut frame = self.0.bytes.clone();
        self.0.vary(&mut frame, request_id, pieces);
        frame.into()
    }
}

/// One command of a stream's message.
#[derive(Debug)]
pub(super) struct StreamTemplate {
    template: Template,
    sequence_at: usize,
}

impl StreamTemplate {
    /// A command with the request id nil, and these pieces.
    pub(super) fn new(command: Command, pieces: impl Iterator<Item = Piece>) -> Self {
        let command = v1::SequencedCommand { sequence: SEQUENCE_MIN, command: Some(command) };
        // After the message's tag and length, and the sequence's own tag.
        let sequence_at = 1 + prost::length_delimiter_len(command.encoded_len()) + 1;
        let bytes = v1::ExecuteRequest { commands: vec![command] }.encode_to_vec();
        Self { template: Template::new(bytes, pieces), sequence_at }
    }

    /// Adds the command of this place to a frame, with other pieces.
    pub(super) fn write(
        &self,
        frame: &mut Vec<u8>,
        place: u32,
        request_id: Uuid,
        pieces: impl Iterator<Item = Piece>,
    ) {
        let begin = frame.len();
        frame.extend_from_slice(&self.template.bytes);
        let copy = &mut frame[begin..];
        let sequence = &mut copy[self.sequence_at..self.sequence_at + SEQUENCE_BYTES];
        write_varint(sequence, SEQUENCE_MIN + u64::from(place));
        self.template.vary(copy, request_id, pieces);
    }
}

/// The place of a command that was answered; none where the server answered another.
pub(super) fn place(sequence: u64) -> Option<usize> {
    usize::try_from(sequence.checked_sub(SEQUENCE_MIN)?).ok()
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> usize {
    let found = bytes[from..].windows(wanted.len()).position(|window| window == wanted);
    from + found.expect("a template holds what varies in it")
}

/// Writes a number whose varint fills all of it.
fn write_varint(into: &mut [u8], value: u64) {
    let last = into.len() - 1;
    for (index, byte) in into.iter_mut().enumerate() {
        let goes_on = if index < last { 0x80 } else { 0 };
        *byte = (value >> (7 * index)) as u8 & 0x7f | goes_on;
    }
}

fn write_digits(into: &mut [u8], mut number: u32) {
    for byte in into.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// An `ExecuteResponse`, as far as it is counted.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Answers {
    #[prost(message, repeated, tag = "1")]
    pub(super) answers: Vec<Answer>,
}

/// A `SequencedAnswer`, as far as it is counted.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Answer {
    #[prost(uint64, tag = "1")]
    pub(super) sequence: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) error: Option<pb::Status>,
    #[prost(message, optional, tag = "10")]
    pub(super) create_sales_order: Option<OrderAnswer>,
}

/// A `CreateSalesOrderResponse`, as far as it is counted.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OrderAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) sales_order: Option<Order>,
}

/// A `SalesOrder`, as far as it is counted.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Order {
    #[prost(enumeration = "v1::SalesOrderState", tag = "2")]
    pub(super) state: i32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::scenario::{Scenario, Stocked};
    use clap::ValueEnum;
    use v1::sequenced_answer::Outcome;

    const NUMBER: u32 = 98_765;

    #[test]
    fn a_call_says_what_it_is_to_say_behind_its_length() {
        for scenario in Scenario::value_variants() {
            let stocked = Stocked::new(*scenario);
            let request_id = Uuid::from_u128(7);
            let frame = stocked.call_template().frame(request_id, stocked.pieces(NUMBER));
            let message = match stocked.command(NUMBER, request_id) {
                Command::CreateReservation(wish) => wish.encode_to_vec(),
                Command::CreateSalesOrder(order) => order.encode_to_vec(),
                other => panic!("{other:?}"),
            };
            let length = u32::from_be_bytes(frame[1..PREFIX_BYTES].try_into().unwrap());
            assert_eq!((frame[0], length as usize), (0, message.len()));
            assert_eq!(frame[PREFIX_BYTES..], message, "{scenario:?}");
        }
    }

    #[test]
    fn a_message_of_a_stream_says_each_command_in_its_place() {
        for scenario in Scenario::value_variants() {
            let stocked = Stocked::new(*scenario);
            let template = stocked.stream_template();
            let [first, second] = [(0, Uuid::from_u128(6)), (NUMBER, Uuid::from_u128(7))];
            let mut message = Vec::new();
            template.write(&mut message, 0, first.1, stocked.pieces(first.0));
            template.write(&mut message, u32::MAX, second.1, stocked.pieces(second.0));
            let read = v1::ExecuteRequest::decode(&message[..]).unwrap();
            let places: Vec<_> =
                read.commands.iter().map(|command| place(command.sequence).unwrap()).collect();
            assert_eq!(places, [0, u32::MAX as usize]);
            let told: Vec<_> = read.commands.into_iter().filter_map(|it| it.command).collect();
            let meant = [first, second].map(|(number, id)| stocked.command(number, id));
            assert_eq!(told, meant, "{scenario:?}");
        }
    }

    #[test]
    fn what_is_read_of_an_answer_is_what_it_says() {
        let order = v1::SalesOrder {
            sales_order_id: "x".to_owned(),
            state: v1::SalesOrderState::Completed.into(),
            ended: true,
            ..Default::default()
        };
        let order =
            v1::CreateSalesOrderResponse { sales_order: Some(order), version: 1, position: 2 };
        let status = pb::Status { code: 9, message: "no".to_owned(), details: vec![] };
        let outcomes = [Outcome::Error(status.clone()), Outcome::CreateSalesOrder(order)];
        let answer = |(sequence, outcome)| v1::SequencedAnswer { sequence, outcome: Some(outcome) };
        let answers = (1..).zip(outcomes).map(answer).collect();
        let told = v1::ExecuteResponse { answers }.encode_to_vec();
        let read = Answers::decode(&told[..]).unwrap().answers;
        assert_eq!((read[0].sequence, &read[0].error), (1, &Some(status)));
        let order = read[1].create_sales_order.clone().unwrap().sales_order.unwrap();
        assert_eq!((read[1].sequence, order.state()), (2, v1::SalesOrderState::Completed));
    }
}
