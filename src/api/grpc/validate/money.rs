//! Unit prices as `google.type.Money` says them.

use std::fmt;

use super::Fields;
use crate::domain::money::{Currency, UnitPrice};
use crate::proto::Money;

/// The largest price has fewer units than this, so that its millionths can be counted.
const PRICE_UNITS_END: i64 = 9_000_000_000_000;
const NANOS_PER_MILLIONTH: i32 = 1_000;
const NANOS_PER_UNIT: i32 = 1_000_000_000;
const MILLIONTHS_PER_UNIT: u64 = 1_000_000;

impl Fields {
    /// A price, and the currency that it is in.
    pub(super) fn unit_price(
        &mut self,
        path: fmt::Arguments<'_>,
        money: Option<&Money>,
    ) -> Option<(UnitPrice, Currency)> {
        let money = self.required(path, money)?;
        let code_path = format_args!("{path}.currency_code");
        let currency = self.check(code_path, Currency::new(&money.currency_code));
        let units = self.units(format_args!("{path}.units"), money.units);
        let millionths = self.millionths(format_args!("{path}.nanos"), money.nanos);
        // In range: below 9 * 10^18, as both parts are.
        let price = UnitPrice { millionths: units? * MILLIONTHS_PER_UNIT + millionths? };
        Some((price, currency?))
    }

    fn units(&mut self, path: fmt::Arguments<'_>, units: i64) -> Option<u64> {
        if !(0..PRICE_UNITS_END).contains(&units) {
            self.refuse(path, format_args!("must be at least 0 and below {PRICE_UNITS_END}"));
            return None;
        }
        u64::try_from(units).ok()
    }

    fn millionths(&mut self, path: fmt::Arguments<'_>, nanos: i32) -> Option<u64> {
        // Below 0 is refused with units of either sign: a price is never negative.
        if !(0..NANOS_PER_UNIT).contains(&nanos) {
            self.refuse(path, "must be from 0 to 999999999");
            return None;
        }
        if nanos % NANOS_PER_MILLIONTH != 0 {
            self.refuse(path, "must be whole thousands: a price has at most six decimals");
            return None;
        }
        u64::try_from(nanos / NANOS_PER_MILLIONTH).ok()
    }
}
