//! Time as requests name it: dates, slots, nights, and lengths.
//!
//! Not here: whether a calendar has it.

use std::fmt;
use std::ops::RangeInclusive;

use super::Fields;
use super::terms::milliseconds;
use crate::domain::calendar::{Date, Span};
use crate::domain::name::CalendarId;
use crate::domain::wanted::Wanted;
use crate::proto::{self, v1};

impl Fields {
    /// Names a calendar.
    pub(super) fn calendar_id(
        &mut self,
        path: fmt::Arguments<'_>,
        text: &str,
    ) -> Option<CalendarId> {
        self.check(path, CalendarId::new(text))
    }

    /// A slot in a calendar.
    pub(super) fn slots(
        &mut self,
        path: fmt::Arguments<'_>,
        slots: &v1::SlotsResource,
    ) -> Option<Wanted> {
        let calendar = self.calendar_id(format_args!("{path}.calendar_id"), &slots.calendar_id);
        let span = self.instants(path, slots.start_time.as_ref(), slots.end_time.as_ref());
        Some(Wanted::Time { calendar: calendar?, span: span? })
    }

    /// Nights in a calendar.
    pub(super) fn nights(
        &mut self,
        path: fmt::Arguments<'_>,
        nights: &v1::NightsResource,
    ) -> Option<Wanted> {
        let calendar = self.calendar_id(format_args!("{path}.calendar_id"), &nights.calendar_id);
        let check_in = ("check_in_date", nights.check_in_date.as_ref());
        let check_out = ("check_out_date", nights.check_out_date.as_ref());
        let span = self.two_dates(path, check_in, check_out);
        Some(Wanted::Time { calendar: calendar?, span: span? })
    }

    /// From an instant to another.
    pub(super) fn interval(
        &mut self,
        path: fmt::Arguments<'_>,
        interval: &v1::TimeInterval,
    ) -> Option<Span> {
        self.instants(path, interval.start_time.as_ref(), interval.end_time.as_ref())
    }

    /// From a date to another.
    pub(super) fn dates(
        &mut self,
        path: fmt::Arguments<'_>,
        dates: &v1::DateInterval,
    ) -> Option<Span> {
        let start = ("start_date", dates.start_date.as_ref());
        let end = ("end_date", dates.end_date.as_ref());
        self.two_dates(path, start, end)
    }

    /// A civil date.
    pub(super) fn date(&mut self, path: fmt::Arguments<'_>, date: &proto::Date) -> Option<Date> {
        let proto::Date { year, month, day } = *date;
        let parts = u8::try_from(month).ok().zip(u8::try_from(day).ok());
        let read = parts.and_then(|(month, day)| Date::of_civil(year, month, day));
        if read.is_none() {
            self.refuse(path, "must be a date of the years 1 to 9999");
        }
        read
    }

    /// A length of time in milliseconds; what is below doesn't count.
    pub(super) fn length(
        &mut self,
        path: fmt::Arguments<'_>,
        length: &prost_types::Duration,
        bounds: RangeInclusive<u64>,
    ) -> Option<u64> {
        let span_ms = milliseconds(length.seconds, length.nanos);
        let in_bounds = span_ms.filter(|span_ms| bounds.contains(span_ms));
        if in_bounds.is_none() {
            let (least, most) = bounds.into_inner();
            self.refuse(path, format_args!("must be from {least} to {most} milliseconds"));
        }
        in_bounds
    }

    fn instants(
        &mut self,
        path: fmt::Arguments<'_>,
        start: Option<&prost_types::Timestamp>,
        end: Option<&prost_types::Timestamp>,
    ) -> Option<Span> {
        let [start, end] = [("start_time", start), ("end_time", end)].map(|(name, time)| {
            let path = format_args!("{path}.{name}");
            self.required(path, time).and_then(|time| self.timestamp(path, time))
        });
        let span = Span::Slots { start: start?, end: end? };
        let says = "must be after start_time and before the year 9999";
        self.sound(format_args!("{path}.end_time"), span, says)
    }

    fn two_dates(
        &mut self,
        path: fmt::Arguments<'_>,
        start: (&str, Option<&proto::Date>),
        end: (&str, Option<&proto::Date>),
    ) -> Option<Span> {
        let [from, until] = [start, end].map(|(name, date)| {
            let path = format_args!("{path}.{name}");
            self.required(path, date).and_then(|date| self.date(path, date))
        });
        let span = Span::Nights { check_in: from?, check_out: until? };
        self.sound(
            format_args!("{path}.{}", end.0),
            span,
            format_args!("must be after {}", start.0),
        )
    }

    fn sound(
        &mut self,
        path: fmt::Arguments<'_>,
        span: Span,
        must: impl fmt::Display,
    ) -> Option<Span> {
        if !span.is_sound() {
            self.refuse(path, must);
            return None;
        }
        Some(span)
    }
}
