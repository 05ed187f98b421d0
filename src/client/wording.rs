//! What the server names, in words: resources, times, and what stands in the way.
//!
//! Not here: what else is told of it.

use std::fmt;

use crate::proto::Date;
use crate::proto::v1::{self, calendar_blocker, conflict, shortage};

/// As the command line takes it: `stock:SKU` or `stock:SKU@LOCATION`. A SKU with an `@` of its own
/// at no location ends in `@`, so that the last `@` is always the one before the location.
impl fmt::Display for v1::StockResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stock:{}", self.sku)?;
        if self.location.is_empty() && !self.sku.contains('@') {
            return Ok(());
        }
        write!(f, "@{}", self.location)
    }
}

/// `slots:CALENDAR=START/END`.
impl fmt::Display for v1::SlotsResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start_time, end_time) = (self.start_time, self.end_time);
        let interval = v1::TimeInterval { start_time, end_time };
        write!(f, "slots:{}={interval}", self.calendar_id)
    }
}

/// `nights:CALENDAR=CHECK-IN/CHECK-OUT`.
impl fmt::Display for v1::NightsResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start_date, end_date) = (self.check_in_date, self.check_out_date);
        let dates = v1::DateInterval { start_date, end_date };
        write!(f, "nights:{}={dates}", self.calendar_id)
    }
}

/// `START/END`.
impl fmt::Display for v1::TimeInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = [self.start_time, self.end_time].map(Option::unwrap_or_default);
        write!(f, "{start}/{end}")
    }
}

/// `START/END`.
impl fmt::Display for v1::DateInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = [self.start_date, self.end_date].map(Option::unwrap_or_default);
        write!(f, "{start}/{end}")
    }
}

/// As ISO 8601 has it.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for shortage::Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(stock) => write!(f, "{stock}"),
            Self::Slots(slots) => write!(f, "{slots}"),
            Self::Nights(nights) => write!(f, "{nights}"),
        }
    }
}

impl fmt::Display for shortage::Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StockBlocker(stock) => {
                write!(f, "{} on hand, {} held", stock.on_hand, stock.held)
            }
            Self::CalendarBlocker(calendar) => write!(f, "{calendar}"),
        }
    }
}

/// Whose claim, and when.
impl fmt::Display for v1::Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reservation {}", self.reservation_id)?;
        match &self.when {
            None => Ok(()),
            Some(conflict::When::Interval(interval)) => write!(f, ", {interval}"),
            Some(conflict::When::Nights(nights)) => write!(f, ", {nights}"),
        }
    }
}

/// The cause, when that is so or what was missed, and until when a hold stands in the way.
impl fmt::Display for v1::CalendarBlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use calendar_blocker::{Limit, When};
        let cause = self.cause().as_str_name();
        let cause = cause.strip_prefix("CALENDAR_BLOCKER_CAUSE_").unwrap_or(cause);
        write!(f, "{}", cause.to_lowercase().replace('_', " "))?;
        match &self.when {
            None => {}
            Some(When::Interval(interval)) => write!(f, " {interval}")?,
            Some(When::Nights(nights)) => write!(f, " {nights}")?,
            Some(When::Date(date)) => write!(f, " {date}")?,
        }
        match &self.limit {
            None => {}
            Some(Limit::LimitNights(nights)) => write!(f, ", limit {nights} nights")?,
            Some(Limit::LimitDuration(length)) => write!(f, ", limit {length}")?,
            Some(Limit::LimitTime(time)) => write!(f, ", limit {time}")?,
            Some(Limit::LimitDate(date)) => write!(f, ", limit {date}")?,
            Some(Limit::LimitKind(_)) => write!(f, " of calendar")?,
        }
        match &self.expire_time {
            None => Ok(()),
            Some(time) => write!(f, ", a hold ends {time}"),
        }
    }
}
