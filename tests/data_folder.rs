//! Whose a data folder is, and what is refused before anything in it changes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use holdfast::journal::{DataFolder, FolderError, folder};

/// Every path under a folder, with its content.
fn content(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            found.push((entry.display().to_string(), Vec::new()));
            found.extend(content(&entry));
        } else {
            found.push((entry.display().to_string(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_keeps_its_logs_id() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a/b/data");
    let id = DataFolder::open(&path).unwrap().log_id();
    assert_eq!(DataFolder::open(&path).unwrap().log_id(), id);
    let text = fs::read_to_string(path.join("FORMAT")).unwrap();
    assert_eq!(text, format!("holdfast data folder\nformat 1\nlog {id}\n"));
}

#[test]
fn a_folder_that_is_made_is_its_owners_alone_and_one_that_was_there_stays_as_it_is() {
    let temporary = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (made, given) = (temporary.path().join("above/made"), temporary.path().join("given"));
    DataFolder::open(&made).unwrap();
    assert_eq!(mode(&made), 0o700);
    fs::create_dir(&given).unwrap();
    fs::set_permissions(&given, fs::Permissions::from_mode(0o750)).unwrap();
    DataFolder::open(&given).unwrap();
    assert_eq!(mode(&given), 0o750);
}

#[test]
fn an_empty_folder_is_taken() {
    let temporary = tempfile::tempdir().unwrap();
    fs::create_dir(temporary.path().join("lost+found")).unwrap();
    fs::write(temporary.path().join("FORMAT.new"), "holdf").unwrap();
    DataFolder::open(temporary.path()).unwrap();
}

#[test]
fn a_second_opener_is_refused_and_told_who_has_it() {
    let temporary = tempfile::tempdir().unwrap();
    let first = DataFolder::open(temporary.path()).unwrap();
    let refused = DataFolder::open(temporary.path()).unwrap_err().to_string();
    assert!(refused.contains(&temporary.path().display().to_string()), "{refused}");
    assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
    drop(first);
    DataFolder::open(temporary.path()).unwrap();
}

#[test]
fn a_store_keeps_the_folder_locked() {
    use holdfast::journal::{SledOptions, SledStore};
    let temporary = tempfile::tempdir().unwrap();
    let data = DataFolder::open(temporary.path()).unwrap();
    let opened = SledStore::open(&data, SledOptions::default()).unwrap();
    drop(data);
    let refused = DataFolder::open(temporary.path());
    assert!(matches!(refused, Err(FolderError::InUse { .. })));
    drop(opened);
    DataFolder::open(temporary.path()).unwrap();
}

#[test]
fn a_format_that_never_was_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let opened = DataFolder::open(temporary.path()).unwrap();
    drop(opened);
    let path = temporary.path().join("FORMAT");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("format 1", "format 0", 1)).unwrap();
    assert!(matches!(DataFolder::open(temporary.path()), Err(FolderError::Unreadable { .. })));
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let temporary = tempfile::tempdir().unwrap();
    let text = "holdfast data folder\nformat 2\nsomething new\n";
    fs::write(temporary.path().join("FORMAT"), text).unwrap();
    let before = content(temporary.path());
    let refused = DataFolder::open(temporary.path());
    assert!(matches!(refused, Err(FolderError::Newer { version: 2, .. })));
    assert_eq!(content(temporary.path()), before);
}

#[test]
fn a_folder_with_something_else_in_it_is_refused_untouched() {
    for name in ["notes.txt", "log", "MARKER"] {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join(name), "x").unwrap();
        let before = content(temporary.path());
        let refused = DataFolder::open(temporary.path());
        assert!(matches!(refused, Err(FolderError::Foreign { found, .. }) if found == name));
        assert_eq!(content(temporary.path()), before);
    }
}

#[test]
fn a_damaged_format_file_is_refused_untouched() {
    let whole = "holdfast data folder\nformat 1\nlog 67e55044-10b1-426f-9247-bb680e5fe0c8\n";
    for length in 0..whole.len() - 1 {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join("FORMAT"), &whole[..length]).unwrap();
        let before = content(temporary.path());
        let refused = DataFolder::open(temporary.path());
        assert!(matches!(refused, Err(FolderError::Unreadable { .. })), "cut to {length}");
        assert_eq!(content(temporary.path()), before);
    }
}

#[test]
fn a_copy_is_of_the_same_log_and_shares_no_file() {
    let temporary = tempfile::tempdir().unwrap();
    let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
    let id = DataFolder::open(&from).unwrap().log_id();
    fs::create_dir_all(from.join("log/1")).unwrap();
    fs::write(from.join("log/1/db"), "pages").unwrap();
    folder::copy(&from, &to).unwrap();
    assert!(!to.join("LOCK").exists());
    fs::write(to.join("log/1/db"), "changed").unwrap();
    assert_eq!(fs::read(from.join("log/1/db")).unwrap(), b"pages");
    assert_eq!(DataFolder::open(&to).unwrap().log_id(), id);
}

#[test]
fn a_folder_in_use_is_not_copied() {
    let temporary = tempfile::tempdir().unwrap();
    let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
    let _data = DataFolder::open(&from).unwrap();
    assert!(matches!(folder::copy(&from, &to), Err(FolderError::InUse { .. })));
    assert!(!to.exists());
}

#[test]
fn a_copy_goes_only_from_a_data_folder_to_an_empty_one() {
    let temporary = tempfile::tempdir().unwrap();
    let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
    assert!(matches!(folder::copy(&from, &to), Err(FolderError::Missing { .. })));
    fs::create_dir(&from).unwrap();
    assert!(matches!(folder::copy(&from, &to), Err(FolderError::Foreign { .. })));
    drop(DataFolder::open(&from).unwrap());
    fs::create_dir(&to).unwrap();
    fs::write(to.join("mine"), "x").unwrap();
    assert!(matches!(folder::copy(&from, &to), Err(FolderError::NotEmpty { .. })));
}
