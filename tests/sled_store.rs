//! The log on disk: what makes it durable, and what becomes of it when its files are damaged.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use holdfast::domain::ids::Position;
use holdfast::journal::{
    Commit, DataFolder, DiskSync, FileSync, MarkerFound, Opened, SledOptions, SledStore, Store,
    StoreError, folder,
};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tempfile::TempDir;

fn options(segment_bytes_max: u64) -> SledOptions {
    SledOptions { segment_bytes_max, ..SledOptions::default() }
}

fn open(path: &Path, segment_bytes_max: u64) -> Result<Opened<SledStore>, StoreError> {
    SledStore::open(&DataFolder::open(path).unwrap(), options(segment_bytes_max))
}

/// Bytes that can't be packed, so that they can be found in a file.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

fn event(position: u64) -> Vec<u8> {
    noise(position, 400)
}

fn commit(store: &mut SledStore, count: u64) -> Result<u64, StoreError> {
    let first = store.last().next();
    let mut commit = Commit::new(first);
    for position in first.0..first.0 + count {
        commit.push(&event(position)).unwrap();
    }
    store.commit(&commit)
}

fn read_all(store: &SledStore) -> Result<u64, StoreError> {
    let mut last = 0;
    store.reader().read(Position(1), Position(u64::MAX), &mut |position, bytes| {
        last += 1;
        assert_eq!(position, Position(last));
        assert!(bytes == event(last), "wrong data at {position}");
        ControlFlow::Continue(())
    })?;
    Ok(last)
}

/// A data folder with so many commits of three events.
fn filled(commits: u64, segment_bytes_max: u64) -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("data");
    let mut store = open(&path, segment_bytes_max).unwrap().store;
    for _ in 0..commits {
        commit(&mut store, 3).unwrap();
    }
    (temporary, path)
}

fn segment(path: &Path, first: u64) -> PathBuf {
    path.join("log").join(format!("{first:020}"))
}

mod durability {
    use super::*;

    #[derive(Default)]
    struct Seen {
        /// The inode and the content of each file that was synced.
        files: Vec<(u64, Vec<u8>)>,
        folders: Vec<PathBuf>,
        withheld: bool,
    }

    #[derive(Clone, Default)]
    struct Watched(Arc<Mutex<Seen>>);

    impl FileSync for Watched {
        fn sync_file(&self, file: &File) -> io::Result<()> {
            let mut seen = self.0.lock().unwrap();
            if seen.withheld {
                return Err(io::Error::other("the sync was withheld"));
            }
            let data = file.metadata()?;
            let mut content = vec![0; data.len() as usize];
            std::os::unix::fs::FileExt::read_exact_at(file, &mut content, 0)?;
            seen.files.push((data.ino(), content));
            DiskSync.sync_file(file)
        }

        fn sync_folder(&self, folder: &Path) -> io::Result<()> {
            self.0.lock().unwrap().folders.push(folder.to_path_buf());
            DiskSync.sync_folder(folder)
        }
    }

    fn watched(path: &Path, segment_bytes_max: u64) -> (SledStore, Watched) {
        let watched = Watched::default();
        let options = SledOptions { segment_bytes_max, sync: Box::new(watched.clone()) };
        let folder = DataFolder::open(path).unwrap();
        (SledStore::open(&folder, options).unwrap().store, watched)
    }

    fn contains(content: &[u8], wanted: &[u8]) -> bool {
        content.windows(wanted.len()).any(|window| window == wanted)
    }

    #[test]
    fn a_commit_ends_with_one_sync_of_the_file_that_holds_its_pages() {
        let (_temporary, path) = filled(0, u64::MAX);
        let (mut store, watched) = watched(&path, u64::MAX);
        let inode = fs::metadata(segment(&path, 1).join("db")).unwrap().ino();
        for position in 1..6 {
            watched.0.lock().unwrap().files.clear();
            commit(&mut store, 1).unwrap();
            let seen = watched.0.lock().unwrap();
            assert_eq!(seen.files.len(), 1);
            assert_eq!(seen.files[0].0, inode);
            assert!(contains(&seen.files[0].1, &event(position)), "synced before it was written");
        }
    }

    #[test]
    fn a_commit_whose_sync_fails_is_not_acknowledged_and_the_last() {
        let (_temporary, path) = filled(2, u64::MAX);
        let (mut store, watched) = watched(&path, u64::MAX);
        watched.0.lock().unwrap().withheld = true;
        assert!(matches!(commit(&mut store, 3), Err(StoreError::Io { .. })));
        watched.0.lock().unwrap().withheld = false;
        assert!(matches!(commit(&mut store, 3), Err(StoreError::FailedBefore)));
        assert_eq!(store.last(), Position(6));
        assert_eq!(read_all(&store).unwrap(), 6);
        let size = fs::read(path.join("MARKER")).unwrap();
        assert_eq!(size[8..16], 6u64.to_le_bytes());
    }

    #[test]
    fn a_new_segment_and_its_name_are_synced_before_it_is_used() {
        let (_temporary, path) = filled(2, u64::MAX);
        let (mut store, watched) = watched(&path, 1);
        watched.0.lock().unwrap().folders.clear();
        commit(&mut store, 1).unwrap();
        let folders = watched.0.lock().unwrap().folders.clone();
        assert!(folders.contains(&path.join("log")), "{folders:?}");
        assert!(folders.contains(&segment(&path, 7)), "{folders:?}");
    }

    #[test]
    fn opening_syncs_what_it_is_about_to_show() {
        let (_temporary, path) = filled(2, u64::MAX);
        let (_store, watched) = watched(&path, u64::MAX);
        let seen = watched.0.lock().unwrap();
        assert!(seen.files.iter().any(|(_, content)| contains(content, &event(6))));
    }

    #[test]
    fn no_value_is_put_aside_into_files_of_its_own() {
        let (_temporary, path) = filled(1, u64::MAX);
        let mut store = open(&path, u64::MAX).unwrap().store;
        for length in [4060, 70_000, 9 << 20] {
            let mut commit = Commit::new(store.last().next());
            for seed in 0..40.min((10 << 20) / length) {
                commit.push(&noise(seed as u64, length)).unwrap();
            }
            store.commit(&commit).unwrap();
        }
        assert_eq!(fs::read_dir(segment(&path, 1).join("blobs")).unwrap().count(), 0);
        drop(store);
        fs::write(segment(&path, 1).join("blobs/1"), "x").unwrap();
        assert!(matches!(open(&path, u64::MAX), Err(StoreError::Blobs { .. })));
    }
}

mod opening {
    use super::*;

    #[test]
    fn a_log_of_many_segments_is_whole() {
        let (_temporary, path) = filled(12, 4000);
        let opened = open(&path, 4000).unwrap();
        assert_eq!((opened.last, opened.cut), (Position(36), None));
        let checked = opened.store.check().unwrap();
        assert_eq!(checked.last, Position(36));
        assert!(checked.segments > 3, "{checked:?}");
        assert_eq!(opened.store.reader().size().unwrap().segments, checked.segments);
        assert_eq!(read_all(&opened.store).unwrap(), 36);
    }

    #[test]
    fn a_segment_fills_up_over_several_runs() {
        let (_temporary, path) = filled(0, 1);
        for _ in 0..6 {
            commit(&mut open(&path, 7000).unwrap().store, 3).unwrap();
        }
        let checked = open(&path, 7000).unwrap().store.check().unwrap();
        assert!((2..6).contains(&checked.segments), "{checked:?}");
    }

    #[test]
    fn a_log_shorter_than_its_marker_is_refused() {
        let (temporary, path) = filled(3, u64::MAX);
        let before = temporary.path().join("before");
        folder::copy(&path, &before).unwrap();
        commit(&mut open(&path, u64::MAX).unwrap().store, 3).unwrap();
        fs::copy(path.join("MARKER"), before.join("MARKER")).unwrap();
        let found = open(&before, u64::MAX).unwrap_err();
        assert!(
            matches!(found, StoreError::Short { last: Position(9), marker: Position(12), .. }),
            "{found}"
        );
        fs::remove_dir_all(path.join("log")).unwrap();
        assert!(matches!(open(&path, u64::MAX), Err(StoreError::Short { .. })));
    }

    #[test]
    fn an_older_marker_is_no_obstacle() {
        let (temporary, path) = filled(3, 2500);
        let before = temporary.path().join("before");
        folder::copy(&path, &before).unwrap();
        let mut store = open(&path, 2500).unwrap().store;
        for _ in 0..4 {
            commit(&mut store, 3).unwrap();
        }
        drop(store);
        fs::copy(before.join("MARKER"), path.join("MARKER")).unwrap();
        assert_eq!(open(&path, 2500).unwrap().last, Position(21));
    }

    #[test]
    fn a_torn_marker_counts_as_absent() {
        let (_temporary, path) = filled(3, u64::MAX);
        for marker in [&b""[..], b"hfmark1\n", &[7; 24], &[7; 100]] {
            fs::write(path.join("MARKER"), marker).unwrap();
            let data = DataFolder::open(&path).unwrap();
            assert_eq!(data.marker().unwrap(), MarkerFound::Torn);
            let opened = SledStore::open(&data, SledOptions::default()).unwrap();
            assert_eq!((opened.last, opened.marker), (Position(9), MarkerFound::Torn));
            let marker = data.marker().unwrap().whole().unwrap();
            assert_eq!(marker.position, Position(9));
        }
        fs::remove_file(path.join("MARKER")).unwrap();
        assert_eq!(DataFolder::open(&path).unwrap().marker().unwrap(), MarkerFound::Absent);
        assert_eq!(open(&path, u64::MAX).unwrap().last, Position(9));
    }

    #[test]
    fn the_marker_of_another_run_of_the_same_log_is_refused() {
        let (temporary, path) = filled(3, u64::MAX);
        let other = temporary.path().join("other");
        folder::copy(&path, &other).unwrap();
        commit(&mut open(&path, u64::MAX).unwrap().store, 3).unwrap();
        let mut store = open(&other, u64::MAX).unwrap().store;
        let mut different = Commit::new(Position(10));
        for text in [b"something", b"different", b"in effect"] {
            different.push(text).unwrap();
        }
        store.commit(&different).unwrap();
        drop(store);
        fs::copy(other.join("MARKER"), path.join("MARKER")).unwrap();
        let found = open(&path, u64::MAX).unwrap_err();
        assert!(matches!(found, StoreError::NotTheMarkers { .. }), "{found}");
    }

    #[test]
    fn a_missing_segment_is_refused() {
        let (temporary, path) = filled(12, 4000);
        let mut names: Vec<_> =
            fs::read_dir(path.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        assert!(names.len() > 3);
        for missing in &names {
            let hidden = temporary.path().join("hidden");
            fs::rename(missing, &hidden).unwrap();
            let found = open(&path, 4000).unwrap_err();
            assert!(
                matches!(found, StoreError::Gap { .. } | StoreError::Short { .. }),
                "{missing:?}: {found}"
            );
            fs::rename(&hidden, missing).unwrap();
        }
        assert_eq!(open(&path, 4000).unwrap().last, Position(36));
    }

    #[test]
    fn a_segment_of_another_log_is_refused() {
        let (_one, path) = filled(12, 4000);
        let (_two, other) = filled(12, 4000);
        let names: Vec<_> = fs::read_dir(path.join("log"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(names.len() > 3);
        for name in names {
            let (ours, theirs) = (path.join("log").join(&name), other.join("log").join(&name));
            let aside = other.join("aside");
            fs::rename(&ours, &aside).unwrap();
            fs::rename(&theirs, &ours).unwrap();
            let found = open(&path, 4000).unwrap_err();
            assert!(matches!(found, StoreError::Damaged { .. }), "{found}");
            fs::rename(&ours, &theirs).unwrap();
            fs::rename(&aside, &ours).unwrap();
        }
    }

    #[test]
    fn a_segment_whose_creation_was_broken_off_is_forgotten() {
        let (_temporary, path) = filled(3, u64::MAX);
        let unfinished = segment(&path, 10).with_extension("new");
        fs::create_dir(&unfinished).unwrap();
        fs::write(unfinished.join("conf"), "half of a").unwrap();
        assert_eq!(open(&path, u64::MAX).unwrap().last, Position(9));
        assert!(!unfinished.exists());
    }

    #[test]
    fn a_crash_right_after_a_rotation_loses_nothing() {
        let (temporary, path) = filled(3, u64::MAX);
        // A store that would begin a segment at 10 has made the folder and nothing more.
        let empty = temporary.path().join("empty");
        drop(open(&empty, 1).unwrap());
        fs::rename(segment(&empty, 1), segment(&path, 10)).unwrap();
        let mut store = open(&path, u64::MAX).unwrap().store;
        assert_eq!(store.last(), Position(9));
        commit(&mut store, 3).unwrap();
        drop(store);
        assert_eq!(read_all(&open(&path, u64::MAX).unwrap().store).unwrap(), 12);
    }

    #[test]
    fn an_unfinished_page_table_does_not_keep_a_segment_closed() {
        let (_temporary, path) = filled(3, u64::MAX);
        fs::write(segment(&path, 1).join("snap.FFFFFFFFFFFFFFFF.generating"), "half").unwrap();
        assert_eq!(open(&path, u64::MAX).unwrap().last, Position(9));
    }

    #[test]
    fn a_stray_file_in_the_log_is_refused() {
        let (_temporary, path) = filled(3, u64::MAX);
        fs::write(path.join("log/notes.txt"), "x").unwrap();
        assert!(matches!(open(&path, u64::MAX), Err(StoreError::Stray { .. })));
    }
}

mod damage {
    use super::*;

    /// What becomes of a damaged log: `None` where it was refused, else how far it reads.
    ///
    /// A panic counts as a refusal: sled asserts about what it reads, and the server's process
    /// ends there.
    fn outcome(path: &Path) -> Option<u64> {
        catch_unwind(AssertUnwindSafe(|| {
            let data = DataFolder::open(path).ok()?;
            let store = SledStore::open(&data, options(4000)).ok()?.store;
            read_all(&store).ok()
        }))
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            assert!(!text.contains("wrong data"), "{text}");
            None
        })
    }

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.file_name().unwrap() != "LOCK" {
                found.push(path);
            }
        }
    }

    /// Damages a copy of the log in one way after another. Each must be refused, or lose nothing
    /// that the marker knows of. Tells how many were refused.
    fn try_each(changes: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> usize {
        let (temporary, path) = filled(4, 9000);
        let old_marker = fs::read(path.join("MARKER")).unwrap();
        let mut store = open(&path, 9000).unwrap().store;
        for _ in 0..4 {
            commit(&mut store, 3).unwrap();
        }
        drop(store);
        let mut names = Vec::new();
        files(&path, &mut names);
        names.sort();
        let copied = temporary.path().join("copy");
        let mut refused = 0;
        for name in names {
            for changed in changes(&fs::read(&name).unwrap()) {
                for marker in [None, Some(&old_marker)] {
                    folder::copy(&path, &copied).unwrap();
                    if let Some(marker) = marker {
                        fs::write(copied.join("MARKER"), marker).unwrap();
                    }
                    fs::write(copied.join(name.strip_prefix(&path).unwrap()), &changed).unwrap();
                    let least = if marker.is_some() { 12 } else { 24 };
                    match outcome(&copied) {
                        None => refused += 1,
                        Some(last) if last >= least && last % 3 == 0 => {}
                        Some(last) => panic!("{name:?}: {last} events were taken for all"),
                    }
                    fs::remove_dir_all(&copied).unwrap();
                }
            }
        }
        refused
    }

    /// About `count` offsets where there is something in a file.
    fn offsets(content: &[u8], count: usize) -> Vec<usize> {
        let used: Vec<_> = (0..content.len()).filter(|at| content[*at] != 0).collect();
        let step = (used.len() / count).max(1);
        used.into_iter().step_by(step).collect()
    }

    #[test]
    fn a_flipped_byte_is_refused_or_harmless() {
        let refused = try_each(|content| {
            let flip = |at: usize| {
                let mut changed = content.to_vec();
                changed[at] ^= 0xff;
                changed
            };
            offsets(content, 12).into_iter().map(flip).collect()
        });
        assert!(refused > 20, "only {refused} were refused");
    }

    #[test]
    fn a_truncated_file_is_refused_or_harmless() {
        let refused = try_each(|content| {
            let cut = |at: usize| content[..at].to_vec();
            offsets(content, 6).into_iter().map(cut).collect()
        });
        assert!(refused > 20, "only {refused} were refused");
    }
}
