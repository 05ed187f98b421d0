//! Every rule can fail.

use super::rules;
use super::source::{Source, mark_tests, names_root};

/// How many complaints a rule has about one file with this text.
fn complaints(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) -> usize {
    rule(&[Source::new(path, text)]).len()
}

#[track_caller]
fn refused(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(complaints(rule, path, text), 1, "{path}: {text}");
}

#[track_caller]
fn fine(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(rule(&[Source::new(path, text)]), Vec::<String>::new(), "{path}: {text}");
}

#[test]
fn a_layer_that_looks_up_is_found() {
    refused(rules::layers, "src/domain/a.rs", "use crate::codec::v1;");
    refused(rules::layers, "src/codec/v2.rs", "use crate::{domain::ids, recovery::World};");
    refused(rules::layers, "src/journal/a.rs", "fn a() -> crate::actors::Engine { todo() }");
    refused(rules::layers, "src/journal/a.rs", "use crate::snapshot::Store;");
    refused(rules::layers, "src/recovery/mod.rs", "use crate::api::grpc;");
    refused(rules::layers, "src/actors/mod.rs", "pub use crate::cli::Bench;");
    refused(rules::layers, "src/novelty/mod.rs", "");
    fine(rules::layers, "src/codec/v2.rs", "use crate::{domain::{actors, ids}, codec::v1};");
    fine(rules::layers, "src/recovery/mod.rs", "use crate::journal::Store; // not crate::api");
    fine(rules::layers, "src/domain/a.rs", "#[cfg(test)]\nmod tests {\n use crate::codec::v1;\n}");
}

#[test]
fn an_impure_domain_is_found() {
    for text in [
        "use tokio::sync::oneshot;",
        "use std::time::Instant;",
        "let now = SystemTime::now();",
        "use rand::Rng;",
        "fn f() -> bincode::Result { g() }",
        "std::thread::spawn(f);",
        "#[derive(prost::Message)]",
    ] {
        refused(rules::pure_domain, "src/domain/a.rs", text);
        fine(rules::pure_domain, "src/journal/a.rs", text);
    }
    fine(rules::pure_domain, "src/domain/a.rs", "//! No tokio::sync here.\nlet a = \"sled::Db\";");
}

#[test]
fn a_library_out_of_its_place_is_found() {
    let alone = |more: &[(&str, &str)]| {
        let mut sources = vec![
            Source::new("src/journal/one.rs", "use sled::Db;"),
            Source::new("src/archive/one.rs", "use fjall::Database;"),
        ];
        sources.extend(more.iter().map(|(path, text)| Source::new(path, text)));
        rules::places(&sources).len()
    };
    assert_eq!(alone(&[]), 0);
    assert_eq!(alone(&[("src/journal/two.rs", "fn f(db: &sled::Db) {}")]), 1);
    assert_eq!(alone(&[("src/journal/two.rs", "use fjall::Keyspace;")]), 1);
    assert_eq!(alone(&[("src/journal/a.rs", "bincode::config::standard();")]), 1);
    assert_eq!(alone(&[("src/codec/v2.rs", "bincode::config::standard();")]), 0);
    assert_eq!(alone(&[("src/actors/a.rs", "use tonic::Status;")]), 1);
    assert_eq!(alone(&[("src/api/a.rs", "use tonic::Status;")]), 0);
    assert_eq!(alone(&[("src/api/a.rs", "use actix::Addr;")]), 1);
    assert_eq!(rules::places(&[]).len(), 2, "a library that nobody uses has no place");
}

#[test]
fn a_thread_of_actors_started_elsewhere_is_found() {
    refused(rules::wiring, "src/actors/a.rs", "let arbiter = Arbiter::new();");
    refused(rules::wiring, "src/api/a.rs", "actix::System::current().stop();");
    fine(rules::wiring, "src/server.rs", "let arbiter = Arbiter::new();");
    fine(rules::wiring, "src/actors/a.rs", "// one Arbiter each\nstruct OperatingSystem;");
}

#[test]
fn a_lock_among_decisions_is_found() {
    refused(rules::locks, "src/actors/a.rs", "state: Arc<Mutex<State>>,");
    refused(rules::locks, "src/domain/a.rs", "use std::sync::RwLock;");
    fine(rules::locks, "src/journal/a.rs", "state: Arc<Mutex<State>>,");
}

#[test]
fn a_decision_elsewhere_is_found() {
    refused(rules::decisions, "src/actors/shard.rs", "entity.state.decide(command);");
    refused(rules::decisions, "src/api/a.rs", "Aggregate::decide(&state, command);");
    refused(rules::decisions, "src/recovery/load.rs", "entity.evolve(&event, time);");
    refused(rules::decisions, "src/recovery/any_entity.rs", "entity.state.decide(command);");
    fine(rules::decisions, "src/recovery/any_entity.rs", "entity.evolve(&event, time);");
    fine(rules::decisions, "src/actors/entity.rs", "self.entity.state.decide(command);");
    fine(rules::decisions, "src/actors/shard.rs", "#[cfg(test)]\nfn f() {\n a.decide(b);\n}");
}

#[test]
fn an_unwrap_outside_tests_is_found() {
    refused(rules::unwraps, "src/a.rs", "let a = b.unwrap();");
    fine(rules::unwraps, "src/a.rs", "let a = b.unwrap_or_default(); // .unwrap()");
    let both =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c.unwrap(); }\n}\nfn d() { e.unwrap(); }";
    refused(rules::unwraps, "src/a.rs", both);
}

#[test]
fn a_file_that_is_too_long_or_silent_is_found() {
    let long = "//! Long.\n".to_owned() + &"let a = 1;\n".repeat(401);
    refused(rules::lengths, "src/a.rs", &long);
    fine(rules::lengths, "src/a.rs", &long.replacen("let a = 1;", "// why\n\n", 1));
    refused(rules::docs, "src/a/mod.rs", "pub mod b;");
    fine(rules::docs, "src/a/mod.rs", "//! What it is for.\npub mod b;");
}

#[test]
fn a_name_that_says_nothing_is_found() {
    for path in
        ["src/util.rs", "src/api/helpers/mod.rs", "tests/common/mod.rs", "src/time_utils.rs"]
    {
        refused(rules::names, path, "");
    }
    fine(rules::names, "src/commonwealth.rs", "");
}

#[test]
fn unsafe_code_is_found() {
    refused(rules::unsafe_code, "src/a.rs", "unsafe { f() }");
    fine(rules::unsafe_code, "src/a.rs", "// unsafe\nlet unsafely = 1;");
    assert_eq!(rules::unsafe_is_forbidden("[lints.rust]\nunsafe_code = \"deny\"\n").len(), 1);
    assert_eq!(rules::unsafe_is_forbidden("[x]\nunsafe_code = \"forbid\"\n").len(), 1);
    let told = "[lints.rust]\nunsafe_code = \"forbid\"\n[x]\n";
    assert_eq!(rules::unsafe_is_forbidden(told).len(), 0);
}

#[test]
fn a_module_of_tests_is_told_by_its_declaration() {
    let mut sources = vec![
        Source::new("src/a/mod.rs", "#[cfg(test)]\nmod facts;\nmod b;"),
        Source::new("src/a/facts.rs", "a.unwrap();"),
        Source::new("src/a/facts/more.rs", "a.unwrap();"),
        Source::new("src/a/b.rs", "#[cfg(test)]\n#[path = \"x\"]\nmod tests;\n"),
        Source::new("src/a/b/tests.rs", "a.unwrap();"),
        Source::new("src/a/tests.rs", "a.unwrap();"),
    ];
    mark_tests(&mut sources);
    let found: Vec<_> = sources.iter().map(|source| source.is_test).collect();
    assert_eq!(found, [false, true, true, false, true, false]);
    assert_eq!(rules::unwraps(&sources).len(), 1);
}

#[test]
fn texts_and_comments_are_no_code() {
    let text = "a /* sled::x \n */ b \"tokio::c \\\" d\" r#\"e \" f\"# '\"' g 'h' &'i str // j";
    let code = Source::new("src/a.rs", text).code;
    for gone in ["sled", "tokio", "d\"", "e ", "f\"", "j", "h"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["a ", " b ", " g ", "&'i str"] {
        assert!(code.contains(kept), "{kept} in {code}");
    }
}

#[test]
fn a_crate_is_told_from_a_module_of_its_name() {
    for line in ["use sled::Db;", "use sled;", "x: ::sled::Db", "f(sled::open())", "#[sled::test]"]
    {
        assert!(names_root(line, "sled"), "{line}");
    }
    for line in ["use super::sled::Db;", "sled_store::open()", "let sled = 1;", "self.sled::<A>()"]
    {
        assert!(!names_root(line, "sled"), "{line}");
    }
}
