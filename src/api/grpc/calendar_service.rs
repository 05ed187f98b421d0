//! `CalendarService`: capacity over time, and the claims on it.
//!
//! Not here: anything but reading, passing on and answering.

use tonic::{Request, Response, Status};

use super::calendar_view;
use super::convert;
use super::errors::{Failure, Violation, rule_field};
use super::gateway::{self, Gateway};
use super::page;
use super::validate::calendar_questions::{Candidate, ConflictsPage, Look, SearchPage};
use super::validate::lists::Page;
use crate::actors::delivery::Told;
use crate::domain::calendar::{Answer, ClaimLine, Kind, Place, Question, Search, Setting, Span};
use crate::domain::ids::{EntityId, EntityKey, EntityKind, ResourceKey};
use crate::domain::name::{CalendarId, LineId, TenantId};
use crate::domain::view::View;
use crate::domain::wanted::Wanted;
use crate::proto::v1;
use crate::proto::v1::calendar_service_server::CalendarService;

/// The service.
pub(super) struct CalendarApi {
    gateway: Gateway,
    answer_bytes_max: usize,
}

/// A calendar that exists.
struct Known {
    key: EntityKey,
    kind: Kind,
}

impl CalendarApi {
    pub(super) fn new(gateway: Gateway, answer_bytes_max: usize) -> Self {
        Self { gateway, answer_bytes_max }
    }

    /// Which kind a calendar is of; that never changes.
    async fn known(&self, tenant: &TenantId, id: CalendarId) -> Result<Known, Failure> {
        let key = EntityKey::resource(tenant, ResourceKey::Calendar(id));
        let told = self.gateway.show(key.clone()).await?;
        match &told.answer.view {
            View::Calendar(details) => Ok(Known { key, kind: details.rules.kind() }),
            _ => Err(Failure::NotFound(EntityKind::Calendar, told.position)),
        }
    }

    async fn ask(&self, known: Known, question: Question) -> Result<Told<Answer>, Failure> {
        Ok(self.gateway.engine().ask(known.key, question).await?)
    }

    async fn calendars(
        &self,
        tenant: &TenantId,
        page: Page<CalendarId>,
    ) -> Result<v1::ListCalendarsResponse, Failure> {
        let Page { size, after, scope } = page;
        // One more than the page holds tells whether there is a next one.
        let mut found = self.gateway.engine().list_calendars(tenant, after, size + 1).await?;
        let has_more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| has_more);
        let next_page_token = last.map(|(id, _)| scope.token(id)).unwrap_or_default();
        let calendar = |(id, shown)| {
            calendar_view::calendar(&EntityId::Resource(ResourceKey::Calendar(id)), &shown)
        };
        let calendars = found.into_iter().filter_map(calendar).collect();
        Ok(v1::ListCalendarsResponse { calendars, next_page_token })
    }

    async fn claims(
        &self,
        tenant: &TenantId,
        look: Look<Place>,
    ) -> Result<v1::CalendarServiceListClaimsResponse, Failure> {
        let Look { calendar, range, page: Page { size, after, scope } } = look;
        let known = self.known(tenant, calendar).await?;
        counted_by(known.kind, range)?;
        let question =
            Question::Claims { from: range.from(), to: range.to(), begin: after, count: size + 1 };
        let Told { answer, position } = self.ask(known, question).await?;
        let Answer::Claims(found) = answer else {
            return Err(Failure::NotFound(EntityKind::Calendar, position));
        };
        let claims = found.iter().take(size).map(calendar_view::claim);
        let claims = page::fitting(claims, self.answer_bytes_max);
        let next = found.get(claims.len());
        Ok(v1::CalendarServiceListClaimsResponse {
            next_page_token: next.map(|piece| scope.token(&piece.place)).unwrap_or_default(),
            claims,
            position: position.0,
        })
    }

    async fn availability(
        &self,
        tenant: &TenantId,
        look: Look<i64>,
    ) -> Result<v1::GetAvailabilityResponse, Failure> {
        let Look { calendar, range, page: Page { size, after, scope } } = look;
        let known = self.known(tenant, calendar).await?;
        counted_by(known.kind, range)?;
        let (kind, from, to) = (known.kind, after.unwrap_or(range.from()), range.to());
        let Told { answer, position } =
            self.ask(known, Question::Available { from, to, count: size }).await?;
        let Answer::Available(found) = answer else {
            return Err(Failure::NotFound(EntityKind::Calendar, position));
        };
        let next = found.last().map(|piece| piece.to).filter(|end| *end < to);
        Ok(v1::GetAvailabilityResponse {
            availabilities: found.iter().map(|it| calendar_view::availability(kind, it)).collect(),
            next_page_token: next.map(|end| scope.token(&end)).unwrap_or_default(),
            position: position.0,
        })
    }

    async fn check(
        &self,
        tenant: &TenantId,
        candidate: Candidate,
    ) -> Result<v1::CheckAvailabilityResponse, Failure> {
        let Candidate { calendar, span, quantity } = candidate;
        let wanted = Wanted::Time { calendar, span };
        let key = EntityKey::resource(tenant, wanted.resource());
        let question = would_fit(span, quantity);
        let Told { answer, position } = self.gateway.engine().ask(key, question).await?;
        let Answer::Fits(short) = answer else {
            return Err(Failure::NotFound(EntityKind::Calendar, position));
        };
        let shortage = short
            .first()
            .map(|short| convert::shortage_of("", Some(&wanted), quantity, &short.shortfall));
        let (fits, position) = (shortage.is_none(), position.0);
        Ok(v1::CheckAvailabilityResponse { fits, shortage, position })
    }

    async fn search(
        &self,
        tenant: &TenantId,
        asked: SearchPage,
    ) -> Result<v1::FindSlotsResponse, Failure> {
        let SearchPage { look: Look { calendar, range, page }, length, units } = asked;
        let Page { size, after, scope } = page;
        let known = self.known(tenant, calendar).await?;
        counted_by(known.kind, range)?;
        let (kind, from, until) = (known.kind, after.unwrap_or(range.from()), range.to());
        let search = Search { from, until, length, units, count: size };
        let Told { answer, position } = self.ask(known, Question::Find(search)).await?;
        let Answer::Found(found) = answer else {
            return Err(Failure::NotFound(EntityKind::Calendar, position));
        };
        let next = Some(found.looked_until).filter(|looked| *looked < until);
        Ok(v1::FindSlotsResponse {
            slots: calendar_view::found(kind, &found),
            next_page_token: next.map(|looked| scope.token(&looked)).unwrap_or_default(),
            position: position.0,
        })
    }

    async fn conflicts(
        &self,
        tenant: &TenantId,
        asked: ConflictsPage,
    ) -> Result<v1::ListConflictsResponse, Failure> {
        let ConflictsPage { calendar, proposal, page: Page { size, after, scope } } = asked;
        let known = self.known(tenant, calendar).await?;
        let question = match proposal {
            None => Question::Conflicts { after, count: size },
            Some(setting) => {
                possible(&setting, known.kind)?;
                Question::ConflictsOf { setting, after, count: size }
            }
        };
        let Told { answer, position } = self.ask(known, question).await?;
        let (conflicts, next, total) = match answer {
            Answer::Conflicts { conflicts, next, total } => (conflicts, next, total),
            Answer::Refused(rejection) => return Err(Failure::Impossible(rejection, position)),
            _ => return Err(Failure::NotFound(EntityKind::Calendar, position)),
        };
        Ok(v1::ListConflictsResponse {
            conflicts: conflicts.iter().map(calendar_view::conflict).collect(),
            next_page_token: next.map(|last| scope.token(&last)).unwrap_or_default(),
            total_count: total.map(|total| u32::try_from(total).unwrap_or(u32::MAX)),
            position: position.0,
        })
    }
}

/// The question whether a line would fit.
fn would_fit(span: Span, quantity: u64) -> Question {
    let line = ClaimLine { id: LineId::counted(0), span, held: quantity, committed: 0 };
    Question::Fits([line].into())
}

fn counted_by(kind: Kind, range: Span) -> Result<(), Failure> {
    if range.kind() == kind {
        return Ok(());
    }
    let field = match range {
        Span::Slots { .. } => "interval",
        Span::Nights { .. } => "dates",
    };
    let description = format!("must be of what the calendar counts: {}", kind.name());
    Err(Failure::Invalid(vec![Violation { field: field.to_owned(), description }]))
}

/// Whether a setting is one for a calendar of this kind.
fn possible(setting: &Setting, kind: Kind) -> Result<(), Failure> {
    let Some(flaw) = setting.flaw(kind) else { return Ok(()) };
    let proposal = match setting {
        Setting::Rules(_) => "update_calendar_rules",
        Setting::Capacity(..) => "set_capacity",
        Setting::Closed(..) => "close_dates",
    };
    let field = format!("{proposal}.{}", rule_field(flaw.at));
    let description = format!("is refused: {flaw}");
    Err(Failure::Invalid(vec![Violation { field, description }]))
}

#[tonic::async_trait]
impl CalendarService for CalendarApi {
    async fn create_calendar(
        &self,
        request: Request<v1::CreateCalendarRequest>,
    ) -> Result<Response<v1::CreateCalendarResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn update_calendar_rules(
        &self,
        request: Request<v1::UpdateCalendarRulesRequest>,
    ) -> Result<Response<v1::UpdateCalendarRulesResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn set_capacity(
        &self,
        request: Request<v1::SetCapacityRequest>,
    ) -> Result<Response<v1::SetCapacityResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn close_dates(
        &self,
        request: Request<v1::CloseDatesRequest>,
    ) -> Result<Response<v1::CloseDatesResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn open_dates(
        &self,
        request: Request<v1::OpenDatesRequest>,
    ) -> Result<Response<v1::OpenDatesResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn retire_calendar(
        &self,
        request: Request<v1::RetireCalendarRequest>,
    ) -> Result<Response<v1::RetireCalendarResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn get_calendar(
        &self,
        request: Request<v1::GetCalendarRequest>,
    ) -> Result<Response<v1::GetCalendarResponse>, Status> {
        let (tenant, id) =
            gateway::ask(request, |fields, _, asked| fields.asked_calendar(&asked.calendar_id))?;
        let id = EntityId::Resource(ResourceKey::Calendar(id));
        let told = self.gateway.show(EntityKey { tenant, id: id.clone() }).await?;
        Ok(Response::new(v1::GetCalendarResponse {
            calendar: calendar_view::calendar(&id, &told.answer),
            position: told.position.0,
        }))
    }

    async fn list_calendars(
        &self,
        request: Request<v1::ListCalendarsRequest>,
    ) -> Result<Response<v1::ListCalendarsResponse>, Status> {
        let (tenant, page) =
            gateway::ask(request, |fields, tenant, asked| fields.calendars(tenant, &asked))?;
        Ok(Response::new(self.calendars(&tenant, page).await?))
    }

    async fn list_claims(
        &self,
        request: Request<v1::CalendarServiceListClaimsRequest>,
    ) -> Result<Response<v1::CalendarServiceListClaimsResponse>, Status> {
        let (tenant, look) =
            gateway::ask(request, |fields, tenant, asked| fields.calendar_claims(tenant, asked))?;
        Ok(Response::new(self.claims(&tenant, look).await?))
    }

    async fn get_availability(
        &self,
        request: Request<v1::GetAvailabilityRequest>,
    ) -> Result<Response<v1::GetAvailabilityResponse>, Status> {
        let (tenant, look) =
            gateway::ask(request, |fields, tenant, asked| fields.availability(tenant, asked))?;
        Ok(Response::new(self.availability(&tenant, look).await?))
    }

    async fn check_availability(
        &self,
        request: Request<v1::CheckAvailabilityRequest>,
    ) -> Result<Response<v1::CheckAvailabilityResponse>, Status> {
        let (tenant, candidate) =
            gateway::ask(request, |fields, _, asked| fields.candidate(&asked))?;
        Ok(Response::new(self.check(&tenant, candidate).await?))
    }

    async fn find_slots(
        &self,
        request: Request<v1::FindSlotsRequest>,
    ) -> Result<Response<v1::FindSlotsResponse>, Status> {
        let (tenant, asked) =
            gateway::ask(request, |fields, tenant, asked| fields.search(tenant, asked))?;
        Ok(Response::new(self.search(&tenant, asked).await?))
    }

    async fn list_conflicts(
        &self,
        request: Request<v1::ListConflictsRequest>,
    ) -> Result<Response<v1::ListConflictsResponse>, Status> {
        let (tenant, asked) =
            gateway::ask(request, |fields, tenant, asked| fields.conflicts(tenant, asked))?;
        Ok(Response::new(self.conflicts(&tenant, asked).await?))
    }
}
