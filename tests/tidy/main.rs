//! The rules that keep the house in order, read from the sources themselves.
//!
//! Which layer may use which, where each outside library may appear, where decisions are made,
//! and how files look. Every rule is a function from sources to complaints, and each is shown to
//! complain about a source that breaks it.
#![allow(clippy::unwrap_used)]

mod rules;
mod self_tests;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Source, mark_tests};

fn read(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        Source::new(&name, &text)
    };
    paths.into_iter().map(read).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut sources = read("src");
    assert!(sources.len() > 20, "only {} sources were found", sources.len());
    mark_tests(&mut sources);
    sources
}

#[track_caller]
fn check(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn no_layer_uses_one_above_it() {
    check(rules::layers(&sources()));
}

#[test]
fn the_domain_is_pure() {
    check(rules::pure_domain(&sources()));
}

#[test]
fn each_outside_library_stays_in_its_place() {
    check(rules::places(&sources()));
}

#[test]
fn threads_of_actors_are_made_by_the_wiring_alone() {
    check(rules::wiring(&sources()));
}

#[test]
fn there_is_no_lock_where_decisions_are_made() {
    check(rules::locks(&sources()));
}

#[test]
fn no_decision_is_made_outside_its_actor() {
    check(rules::decisions(&sources()));
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    check(rules::unwraps(&sources()));
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    check(rules::lengths(&sources()));
    check(rules::docs(&sources()));
}

#[test]
fn every_file_is_named_for_what_is_in_it() {
    check(rules::names(&sources()));
    check(rules::names(&read("tests")));
}

#[test]
fn there_is_no_unsafe_code() {
    check(rules::unsafe_code(&sources()));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    check(rules::unsafe_is_forbidden(&fs::read_to_string(manifest).unwrap()));
}
