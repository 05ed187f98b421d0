//! What a command says, in 16 bytes.
//!
//! XXH3 with 128 bits over the command's stored form. It tells a client's retry from its mistake;
//! it is no defence against somebody who looks for two commands with one fingerprint, as they
//! would only cheat themselves.

use xxhash_rust::xxh3::xxh3_128;

use super::v1;
use crate::domain::command::Command;
use crate::domain::event::Fingerprint;

/// The fingerprint of a command.
pub fn fingerprint(command: &Command) -> Fingerprint {
    Fingerprint(v1::encoded(command, xxh3_128).to_be_bytes())
}
