//! How the process ends when going on could break a promise.
//!
//! A panic ends it too. The embedded databases assert about what they read, and what they say then
//! names no file of the data folder: whoever opens one says here [what is being read](reading).

use std::cell::Cell;
use std::panic;

thread_local! {
    /// What this thread is reading, and what to do where that is damaged.
    static PLACE: Cell<Option<(String, &'static str)>> = const { Cell::new(None) };
}

/// Says why, on standard error and in one line, and ends the process without another write.
pub fn end(reason: &dyn std::fmt::Display) -> ! {
    tracing::error!("fatal: {reason}");
    eprintln!("holdfast: fatal: {reason}");
    std::process::abort()
}

/// Reads something; a panic of this thread meanwhile counts as damage to the place.
pub fn reading<T>(place: &str, advice: &'static str, read: impl FnOnce() -> T) -> T {
    let outer = PLACE.replace(Some((place.to_owned(), advice)));
    let done = read();
    PLACE.set(outer);
    done
}

/// From now on whoever panics while reading says what.
pub fn name_places_in_panics() {
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        say(panic);
        if let Some((place, advice)) = PLACE.take() {
            eprintln!(
                "holdfast: fatal: {place} is damaged in a way that ends the process which reads it; {advice}"
            );
        }
    }));
}
