//! Commands as clients send them.

use std::num::NonZeroU64;

use holdfast::domain::command::Command;
use holdfast::domain::ids::{EntityId, ResourceKey};
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{self, CommitLine, End, Term};
use holdfast::domain::sales_order;
use holdfast::domain::stock_balance::{self, Adjustment};
use holdfast::proto::v1;
use v1::sequenced_command::Command as Wire;

use super::{calendars, order_line, reservation_line, span, stock, time};
use crate::sent::Sent;

/// A command as a client sends it. Of orders, some wait for the end.
pub fn command(sent: &Sent) -> Wire {
    let request_id = sent.request.to_string();
    let expected_version = sent.expected.map(|version| version.0);
    match (&sent.key.id, &sent.command) {
        (EntityId::Resource(ResourceKey::Stock(key)), Command::StockBalance(command)) => {
            stock_command(stock(key), command, request_id, expected_version)
        }
        (EntityId::Resource(ResourceKey::Calendar(id)), Command::Calendar(command)) => {
            calendars::command(id, command, request_id, expected_version)
        }
        (EntityId::Reservation(id), Command::Reservation(command)) => {
            reservation_command(id.to_string(), command, request_id, expected_version)
        }
        (EntityId::SalesOrder(id), Command::SalesOrder(command)) => {
            order_command(id.to_string(), command, request_id, expected_version)
        }
        _ => unreachable!("a command for another kind of entity"),
    }
}

fn stock_command(
    stock: v1::StockResource,
    command: &stock_balance::Command,
    request_id: String,
    expected_version: Option<u64>,
) -> Wire {
    use v1::adjust_stock_request::Adjustment as Told;
    let stock = Some(stock);
    match command {
        stock_balance::Command::Receive { quantity, reference } => {
            let (quantity, reference) = (*quantity, reference.to_string());
            Wire::ReceiveStock(v1::ReceiveStockRequest {
                request_id,
                expected_version,
                stock,
                quantity,
                reference,
            })
        }
        stock_balance::Command::Adjust { to, reason } => {
            let adjustment = Some(match *to {
                Adjustment::By(delta) => Told::Delta(delta),
                Adjustment::Counted(count) => Told::CountedOnHand(count),
            });
            let reason = reason.to_string();
            Wire::AdjustStock(v1::AdjustStockRequest {
                request_id,
                expected_version,
                stock,
                adjustment,
                reason,
            })
        }
        stock_balance::Command::Claim(_)
        | stock_balance::Command::Check(_)
        | stock_balance::Command::Demand(_) => {
            unreachable!("no client can say {command:?}")
        }
    }
}

fn reservation_command(
    reservation_id: String,
    command: &reservation::Command,
    request_id: String,
    expected_version: Option<u64>,
) -> Wire {
    use v1::create_reservation_request::Lifetime;
    use v1::extend_reservation_request::Lifetime as Longer;
    match command {
        reservation::Command::Create(create) => {
            let text = |(name, value): (&Label, &Label)| (name.to_string(), value.to_string());
            Wire::CreateReservation(v1::CreateReservationRequest {
                validate_only: false,
                request_id,
                expected_version,
                reservation_id,
                lines: create.lines.iter().map(reservation_line).collect(),
                lifetime: Some(match create.term {
                    Term::For(span_ms) => Lifetime::Ttl(span(span_ms)),
                    Term::Until(deadline) => Lifetime::ExpireTime(time(deadline)),
                    Term::Confirmed => Lifetime::Confirmed(true),
                }),
                customer: create.customer.to_string(),
                external_reference: create.external_reference.to_string(),
                attributes: create.attributes.iter().map(text).collect(),
            })
        }
        reservation::Command::Confirm => Wire::ConfirmReservation(v1::ConfirmReservationRequest {
            request_id,
            expected_version,
            reservation_id,
        }),
        reservation::Command::Commit => Wire::CommitReservation(v1::CommitReservationRequest {
            request_id,
            expected_version,
            reservation_id,
            lines: Vec::new(),
            r#final: None,
        }),
        reservation::Command::CommitPart { lines, is_final } => {
            Wire::CommitReservation(v1::CommitReservationRequest {
                request_id,
                expected_version,
                reservation_id,
                lines: lines.iter().map(commit_line).collect(),
                // Missing, it is so.
                r#final: (!is_final).then_some(false),
            })
        }
        reservation::Command::Cancel { reason } => {
            let reason = reason.to_string();
            Wire::CancelReservation(v1::CancelReservationRequest {
                request_id,
                expected_version,
                reservation_id,
                reason,
            })
        }
        reservation::Command::Extend(term) => {
            let lifetime = Some(match *term {
                Term::For(span_ms) => Longer::Ttl(span(span_ms)),
                Term::Until(deadline) => Longer::ExpireTime(time(deadline)),
                Term::Confirmed => unreachable!("no client can say {command:?}"),
            });
            Wire::ExtendReservation(v1::ExtendReservationRequest {
                request_id,
                expected_version,
                reservation_id,
                lifetime,
            })
        }
        reservation::Command::Expire
        | reservation::Command::Answered(_)
        | reservation::Command::Change(_) => {
            unreachable!("no client here says {command:?}")
        }
    }
}

fn commit_line(line: &CommitLine) -> v1::CommitLine {
    v1::CommitLine {
        line_id: line.line.to_string(),
        quantity: line.quantity.map(NonZeroU64::get),
        end: line.end.map(|end| match end {
            End::Time(end) => v1::commit_line::End::EndTime(time(end)),
            End::Date(end) => v1::commit_line::End::CheckOutDate(calendars::date(end)),
        }),
    }
}

fn order_command(
    sales_order_id: String,
    command: &sales_order::Command,
    request_id: String,
    expected_version: Option<u64>,
) -> Wire {
    match command {
        sales_order::Command::Create(create) => {
            let line = |line| order_line(line, create.currency, None);
            let waits = create.lines.len() % 2 == 0;
            let wait = if waits { v1::SalesOrderWait::Ended } else { v1::SalesOrderWait::Created };
            Wire::CreateSalesOrder(v1::CreateSalesOrderRequest {
                request_id,
                expected_version,
                sales_order_id,
                customer: create.customer.to_string(),
                lines: create.lines.iter().map(line).collect(),
                wait: wait.into(),
            })
        }
        sales_order::Command::Cancel { reason } => {
            let reason = reason.to_string();
            Wire::CancelSalesOrder(v1::CancelSalesOrderRequest {
                request_id,
                expected_version,
                sales_order_id,
                reason,
            })
        }
        sales_order::Command::Report(_) => unreachable!("no client can say {command:?}"),
    }
}
