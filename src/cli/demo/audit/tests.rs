use super::*;

fn stock() -> v1::StockResource {
    v1::StockResource { sku: "MUG".to_owned(), location: String::new() }
}

fn of_stock(version: u64, body: Body) -> v1::Event {
    event(entity_id::Id::StockBalance(stock()), version, body)
}

fn of_order(id: &str, version: u64, body: Body) -> v1::Event {
    event(entity_id::Id::SalesOrderId(id.to_owned()), version, body)
}

fn event(id: entity_id::Id, version: u64, body: Body) -> v1::Event {
    let stream = Some(v1::EntityId { id: Some(id) });
    v1::Event { stream, version, body: Some(body), ..Default::default() }
}

fn received(quantity: u64) -> Body {
    Body::StockReceived(v1::StockReceived { quantity, ..Default::default() })
}

fn held(reservation: &str, held: u64) -> Body {
    let reservation_id = reservation.to_owned();
    Body::ClaimMade(v1::ClaimMade { reservation_id, held, ..Default::default() })
}

fn committed(reservation: &str, committed: u64) -> Body {
    let reservation_id = reservation.to_owned();
    Body::ClaimCommitted(v1::ClaimCommitted { reservation_id, committed, ..Default::default() })
}

fn released(reservation: &str, released: u64) -> Body {
    let reservation_id = reservation.to_owned();
    Body::ClaimReleased(v1::ClaimReleased { reservation_id, released, ..Default::default() })
}

fn created(quantity: u64) -> Body {
    let resource = Some(sales_order_line::Resource::Stock(stock()));
    let line = v1::SalesOrderLine { resource, quantity, ..Default::default() };
    Body::SalesOrderCreated(v1::SalesOrderCreated { lines: vec![line], ..Default::default() })
}

fn completed() -> Body {
    Body::SalesOrderCompleted(v1::SalesOrderCompleted {})
}

fn rejected() -> Body {
    Body::SalesOrderRejected(v1::SalesOrderRejected::default())
}

/// A log in which 5 mugs came in; `a` bought 3 and `b` was refused 4.
fn honest() -> Vec<v1::Event> {
    let mut events = vec![
        of_stock(1, received(5)),
        of_order("a", 1, created(3)),
        of_order("b", 1, created(4)),
        of_stock(2, held("a", 3)),
        of_order("b", 2, rejected()),
        of_stock(3, committed("a", 3)),
        of_order("a", 2, completed()),
    ];
    for (event, position) in events.iter_mut().zip(1..) {
        event.position = position;
    }
    events
}

fn reported(on_hand: u64) -> v1::StockBalance {
    v1::StockBalance { stock: Some(stock()), on_hand, version: 3, ..Default::default() }
}

fn told() -> HashMap<&'static str, v1::SalesOrderState> {
    [("a", v1::SalesOrderState::Completed), ("b", v1::SalesOrderState::Rejected)].into()
}

fn checks(events: &[v1::Event], reported: &[v1::StockBalance]) -> Vec<Check> {
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.follow(event));
    ledger.checks(reported, &told())
}

/// Which checks fail, by their number from 0.
fn failing(events: &[v1::Event]) -> Vec<usize> {
    let checks = checks(events, &[reported(2)]);
    let numbered = checks.iter().enumerate();
    numbered.filter(|(_, check)| !check.ok).map(|(number, _)| number).collect()
}

#[test]
fn an_honest_log_keeps_every_promise() {
    assert!(failing(&honest()).is_empty());
    let mut ledger = Ledger::default();
    honest().iter().for_each(|event| ledger.follow(event));
    assert_eq!((ledger.events(), ledger.last_position(), ledger.sold(&stock())), (7, 7, 3));
}

#[test]
fn a_unit_that_was_promised_twice_is_found_though_it_was_given_back_later() {
    let mut events = honest();
    events.push(of_stock(4, held("c", 3)));
    events.push(of_stock(5, released("c", 3)));
    for (event, position) in events.iter_mut().zip(1..) {
        event.position = position;
    }
    let mut balance = reported(2);
    balance.version = 5;
    let checks = checks(&events, &[balance]);
    let broken: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].problems, ["position 8, stock:MUG: 3 held and 3 committed of 5 received"]);
}

#[test]
fn a_unit_that_left_without_an_order_is_found() {
    let mut events = honest();
    events[5] = v1::Event { position: 6, ..of_stock(3, committed("a", 4)) };
    assert_eq!(failing(&events), [2, 3]);
}

#[test]
fn a_commit_that_is_taken_back_is_found() {
    let mut events = honest();
    events.push(v1::Event { position: 8, ..of_stock(4, held("a", 1)) });
    assert_eq!(failing(&events), [1, 2]);
}

#[test]
fn an_event_that_is_missing_or_told_twice_is_found() {
    let mut missing = honest();
    missing.remove(3);
    assert!(failing(&missing).contains(&0));
    let mut twice = honest();
    twice.insert(1, twice[0].clone());
    assert!(failing(&twice).contains(&0));
}

#[test]
fn a_customer_who_was_told_something_else_is_found() {
    let mut events = honest();
    events[4] = v1::Event { position: 5, ..of_order("b", 2, completed()) };
    assert_eq!(failing(&events), [3, 4]);
    assert_eq!(failing(&honest()[..6]), [3, 4], "an order that has not ended");
}

#[test]
fn a_balance_that_the_server_reports_otherwise_is_found() {
    for balances in [vec![], vec![reported(3)], vec![reported(2), v1::StockBalance::default()]] {
        let checks = checks(&honest(), &balances);
        assert!(!checks[2].ok, "{balances:?}");
    }
}

#[test]
fn only_the_first_problems_are_told_but_all_are_counted() {
    let check = check("none", (0..9).map(|n| n.to_string()).collect());
    assert_eq!((check.problems.len(), check.problems_total, check.ok), (5, 9, false));
}
