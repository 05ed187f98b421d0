//! Questions to calendars.
//!
//! Not here: whether what is asked for is what the calendar counts, which only the calendar knows.

use prost::Message;

use super::super::page_token::Scope;
use super::Fields;
use super::lines::Named;
use super::lists::Page;
use crate::domain::calendar::{NIGHTS_MAX, Place, SLOT_MS_MAX, Setting, Span, Start};
use crate::domain::name::{CalendarId, TenantId};
use crate::domain::wanted::Wanted;
use crate::proto::v1;

/// A page of something that a calendar has at a time.
#[derive(Debug)]
pub(in super::super) struct Look<C> {
    /// Which calendar.
    pub calendar: CalendarId,
    /// At which time.
    pub range: Span,
    /// Which page.
    pub page: Page<C>,
}

/// What would be claimed.
#[derive(Debug)]
pub(in super::super) struct Candidate {
    /// Of which calendar.
    pub calendar: CalendarId,
    /// When.
    pub span: Span,
    /// How many units.
    pub quantity: u64,
}

/// A page of starts.
#[derive(Debug)]
pub(in super::super) struct SearchPage {
    /// Where, and between which starts.
    pub look: Look<i64>,
    /// For how long: milliseconds of a slot, or nights.
    pub length: i64,
    /// How many units.
    pub units: u64,
}

/// A page of conflicts.
#[derive(Debug)]
pub(in super::super) struct ConflictsPage {
    /// Of which calendar.
    pub calendar: CalendarId,
    /// With what; none with what holds.
    pub proposal: Option<Setting>,
    /// Which page.
    pub page: Page<Start>,
}

/// The time that a message asks about, as one of two members.
macro_rules! range {
    ($fields:expr, $range:expr, $module:ident) => {
        match $fields.required(format_args!("range"), $range.as_ref()) {
            None => None,
            Some(v1::$module::Range::Interval(interval)) => {
                $fields.interval(format_args!("interval"), interval)
            }
            Some(v1::$module::Range::Dates(dates)) => $fields.dates(format_args!("dates"), dates),
        }
    };
}

/// A page of a listing that all of a message but the page is the filter of.
macro_rules! page {
    ($fields:expr, $listing:literal, $tenant:expr, $request:ident) => {{
        let size = std::mem::take(&mut $request.page_size);
        let token = std::mem::take(&mut $request.page_token);
        let scope = Scope::new($listing, $tenant, &$request.encode_to_vec());
        $fields.page(scope, size, &token)
    }};
}

impl Fields {
    /// The one calendar that a question is for.
    pub fn asked_calendar(&mut self, calendar_id: &str) -> Option<CalendarId> {
        self.calendar_id(format_args!("calendar_id"), calendar_id)
    }

    /// A page of calendars.
    pub fn calendars(
        &mut self,
        tenant: &TenantId,
        request: &v1::ListCalendarsRequest,
    ) -> Option<Page<CalendarId>> {
        let scope = Scope::new("ListCalendars", tenant, &[]);
        self.page(scope, request.page_size, &request.page_token)
    }

    /// A page of claims on a calendar.
    pub fn calendar_claims(
        &mut self,
        tenant: &TenantId,
        mut request: v1::CalendarServiceListClaimsRequest,
    ) -> Option<Look<Place>> {
        let calendar = self.asked_calendar(&request.calendar_id);
        let range = range!(self, request.range, calendar_service_list_claims_request);
        let page = page!(self, "CalendarService.ListClaims", tenant, request);
        Some(Look { calendar: calendar?, range: range?, page: page? })
    }

    /// A page of what is available.
    pub fn availability(
        &mut self,
        tenant: &TenantId,
        mut request: v1::GetAvailabilityRequest,
    ) -> Option<Look<i64>> {
        let calendar = self.asked_calendar(&request.calendar_id);
        let range = range!(self, request.range, get_availability_request);
        let page = page!(self, "GetAvailability", tenant, request);
        Some(Look { calendar: calendar?, range: range?, page: page? })
    }

    /// What would be claimed.
    pub fn candidate(&mut self, request: &v1::CheckAvailabilityRequest) -> Option<Candidate> {
        use v1::check_availability_request::Resource;
        let wanted = match self.required(format_args!("resource"), request.resource.as_ref()) {
            None => None,
            Some(Resource::Slots(slots)) => self.named(format_args!("slots"), Named::Slots(slots)),
            Some(Resource::Nights(nights)) => {
                self.named(format_args!("nights"), Named::Nights(nights))
            }
        };
        let quantity = self.quantity(format_args!("quantity"), request.quantity);
        match wanted? {
            Wanted::Time { calendar, span } => {
                Some(Candidate { calendar, span, quantity: quantity? })
            }
            Wanted::Stock(_) => None,
        }
    }

    /// A search for starts.
    pub fn search(
        &mut self,
        tenant: &TenantId,
        mut request: v1::FindSlotsRequest,
    ) -> Option<SearchPage> {
        let calendar = self.asked_calendar(&request.calendar_id);
        let range = range!(self, request.range, find_slots_request);
        let length = self.search_length(range, request.length.as_ref());
        let units = self.quantity(format_args!("quantity"), request.quantity);
        let page = page!(self, "FindSlots", tenant, request);
        let look = Look { calendar: calendar?, range: range?, page: page? };
        Some(SearchPage { look, length: length?, units: units? })
    }

    fn search_length(
        &mut self,
        range: Option<Span>,
        length: Option<&v1::find_slots_request::Length>,
    ) -> Option<i64> {
        use v1::find_slots_request::Length;
        match (self.required(format_args!("length"), length)?, range?) {
            (Length::Duration(duration), Span::Slots { .. }) => {
                let span_ms = self.length(format_args!("duration"), duration, 1..=SLOT_MS_MAX);
                span_ms.and_then(|span_ms| i64::try_from(span_ms).ok())
            }
            (Length::Nights(nights), Span::Nights { .. }) => {
                let is_stay = (1..=NIGHTS_MAX).contains(nights);
                if !is_stay {
                    self.refuse(format_args!("nights"), format_args!("must be 1 to {NIGHTS_MAX}"));
                }
                is_stay.then_some((*nights).into())
            }
            (Length::Duration(_), Span::Nights { .. }) => {
                self.refuse(format_args!("duration"), "goes with an interval; dates need nights");
                None
            }
            (Length::Nights(_), Span::Slots { .. }) => {
                self.refuse(format_args!("nights"), "go with dates; an interval needs a duration");
                None
            }
        }
    }

    /// A page of conflicts.
    pub fn conflicts(
        &mut self,
        tenant: &TenantId,
        mut request: v1::ListConflictsRequest,
    ) -> Option<ConflictsPage> {
        use v1::list_conflicts_request::Proposal;
        let calendar = self.asked_calendar(&request.calendar_id);
        let proposal = request.proposal.as_ref().map(|proposal| match proposal {
            Proposal::UpdateCalendarRules(rules) => {
                self.rules_change("update_calendar_rules.", rules)
            }
            Proposal::SetCapacity(capacity) => self.capacity_change("set_capacity.", capacity),
            Proposal::CloseDates(dates) => self.closure("close_dates.", dates),
        });
        let page = page!(self, "ListConflicts", tenant, request);
        // None was made, or it could be read.
        let proposal = proposal.map_or(Some(None), |proposal| proposal.map(Some));
        Some(ConflictsPage { calendar: calendar?, proposal: proposal?, page: page? })
    }
}
