//! The `holdfast` binary.

use std::process::ExitCode;

/// Many small values are made on one thread and freed on another, which the system's allocator
/// does badly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    holdfast::cli::run()
}
