//! That the disk forgets what it should, and nothing else.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::content::Content;
use super::names::Names;
use super::platter::{Node, Platter, ROOT, Refusal};

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

fn make_file(disk: &mut Platter, text: &str) -> u64 {
    disk.make(ROOT, name(text), Node::File(Content::default())).unwrap()
}

/// The disks that many power cuts leave.
fn survivors(disk: &Platter) -> impl Iterator<Item = Platter> {
    (0..400).map(|seed| disk.after_cut(&mut StdRng::seed_from_u64(seed)).0)
}

fn read(disk: &Platter, text: &str) -> Option<Vec<u8>> {
    let file = disk.find(ROOT, name(text)).ok()?;
    Some(disk.content(file).unwrap().seen().read(0, 1 << 20))
}

#[test]
fn what_was_synced_survives_and_each_sector_else_is_as_it_once_was() {
    let mut disk = Platter::default();
    let file = make_file(&mut disk, "file");
    disk.write(file, 0, &[1; 1536]).unwrap();
    disk.sync_file(file).unwrap();
    disk.sync_folder(ROOT).unwrap();
    disk.write(file, 512, &[2; 1024]).unwrap();
    disk.write(file, 700, &[3; 10]).unwrap();
    disk.write(file, 1536, &[4; 100]).unwrap();
    let (mut second, mut third) = (BTreeSet::new(), BTreeSet::new());
    let mut lengths = BTreeSet::new();
    for survivor in survivors(&disk) {
        let content = read(&survivor, "file").unwrap();
        assert_eq!(content[..512], [1; 512]);
        second.insert((content[512], content[700]));
        third.insert(content[1024]);
        lengths.insert((content.len(), content.get(1536).copied()));
    }
    assert_eq!(second, BTreeSet::from([(1, 1), (2, 2), (2, 3)]));
    assert_eq!(third, BTreeSet::from([1, 2]));
    let expected = [(1536, None), (1636, Some(0)), (1636, Some(4))];
    assert_eq!(lengths, BTreeSet::from(expected));
}

#[test]
fn what_was_cut_off_comes_back_or_reads_as_zeros() {
    let mut disk = Platter::default();
    let file = make_file(&mut disk, "file");
    disk.write(file, 0, &[1; 1000]).unwrap();
    disk.sync_file(file).unwrap();
    disk.sync_folder(ROOT).unwrap();
    disk.resize(file, 10).unwrap();
    disk.resize(file, 600).unwrap();
    let found: BTreeSet<_> = survivors(&disk)
        .map(|survivor| read(&survivor, "file").unwrap())
        .map(|content| (content.len(), content[9], content.get(10).copied()))
        .collect();
    assert_eq!(found, BTreeSet::from([(1000, 1, Some(1)), (10, 1, None), (600, 1, Some(0))]));
}

#[test]
fn of_the_names_that_nobody_synced_a_beginning_survives() {
    let mut disk = Platter::default();
    make_file(&mut disk, "a");
    disk.sync_folder(ROOT).unwrap();
    disk.rename(ROOT, name("a"), name("b")).unwrap();
    disk.make(ROOT, name("c"), Node::Folder(Names::default())).unwrap();
    disk.remove(ROOT, name("b")).unwrap();
    let found: BTreeSet<Vec<_>> = survivors(&disk)
        .map(|survivor| survivor.names(ROOT).unwrap().seen().keys().cloned().collect())
        .collect();
    let expected: [&[&str]; 4] = [&["a"], &["b"], &["b", "c"], &["c"]];
    let expected = expected.map(|names| names.iter().map(|it| name(it).to_owned()).collect());
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn without_power_nothing_is_done_and_a_kill_loses_nothing() {
    let mut disk = Platter::default();
    let file = make_file(&mut disk, "file");
    disk.fail_before(2);
    disk.write(file, 0, b"seen").unwrap();
    assert_eq!(disk.write(file, 0, b"late"), Err(Refusal::Dead));
    assert_eq!(disk.sync_file(file), Err(Refusal::Dead));
    assert_eq!(disk.find(ROOT, name("file")), Err(Refusal::Dead));
    assert_eq!(read(&disk.as_seen(), "file").unwrap(), b"seen");
    assert!(survivors(&disk).any(|survivor| read(&survivor, "file").is_none()));
}
