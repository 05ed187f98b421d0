//! A length of time as a setting.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written as `250ms`, `5m` or `30days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// Milliseconds.
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reading)
    }
}

/// Says what a span looks like where something else is found.
struct Reading;

impl Visitor<'_> for Reading {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span such as \"250ms\", \"5s\", \"10m\", \"2h\" or \"30days\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        let span = humantime::parse_duration(text);
        span.map(Span).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}
