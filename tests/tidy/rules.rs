//! The rules.

use super::source::{Source, names_root, words};

/// The layers, from the one that knows nothing to those that know everything. What stands
/// together doesn't use each other.
const LAYERS: &[&[&str]] = &[
    &["domain", "fatal", "proto"],
    &["codec", "clock", "config"],
    &["telemetry"],
    &["journal", "snapshot", "archive"],
    &["recovery", "feed"],
    &["actors", "verify"],
    &["api", "client"],
    &["server"],
    &["cli"],
    &["main", "lib"],
];

/// Where an outside library may be named.
const PLACES: &[(&str, &[&str])] = &[
    ("bincode", &["src/codec/"]),
    ("tonic", &["src/api/", "src/client", "src/cli/", "src/proto.rs", "src/server"]),
    ("tonic_health", &["src/server", "src/api/"]),
    ("tonic_reflection", &["src/server", "src/api/"]),
    ("h2", &["src/client/bare"]),
    ("actix", &["src/actors/", "src/server"]),
    ("actix_rt", &["src/server"]),
];

/// Libraries that one file wraps.
const ALONE: &[&str] = &["sled", "fjall"];

const IMPURE: &[&str] = &[
    "actix", "actix_rt", "tokio", "tonic", "prost", "sled", "bincode", "fjall", "rand", "tracing",
];
const CLOCKS: &[&str] = &["SystemTime", "Instant", "UNIX_EPOCH", "thread_rng"];
const LOCKS: &[&str] = &["Mutex", "RwLock", "Condvar", "OnceLock", "LazyLock"];

const LINES_MAX: usize = 400;
const VAGUE: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

type Complaints = Vec<String>;

/// Complains about every line outside tests of which something is true.
fn each_line(sources: &[Source], complain: impl Fn(&Source, &str) -> Option<String>) -> Complaints {
    let mut complaints = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            if let Some(what) = complain(source, line) {
                complaints.push(format!("{}:{number} {what}: {}", source.path, line.trim()));
            }
        }
    }
    complaints
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|layers| layers.contains(&layer))
}

/// The modules of this crate that a line names from its root.
fn own_modules(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (_, word, after) in words(line) {
        let Some(path) = after.strip_prefix("::").filter(|_| word == "crate" || word == "holdfast")
        else {
            continue;
        };
        match path.strip_prefix('{') {
            None => named.extend(words(path).next().map(|(_, module, _)| module)),
            Some(group) => {
                let is_top = |before: &str| {
                    before.matches('{').count() == before.matches('}').count()
                        && !before.ends_with("::")
                };
                let modules = words(group).filter(|(before, ..)| is_top(before));
                named.extend(modules.map(|(_, module, _)| module));
            }
        }
    }
    named
}

/// Domain, codec, journal, recovery, actors, edge: each uses only what is before it.
pub fn layers(sources: &[Source]) -> Complaints {
    let unknown = sources.iter().filter(|source| !source.is_test && rank(source.layer()).is_none());
    let unknown = unknown.map(|source| format!("{} is in no known layer", source.path));
    let upward = each_line(sources, |source, line| {
        let own = source.layer();
        let own_rank = rank(own)?;
        let is_above =
            |module: &&str| *module != own && rank(module).is_some_and(|rank| rank >= own_rank);
        let above = own_modules(line).into_iter().find(is_above)?;
        Some(format!("uses {above}, which {own} may not know"))
    });
    unknown.chain(upward).collect()
}

/// No clock, randomness, thread, disk or wire in the domain.
pub fn pure_domain(sources: &[Source]) -> Complaints {
    each_line(sources, |source, line| {
        let is_impure = || {
            IMPURE.iter().any(|root| names_root(line, root))
                || words(line).any(|(_, word, _)| CLOCKS.contains(&word))
                || ["std::fs", "std::net", "std::thread", "std::process", "std::time"]
                    .iter()
                    .any(|path| line.contains(path))
        };
        (source.layer() == "domain" && is_impure()).then(|| "is not pure".into())
    })
}

/// Each library where it belongs.
pub fn places(sources: &[Source]) -> Complaints {
    let mut complaints = each_line(sources, |source, line| {
        let is_misplaced = |(root, places): &&(&str, &[&str])| {
            names_root(line, root) && !places.iter().any(|place| source.path.starts_with(place))
        };
        PLACES.iter().find(is_misplaced).map(|(root, _)| format!("{root} doesn't belong here"))
    });
    for root in ALONE {
        let names =
            |source: &&Source| source.lines().iter().any(|(_, line)| names_root(line, root));
        let files: Vec<_> = sources.iter().filter(names).map(|source| &*source.path).collect();
        if files.len() != 1 {
            complaints.push(format!("{root} is to be named in exactly one file, not in {files:?}"));
        }
    }
    complaints
}

/// Arbiters and systems are started by the wiring.
pub fn wiring(sources: &[Source]) -> Complaints {
    each_line(sources, |source, line| {
        let is_wiring = source.path.starts_with("src/server");
        let starts = words(line).any(|(_, word, after)| {
            ["Arbiter", "SyncArbiter"].contains(&word)
                || (["System", "Registry", "SystemRegistry"].contains(&word)
                    && after.starts_with("::"))
        });
        (starts && !is_wiring).then(|| "only the wiring starts threads of actors".into())
    })
}

/// What is decided in turn needs no lock.
pub fn locks(sources: &[Source]) -> Complaints {
    each_line(sources, |source, line| {
        let decides = ["domain", "actors"].contains(&source.layer());
        let locks = words(line).any(|(_, word, _)| LOCKS.contains(&word));
        (decides && locks).then(|| "has a lock".into())
    })
}

/// Decisions are made in the entity's own actor, events are followed there and in recovery.
pub fn decisions(sources: &[Source]) -> Complaints {
    const DECIDES: &[&str] = &["src/actors/entity.rs", "src/domain/"];
    const EVOLVES: &[&str] = &["src/actors/entity.rs", "src/domain/", "src/recovery/any_entity.rs"];
    each_line(sources, |source, line| {
        let calls = |name: &str| {
            words(line).any(|(before, word, after)| {
                let is_called = before.ends_with('.') || before.ends_with("::");
                word == name && is_called && (after.starts_with('(') || before.ends_with("::"))
            })
        };
        let is_in = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
        if calls("decide") && !is_in(DECIDES) {
            return Some("a decision outside its actor".into());
        }
        (calls("evolve") && !is_in(EVOLVES)).then(|| "an event is followed elsewhere".into())
    })
}

/// What can't fail says why, in an `expect`.
pub fn unwraps(sources: &[Source]) -> Complaints {
    each_line(sources, |_, line| line.contains(".unwrap()").then(|| "unwraps".into()))
}

/// A file of more is usually two.
pub fn lengths(sources: &[Source]) -> Complaints {
    let lines =
        |source: &Source| source.code.lines().filter(|line| !line.trim().is_empty()).count();
    let long = sources.iter().filter(|source| lines(source) > LINES_MAX);
    long.map(|source| format!("{} has {} lines of code", source.path, lines(source))).collect()
}

/// A module begins by saying what it is for.
pub fn docs(sources: &[Source]) -> Complaints {
    let is_silent = |source: &&Source| {
        !source.is_test && source.path != "src/main.rs" && !source.text.starts_with("//!")
    };
    sources.iter().filter(is_silent).map(|source| format!("{} has no doc", source.path)).collect()
}

/// A name that says nothing is none.
pub fn names(sources: &[Source]) -> Complaints {
    let is_vague = |source: &&Source| {
        let path = source.path.trim_end_matches(".rs");
        path.split(['/', '_']).any(|part| VAGUE.contains(&part))
    };
    sources.iter().filter(is_vague).map(|source| format!("{} says nothing", source.path)).collect()
}

/// Nowhere, not even with a reason.
pub fn unsafe_code(sources: &[Source]) -> Complaints {
    each_line(sources, |_, line| {
        words(line).any(|(_, word, _)| word == "unsafe").then(|| "is unsafe".into())
    })
}

/// The compiler is told so too.
pub fn unsafe_is_forbidden(manifest: &str) -> Complaints {
    let lints = manifest.split("[lints.rust]").nth(1).unwrap_or_default();
    let lints = lints.split("\n[").next().unwrap_or_default();
    let is_forbidden = lints.lines().any(|line| line.trim() == "unsafe_code = \"forbid\"");
    if is_forbidden { vec![] } else { vec!["unsafe code is not forbidden in Cargo.toml".into()] }
}
