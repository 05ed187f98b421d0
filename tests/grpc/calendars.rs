//! Calendars: what is set, what is told of it, and what follows from it.

use holdfast::client::{CallError, Client};
use holdfast::proto::v1;
use tonic::Code;
use v1::set_capacity_request::CapacityRule;
use v1::{availability, calendar_service_list_claims_request, get_availability_request};

use crate::requests::*;
use crate::server::{Server, reason};

fn fields<T: std::fmt::Debug>(refused: Result<T, CallError>) -> Vec<String> {
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument, "{refused}");
    refused.fields.into_iter().map(|it| it.field).collect()
}

fn capacity(calendar_id: &str, units: u32) -> v1::SetCapacityRequest {
    v1::SetCapacityRequest {
        request_id: fresh(),
        calendar_id: calendar_id.to_owned(),
        capacity_rule: Some(CapacityRule::Capacity(units)),
        ..Default::default()
    }
}

fn rules(calendar_id: &str, day: v1::DayRules) -> v1::UpdateCalendarRulesRequest {
    v1::UpdateCalendarRulesRequest {
        request_id: fresh(),
        calendar_id: calendar_id.to_owned(),
        days: vec![day],
        ..Default::default()
    }
}

async fn book(client: &Client, line: v1::ReservationLine) -> String {
    let wish = v1::CreateReservationRequest { lines: vec![line], ..confirmed(&[]) };
    client.create_reservation(wish).await.unwrap().reservation.unwrap().reservation_id
}

/// What is available from one day of December to another, in pages of two.
async fn available(client: &Client, from: i32, to: i32) -> Vec<(u32, u32)> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::GetAvailabilityRequest {
            calendar_id: "DOUBLE".to_owned(),
            range: Some(get_availability_request::Range::Dates(december(from, to))),
            page_size: 2,
            page_token,
        };
        let page = client.get_availability(request).await.unwrap();
        found.extend(page.availabilities.iter().map(|night| (night.capacity, night.available)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

#[test]
fn a_calendar_is_created_once_changed_and_retired() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let create = rooms("DOUBLE", 2);
        let made = client.create_calendar(create.clone()).await.unwrap();
        let again = client.create_calendar(create.clone()).await.unwrap();
        assert_eq!((made.version, made.position), (again.version, again.position));
        let other = v1::CreateCalendarRequest { request_id: fresh(), capacity: 3, ..create };
        assert_eq!(reason(client.create_calendar(other).await), "REQUEST_ID_REUSED");

        client.set_capacity(capacity("DOUBLE", 4)).await.unwrap();
        client.close_dates(close("DOUBLE", 25, 27)).await.unwrap();
        let open = v1::OpenDatesRequest {
            request_id: fresh(),
            calendar_id: "DOUBLE".to_owned(),
            period: period(26, 27),
            ..Default::default()
        };
        client.open_dates(open).await.unwrap();
        assert_eq!(available(&client, 24, 27).await, [(4, 4), (4, 0), (4, 4)]);

        let retire = v1::RetireCalendarRequest {
            request_id: fresh(),
            calendar_id: "DOUBLE".to_owned(),
            ..Default::default()
        };
        client.retire_calendar(retire.clone()).await.unwrap();
        let twice = v1::RetireCalendarRequest { request_id: fresh(), ..retire };
        assert_eq!(reason(client.retire_calendar(twice).await), "INVALID_TRANSITION");
        let told = client.get_calendar(calendar_of("DOUBLE")).await.unwrap().calendar.unwrap();
        assert_eq!((told.capacity, told.retired, told.version), (4, true, 5));
        assert_eq!(told.rules, Some(v1::calendar::Rules::NightRules(Default::default())));
    });
}

#[test]
fn what_cannot_be_set_is_named_by_its_field() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let nowhere = v1::CreateCalendarRequest {
            time_zone: "Europe/Atlantis".to_owned(),
            capacity: 1_000_000_001,
            rules: None,
            ..rooms("", 1)
        };
        let wrong = fields(client.create_calendar(nowhere).await);
        assert_eq!(wrong, ["time_zone", "capacity", "rules", "calendar_id"]);
        let mut long = bays("BAY", 1);
        let month = prost_types::Duration { seconds: 30 * 86_400, nanos: 0 };
        long.rules = Some(v1::create_calendar_request::Rules::SlotRules(v1::SlotRules {
            turnover: Some(month),
            granularity: Some(prost_types::Duration::default()),
            ..Default::default()
        }));
        let wrong = fields(client.create_calendar(long).await);
        assert_eq!(wrong, ["slot_rules.granularity", "slot_rules.turnover"]);

        client.create_calendar(bays("BAY", 1)).await.unwrap();
        client.create_calendar(rooms("DOUBLE", 1)).await.unwrap();
        let short = v1::DayRules { stay_min_nights: Some(401), ..Default::default() };
        let wrong = fields(client.update_calendar_rules(rules("DOUBLE", short)).await);
        assert_eq!(wrong, ["days[0].stay_min_nights"]);
        let nights = v1::DayRules { stay_min_nights: Some(2), ..Default::default() };
        let wrong = fields(client.update_calendar_rules(rules("BAY", nights)).await);
        assert_eq!(wrong, ["days[0]"], "a rule for the other kind");
        let backwards = fields(client.close_dates(close("BAY", 27, 24)).await);
        assert_eq!(backwards, ["period.dates.end_date"]);
        let always = v1::SetCapacityRequest { capacity_rule: None, ..capacity("BAY", 1) };
        assert_eq!(fields(client.set_capacity(always).await), ["capacity"]);
        let nobody = client.close_dates(close("SUITE", 24, 27)).await;
        assert_eq!(reason(nobody), "CALENDAR_NOT_FOUND");
        let nobody = client.get_calendar(calendar_of("SUITE")).await;
        assert_eq!(reason(nobody), "CALENDAR_NOT_FOUND");
    });
}

#[test]
fn rules_for_dates_decide_what_can_be_claimed() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.create_calendar(rooms("DOUBLE", 1)).await.unwrap();
        let v1::DateInterval { start_date, end_date } = december(20, 31);
        let dates = Some(v1::CalendarDates { start_date, end_date, weekdays: Vec::new() });
        let long = v1::DayRules {
            dates,
            stay_min_nights: Some(3),
            overbooking: Some(1),
            ..Default::default()
        };
        client.update_calendar_rules(rules("DOUBLE", long)).await.unwrap();
        let check = async |to: i32, quantity: u64| {
            let nights = nights_of("DOUBLE", 24, to);
            let resource = v1::check_availability_request::Resource::Nights(nights);
            let request = v1::CheckAvailabilityRequest { resource: Some(resource), quantity };
            client.check_availability(request).await.unwrap()
        };
        let fits = check(27, 2).await;
        assert!(fits.fits && fits.shortage.is_none());
        let shortage = check(26, 1).await.shortage.unwrap();
        let Some(v1::shortage::Blocker::CalendarBlocker(why)) = shortage.blocker else { panic!() };
        assert_eq!(why.cause(), v1::CalendarBlockerCause::StayTooShort);
        assert_eq!(why.limit, Some(v1::calendar_blocker::Limit::LimitNights(3)));
        assert_eq!(check(27, 3).await.shortage.unwrap().available, 2);
        let nothing = v1::CheckAvailabilityRequest::default();
        assert_eq!(fields(client.check_availability(nothing).await), ["resource", "quantity"]);
    });
}

#[test]
fn what_is_available_is_told_in_pages_and_by_what_the_calendar_counts() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.create_calendar(rooms("DOUBLE", 2)).await.unwrap();
        client.create_calendar(bays("BAY", 1)).await.unwrap();
        book(&client, nights_line("DOUBLE", 25, 27)).await;
        assert_eq!(available(&client, 24, 29).await, [(2, 2), (2, 1), (2, 1), (2, 2), (2, 2)]);

        book(&client, slots_line("BAY", 60, 120)).await;
        let range = Some(get_availability_request::Range::Interval(interval(0, 240)));
        let calendar_id = "BAY".to_owned();
        let day = v1::GetAvailabilityRequest { calendar_id, range, ..Default::default() };
        let told = client.get_availability(day.clone()).await.unwrap().availabilities;
        let pieces = [(interval(0, 60), 1), (interval(60, 130), 0), (interval(130, 240), 1)];
        for (piece, (when, left)) in told.iter().zip(&pieces) {
            assert_eq!(piece.when, Some(availability::When::Interval(*when)));
            assert_eq!(piece.available, *left);
        }
        assert_eq!(told.len(), pieces.len());
        let range = Some(get_availability_request::Range::Dates(december(24, 25)));
        let dates = v1::GetAvailabilityRequest { range, ..day };
        assert_eq!(fields(client.get_availability(dates).await), ["dates"]);
    });
}

#[test]
fn the_next_starts_are_found_page_by_page() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.create_calendar(bays("BAY", 1)).await.unwrap();
        client.create_calendar(rooms("DOUBLE", 1)).await.unwrap();
        book(&client, slots_line("BAY", 1, 60)).await;
        let hour = prost_types::Duration { seconds: 3_600, nanos: 0 };
        let mut request = v1::FindSlotsRequest {
            calendar_id: "BAY".to_owned(),
            range: Some(v1::find_slots_request::Range::Interval(interval(0, 73))),
            length: Some(v1::find_slots_request::Length::Duration(hour)),
            quantity: 1,
            page_size: 2,
            ..Default::default()
        };
        let mut found = Vec::new();
        loop {
            let page = client.find_slots(request.clone()).await.unwrap();
            found.extend(page.slots.into_iter().map(|slot| slot.start.unwrap()));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let starts = [70, 71, 72].map(|at| v1::found_slot::Start::StartTime(eve(at)));
        assert_eq!(found, starts);
        let wrong = v1::FindSlotsRequest {
            length: Some(v1::find_slots_request::Length::Nights(2)),
            ..v1::FindSlotsRequest { page_token: String::new(), ..request }
        };
        assert_eq!(fields(client.find_slots(wrong).await), ["nights"]);
        book(&client, nights_line("DOUBLE", 24, 26)).await;
        let stays = v1::FindSlotsRequest {
            calendar_id: "DOUBLE".to_owned(),
            range: Some(v1::find_slots_request::Range::Dates(december(23, 28))),
            length: Some(v1::find_slots_request::Length::Nights(2)),
            quantity: 1,
            ..Default::default()
        };
        let found = client.find_slots(stays).await.unwrap().slots;
        let check_ins = [26, 27].map(|day| {
            let check_in = v1::found_slot::Start::CheckInDate(date(2030, 12, day));
            v1::FoundSlot { start: Some(check_in) }
        });
        assert_eq!(found, check_ins);
    });
}

#[test]
fn claims_in_conflict_are_named_before_and_listed_after_they_are_accepted() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.create_calendar(rooms("DOUBLE", 3)).await.unwrap();
        let first = book(&client, nights_line("DOUBLE", 24, 26)).await;
        let second = book(&client, nights_line("DOUBLE", 25, 27)).await;
        book(&client, nights_line("DOUBLE", 28, 29)).await;

        let refused = client.close_dates(close("DOUBLE", 25, 26)).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "CLAIMS_IN_CONFLICT")
        );
        assert_eq!(refused.metadata["total"], "2");
        let named: Vec<_> = refused.conflicts.iter().map(|it| it.reservation_id.clone()).collect();
        assert_eq!(named, [first.clone(), second.clone()]);
        assert_eq!(refused.conflicts[0].when, Some(v1::conflict::When::Nights(december(24, 26))));

        let list = |proposal, page_token| v1::ListConflictsRequest {
            calendar_id: "DOUBLE".to_owned(),
            proposal,
            page_size: 1,
            page_token,
        };
        let close_dates = || {
            let proposed = v1::CloseDatesRequest { period: period(25, 26), ..Default::default() };
            Some(v1::list_conflicts_request::Proposal::CloseDates(proposed))
        };
        let page = client.list_conflicts(list(close_dates(), String::new())).await.unwrap();
        assert_eq!(
            (page.conflicts[0].reservation_id.as_str(), page.total_count),
            (&*first, Some(2))
        );
        let token = page.next_page_token;
        let page = client.list_conflicts(list(close_dates(), token)).await.unwrap();
        assert_eq!((&*page.conflicts[0].reservation_id, &*page.next_page_token), (&*second, ""));
        let none = client.list_conflicts(list(None, String::new())).await.unwrap();
        assert_eq!((none.conflicts.len(), none.total_count), (0, None), "nothing was done");

        let accepted = v1::CloseDatesRequest { accept_conflicts: true, ..close("DOUBLE", 25, 26) };
        client.close_dates(accepted).await.unwrap();
        let page = client.list_conflicts(list(None, String::new())).await.unwrap();
        assert_eq!(page.conflicts[0].reservation_id, first);
        assert!(!page.next_page_token.is_empty());
        client.cancel_reservation(cancel(&first)).await.unwrap();
        let page = client.list_conflicts(list(None, String::new())).await.unwrap();
        assert_eq!((&*page.conflicts[0].reservation_id, &*page.next_page_token), (&*second, ""));
        let wrong = list(
            Some(v1::list_conflicts_request::Proposal::SetCapacity(Default::default())),
            String::new(),
        );
        assert_eq!(fields(client.list_conflicts(wrong).await), ["set_capacity.capacity"]);
    });
}

#[test]
fn calendars_and_their_claims_are_listed_once_over_many_pages() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        for n in 0..5 {
            client.create_calendar(rooms(&format!("ROOM {n}"), 9)).await.unwrap();
        }
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListCalendarsRequest { page_size: 2, page_token };
            let page = client.list_calendars(request).await.unwrap();
            found.extend(page.calendars.into_iter().map(|it| it.calendar_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, (0..5).map(|n| format!("ROOM {n}")).collect::<Vec<_>>());
        let elsewhere = v1::ListCalendarsRequest { page_token: "01".to_owned(), page_size: 0 };
        assert_eq!(fields(client.list_calendars(elsewhere).await), ["page_token"]);

        let mut made = Vec::new();
        for day in [20, 20, 22, 25] {
            made.push(book(&client, nights_line("ROOM 0", day, day + 2)).await);
        }
        made[..2].sort();
        let range = calendar_service_list_claims_request::Range::Dates(december(21, 25));
        let mut request = v1::CalendarServiceListClaimsRequest {
            calendar_id: "ROOM 0".to_owned(),
            range: Some(range),
            page_size: 2,
            page_token: String::new(),
        };
        let mut claims = Vec::new();
        let mut pages = 0;
        loop {
            let page = client.calendars().list_claims(request.clone()).await.unwrap().into_inner();
            claims.extend(page.claims);
            pages += 1;
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let ids: Vec<_> = claims.iter().map(|claim| claim.reservation_id.clone()).collect();
        assert_eq!((&ids[..], pages), (&made[..3], 2), "the last begins after that");
        assert_eq!(claims[2].when, Some(v1::calendar_claim::When::Nights(december(22, 24))));
        assert_eq!((claims[2].units, claims[2].committed), (1, false));
        let range = calendar_service_list_claims_request::Range::Interval(interval(0, 60));
        let wrong = v1::CalendarServiceListClaimsRequest { range: Some(range), ..request };
        let refused = client.calendars().list_claims(wrong).await.map_err(CallError::from);
        assert_eq!(fields(refused), ["interval"]);
    });
}

#[test]
fn a_calendars_history_tells_what_was_set_and_who_claimed_what() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 1)).await.unwrap();
        client.create_calendar(bays("BAY", 2)).await.unwrap();
        let id = book(&client, slots_line("BAY", 60, 120)).await;
        let interval_of = |from, to| {
            let period = v1::calendar_period::Period::Interval(interval(from, to));
            Some(v1::CalendarPeriod { period: Some(period) })
        };
        let closed = v1::CloseDatesRequest {
            period: interval_of(0, 90),
            accept_conflicts: true,
            ..close("BAY", 1, 2)
        };
        client.close_dates(closed).await.unwrap();
        client.cancel_reservation(cancel(&id)).await.unwrap();
        let stream = Some(calendar_stream("BAY"));
        let request = v1::ReadStreamRequest { stream, ..Default::default() };
        let history = client.read_stream(request).await.unwrap().events;
        use v1::event::Body::*;
        let bodies: Vec<_> = history.into_iter().map(|event| event.body.unwrap()).collect();
        let [
            CalendarCreated(created),
            ClaimMade(made),
            DatesClosed(closed),
            ClaimsInConflict(named),
            ClaimReleased(released),
        ] = &bodies[..]
        else {
            panic!("{bodies:?}")
        };
        assert_eq!((created.capacity, created.time_zone.as_str()), (2, "Europe/Lisbon"));
        let [part] = &made.parts[..] else { panic!("{made:?}") };
        assert_eq!(part.when, Some(v1::claim_part::When::Interval(interval(60, 120))));
        assert_eq!((part.held, part.line_id.as_str(), made.held), (1, "1", 1));
        assert_eq!(part.turnover.map(|turnover| turnover.seconds), Some(600));
        assert_eq!(closed.period, interval_of(0, 90));
        assert_eq!((&named.conflicts[0].reservation_id, &released.reservation_id), (&id, &id));

        let request = v1::SubscribeRequest {
            start: Some(v1::subscribe_request::Start::AfterPosition(0)),
            kinds: vec![v1::EntityKind::Calendar.into()],
            ..Default::default()
        };
        let mut feed = client.events().subscribe(request).await.unwrap().into_inner();
        let mut seen = 0;
        loop {
            match feed.message().await.unwrap().unwrap().content.unwrap() {
                v1::subscribe_response::Content::Event(event) => {
                    assert_eq!(event.stream, Some(calendar_stream("BAY")));
                    seen += 1;
                }
                v1::subscribe_response::Content::CaughtUp(_) => break,
                _ => {}
            }
        }
        assert_eq!(seen, bodies.len());
    });
}
