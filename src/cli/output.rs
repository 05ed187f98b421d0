//! How a subcommand speaks: data on stdout, as text or JSON, and the rest on stderr.

use std::env;
use std::fmt::Display;
use std::future;
use std::io::{self, IsTerminal, Write};
use std::thread;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use tokio::sync::oneshot;

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Format {
    /// Writes one thing to stdout, and a line break.
    ///
    /// # Errors
    /// Where stdout can't be written to.
    pub fn print(self, thing: &(impl Serialize + Display)) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Text => writeln!(out, "{thing}"),
            Self::Json => writeln!(out, "{}", serde_json::to_string(thing)?),
        }
    }
}

/// Comes when whoever reads stdout has gone, as `head` does when it has seen enough. It doesn't come
/// where stdout is something that can't go, such as a file.
pub async fn reader_gone() {
    let (gone, is_gone) = oneshot::channel();
    // A thread, which ends with the process: what only waits for an error can't be waited for by the
    // runtime without unsafe code.
    thread::spawn(move || {
        let out = io::stdout();
        // Asked for nothing, it is told of errors and hang-ups alone.
        if poll(&mut [PollFd::new(&out, PollFlags::empty())], None).is_ok() {
            let _ = gone.send(());
        }
    });
    if is_gone.await.is_err() {
        future::pending().await
    }
}

/// Says on stderr what went wrong.
pub fn complain(what: &str) {
    say("error:", "\u{1b}[1;31m", what);
}

/// Says on stderr what the user should know, though the work goes on.
pub fn note(what: &str) {
    say("note:", "\u{1b}[1;33m", what);
}

fn say(label: &str, colour: &str, what: &str) {
    let line = if colours_on_stderr() {
        format!("{colour}{label}\u{1b}[0m {what}\n")
    } else {
        format!("{label} {what}\n")
    };
    // Nobody is left to tell where stderr is closed.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

fn colours_on_stderr() -> bool {
    let forbidden = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !forbidden
}

/// A bar on stderr, or nothing where that is no terminal. `template` is in indicatif's words.
pub fn progress(steps: u64, template: &'static str) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(5)
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template(template)
        .expect("the template is a constant that was tried")
        .progress_chars("━╸─");
    ProgressBar::with_draw_target(Some(steps), target).with_style(style)
}
