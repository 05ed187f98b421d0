//! What lines of reservations and of sales orders have in common: how many there are, and that no
//! two are called alike.

use std::collections::HashMap;
use std::fmt;

use super::Fields;
use crate::domain::name::LineId;
use crate::domain::wanted::Wanted;
use crate::proto::v1;

/// The most lines of one reservation or order.
pub(super) const LINES_MAX: usize = 1_000;

/// What a line names, whatever it is a line of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Stock(&'a v1::StockResource),
    Slots(&'a v1::SlotsResource),
    Nights(&'a v1::NightsResource),
}

macro_rules! names {
    ($($module:ident)*) => {$(
        impl<'a> From<&'a v1::$module::Resource> for Named<'a> {
            fn from(resource: &'a v1::$module::Resource) -> Self {
                match resource {
                    v1::$module::Resource::Stock(stock) => Self::Stock(stock),
                    v1::$module::Resource::Slots(slots) => Self::Slots(slots),
                    v1::$module::Resource::Nights(nights) => Self::Nights(nights),
                }
            }
        }
    )*};
}

names!(reservation_line sales_order_line);

impl Named<'_> {
    /// The member that names it.
    fn field(&self) -> &'static str {
        match self {
            Self::Stock(_) => "stock",
            Self::Slots(_) => "slots",
            Self::Nights(_) => "nights",
        }
    }
}

impl Fields {
    /// The lines, each read by `read` with its path and its id. Where one can't be read there are
    /// none, but the rest are checked all the same.
    pub(super) fn lines<W, L>(
        &mut self,
        lines: &[W],
        id: impl Fn(&W) -> &str,
        mut read: impl FnMut(&mut Self, fmt::Arguments<'_>, &W, LineId) -> Option<L>,
    ) -> Option<Vec<L>> {
        if !(1..=LINES_MAX).contains(&lines.len()) {
            let found = lines.len();
            self.refuse(
                format_args!("lines"),
                format_args!("must be 1 to {LINES_MAX}, not {found}"),
            );
            return None;
        }
        let mut ids = HashMap::with_capacity(lines.len());
        let mut all = Some(Vec::with_capacity(lines.len()));
        for (index, line) in lines.iter().enumerate() {
            let id = self.line_id(index, id(line), &mut ids);
            // Without an id the line can't be made, but its other fields are still to be checked.
            let line_id = id.clone().unwrap_or_else(|| LineId::counted(index));
            let line = read(self, format_args!("lines[{index}]"), line, line_id);
            all = match (all, line, id) {
                (Some(mut lines), Some(line), Some(_)) => {
                    lines.push(line);
                    Some(lines)
                }
                _ => None,
            };
        }
        all
    }

    fn line_id(
        &mut self,
        index: usize,
        given: &str,
        taken: &mut HashMap<LineId, usize>,
    ) -> Option<LineId> {
        let path = format_args!("lines[{index}].line_id");
        let id = if given.is_empty() {
            LineId::counted(index)
        } else {
            self.check(path, LineId::new(given))?
        };
        if let Some(other) = taken.insert(id.clone(), index) {
            match given {
                "" => {
                    self.refuse(path, format_args!("is empty, and {id} is that of lines[{other}]"))
                }
                _ => self.refuse(path, format_args!("is that of lines[{other}] too")),
            }
            return None;
        }
        Some(id)
    }

    /// What a line is for.
    pub(super) fn wanted<'a>(
        &mut self,
        path: fmt::Arguments<'_>,
        named: Option<impl Into<Named<'a>>>,
    ) -> Option<Wanted> {
        let named = self.required(format_args!("{path}.resource"), named)?.into();
        self.named(format_args!("{path}.{}", named.field()), named)
    }

    /// What is named in a field.
    pub(super) fn named(&mut self, path: fmt::Arguments<'_>, named: Named<'_>) -> Option<Wanted> {
        match named {
            Named::Stock(stock) => self.stock(path, Some(stock)).map(Wanted::Stock),
            Named::Slots(slots) => self.slots(path, slots),
            Named::Nights(nights) => self.nights(path, nights),
        }
    }
}
