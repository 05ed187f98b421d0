//! Bounded text that users name things with.
//!
//! Every name is checked once, where it enters, and can't be malformed afterwards. Names
//! compare byte for byte: case matters, and nothing is trimmed or folded.
//!
//! Not here: quoting or escaping for a terminal or a wire.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given where something must be.
    #[error("must not be empty")]
    Empty,
    /// More bytes than the bound.
    #[error("has {bytes} bytes, more than the {bytes_max} that are allowed")]
    TooLong {
        /// What was given.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A control character, or a space at an end, or (for a tenant) a character outside the set.
    #[error("has a character that is not allowed at byte {at}: {allowed}")]
    Character {
        /// The byte offset of the first offender.
        at: usize,
        /// What would have been allowed.
        allowed: &'static str,
    },
}

const PRINTABLE: &str = "printable UTF-8, no space at either end";

fn check_printable(text: &str, bytes_max: usize) -> Result<(), InvalidName> {
    if text.len() > bytes_max {
        return Err(InvalidName::TooLong { bytes: text.len(), bytes_max });
    }
    let refused = |at| Err(InvalidName::Character { at, allowed: PRINTABLE });
    if let Some((at, _)) = text.char_indices().find(|(_, c)| is_unprintable(*c)) {
        return refused(at);
    }
    if text.starts_with(char::is_whitespace) {
        return refused(0);
    }
    match text.char_indices().next_back() {
        Some((at, last)) if last.is_whitespace() => refused(at),
        _ => Ok(()),
    }
}

/// Control characters, line and paragraph separators, and the marks that turn text around:
/// whatever would let a name look like something else in a log.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn check_filled(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() { Err(InvalidName::Empty) } else { Ok(()) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        // Names of up to 23 bytes are copied in place, longer ones are shared: no allocation
        // and, for most, no counter that threads would fight over.
        pub struct $name(SmolStr);

        impl $name {
            /// The longest that is accepted, in bytes.
            pub const BYTES_MAX: usize = $bytes_max;

            /// Checks a text and makes it a name.
            ///
            /// # Errors
            /// [`InvalidName`], where it is empty though it must not be, too long, or holds a
            /// character that is not allowed.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), InvalidName> = $check;
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// Whose data it is: 1 to 64 of `A–Z a–z 0–9 . _ -`. Part of every key.
    TenantId, 64, |text| {
        check_filled(text)?;
        check_printable(text, TenantId::BYTES_MAX)?;
        match text.bytes().position(|b| !(b.is_ascii_alphanumeric() || b"._-".contains(&b))) {
            Some(at) => Err(InvalidName::Character { at, allowed: "A-Z a-z 0-9 . _ -" }),
            None => Ok(()),
        }
    }
);

name!(
    /// What is counted: a stock-keeping unit, 1 to 128 bytes, case-sensitive, inner spaces allowed.
    Sku, 128, |text| {
        check_filled(text)?;
        check_printable(text, Sku::BYTES_MAX)
    }
);

name!(
    /// Where it is counted: 0 to 128 bytes; empty is the location without a name.
    Location, 128, |text| check_printable(text, Location::BYTES_MAX)
);

name!(
    /// A calendar: 1 to 128 bytes, case-sensitive, inner spaces allowed.
    CalendarId, 128, |text| {
        check_filled(text)?;
        check_printable(text, CalendarId::BYTES_MAX)
    }
);

name!(
    /// A time zone of the IANA database, such as `Europe/Lisbon`; 1 to 64 bytes. Whether there is
    /// such a zone is another question.
    ZoneName, 64, |text| {
        check_filled(text)?;
        check_printable(text, ZoneName::BYTES_MAX)
    }
);

name!(
    /// A line of a reservation or an order, chosen by the client or counted `1`, `2`, `3` …;
    /// 1 to 64 bytes.
    LineId, 64, |text| {
        check_filled(text)?;
        check_printable(text, LineId::BYTES_MAX)
    }
);

name!(
    /// Text that the server only carries: a customer, a reference, a reason; 0 to 256 bytes.
    Label, 256, |text| check_printable(text, Label::BYTES_MAX)
);

impl TenantId {
    /// The tenant of a client that names none.
    pub fn default_tenant() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

impl LineId {
    /// The line id of the `index`th line (from 0) where the client gave none.
    pub fn counted(index: usize) -> Self {
        Self(smol_str::format_smolstr!("{}", index + 1))
    }
}

impl Label {
    /// The label without text.
    pub fn empty() -> Self {
        Self(SmolStr::default())
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_may_hold_inner_spaces_and_any_script() {
        assert_eq!(Sku::new("BANK CHARGES").unwrap().as_str(), "BANK CHARGES");
        assert_eq!(Sku::new("größe-42").unwrap().as_str(), "größe-42");
    }

    #[test]
    fn what_could_deceive_a_reader_is_refused() {
        for text in ["", " a", "a ", "a\nb", "a\u{202e}b", "\u{0}"] {
            assert!(Sku::new(text).is_err(), "{text:?}");
        }
        assert!(Sku::new(&"x".repeat(129)).is_err());
        assert!(Sku::new(&"x".repeat(128)).is_ok());
    }

    #[test]
    fn a_refusal_names_the_byte_where_the_offender_begins() {
        for (text, at) in [("a\u{3000}", 1), ("\u{3000}a", 0), ("ä\tb", 2), ("a b ", 3)] {
            let InvalidName::Character { at: found, .. } = Sku::new(text).unwrap_err() else {
                panic!("{text:?}")
            };
            assert_eq!(found, at, "{text:?}");
        }
    }

    #[test]
    fn a_tenant_is_plain_ascii() {
        assert!(TenantId::new("shop-1.eu_west").is_ok());
        for text in ["", "a b", "ä", "a/b"] {
            assert!(TenantId::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_location_may_be_empty() {
        assert!(Location::new("").is_ok());
    }
}
