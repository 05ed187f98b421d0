//! How the process ends when going on could break a promise.

/// Says why, on standard error and in one line, and ends the process without another write.
pub fn end(reason: &dyn std::fmt::Display) -> ! {
    tracing::error!("fatal: {reason}");
    eprintln!("holdfast: fatal: {reason}");
    std::process::abort()
}
