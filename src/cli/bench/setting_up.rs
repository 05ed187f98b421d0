//! What a scenario needs before it is measured: stock, calendars, and the claims that they begin with.
//!
//! It isn't measured, so as fast as may be: over all connections, pipelined, and many first claims in one
//! reservation each. A calendar has its claims of as many reservations all the same.

use futures::stream::{self, StreamExt};
use uuid::Uuid;

use super::lines::{self, Line};
use super::scenario::{Scenario, Stocked};
use super::timetable::{ROOMS, ROOMS_OF_A_GROUP};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::client::{CallError, Client, Pipeline};
use crate::domain::calendar::Span;
use crate::proto::v1;
use v1::create_calendar_request::Rules;
use v1::create_reservation_request::Lifetime;

/// More than any run takes from one SKU.
const UNITS_OF_EACH: u64 = 1_000_000;
const UNITS_OF_THE_HOT_ONE: u64 = 1_000_000_000_000;
/// Commands under way at once.
const IN_FLIGHT: usize = 1_024;
/// How many calendars one reservation claims something of.
const CALENDARS_OF_ONE: usize = 100;
const TIME_ZONE: &str = "Europe/Lisbon";

/// Makes all that a scenario needs.
///
/// # Errors
/// Where a command is refused, or the user ends it.
pub(super) async fn set_up(
    stocked: &Stocked,
    clients: &[Client],
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let pipelines: Vec<_> = clients.iter().map(Client::pipeline).collect();
    let work = SettingUp { stocked, pipelines, interrupt };
    if stocked.scenario.has_stock() {
        work.receive_stock().await?;
    }
    if stocked.scenario.has_slots() {
        work.open_bays().await?;
    }
    if stocked.scenario.has_nights() {
        work.open_hotels().await?;
    }
    Ok(())
}

struct SettingUp<'a> {
    stocked: &'a Stocked,
    pipelines: Vec<Pipeline>,
    interrupt: &'a Interrupt,
}

impl SettingUp<'_> {
    async fn receive_stock(&self) -> Result<(), Failure> {
        let Stocked { scenario, run, sizes, .. } = self.stocked;
        let is_hot = *scenario == Scenario::Hot;
        let quantity = if is_hot { UNITS_OF_THE_HOT_ONE } else { UNITS_OF_EACH };
        let receipts = (0..sizes.skus).map(|number| v1::ReceiveStockRequest {
            request_id: Uuid::new_v4().to_string(),
            stock: Some(lines::stock(run, number)),
            quantity,
            ..Default::default()
        });
        let send = |pipeline: Pipeline, receipt| async move {
            pipeline.receive_stock(receipt).await.map(|_| ())
        };
        self.send("SKUs", receipts, sizes.skus.into(), send).await
    }

    async fn open_bays(&self) -> Result<(), Failure> {
        let Stocked { run, sizes, timetable, .. } = self.stocked;
        let rules = Rules::SlotRules(v1::SlotRules::default());
        let bays = (0..sizes.bays).map(|number| calendar(lines::bay(run, number), 1, rules));
        self.create(bays, sizes.bays).await?;
        self.claim(timetable.first_slots(), sizes.bays, 1).await
    }

    async fn open_hotels(&self) -> Result<(), Failure> {
        let Stocked { run, sizes, timetable, .. } = self.stocked;
        let rules = Rules::NightRules(v1::NightRules::default());
        let hotels =
            (0..sizes.hotels).map(|number| calendar(lines::hotel(run, number), ROOMS, rules));
        self.create(hotels, sizes.hotels).await?;
        self.claim(timetable.first_stays(), sizes.hotels, ROOMS_OF_A_GROUP).await
    }

    async fn create(
        &self,
        calendars: impl Iterator<Item = v1::CreateCalendarRequest>,
        count: u32,
    ) -> Result<(), Failure> {
        let send = |pipeline: Pipeline, calendar| async move {
            pipeline.create_calendar(calendar).await.map(|_| ())
        };
        self.send("calendars", calendars, count.into(), send).await
    }

    /// Has so many units of each calendar claimed at each of these times.
    async fn claim(
        &self,
        spans: impl Iterator<Item = Span>,
        calendars: u32,
        units: u32,
    ) -> Result<(), Failure> {
        let spans: Vec<_> = spans.collect();
        let numbers: Vec<_> = (0..calendars).collect();
        let groups: Vec<_> = numbers.chunks(CALENDARS_OF_ONE).collect();
        let reservations = spans.iter().flat_map(|span| {
            groups.iter().map(|group| {
                let lines = group.iter().map(|number| (Line::Time(*number, *span), units));
                let lifetime = Some(Lifetime::Confirmed(true));
                self.stocked.reservation(lines, lifetime, Uuid::new_v4())
            })
        });
        let send = |pipeline: Pipeline, reservation| async move {
            pipeline.create_reservation(reservation).await.map(|_| ())
        };
        let count = spans.len() * groups.len();
        self.send("reservations", reservations, count as u64, send).await
    }

    /// Sends so many commands, and waits until all are done.
    async fn send<C, F: Future<Output = Result<(), CallError>>>(
        &self,
        what: &'static str,
        commands: impl Iterator<Item = C>,
        count: u64,
        send: impl Fn(Pipeline, C) -> F,
    ) -> Result<(), Failure> {
        let bar = output::progress(count, "setting up {wide_bar} {pos}/{len} {msg}");
        let bar = bar.with_message(what);
        let mut answers = stream::iter(commands)
            .zip(stream::iter(self.pipelines.iter().cycle()))
            .map(|(command, pipeline)| send(pipeline.clone(), command))
            .buffer_unordered(IN_FLIGHT);
        while let Some(answer) = answers.next().await {
            answer?;
            bar.inc(1);
            if self.interrupt.came() {
                return Err(Failure::Failed("ended before the measurement".to_owned()));
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn calendar(calendar_id: String, capacity: u32, rules: Rules) -> v1::CreateCalendarRequest {
    v1::CreateCalendarRequest {
        request_id: Uuid::new_v4().to_string(),
        calendar_id,
        time_zone: TIME_ZONE.to_owned(),
        capacity,
        rules: Some(rules),
        ..Default::default()
    }
}
