//! An address to listen on as a setting.

use std::fmt;
use std::net::SocketAddr;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Reads an address.
///
/// # Errors
/// Where it isn't an IP address and a port.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    deserializer.deserialize_str(Reading)
}

/// Says what an address looks like where something else is found.
struct Reading;

impl Visitor<'_> for Reading {
    type Value = SocketAddr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP address and a port, such as \"127.0.0.1:7420\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}
