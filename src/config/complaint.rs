//! What is wrong with a setting, in one form: where it was set, its key, what it is, and what it must
//! be.
//!
//! The library that puts the layers together knows all of this, and says it in a programmer's words.

use figment::error::{Actual, Kind};
use figment::{Metadata, Source};

use super::{ConfigError, PREFIX};

/// A place that isn't known.
const SOMEWHERE: &str = "the settings";

/// What the library found.
pub(super) fn explain(error: &figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let place = place(error.metadata.as_ref(), &key);
    match &error.kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            let (value, rule) = (value(actual), rule(expected, &key));
            ConfigError::Value { place, key, value, rule }
        }
        Kind::UnknownVariant(given, known) => {
            let (value, rule) = (format!("{given:?}"), listed(known, "or"));
            ConfigError::Value { place, key, value, rule }
        }
        Kind::UnknownField(_, known) => {
            ConfigError::UnknownKey { place, key, known: listed(known, "and") }
        }
        // The defaults have every key, so something that is no section stands for theirs.
        Kind::MissingField(_) => {
            let reason = "isn't a section wherever it is set".to_owned();
            ConfigError::Other { place: SOMEWHERE.to_owned(), key, reason }
        }
        other => ConfigError::Other { place, key, reason: other.to_string() },
    }
}

/// Where a key was set.
pub(super) fn place(metadata: Option<&Metadata>, key: &str) -> String {
    let Some(metadata) = metadata else { return SOMEWHERE.to_owned() };
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        // What the program itself says are the flags, as the defaults are sound.
        Some(_) => "the flags".to_owned(),
        None => variable(key),
    }
}

/// The variable that sets a key, or the beginning of those that set a section.
fn variable(key: &str) -> String {
    let name = key.to_uppercase().replace('.', "__");
    let rest = if key.contains('.') { "" } else { "__…" };
    format!("{PREFIX}{name}{rest}")
}

/// What was given, as it could be typed.
fn value(actual: &Actual) -> String {
    match actual {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

/// What would have been right.
fn rule(expected: &str, key: &str) -> String {
    match expected {
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "usize" | "u64" => "a whole number from 0 on".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "a text in quotes".to_owned(),
        section if section.starts_with("struct ") => format!("a section, which begins [{key}]"),
        own => own.to_owned(),
    }
}

/// `a, b or c`.
fn listed(names: &[&str], word: &str) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} {word} {last}", first.join(", ")),
        names => names.concat(),
    }
}
