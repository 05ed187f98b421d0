use futures::FutureExt;

use super::*;

fn gate(in_flight_max: u32) -> Admission {
    Admission::new(Limits { in_flight_max, wait_max: Duration::from_secs(5) })
}

#[tokio::test]
async fn past_the_bound_a_command_is_turned_away_at_once() {
    let gate = gate(2);
    let first = gate.admit().await.unwrap();
    let _second = gate.admit().await.unwrap();
    assert_eq!(gate.in_flight(), 2);
    assert_eq!(gate.admit().now_or_never().unwrap().unwrap_err(), TurnedAway::Overloaded);
    drop(first);
    assert_eq!(gate.in_flight(), 1);
    assert!(gate.admit().await.is_ok());
}

#[tokio::test]
async fn a_closed_gate_says_why_and_stopping_is_final() {
    let gate = gate(2);
    gate.close(Closed::StorageLow);
    assert_eq!(gate.admit().await.unwrap_err(), TurnedAway::StorageLow);
    gate.open();
    assert!(gate.admit().await.is_ok());
    gate.close(Closed::Stopping);
    gate.open();
    gate.close(Closed::StorageLow);
    assert_eq!(gate.admit().await.unwrap_err(), TurnedAway::Stopping);
    gate.stopping().now_or_never().unwrap();
}

#[tokio::test]
async fn a_hold_waits_for_what_is_in_flight_and_commands_wait_for_the_hold() {
    let gate = gate(2);
    let under_way = gate.admit().await.unwrap();
    let mut hold = Box::pin(gate.hold());
    assert!(hold.as_mut().now_or_never().is_none(), "something is in flight");
    let mut command = Box::pin(gate.admit());
    assert!(command.as_mut().now_or_never().is_none(), "a hold is asked for");

    drop(under_way);
    let held = hold.await.unwrap();
    assert_eq!(gate.in_flight(), 0);
    assert!(command.as_mut().now_or_never().is_none(), "a hold stands");

    drop(held);
    let _admitted = command.await.unwrap();
    assert_eq!(gate.in_flight(), 1);
}

#[tokio::test]
async fn no_more_wait_for_a_hold_than_could_be_let_in() {
    let gate = gate(2);
    let _hold = gate.hold().await.unwrap();
    let mut waiting = [Box::pin(gate.admit()), Box::pin(gate.admit())];
    for command in &mut waiting {
        assert!(command.as_mut().now_or_never().is_none());
    }
    assert_eq!(gate.admit().now_or_never().unwrap().unwrap_err(), TurnedAway::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn neither_a_command_nor_a_hold_waits_for_ever() {
    let gate = gate(2);
    let under_way = gate.admit().await.unwrap();
    assert_eq!(gate.hold().await.unwrap_err(), TurnedAway::Overloaded);
    assert!(gate.admit().await.is_ok(), "a hold that gave up lets commands in");
    drop(under_way);
    let _hold = gate.hold().await.unwrap();
    assert_eq!(gate.admit().await.unwrap_err(), TurnedAway::Overloaded);
}

#[tokio::test]
async fn a_command_that_waited_for_a_hold_finds_the_gate_closed() {
    let gate = gate(2);
    let hold = gate.hold().await.unwrap();
    let mut command = Box::pin(gate.admit());
    assert!(command.as_mut().now_or_never().is_none());
    gate.close(Closed::Stopping);
    drop(hold);
    assert_eq!(command.await.unwrap_err(), TurnedAway::Stopping);
    gate.drained().await;
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn drained_is_when_the_last_command_has_its_answer() {
    let gate = gate(2);
    let under_way = gate.admit().await.unwrap();
    gate.close(Closed::Stopping);
    let mut drained = Box::pin(gate.drained());
    assert!(drained.as_mut().now_or_never().is_none());
    drop(under_way);
    drained.await;
}

#[tokio::test]
async fn some_commands_are_let_in_at_once_as_far_as_there_is_room_and_given_back_one_by_one() {
    let gate = gate(5);
    let mut first = gate.admit_up_to(3).unwrap().unwrap();
    let second = gate.admit_up_to(3).unwrap().unwrap();
    assert_eq!((first.commands(), second.commands(), gate.in_flight()), (3, 2, 5));
    assert_eq!(gate.admit_up_to(1).unwrap_err(), TurnedAway::Overloaded);
    first.merge(second);
    assert_eq!((first.commands(), gate.in_flight()), (5, 5), "merging gives nothing back");
    first.give_back(2);
    assert_eq!((first.commands(), gate.in_flight()), (3, 3));
    first.give_back(9);
    assert_eq!((first.commands(), gate.in_flight()), (0, 0));
    assert_eq!(gate.admit_up_to(9).unwrap().unwrap().commands(), 5);
}

#[tokio::test]
async fn whoever_doesnt_wait_is_told_of_a_hold() {
    let gate = gate(2);
    let hold = gate.hold().await.unwrap();
    assert!(gate.admit_up_to(2).unwrap().is_none());
    drop(hold);
    let admitted = gate.admit_up_to(2).unwrap().unwrap();
    gate.close(Closed::Stopping);
    assert_eq!(gate.admit_up_to(2).unwrap_err(), TurnedAway::Stopping);
    drop(admitted);
    gate.drained().await;
}
