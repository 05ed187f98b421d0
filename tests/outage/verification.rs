//! Whether a folder that nobody uses keeps its promises.

use std::path::Path;

use holdfast::verify;

/// What the running server said of a folder, at rest.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub position: u64,
    pub state_sha256: String,
    pub streams: u64,
}

/// Checks a folder as `holdfast verify` does: replayed from zero, beside snapshot and tail, it comes
/// to the state that the running server had.
pub fn verify_folder(data_dir: &Path, said: &Said) {
    let report = verify::run(data_dir, &mut |_| {}).unwrap();
    assert!(report.ok, "{:#?}", report.problems);
    let found = Said {
        position: report.last_position,
        state_sha256: report.state_sha256,
        streams: report.streams,
    };
    assert_eq!(found, *said);
}
