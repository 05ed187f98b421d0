//! What comes of sending bookings.

use sha2::{Digest, Sha256};

use super::{ROOMS, bookings};
use crate::cli::interrupt::Interrupt;
use crate::cli::replay::bookings::{Action, Step, read_bookings, read_rooms};
use crate::cli::replay::desk::{Desk, Figures};
use crate::cli::replay::hotel::{Season, check};
use crate::cli::replay::occupancy::{self, Night};
use crate::cli::test_server;
use crate::client::{Client, Options};
use crate::server::Running;

async fn season(server: &Running, file: &str, in_flight: usize) -> Season {
    let client = Client::connect(&Options::new(server.addresses().grpc.to_string())).await.unwrap();
    let room_types = read_rooms(ROOMS.as_bytes()).unwrap();
    let bookings = read_bookings(file.as_bytes(), &room_types).unwrap();
    Season { client, room_types, bookings, in_flight }
}

#[test]
fn one_after_the_other_the_figures_can_be_worked_out_by_hand() {
    let file = bookings(&[
        // The only room by the sea for two nights, and who comes too late for the second of them.
        ("Sea,A", 9, 1, 2, "Check-Out", "2016-03-03"),
        ("Sea,A", 8, 2, 2, "Check-Out", "2016-03-04"),
        // Two rooms in the city, of which one is free again before the third wants it.
        ("City,A", 9, 1, 3, "No-Show", "2016-03-01"),
        ("City,A", 9, 1, 1, "Canceled", "2016-02-27"),
        ("City,A", 2, 1, 2, "Check-Out", "2016-03-03"),
        ("City,A", 1, 2, 1, "Canceled", "2016-03-01"),
        ("City,B", 5, 9, 0, "Check-Out", "2016-03-09"),
    ]);
    let (server, _folder) = test_server::start(|_| {});
    server.block_on(async {
        let season = season(&server, &file, 1).await;
        let (report, nights) = season.replay(&Interrupt::default()).await.unwrap();
        let figures = Figures {
            bookings_accepted: 4,
            bookings_rejected: 2,
            cancelled: 1,
            committed: 3,
            nights_committed: 7,
        };
        assert_eq!((report.figures, report.skipped), (figures, 1));
        let lines = "City,A,2016-03-01,2\nCity,A,2016-03-02,2\nCity,A,2016-03-03,1\n\
                     Sea,A,2016-03-01,1\nSea,A,2016-03-02,1";
        let digest: String =
            Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(report.occupancy_sha256, digest);
        check(&report, &nights).unwrap();
    });
    server.stop();
}

#[test]
fn side_by_side_an_end_waits_for_its_booking_and_no_room_is_sold_twice() {
    let row = |n: u32| match n % 2 {
        0 => ("City,A", n % 3, 1, 1, "Check-Out", "2016-01-01"),
        _ => ("City,B", n % 3, 1, 1, "Canceled", "2016-01-01"),
    };
    let rows: Vec<_> = (0..200).map(row).collect();
    let (server, _folder) = test_server::start(|_| {});
    server.block_on(async {
        let season = season(&server, &bookings(&rows), 50).await;
        let (report, nights) = season.replay(&Interrupt::default()).await.unwrap();
        check(&report, &nights).unwrap();
        let Figures { bookings_accepted, bookings_rejected, cancelled, committed, .. } =
            report.figures;
        assert_eq!((committed, nights.len(), nights[0].units), (2, 1, 2));
        assert!(cancelled >= 2);
        assert_eq!(bookings_accepted + bookings_rejected, 200);
    });
    server.stop();
}

#[test]
fn a_server_with_calendars_is_left_alone() {
    let file = bookings(&[("Sea,A", 0, 1, 1, "Check-Out", "2016-03-02")]);
    let (server, _folder) = test_server::start(|_| {});
    server.block_on(async {
        let season = season(&server, &file, 1).await;
        season.replay(&Interrupt::default()).await.unwrap();
        let refusal = season.replay(&Interrupt::default()).await.unwrap_err().to_string();
        assert!(refusal.contains("such as City/A"), "{refusal}");
    });
    server.stop();
}

#[test]
fn what_is_only_confirmed_is_not_told_to_be_committed() {
    let file = bookings(&[
        ("City,A", 0, 1, 3, "Check-Out", "2016-03-04"),
        ("City,A", 0, 2, 3, "Check-Out", "2016-03-05"),
    ]);
    let (server, _folder) = test_server::start(|_| {});
    server.block_on(async {
        let Season { client, room_types, bookings, .. } = season(&server, &file, 1).await;
        let actions = bookings.actions();
        let bookings = &bookings.bookings;
        let desk = Desk::new(client.pipeline(), &room_types, bookings);
        desk.open().await.unwrap();
        let left_out = |action: &&Action| action.booking == 1 && action.step == Step::End;
        for action in actions.iter().filter(|action| !left_out(action)) {
            desk.take(action).await.unwrap();
        }
        let nights = occupancy::ask(&client, &room_types, bookings).await.unwrap();
        let told: Vec<_> = nights.iter().map(Night::to_string).collect();
        assert_eq!(told, [1, 2, 3].map(|day| format!("City,A,2016-03-0{day},1")));
    });
    server.stop();
}
