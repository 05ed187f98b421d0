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
use crate::proto::v1;
use v1::sequenced_command::Command;

/// Every sequence from here on is a varint of so many bytes.
const SEQUENCE_MIN: u64 = 1 << 28;
const SEQUENCE_BYTES: usize = 5;

/// One command in its bytes.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    request_id_at: usize,
    number_at: usize,
}

impl Template {
    /// With the request id nil, on the SKU whose name ends in the digits of `number`.
    fn new(bytes: Vec<u8>, number: &str) -> Self {
        let request_id_at = find(&bytes, &Uuid::nil().to_string());
        let number_at = find(&bytes, number);
        Self { bytes, request_id_at, number_at }
    }

    /// Writes what varies over a copy.
    fn vary(&self, copy: &mut [u8], request_id: Uuid, number: u32) {
        request_id.hyphenated().encode_lower(&mut copy[self.request_id_at..]);
        write_digits(&mut copy[self.number_at..], number);
    }
}

/// The command of a call.
#[derive(Debug)]
pub(super) struct CallTemplate(Template);

impl CallTemplate {
    /// A command with the request id nil, on the SKU whose name ends in the digits of `number`.
    pub(super) fn new(command: &impl Message, number: &str) -> Self {
        let mut frame = vec![0; PREFIX_BYTES];
        frame.extend(command.encode_to_vec());
        write_prefix(&mut frame);
        Self(Template::new(frame, number))
    }

    /// The command on the SKU of this number.
    pub(super) fn frame(&self, request_id: Uuid, number: u32) -> Bytes {
        let mut frame = self.0.bytes.clone();
        self.0.vary(&mut frame, request_id, number);
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
    /// A command with the request id nil, on the SKU whose name ends in the digits of `number`.
    pub(super) fn new(command: Command, number: &str) -> Self {
        let command = v1::SequencedCommand { sequence: SEQUENCE_MIN, command: Some(command) };
        // After the message's tag and length, and the sequence's own tag.
        let sequence_at = 1 + prost::length_delimiter_len(command.encoded_len()) + 1;
        let bytes = v1::ExecuteRequest { commands: vec![command] }.encode_to_vec();
        Self { template: Template::new(bytes, number), sequence_at }
    }

    /// Adds the command of this place to a frame, on the SKU of this number.
    pub(super) fn write(&self, frame: &mut Vec<u8>, place: u32, request_id: Uuid, number: u32) {
        let begin = frame.len();
        frame.extend_from_slice(&self.template.bytes);
        let copy = &mut frame[begin..];
        write_varint(&mut copy[self.sequence_at..], SEQUENCE_MIN + u64::from(place));
        self.template.vary(copy, request_id, number);
    }
}

/// The digits of a SKU's number.
pub(super) const NUMBER_DIGITS: usize = 6;

/// The place of a command that was answered; none where the server answered another.
pub(super) fn place(sequence: u64) -> Option<usize> {
    usize::try_from(sequence.checked_sub(SEQUENCE_MIN)?).ok()
}

fn find(bytes: &[u8], text: &str) -> usize {
    bytes
        .windows(text.len())
        .rposition(|window| window == text.as_bytes())
        .expect("a template holds what varies in it")
}

fn write_varint(into: &mut [u8], value: u64) {
    for (index, byte) in into[..SEQUENCE_BYTES].iter_mut().enumerate() {
        let goes_on = if index + 1 < SEQUENCE_BYTES { 0x80 } else { 0 };
        *byte = (value >> (7 * index)) as u8 & 0x7f | goes_on;
    }
}

fn write_digits(into: &mut [u8], mut number: u32) {
    for byte in into[..NUMBER_DIGITS].iter_mut().rev() {
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
    use crate::cli::bench::scenario::{Scenario, Stocked, order_of};
    use v1::sequenced_answer::Outcome;

    /// What a template is to say: a command with this request id, on the SKU of this number.
    fn command(stocked: &Stocked, request_id: Uuid, number: u32) -> Command {
        let (stock, request_id) = (stocked.stock(number), request_id.to_string());
        match stocked.scenario {
            Scenario::Hot | Scenario::Spread => {
                Command::CreateReservation(stocked.reservation_of(stock, request_id))
            }
            Scenario::Orders => Command::CreateSalesOrder(order_of(stock, request_id)),
        }
    }

    #[test]
    fn a_call_says_what_it_is_to_say_behind_its_length() {
        for scenario in [Scenario::Hot, Scenario::Orders] {
            let stocked = Stocked::new(scenario);
            let frame = stocked.call_template().frame(Uuid::from_u128(7), 98_765);
            let message = match command(&stocked, Uuid::from_u128(7), 98_765) {
                Command::CreateReservation(wish) => wish.encode_to_vec(),
                Command::CreateSalesOrder(order) => order.encode_to_vec(),
                other => panic!("{other:?}"),
            };
            assert_eq!(frame[..PREFIX_BYTES], [0, 0, 0, 0, message.len() as u8]);
            assert_eq!(frame[PREFIX_BYTES..], message);
        }
    }

    #[test]
    fn a_message_of_a_stream_says_each_command_in_its_place() {
        for scenario in [Scenario::Hot, Scenario::Orders] {
            let stocked = Stocked::new(scenario);
            let (template, request_id) = (stocked.stream_template(), Uuid::from_u128(7));
            let mut message = Vec::new();
            template.write(&mut message, 0, Uuid::from_u128(6), 0);
            template.write(&mut message, u32::MAX, request_id, 98_765);
            let read = v1::ExecuteRequest::decode(&message[..]).unwrap();
            let [first, second] = read.commands.as_slice() else { panic!("{read:?}") };
            let places = [first, second].map(|command| place(command.sequence).unwrap());
            assert_eq!(places, [0, u32::MAX as usize]);
            assert_eq!(first.command, Some(command(&stocked, Uuid::from_u128(6), 0)));
            assert_eq!(second.command, Some(command(&stocked, request_id, 98_765)));
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
