//! Commands as bytes that were encoded once: what varies is written over a copy.
//!
//! The load comes from the machine that it measures, so each command must cost the sender next to
//! nothing. For the same reason an answer is read only as far as it is counted.
//!
//! Not here: what is sent, and when.

use prost::Message;
use prost::bytes::BufMut;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;
use tonic_types::pb;
use uuid::Uuid;

use crate::proto::v1;
use v1::sequenced_command::Command;

/// Every sequence from here on is a varint of so many bytes.
const SEQUENCE_MIN: u64 = 1 << 28;
const SEQUENCE_BYTES: usize = 5;

/// One command of a message, in its bytes.
#[derive(Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    sequence_at: usize,
    request_id_at: usize,
    number_at: usize,
}

impl Template {
    /// A command with the request id nil, on the SKU whose name ends in the digits of `number`.
    pub(super) fn new(command: Command, number: &str) -> Self {
        let command = v1::SequencedCommand { sequence: SEQUENCE_MIN, command: Some(command) };
        let command_bytes = command.encoded_len();
        let bytes = v1::ExecuteRequest { commands: vec![command] }.encode_to_vec();
        let request_id_at = find(&bytes, &Uuid::nil().to_string());
        let number_at = find(&bytes, number);
        // After the message's tag and length, and the sequence's own tag.
        let sequence_at = 1 + prost::length_delimiter_len(command_bytes) + 1;
        Self { bytes, sequence_at, request_id_at, number_at }
    }

    /// Adds the command of this place to a message, on the SKU of this number.
    pub(super) fn write(&self, message: &mut Vec<u8>, place: u32, request_id: Uuid, number: u32) {
        let begin = message.len();
        message.extend_from_slice(&self.bytes);
        let copy = &mut message[begin..];
        write_varint(&mut copy[self.sequence_at..], SEQUENCE_MIN + u64::from(place));
        request_id.hyphenated().encode_lower(&mut copy[self.request_id_at..]);
        write_digits(&mut copy[self.number_at..], number);
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

/// Sends messages that are encoded already, and reads of the answers what is counted.
#[derive(Debug, Default)]
pub(super) struct LeanCodec;

impl Codec for LeanCodec {
    type Encode = Vec<u8>;
    type Decode = Answers;
    type Encoder = Self;
    type Decoder = ProstDecoder<Answers>;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::default())
    }
}

impl Encoder for LeanCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&message);
        Ok(())
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
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::cli::bench::scenario::{Scenario, Stocked};
    use v1::sequenced_answer::Outcome;

    #[test]
    fn a_template_is_the_command_that_a_call_would_be() {
        let mut rng = StdRng::seed_from_u64(1);
        for scenario in [Scenario::Hot, Scenario::Orders] {
            let stocked = Stocked::new(scenario);
            let (template, request_id) = (stocked.template(), Uuid::from_u128(7));
            let mut message = Vec::new();
            template.write(&mut message, 0, Uuid::from_u128(6), 0);
            template.write(&mut message, u32::MAX, request_id, 98_765);
            let read = v1::ExecuteRequest::decode(&message[..]).unwrap();
            let [first, second] = read.commands.as_slice() else { panic!("{read:?}") };
            let places = [first, second].map(|command| place(command.sequence).unwrap());
            assert_eq!(places, [0, u32::MAX as usize]);
            let sku = stocked.stock(98_765);
            match second.command.clone().unwrap() {
                Command::CreateReservation(mut wish) => {
                    assert_eq!(wish.request_id, request_id.to_string());
                    let resource = Some(v1::reservation_line::Resource::Stock(sku));
                    assert_eq!(wish.lines[0].resource, resource);
                    let mut called = stocked.reservation(&mut rng);
                    wish.request_id.clone_from(&called.request_id);
                    called.lines[0].resource = resource;
                    assert_eq!(wish, called);
                }
                Command::CreateSalesOrder(mut order) => {
                    assert_eq!(order.request_id, request_id.to_string());
                    let resource = Some(v1::sales_order_line::Resource::Stock(sku));
                    assert_eq!(order.lines[0].resource, resource);
                    let mut called = stocked.order(&mut rng);
                    order.request_id.clone_from(&called.request_id);
                    called.lines[0].resource = resource;
                    assert_eq!(order, called);
                }
                other => panic!("{other:?}"),
            }
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
