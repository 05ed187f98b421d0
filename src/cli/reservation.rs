//! `holdfast reservation`: make, end and look at reservations.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::line::LineSpec;
use crate::cli::output;
use crate::cli::parse;
use crate::cli::remote::{CommandArgs, ListArgs, Remote};
use crate::cli::used::UsedSpec;
use crate::cli::view::reservation::Summary;
use crate::cli::view::{Answer, Entity};
use crate::proto::v1::{self, create_reservation_request, extend_reservation_request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Claim every line, or none
    #[command(after_help = "Examples:
  holdfast reservation create --line stock:MUG=2
  holdfast reservation create --line stock:MUG@CELLAR=2 --line 'stock:BLUE MUG=1' --ttl 1h
  holdfast reservation create --line nights:DOUBLE=2026-12-24/2026-12-27 \\
    --line slots:BAY=2026-12-24T10:00Z/PT2H --line stock:BREAKFAST=6

Lines:
  stock:SKU=2, stock:SKU@LOCATION=2             units of stock
  slots:CALENDAR=2026-12-24T10:00Z/PT2H         one unit from 10:00 to 12:00, in UTC
  slots:CALENDAR=2026-12-24T10:00+01:00/2026-12-24T12:00+01:00*3
                                                three units, between two instants
  nights:CALENDAR=2026-12-24/2026-12-27         one unit, check-in and check-out
  nights:CALENDAR=2026-12-24/P3D*2              two units, three nights

The last = is before the quantity or the time, the last @ before the location: stock:A@B@=2 is 2 of
the SKU A@B at the location without a name.")]
    Create(Create),
    /// Give it other lines in one step: all of them, or it stays as it was
    #[command(after_help = "Examples:
  holdfast reservation change ID --line nights:DOUBLE=2026-12-26/2026-12-28 --line stock:BREAKFAST=4
  holdfast reservation change ID --line stock:MUG=3 --validate-only

The lines are all that it shall have from then on, written as for create.")]
    Change(NewLines),
    /// Make a hold last
    #[command(after_help = "Example:\n  holdfast reservation confirm ID")]
    Confirm(Change),
    /// Take the units: they leave on hand; in a calendar they stay claimed
    #[command(after_help = "Examples:
  holdfast reservation commit ID
  holdfast reservation commit ID --line 1@2026-12-26 --line 3=4
  holdfast reservation commit ID --line 3=2 --not-final

What was used is a line's id, = and a quantity, @ and an end: 1=2@2026-12-26. Without a quantity all
its units were used, without an end all its time. Where no line is named, all that is left was.")]
    Commit(Commit),
    /// Give everything back
    #[command(after_help = "Example:\n  holdfast reservation cancel ID --reason 'changed mind'")]
    Cancel(Cancel),
    /// Move a hold's deadline
    #[command(after_help = "Example:\n  holdfast reservation extend ID --ttl 30m")]
    Extend(Extend),
    /// Tell one reservation, open or finished
    #[command(after_help = "Example:\n  holdfast reservation get ID -o json")]
    Get(Get),
    /// List open reservations
    #[command(after_help = "Example:\n  holdfast reservation list --state held --older-than 10m")]
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What to claim, such as stock:SKU=2 or nights:CALENDAR=2026-12-24/2026-12-27; repeat it for
    /// more lines
    #[arg(long = "line", value_name = "LINE", required = true)]
    lines: Vec<LineSpec>,
    /// The id it shall have; without it, one that follows from the request id
    #[arg(long, value_name = "UUID", value_parser = parse::id)]
    id: Option<Uuid>,
    /// How long to hold it, such as 90s or 15m (which is the default)
    #[arg(long, value_name = "SPAN", value_parser = parse::span_above_zero)]
    ttl: Option<Duration>,
    /// Until when to hold it, such as 2026-12-24T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::moment, conflicts_with = "ttl")]
    expire_time: Option<Timestamp>,
    /// Confirm it at once, without a deadline
    #[arg(long, conflicts_with_all = ["ttl", "expire_time"])]
    confirmed: bool,
    /// Who it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    customer: String,
    /// A reference of your own
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reference: String,
    /// Anything else to carry along; repeat it for more
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = parse::pair)]
    attributes: Vec<(String, String)>,
    /// Only tell what would come of it: nothing is claimed
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Commit {
    #[command(flatten)]
    change: Change,
    /// What was used, such as 1, 1=2 or 1@2026-12-26; repeat it for more lines
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<UsedSpec>,
    /// Keep what wasn't used for the next commit, instead of giving it back
    #[arg(long)]
    not_final: bool,
}

#[derive(Debug, Args)]
pub(super) struct NewLines {
    #[command(flatten)]
    change: Change,
    /// All that it shall have; repeat it for more lines
    #[arg(long = "line", value_name = "LINE", required = true)]
    lines: Vec<LineSpec>,
    /// Only tell what would come of it: nothing is changed
    #[arg(long)]
    validate_only: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// Which reservation
    #[arg(value_parser = parse::id)]
    id: Uuid,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    #[command(flatten)]
    change: Change,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Extend {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    deadline: Deadline,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Deadline {
    /// How long from now, such as 90s or 15m
    #[arg(long, value_name = "SPAN", value_parser = parse::span_above_zero)]
    ttl: Option<Duration>,
    /// Until when, such as 2026-12-24T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    expire_time: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Which reservation
    #[arg(value_parser = parse::id)]
    id: Uuid,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those in this state; repeat it for more
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<OpenState>,
    /// Only those created longer ago than this, such as 10m
    #[arg(long, value_name = "SPAN", value_parser = parse::span)]
    older_than: Option<Duration>,
    /// Only those created within this span, such as 10m
    #[arg(long, value_name = "SPAN", value_parser = parse::span)]
    younger_than: Option<Duration>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OpenState {
    Held,
    Confirmed,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(args).await,
        Command::Change(args) => change(args).await,
        Command::Confirm(args) => confirm(args).await,
        Command::Commit(args) => commit(args).await,
        Command::Cancel(args) => cancel(args).await,
        Command::Extend(args) => extend(args).await,
        Command::Get(args) => get(args).await,
        Command::List(args) => list(args).await,
    }
}

fn answer(reservation: Option<v1::Reservation>, version: Option<u64>, position: u64) -> Answer {
    let reservation = reservation.unwrap_or_default().into();
    Answer { version, position, entity: Entity::Reservation(reservation) }
}

/// As messages name it.
fn subject(id: Uuid) -> String {
    format!("reservation {id}")
}

async fn create(args: Create) -> Result<(), Failure> {
    use create_reservation_request::Lifetime;
    let lifetime = match (args.ttl, args.expire_time, args.confirmed) {
        (Some(ttl), _, _) => Some(Lifetime::Ttl(parse::to_wire_span(ttl))),
        (None, Some(moment), _) => Some(Lifetime::ExpireTime(moment)),
        (None, None, true) => Some(Lifetime::Confirmed(true)),
        (None, None, false) => None,
    };
    let request = v1::CreateReservationRequest {
        validate_only: args.validate_only,
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        reservation_id: args.id.map(|id| id.to_string()).unwrap_or_default(),
        lines: args.lines.into_iter().map(LineSpec::into_message).collect(),
        lifetime,
        customer: args.customer,
        external_reference: args.reference,
        attributes: args.attributes.into_iter().collect(),
    };
    let done = args.remote.connect().await?.create_reservation(request).await;
    let done = done.map_err(|error| args.remote.explain(error))?;
    let version = in_effect(done.version, args.validate_only);
    Ok(args.remote.output.print(&answer(done.reservation, version, done.position))?)
}

/// The version of what took effect; none, and a word of it, where nothing was to.
fn in_effect(version: u64, validate_only: bool) -> Option<u64> {
    if validate_only {
        output::note("this is what would come of it; nothing was done");
    }
    (!validate_only).then_some(version)
}

async fn change(NewLines { change, lines, validate_only }: NewLines) -> Result<(), Failure> {
    let request = v1::ChangeReservationRequest {
        request_id: change.command.request_id(),
        expected_version: change.command.expected_version,
        reservation_id: change.id.to_string(),
        lines: lines.into_iter().map(LineSpec::into_message).collect(),
        validate_only,
    };
    let done = change.remote.connect().await?.change_reservation(request).await;
    let done = done.map_err(change.remote.explain_about(subject(change.id)))?;
    let version = in_effect(done.version, validate_only);
    Ok(change.remote.output.print(&answer(done.reservation, version, done.position))?)
}

async fn confirm(args: Change) -> Result<(), Failure> {
    let request = v1::ConfirmReservationRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        reservation_id: args.id.to_string(),
    };
    let done = args.remote.connect().await?.confirm_reservation(request).await;
    let done = done.map_err(args.remote.explain_about(subject(args.id)))?;
    let answer = answer(done.reservation, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

async fn commit(Commit { change, lines, not_final }: Commit) -> Result<(), Failure> {
    let request = v1::CommitReservationRequest {
        request_id: change.command.request_id(),
        expected_version: change.command.expected_version,
        reservation_id: change.id.to_string(),
        lines: lines.into_iter().map(UsedSpec::into_message).collect(),
        r#final: not_final.then_some(false),
    };
    let done = change.remote.connect().await?.commit_reservation(request).await;
    let done = done.map_err(change.remote.explain_about(subject(change.id)))?;
    let answer = answer(done.reservation, Some(done.version), done.position);
    Ok(change.remote.output.print(&answer)?)
}

async fn cancel(Cancel { change, reason }: Cancel) -> Result<(), Failure> {
    let request = v1::CancelReservationRequest {
        request_id: change.command.request_id(),
        expected_version: change.command.expected_version,
        reservation_id: change.id.to_string(),
        reason,
    };
    let done = change.remote.connect().await?.cancel_reservation(request).await;
    let done = done.map_err(change.remote.explain_about(subject(change.id)))?;
    let answer = answer(done.reservation, Some(done.version), done.position);
    Ok(change.remote.output.print(&answer)?)
}

async fn extend(Extend { change, deadline }: Extend) -> Result<(), Failure> {
    use extend_reservation_request::Lifetime;
    let ttl = deadline.ttl.map(|ttl| Lifetime::Ttl(parse::to_wire_span(ttl)));
    let request = v1::ExtendReservationRequest {
        request_id: change.command.request_id(),
        expected_version: change.command.expected_version,
        reservation_id: change.id.to_string(),
        lifetime: ttl.or(deadline.expire_time.map(Lifetime::ExpireTime)),
    };
    let done = change.remote.connect().await?.extend_reservation(request).await;
    let done = done.map_err(change.remote.explain_about(subject(change.id)))?;
    let answer = answer(done.reservation, Some(done.version), done.position);
    Ok(change.remote.output.print(&answer)?)
}

async fn get(args: Get) -> Result<(), Failure> {
    let request = v1::GetReservationRequest { reservation_id: args.id.to_string() };
    let found = args.remote.connect().await?.get_reservation(request).await;
    let found = found.map_err(args.remote.explain_about(subject(args.id)))?;
    Ok(args.remote.output.print(&answer(found.reservation, None, found.position))?)
}

async fn list(args: List) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let state = |state: &OpenState| match state {
        OpenState::Held => v1::ReservationState::Held as i32,
        OpenState::Confirmed => v1::ReservationState::Confirmed as i32,
    };
    // Worked out once, so that every page asks for the same.
    let mut request = v1::ListReservationsRequest {
        states: args.states.iter().map(state).collect(),
        created_before: args.older_than.map(parse::ago),
        created_from: args.younger_than.map(parse::ago),
        ..Default::default()
    };
    let mut seen = 0;
    while let Some(page_size) = args.list.page_size(seen) {
        request.page_size = page_size;
        let page = client.list_reservations(request.clone()).await;
        let page = page.map_err(|error| args.remote.explain(error))?;
        seen += page.reservations.len();
        for reservation in page.reservations {
            args.remote.output.print(&Summary(reservation.into()))?;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}
