//! What every archive must do, checked on each, and what only the one on disk can be asked.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::*;

/// An archive under test, and what only a test may do to it.
trait Bench {
    type Archive: Archive;
    fn new() -> Self;
    /// Opens it anew; nothing else has it open.
    fn open(&self) -> Self::Archive;
    fn damage(archive: &Self::Archive, key: &[u8]);
}

struct Disk(tempfile::TempDir);

impl Bench for Disk {
    type Archive = FjallArchive;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> FjallArchive {
        FjallArchive::open(self.0.path()).unwrap()
    }

    fn damage(archive: &FjallArchive, key: &[u8]) {
        archive.damage(key);
    }
}

struct Memory(MemoryArchive);

impl Bench for Memory {
    type Archive = MemoryArchive;

    fn new() -> Self {
        Self(MemoryArchive::new())
    }

    fn open(&self) -> MemoryArchive {
        self.0.reopen()
    }

    fn damage(archive: &MemoryArchive, key: &[u8]) {
        archive.damage(key);
    }
}

fn entry(key: &str, record: &str) -> Entry {
    (key.into(), record.into())
}

fn all(archive: &dyn Archive) -> Vec<Entry> {
    let mut entries = Vec::new();
    let visited = archive.for_each(&mut |key, record| {
        entries.push((key.to_vec(), record.to_vec()));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    entries
}

fn assert_counts_what_is_there(archive: &dyn Archive) {
    let mut digest = Digest::ZERO;
    let entries = all(archive);
    for (key, record) in &entries {
        digest.add(key, record);
    }
    assert_eq!(archive.digest(), (digest, entries.len() as u64));
}

fn what_was_put_is_there_after_reopening<B: Bench>() {
    let bench = B::new();
    let first = [entry("b", "record b"), entry("a", "")];
    let second = [entry("c", "record c")];
    let digest = {
        let archive = bench.open();
        assert_eq!(archive.digest(), (Digest::ZERO, 0));
        archive.put(&first).unwrap();
        archive.put(&second).unwrap();
        archive.put(&[]).unwrap();
        archive.digest()
    };
    let archive = bench.open();
    assert_eq!(archive.get(b"a").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(archive.get(b"c").unwrap().as_deref(), Some(&b"record c"[..]));
    assert_eq!(archive.get(b"d").unwrap(), None);
    assert!(archive.contains(b"a").unwrap());
    assert!(!archive.contains(b"").unwrap());
    assert_eq!(all(&archive), [first[1].clone(), first[0].clone(), second[0].clone()]);
    assert_eq!(archive.digest(), digest);
    assert_counts_what_is_there(&archive);
}

fn the_same_record_again_changes_nothing<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    archive.put(&[entry("a", "1"), entry("a", "1")]).unwrap();
    let digest = archive.digest();
    assert_eq!(digest, (Digest::of(b"a", b"1"), 1));
    archive.put(&[entry("a", "1")]).unwrap();
    assert_eq!(archive.digest(), digest);
    archive.put(&[entry("b", "2"), entry("a", "1")]).unwrap();
    assert_eq!(archive.digest().1, 2);
    assert_counts_what_is_there(&archive);
}

fn another_record_of_an_archived_entity_is_refused_with_its_whole_batch<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    archive.put(&[entry("a", "1")]).unwrap();
    for batch in [[entry("b", "2"), entry("a", "2")], [entry("b", "2"), entry("b", "3")]] {
        let refused = archive.put(&batch);
        assert!(matches!(refused, Err(ArchiveError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(all(&archive), [entry("a", "1")]);
    archive.put(&[entry("b", "2")]).unwrap();
    assert_counts_what_is_there(&archive);
}

fn a_key_that_can_not_be_stored_is_refused_with_its_whole_batch<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    for key in ["", &"x".repeat(70_000)] {
        let refused = archive.put(&[entry("a", "1"), entry(key, "1")]);
        assert!(matches!(refused, Err(ArchiveError::Entry { .. })));
    }
    assert_eq!(archive.digest(), (Digest::ZERO, 0));
    archive.put(&[entry(&"x".repeat(65_535), "1")]).unwrap();
    assert_counts_what_is_there(&archive);
}

fn a_damaged_record_is_refused_and_the_others_are_served<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    archive.put(&[entry("a", "1"), entry("b", "2")]).unwrap();
    B::damage(&archive, b"b");
    let refused = archive.get(b"b").unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { .. }));
    assert!(refused.to_string().contains("the record 62"), "{refused}");
    assert_eq!(archive.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    let visited = archive.for_each(&mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(visited, Err(ArchiveError::Damaged { .. })));
    let put = archive.put(&[entry("b", "2")]);
    assert!(matches!(put, Err(ArchiveError::Damaged { .. })), "not taken for the same record");
}

fn a_visitor_may_break_off<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    archive.put(&[entry("a", "1"), entry("b", "2")]).unwrap();
    let mut visits = 0;
    let visited = archive.for_each(&mut |_, _| {
        visits += 1;
        ControlFlow::Break(())
    });
    visited.unwrap();
    assert_eq!(visits, 1);
}

fn a_cleared_archive_is_empty_and_can_be_filled_again<B: Bench>() {
    let bench = B::new();
    let archive = bench.open();
    archive.put(&[entry("a", "1"), entry("b", "2")]).unwrap();
    archive.clear().unwrap();
    assert_eq!(archive.digest(), (Digest::ZERO, 0));
    assert_eq!(archive.get(b"a").unwrap(), None);
    archive.put(&[entry("a", "another")]).unwrap();
    drop(archive);
    let archive = bench.open();
    assert_eq!(all(&archive), [entry("a", "another")]);
    assert_counts_what_is_there(&archive);
}

macro_rules! on_every_archive {
    ($($fact:ident),* $(,)?) => {
        mod on_disk {
            $(#[test] fn $fact() { super::$fact::<super::Disk>(); })*
        }
        mod in_memory {
            $(#[test] fn $fact() { super::$fact::<super::Memory>(); })*
        }
    };
}

on_every_archive!(
    what_was_put_is_there_after_reopening,
    the_same_record_again_changes_nothing,
    another_record_of_an_archived_entity_is_refused_with_its_whole_batch,
    a_key_that_can_not_be_stored_is_refused_with_its_whole_batch,
    a_damaged_record_is_refused_and_the_others_are_served,
    a_visitor_may_break_off,
    a_cleared_archive_is_empty_and_can_be_filled_again,
);

#[test]
fn after_a_failed_put_the_batch_is_there_or_not_and_nothing_more_is_taken() {
    for (failure, count) in [(PutFailure::Lost, 1), (PutFailure::Kept, 3)] {
        let archive = MemoryArchive::new();
        archive.put(&[entry("a", "1")]).unwrap();
        archive.fail_next_put(failure);
        let batch = [entry("b", "2"), entry("c", "3")];
        assert!(matches!(archive.put(&batch), Err(ArchiveError::Store { .. })));
        assert!(matches!(archive.put(&batch), Err(ArchiveError::GivenUp { .. })));
        assert!(matches!(archive.clear(), Err(ArchiveError::GivenUp { .. })));
        let reopened = archive.reopen();
        assert_eq!(reopened.digest().1, count, "{failure:?}");
        assert_counts_what_is_there(&reopened);
        reopened.put(&batch).unwrap();
        assert_eq!(reopened.digest().1, 3);
    }
}

/// What a process that is killed at this moment leaves.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// All files below a folder whose path has a part of this name.
fn files_under(folder: &Path, part: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path, part));
        } else if path.to_string_lossy().contains(part) {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_was_put_survives_a_process_that_is_killed() {
    let (running, killed) = (Disk::new(), Disk::new());
    let archive = running.open();
    archive.put(&[entry("a", "1")]).unwrap();
    archive.put(&[entry("b", "2"), entry("c", "3")]).unwrap();
    copy_folder(running.0.path(), killed.0.path());
    let survivor = killed.open();
    assert_eq!(all(&survivor), all(&archive));
    assert_eq!(survivor.digest(), archive.digest());
}

#[test]
fn a_batch_that_was_half_written_in_a_crash_is_not_there_at_all() {
    const RECORD: &str = "a record that is easily found in a file of the journal";
    let running = Disk::new();
    let archive = running.open();
    archive.put(&[entry("a", "1")]).unwrap();
    archive.put(&[entry("b", RECORD), entry("c", RECORD)]).unwrap();
    let journals = files_under(running.0.path(), ".jnl");
    let [journal] = journals.as_slice() else { panic!("one journal: {journals:?}") };
    let bytes = fs::read(journal).unwrap();
    let is_record = |window: &[u8]| window == RECORD.as_bytes();
    let first_at = bytes.windows(RECORD.len()).position(is_record).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;

    let relative = journal.strip_prefix(running.0.path()).unwrap();
    for len in [first_at, first_at + 20, first_at + RECORD.len(), first_at + 100, end - 1, end] {
        let killed = Disk::new();
        copy_folder(running.0.path(), killed.0.path());
        fs::write(killed.0.path().join(relative), &bytes[..len]).unwrap();
        let survivor = killed.open();
        let expected = if len == end { 3 } else { 1 };
        assert_eq!(survivor.digest().1, expected, "cut to {len} of {end}");
        assert_counts_what_is_there(&survivor);
        survivor.put(&[entry("b", RECORD), entry("c", RECORD)]).unwrap();
        assert_counts_what_is_there(&survivor);
    }
}

#[test]
fn a_journal_that_is_damaged_in_the_middle_is_refused_or_shows_in_the_count() {
    let disk = Disk::new();
    let archive = disk.open();
    for key in ["a", "b", "c"] {
        archive.put(&[entry(key, "record")]).unwrap();
    }
    drop(archive);
    let journal = &files_under(disk.0.path(), ".jnl")[0];
    let bytes = fs::read(journal).unwrap();
    // A batch ends with these; the next begins right after.
    let ends = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"FJL\x03");
    let begins: Vec<_> = ends.map(|(at, _)| at + 4).filter(|at| *at < bytes.len()).collect();
    assert!(begins.len() >= 2, "{begins:?}");
    for at in begins {
        let damaged = Disk::new();
        copy_folder(disk.0.path(), damaged.0.path());
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        let relative = journal.strip_prefix(disk.0.path()).unwrap();
        fs::write(damaged.0.path().join(relative), bytes).unwrap();
        if let Ok(archive) = FjallArchive::open(damaged.0.path()) {
            assert!(archive.digest().1 < 3, "byte {at}");
            assert_counts_what_is_there(&archive);
        }
    }
}

#[test]
fn records_that_went_to_tables_are_found_after_reopening_and_damage_there_is_refused() {
    let disk = Disk::new();
    let archive = disk.open();
    // More than the tree gathers in memory.
    let record = |n: u32| n.to_le_bytes().repeat(5_000);
    for batch in 0..12u32 {
        let keys = batch * 100..(batch + 1) * 100;
        let entries: Vec<_> = keys.map(|n| (n.to_be_bytes().to_vec(), record(n))).collect();
        archive.put(&entries).unwrap();
    }
    archive.flush();
    let digest = archive.digest();
    drop(archive);
    let archive = disk.open();
    assert_eq!(archive.digest(), digest);
    assert_eq!(archive.get(&777u32.to_be_bytes()).unwrap(), Some(record(777)));
    assert_eq!(archive.get(&7777u32.to_be_bytes()).unwrap(), None);
    assert_counts_what_is_there(&archive);
    drop(archive);

    let tables = files_under(disk.0.path(), "/tables/");
    let large = tables.iter().filter(|path| path.metadata().unwrap().len() > 1_000_000);
    let mut damaged = 0;
    for table in large {
        let mut bytes = fs::read(table).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(table, bytes).unwrap();
        damaged += 1;
    }
    assert!(damaged > 0, "{tables:?}");
    let visited = disk.open().for_each(&mut |key, read| {
        let n = u32::from_be_bytes(key.try_into().unwrap());
        assert_eq!(read, record(n));
        ControlFlow::Continue(())
    });
    assert!(visited.is_err());
}

#[test]
fn a_crash_while_an_archive_is_made_or_cleared_leaves_an_empty_one() {
    let disk = Disk::new();
    disk.open().put(&[entry("a", "1")]).unwrap();
    let [folder, new, old] =
        ["archive", "archive.new", "archive.old"].map(|name| disk.0.path().join(name));
    // Cleared as far as the renaming, and the next one half made.
    fs::rename(&folder, &old).unwrap();
    fs::create_dir(&new).unwrap();
    fs::write(new.join("0.jnl"), "half made").unwrap();
    assert_eq!(disk.open().digest(), (Digest::ZERO, 0));
    assert!(!new.exists() && !old.exists());
}

#[test]
fn an_archive_that_can_not_say_what_it_holds_is_refused_until_it_is_discarded() {
    let disk = Disk::new();
    {
        let archive = disk.open();
        archive.put(&[entry("a", "1")]).unwrap();
        archive.lose_totals();
    }
    let refused = FjallArchive::open(disk.0.path()).err().unwrap();
    assert!(matches!(refused, ArchiveError::Damaged { .. }), "{refused}");
    FjallArchive::discard(disk.0.path()).unwrap();
    assert_eq!(disk.open().digest(), (Digest::ZERO, 0));
}

#[test]
fn an_archive_that_is_open_is_not_opened_twice() {
    let disk = Disk::new();
    let _open = disk.open();
    assert!(matches!(FjallArchive::open(disk.0.path()), Err(ArchiveError::Store { .. })));
}

#[test]
fn an_archive_that_has_lost_its_records_is_refused() {
    let disk = Disk::new();
    {
        let archive = disk.open();
        archive.put(&[entry("a", "1"), entry("b", "2")]).unwrap();
        archive.flush();
    }
    fs::remove_file(disk.0.path().join("archive/keyspaces/1/current")).unwrap();
    let refused = FjallArchive::open(disk.0.path()).err().unwrap();
    assert!(matches!(refused, ArchiveError::Lost { counted: 2, found: 0, .. }), "{refused}");
}
