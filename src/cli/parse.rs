//! Arguments and fields that need more than one look: prices, moments, spans, ids, names, addresses.
//!
//! What can't be read is told in one form, after what was given and for which argument: what it is
//! not, and an example of what it should be.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use tonic::codegen::http::uri::Authority;
use uuid::Uuid;

use crate::domain::calendar::Date;
use crate::domain::money::Currency;
use crate::domain::name::{Location, Sku, TenantId};
use crate::proto::{self, Money};

/// A price of one unit: a whole number of millionths, so that nothing is lost or added on the way
/// from a decimal text to the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Price(i64);

const MILLIONTHS: i64 = 1_000_000;
const DECIMALS_MAX: i32 = 6;
/// More digits than any price that fits, and few enough that no sum of lengths overflows.
const TEXT_BYTES_MAX: usize = 64;

impl Price {
    /// A price of so many millionths.
    pub fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// Whether it is above 0.
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// As the wire carries it.
    pub fn into_money(self, currency: &str) -> Money {
        Money {
            currency_code: currency.to_owned(),
            units: self.0 / MILLIONTHS,
            // Below a million in size, so a thousand times that fits.
            nanos: (self.0 % MILLIONTHS) as i32 * 1_000,
        }
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} millionths", self.0)
    }
}

/// A decimal number: `4.25`, `-3`, `.5`, `1e-3`; zeros beyond the sixth decimal are no decimals.
impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const NO_NUMBER: &str = "no decimal number such as 4.25";
        if text.len() > TEXT_BYTES_MAX {
            return Err(NO_NUMBER.to_owned());
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (number, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i16>().map_err(|_| NO_NUMBER)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NO_NUMBER.to_owned());
        }
        let decimals = fraction.len() as i32 - i32::from(exponent);
        let size = millionths(&digits, decimals)?;
        Ok(Self(if text.starts_with('-') { -size } else { size }))
    }
}

/// `digits` with the point `decimals` places from their end, in millionths.
fn millionths(digits: &str, decimals: i32) -> Result<i64, &'static str> {
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let decimals = decimals - (digits.len() - significant.len()) as i32;
    if decimals > DECIMALS_MAX {
        return Err("more than six decimals");
    }
    let scale = 10_i64.checked_pow((DECIMALS_MAX - decimals) as u32);
    let value: Option<i64> = significant.parse().ok();
    value.zip(scale).and_then(|(value, scale)| value.checked_mul(scale)).ok_or("too large")
}

/// Reads a tenant's id.
///
/// # Errors
/// What is wrong with it.
pub fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::new(text).map_err(|error| error.to_string())
}

/// Reads a span such as `90s`, `15m` or `1h 30m`.
///
/// # Errors
/// What is wrong with it.
pub fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "no span such as 90s, 15m or 1h 30m".to_owned())
}

/// Reads a span that is longer than nothing.
///
/// # Errors
/// What is wrong with it.
pub fn span_above_zero(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err("must be longer than nothing, as in 90s or 15m".to_owned()),
        span => Ok(span),
    }
}

/// Reads a moment such as `2026-12-24T10:00:00Z`.
///
/// # Errors
/// What is wrong with it.
pub fn moment(text: &str) -> Result<prost_types::Timestamp, String> {
    let moment = text.parse().map_err(|_| "no moment such as 2026-12-24T10:00:00Z".to_owned())?;
    Ok(to_wire_moment(moment))
}

/// Reads `KEY=VALUE`; the first `=` parts them.
///
/// # Errors
/// Where there is no `=`, or nothing before it.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not of the form KEY=VALUE, as in gift=yes".to_owned()),
    }
}

/// Reads the id of a reservation, an order or a request.
///
/// # Errors
/// Where it is no UUID.
pub fn id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "no UUID such as 6f2c1c1e-0d7b-4c7e-9d64-0a4d3f5f2a11".to_owned())
}

/// Reads the code of a currency.
///
/// # Errors
/// Where there is none with this code.
pub fn currency(text: &str) -> Result<Currency, String> {
    let known = |code: &str| Currency::new(code).ok();
    known(text).ok_or_else(|| match known(&text.to_uppercase()) {
        Some(currency) => format!("no code of a currency; it is written {currency}"),
        None => "no code of a currency in ISO 4217, such as EUR, GBP or JPY".to_owned(),
    })
}

/// Reads a SKU.
///
/// # Errors
/// What is wrong with it.
pub fn sku(text: &str) -> Result<Sku, String> {
    Sku::new(text).map_err(|error| error.to_string())
}

/// Reads the name of a location, which may be empty.
///
/// # Errors
/// What is wrong with it.
pub fn location(text: &str) -> Result<Location, String> {
    Location::new(text).map_err(|error| error.to_string())
}

/// Reads where a server listens.
///
/// # Errors
/// Where it isn't an IP address and a port.
pub fn listening_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "no IP address and port such as 127.0.0.1:7420".to_owned())
}

/// Reads where a server is found: `http://HOST:PORT`, or `HOST:PORT` alone.
///
/// # Errors
/// What is wrong with it.
pub fn server_address(text: &str) -> Result<String, String> {
    const EXAMPLE: &str = "http://127.0.0.1:7420";
    let place = match text.split_once("://") {
        Some(("http", place)) => place,
        Some((scheme, _)) => return Err(format!("{scheme} is not spoken, only {EXAMPLE}")),
        None => text,
    };
    let authority: Option<Authority> = place.trim_end_matches('/').parse().ok();
    match authority {
        Some(authority) if authority.host().is_empty() => Err(format!("no host, as in {EXAMPLE}")),
        Some(authority) if authority.port_u16().is_none() => {
            Err(format!("no port, as in {EXAMPLE}"))
        }
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("no address such as {EXAMPLE}")),
    }
}

/// A span as the wire carries it.
pub fn to_wire_span(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: span.subsec_nanos() as i32,
    }
}

/// A date as the wire carries it.
pub fn to_wire_date(date: Date) -> proto::Date {
    let (year, month, day) = date.civil();
    proto::Date { year, month: month.into(), day: day.into() }
}

/// The moment that lies a span before now, by this machine's clock.
pub fn ago(span: Duration) -> prost_types::Timestamp {
    let moment = SystemTime::now().checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
    moment.into()
}

/// A moment as the wire carries it.
pub fn to_wire_moment(moment: jiff::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }
}

/// A moment from the wire; nothing beyond the years that can be told.
pub fn from_wire_moment(moment: prost_types::Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(moment.seconds, moment.nanos).ok()
}

/// The id given, or a new one.
pub fn id_or_new(id: Option<Uuid>) -> String {
    id.unwrap_or_else(Uuid::new_v4).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_exactly() {
        let cases = [
            ("6.95", 6_950_000),
            ("0.001", 1_000),
            ("0.000001", 1),
            ("2.1", 2_100_000),
            ("25", 25_000_000),
            (".5", 500_000),
            ("5.", 5_000_000),
            ("-53594.36", -53_594_360_000),
            ("-0.0", 0),
            ("1e-3", 1_000),
            ("1.5E+2", 150_000_000),
            ("1.2500000000", 1_250_000),
            ("0e999", 0),
            ("9223372036854.775807", i64::MAX),
        ];
        for (text, millionths) in cases {
            assert_eq!(text.parse(), Ok(Price(millionths)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        let cases = [
            "",
            "-",
            ".",
            "e5",
            "x",
            "1,5",
            "1.2.3",
            "--1",
            " 1",
            "1 ",
            "NaN",
            "inf",
            "£3",
            "1e",
            "٣",
            "0.0000001",
            "1.2345678",
            "9223372036854.775808",
            "1e30",
            "1e-999",
            "1e99999",
        ];
        for text in cases {
            assert!(text.parse::<Price>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_price_keeps_its_sign_on_the_wire() {
        let money = Price(-1_750_000).into_money("EUR");
        assert_eq!((money.units, money.nanos), (-1, -750_000_000));
    }

    #[test]
    fn moments_and_spans_are_read_as_people_write_them() {
        assert_eq!(span("1h 30m").unwrap(), Duration::from_secs(5_400));
        assert!(span("90").is_err());
        assert_eq!(moment("1970-01-01T00:00:01.5Z").unwrap().nanos, 500_000_000);
        assert!(moment("tomorrow").is_err());
        assert!(span_above_zero("0s").is_err());
        assert!(span_above_zero("1ms").is_ok());
    }

    #[test]
    fn a_currency_is_told_how_it_is_written() {
        assert_eq!(currency("EUR").unwrap().code(), "EUR");
        assert!(currency("eur").unwrap_err().ends_with("written EUR"));
        assert!(currency("euro").unwrap_err().contains("such as EUR"));
    }

    #[test]
    fn a_server_is_found_by_host_and_port() {
        for text in ["127.0.0.1:7420", "http://localhost:7420/", "[::1]:7420"] {
            assert_eq!(server_address(text).unwrap(), text);
        }
        for text in ["", "localhost", "http://localhost", ":7420", "a b:1", "localhost:port"] {
            assert!(server_address(text).unwrap_err().contains("http://127.0.0.1:7420"), "{text}");
        }
        assert!(server_address("https://localhost:7420").unwrap_err().contains("https"));
    }
}
