//! Money in integers: prices of one unit in millionths, amounts in a currency's minor unit.
//!
//! Nothing here is ever a float, and nothing rounds but [`UnitPrice::line_total`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency, by its three-letter code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Currency([u8; 3]);

/// A code that ISO 4217 doesn't list, or lists without a minor unit (gold, test codes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a currency of ISO 4217 with a minor unit, such as EUR, GBP or JPY")]
pub struct UnknownCurrency;

impl Currency {
    /// The currency with this code, in capitals.
    ///
    /// # Errors
    /// [`UnknownCurrency`], where ISO 4217 doesn't list it with a minor unit.
    pub fn new(code: &str) -> Result<Self, UnknownCurrency> {
        let known = iso_currency::Currency::from_str(code).map_err(|_| UnknownCurrency)?;
        known.exponent().ok_or(UnknownCurrency)?;
        let bytes = code.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        Ok(Self(bytes))
    }

    /// The code, such as `EUR`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals the minor unit has: 2 for a cent, 0 for a yen (ISO 4217).
    pub fn decimals(&self) -> u32 {
        iso_currency::Currency::from_str(self.code())
            .ok()
            .and_then(|currency| currency.exponent())
            .map_or(2, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What one unit costs, in millionths of the currency's major unit; never below 0.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct UnitPrice {
    /// Millionths of the major unit: 6.95 is 6,950,000.
    pub millionths: u64,
}

/// An amount in the currency's minor unit: 6.95 EUR is 695.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Amount {
    /// Minor units.
    pub minor: u64,
}

impl Amount {
    /// The largest amount: what `google.type.Money` can express in any currency.
    pub const MAX: Self = Self { minor: i64::MAX as u64 };

    /// The sum, or nothing where it is above [`Amount::MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (minor <= Self::MAX.minor).then_some(Self { minor })
    }
}

impl UnitPrice {
    /// `quantity` times this price, rounded half to even to the currency's minor unit; nothing
    /// where that is above [`Amount::MAX`].
    pub fn line_total(self, quantity: u64, currency: Currency) -> Option<Amount> {
        let exact = u128::from(self.millionths) * u128::from(quantity);
        let minor_units = exact.checked_mul(10u128.pow(currency.decimals()))?;
        let minor = u64::try_from(divide_half_to_even(minor_units, 1_000_000)).ok()?;
        Amount::default().checked_add(Amount { minor })
    }
}

fn divide_half_to_even(value: u128, by: u128) -> u128 {
    let (quotient, rest) = (value / by, value % by);
    let rounds_up = rest * 2 > by || (rest * 2 == by && quotient % 2 == 1);
    quotient + u128::from(rounds_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(millionths: u64, quantity: u64, currency: &str) -> u64 {
        let currency = Currency::new(currency).unwrap();
        UnitPrice { millionths }.line_total(quantity, currency).unwrap().minor
    }

    #[test]
    fn a_half_is_rounded_to_the_even_side() {
        assert_eq!(total(5_000, 1, "EUR"), 0);
        assert_eq!(total(15_000, 1, "EUR"), 2);
        assert_eq!(total(25_000, 1, "EUR"), 2);
        assert_eq!(total(25_001, 1, "EUR"), 3);
    }

    #[test]
    fn the_minor_unit_is_the_currencys_own() {
        assert_eq!(total(6_950_000, 12, "GBP"), 8_340);
        assert_eq!(total(1_500_000, 1, "JPY"), 2);
        assert_eq!(total(1_234_500, 1, "KWD"), 1_234);
    }

    #[test]
    fn a_total_beyond_the_largest_amount_is_none() {
        let currency = Currency::new("EUR").unwrap();
        assert_eq!(UnitPrice { millionths: u64::MAX }.line_total(u64::MAX, currency), None);
    }

    #[test]
    fn a_currency_is_one_of_the_standard() {
        for code in ["", "eur", "EURO", "XXX", "ABC", "XAU"] {
            assert!(Currency::new(code).is_err(), "{code}");
        }
    }
}
