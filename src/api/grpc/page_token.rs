//! Where the next page of a listing begins, as text that means nothing to the client.
//!
//! ```text
//!   token = lower-case hexadecimal of  version: u8 = 1 ‖ scope: u64 ‖ cursor
//! ```
//!
//! The scope is a hash over the listing, the tenant and the filter. A token of another query is
//! refused, rather than answered with a page that leaves things out.
//!
//! Not here: secrecy. A forged token shows its forger what the same tenant could list anyway.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::calendar::{Place, Start};
use crate::domain::ids::{ReservationId, StockKey, Version};
use crate::domain::name::{CalendarId, Location, Sku, TenantId};
use crate::domain::time::Timestamp;

const VERSION: u8 = 1;
const SCOPE_BYTES: usize = 8;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope(u64);

/// The last thing on a page, after which the next one begins.
pub(super) trait Cursor: Sized {
    /// Its bytes in a token.
    fn encode(&self) -> Vec<u8>;
    /// What the bytes stand for, and nothing where no cursor has such bytes.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl Scope {
    /// The scope of one listing: its name, whose it is, and what it is filtered by.
    pub fn new(listing: &'static str, tenant: &TenantId, filter: &[u8]) -> Self {
        // Neither a listing nor a tenant has a zero byte in it.
        Self(xxh3_64(&[listing.as_bytes(), tenant.as_str().as_bytes(), filter].join(&0)))
    }

    /// The token of the page after the cursor.
    pub fn token(self, cursor: &impl Cursor) -> String {
        let head = [&[VERSION][..], &self.0.to_be_bytes()].concat();
        head.iter().chain(&cursor.encode()).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The cursor of a token, and nothing where it isn't one of this scope.
    pub fn cursor<C: Cursor>(self, token: &str) -> Option<C> {
        let bytes = from_hexadecimal(token)?;
        let (&version, rest) = bytes.split_first()?;
        let (scope, cursor) = rest.split_first_chunk::<SCOPE_BYTES>()?;
        if version != VERSION || u64::from_be_bytes(*scope) != self.0 {
            return None;
        }
        C::decode(cursor)
    }
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(pair[0])? * 16 + digit(*pair.get(1)?)?).ok()
    };
    text.as_bytes().chunks(2).map(digits).collect()
}

impl Cursor for StockKey {
    fn encode(&self) -> Vec<u8> {
        // No SKU has a zero byte in it.
        [self.sku.as_str().as_bytes(), self.location.as_str().as_bytes()].join(&0)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (sku, location) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
        Some(Self { sku: Sku::new(sku).ok()?, location: Location::new(location).ok()? })
    }
}

impl Cursor for ReservationId {
    fn encode(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl Cursor for CalendarId {
    fn encode(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::new(std::str::from_utf8(bytes).ok()?).ok()
    }
}

/// A moment of a calendar.
impl Cursor for i64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// Where a claim on a calendar begins, and whose it is.
impl Cursor for Start {
    fn encode(&self) -> Vec<u8> {
        [&self.0.encode()[..], &self.1.encode()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (moment, id) = bytes.split_first_chunk::<8>()?;
        Some((i64::from_be_bytes(*moment), ReservationId::decode(id)?))
    }
}

/// Where a piece of a claim on a calendar stands.
impl Cursor for Place {
    fn encode(&self) -> Vec<u8> {
        [&self.nth.to_be_bytes()[..], &self.start.encode()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (nth, start) = bytes.split_first_chunk()?;
        Some(Self { nth: u32::from_be_bytes(*nth), start: Start::decode(start)? })
    }
}

impl Cursor for (Timestamp, ReservationId) {
    fn encode(&self) -> Vec<u8> {
        [&self.0.0.to_be_bytes()[..], &self.1.encode()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (time, id) = bytes.split_first_chunk()?;
        Some((Timestamp(u64::from_be_bytes(*time)), ReservationId::decode(id)?))
    }
}

impl Cursor for Version {
    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(listing: &'static str, tenant: &str, filter: &[u8]) -> Scope {
        Scope::new(listing, &TenantId::new(tenant).unwrap(), filter)
    }

    fn balance(sku: &str, location: &str) -> StockKey {
        StockKey { sku: Sku::new(sku).unwrap(), location: Location::new(location).unwrap() }
    }

    #[test]
    fn a_token_leads_back_to_where_its_page_ended() {
        let scope = scope("balances", "a", b"");
        for key in [balance("größe 42", ""), balance("A", "Berlin")] {
            assert_eq!(scope.cursor(&scope.token(&key)), Some(key));
        }
        let id = ReservationId(Uuid::from_u128(7));
        assert_eq!(scope.cursor(&scope.token(&id)), Some(id));
        let cursor = (Timestamp(5), id);
        assert_eq!(scope.cursor(&scope.token(&cursor)), Some(cursor));
        assert_eq!(scope.cursor(&scope.token(&Version(9))), Some(Version(9)));
        let place = Place { start: (-5, id), nth: 3 };
        assert_eq!(scope.cursor(&scope.token(&place)), Some(place));
    }

    #[test]
    fn a_token_of_another_query_is_none() {
        let id = ReservationId(Uuid::from_u128(7));
        let token = scope("claims", "a", b"x").token(&id);
        let others =
            [scope("claims", "b", b"x"), scope("claims", "a", b"y"), scope("c", "a", b"x")];
        for other in others {
            assert_eq!(other.cursor::<ReservationId>(&token), None);
        }
    }

    #[test]
    fn every_damaged_token_is_refused_or_harmless() {
        let scope = scope("claims", "a", b"");
        let token = scope.token(&ReservationId(Uuid::from_u128(7)));
        for end in 0..token.len() {
            assert_eq!(scope.cursor::<ReservationId>(&token[..end]), None, "{end}");
        }
        for text in ["zz", "é", "02", &token.replacen("01", "02", 1), &(token.clone() + "00")] {
            assert_eq!(scope.cursor::<ReservationId>(text), None, "{text}");
        }
    }
}
