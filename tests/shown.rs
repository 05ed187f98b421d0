//! What the documents show of the command line is what it prints.
//!
//! In a block of the kind `console`, a line that begins with `$ ` is a command, which goes on after a
//! backslash at its end, and what follows is all that it prints, refusals too. The commands of one
//! document are typed one after the other, against a server of their own.
#![allow(clippy::unwrap_used)]

#[path = "support/process.rs"]
mod process;

use std::process::Command;

use process::{HOLDFAST, Process, serve, set};
use tempfile::tempdir;

/// A line between the outputs of two commands, which nothing prints.
const MARK: &str = "\u{1e}";

/// A command, and what a document says that it prints.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    shown: String,
}

fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in document.split("```console\n").skip(1) {
        let mut lines = block.split("```").next().unwrap().lines();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                let step = steps.last_mut().unwrap();
                step.shown.push_str(line);
                step.shown.push('\n');
                continue;
            };
            let mut command = command.to_owned();
            while command.ends_with('\\') {
                command.push('\n');
                command.push_str(lines.next().unwrap());
            }
            steps.push(Step { command, shown: String::new() });
        }
    }
    steps
}

/// What each command prints, on stdout and stderr, when they are typed one after the other.
fn printed(steps: &[Step]) -> Vec<String> {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    let address = server.ready().grpc;
    let mut script = format!("exec 2>&1\nholdfast() {{ \"$0\" \"$@\" --addr {address}; }}\n");
    for step in steps {
        script.push_str(&format!("{}\necho '{MARK}'\n", step.command));
    }
    let mut command = Command::new("bash");
    set(&mut command, &[]);
    let output = command.args(["-c", &script, HOLDFAST]).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let mut printed: Vec<_> = output.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    assert_eq!(printed.pop().as_deref(), Some(""), "{output}");
    printed
}

/// Whether what is printed is what is shown, but for what differs from time to time: moments that
/// weren't asked for, which have a fraction of a second, dates that are counted from today, and
/// positions, since events of several entities may change places.
fn agrees(shown: &str, printed: &str) -> bool {
    let mut pairs = shown.lines().zip(printed.lines());
    shown.lines().count() == printed.lines().count()
        && pairs.all(|(shown, printed)| shown == printed || agrees_by_words(shown, printed))
}

fn agrees_by_words(shown: &str, printed: &str) -> bool {
    let [shown, printed] = [shown, printed].map(|line| line.split(' ').collect::<Vec<_>>());
    let before = std::iter::once(&"").chain(&shown);
    let mut pairs = before.zip(shown.iter().zip(&printed));
    shown.len() == printed.len()
        && pairs.all(|(before, (shown, printed))| {
            let digits =
                |word: &str| word.trim_end_matches([',', ')']).bytes().all(|b| b.is_ascii_digit());
            let moment = |word: &str| word.contains('T') && word.contains("Z");
            let date = |word: &str| word.len() >= 10 && word.as_bytes()[4] == b'-';
            shown == printed
                || (before.trim_end_matches(':') == "position" && digits(shown) && digits(printed))
                || (*before == "limit" && date(shown) && date(printed))
                || (moment(shown)
                    && shown.contains('.')
                    && !shown.contains(".000Z")
                    && moment(printed))
        })
}

fn compare(document: &str) {
    let steps = steps(document);
    assert!(!steps.is_empty());
    for (step, printed) in steps.iter().zip(printed(&steps)) {
        let Step { command, shown } = step;
        assert!(
            agrees(shown, &printed),
            "{command}\nis shown to print\n{shown}and prints\n{printed}"
        );
    }
}

#[test]
fn the_stay_of_the_readme_goes_as_it_is_shown() {
    compare(include_str!("../README.md"));
}

#[test]
fn what_is_shown_of_calendars_is_what_comes_of_the_commands() {
    compare(include_str!("../docs/calendars.md"));
}

#[test]
fn another_word_is_not_what_is_shown() {
    let shown = "held until 2030-12-24T10:00:00.123Z, decided at position 7\n";
    assert!(agrees(shown, "held until 2030-12-24T11:00:00.456Z, decided at position 12\n"));
    assert!(!agrees(shown, "free until 2030-12-24T10:00:00.123Z, decided at position 7\n"));
    assert!(!agrees(shown, ""));
    assert!(!agrees("from 2030-12-24T10:00:00.000Z\n", "from 2030-12-24T11:00:00.000Z\n"));
}
