//! Room for bytes that are only looked at or copied.
//!
//! To let a vector grow anew for each would cost a twentieth of a reservation's time.

use std::cell::Cell;

/// The most room that a thread keeps.
const BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Shows to `read` the bytes that `write` appends.
pub(super) fn with<R>(write: impl FnOnce(&mut Vec<u8>), read: impl FnOnce(&[u8]) -> R) -> R {
    let mut bytes = SCRATCH.take();
    bytes.clear();
    write(&mut bytes);
    let result = read(&bytes);
    if bytes.capacity() <= BYTES_MAX {
        SCRATCH.set(bytes);
    }
    result
}
