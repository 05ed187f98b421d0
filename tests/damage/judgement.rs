//! What a damaged folder is taken for, by `holdfast verify` and then by `holdfast serve`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use holdfast::verify::Report;

use crate::harm::{Harm, harm};
use crate::knowledge::{Knowledge, digest, entities, events};
use crate::process::{HOLDFAST, Process, serve};
use crate::server::connect;
use crate::template::{SETTINGS, Template};

/// How long a server may take to be ready or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one that refuses a question may take to end over it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Refused(Named),
    RefusedWhenRead(Named),
    MadeUpFor(Named),
    Harmless,
    CutAndSaid,
    Wrong(String),
}

/// How closely a message names what is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// By its own name, or its segment's, or a snapshot's position.
    Itself,
    /// By its part, as a folder or in words: the log, the archive.
    Part,
    /// Something else in the same data folder.
    DataFolder,
}

/// A case: what was done, and what came of it.
pub struct Verdict {
    pub harm: Harm,
    pub outcome: Outcome,
}

pub fn judge(template: &Template, seed: u64) -> Verdict {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let harm = harm(template, seed, &data);
    let case = Case { template, harm: &harm, data: &data, scratch: scratch.path() };
    let outcome = case.outcome().unwrap_or_else(Outcome::Wrong);
    Verdict { outcome, harm }
}

struct Case<'a> {
    template: &'a Template,
    harm: &'a Harm,
    data: &'a Path,
    scratch: &'a Path,
}

/// What a server told before it ended by itself or said that it can't go on.
struct Served {
    told: Knowledge,
    /// Why the rest could not be had.
    refused: Option<String>,
    said: String,
}

impl Case<'_> {
    fn outcome(&self) -> Result<Outcome, String> {
        let report = self.verify()?;
        let served = self.serve()?;
        let problems = report.problems.join("\n");
        if served.told == self.template.knows {
            return Ok(match report.ok {
                true if report.state_sha256 != self.template.knows.digest => {
                    return Err(format!("verify finds the state {}", report.state_sha256));
                }
                true => Outcome::Harmless,
                false => Outcome::MadeUpFor(self.named(&problems)?),
            });
        }
        let Some(reason) = &served.refused else {
            return self.cut(&report, &served).map(|()| Outcome::CutAndSaid);
        };
        if report.ok {
            return Err(format!("verify finds nothing, serve says {reason}\n{}", served.said));
        }
        self.named(&problems).map_err(|error| format!("verify: {error}"))?;
        let named = self.named(&format!("{reason}\n{}", served.said))?;
        if served.told.digest.is_empty() {
            return Ok(Outcome::Refused(named));
        }
        // What was told before must be right.
        self.same("digest", &served.told.digest, &self.template.knows.digest)?;
        if !served.told.events.is_empty() {
            self.same("events", &served.told.events, &self.template.knows.events)?;
        }
        Ok(Outcome::RefusedWhenRead(named))
    }

    fn same<T: PartialEq>(&self, what: &str, told: &T, known: &T) -> Result<(), String> {
        if told == known { Ok(()) } else { Err(format!("other {what} than before")) }
    }

    /// Something is missing, and nothing was refused: right only where no more was left to be known.
    fn cut(&self, report: &Report, served: &Served) -> Result<(), String> {
        let Knowledge { position, digest, events, .. } = &served.told;
        // What a crash leaves half done, the start settles, with events of its own.
        let kept = events.get(..report.last_position as usize);
        let is_prefix = kept.is_some_and(|kept| self.template.knows.events.starts_with(kept));
        let is_told = served.said.contains("marker of the log's end");
        let is_shorter = report.last_position < self.template.knows.position;
        if report.ok && self.harm.is_of_the_marker() && is_prefix && is_told && is_shorter {
            return Ok(());
        }
        Err(format!(
            "another state: position {position}, {} events (a prefix: {is_prefix}), digest {digest}; \
             before it was {}, {}; verify: {report:?}\n{}",
            events.len(),
            self.template.knows.position,
            self.template.knows.digest,
            served.said
        ))
    }

    fn verify(&self) -> Result<Report, String> {
        let verify = ["verify", "-o", "json", "--data-dir"];
        let ended = Command::new(HOLDFAST).args(verify).arg(self.data).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        if let Ok(report) = serde_json::from_slice(&ended.stdout) {
            return Ok(report);
        }
        // It says so where there is nothing to report on.
        match ended.status.code() {
            Some(1) => Ok(Report::unopened(&said)),
            _ => Err(format!("verify came to no end: {:?}\n{said}", ended.status)),
        }
    }

    fn serve(&self) -> Result<Served, String> {
        let errors = self.scratch.join("errors");
        let mut server = Process::spawn(serve(self.data, &SETTINGS), &errors);
        let Some(addresses) = server.ready_within(PATIENCE) else {
            let status = server.ended_within(PATIENCE).ok_or("it neither starts nor ends")?;
            if status.success() {
                return Err(format!("it ended without a word: {}", server.errors()));
            }
            let said = server.errors();
            let reason = Some(format!("{status}"));
            return Ok(Served { told: Knowledge::default(), refused: reason, said });
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (told, refused) = runtime.block_on(async {
            let client = connect(addresses.grpc, "default").await;
            let mut told = Knowledge::default();
            let refused = self.ask(&client, &mut told).await.err();
            (told, refused)
        });
        // One that ends by itself has something to say first.
        if refused.is_none() || server.ended_within(LAST_WORDS).is_none() {
            server.kill();
        }
        Ok(Served { told, refused, said: server.errors() })
    }

    async fn ask(
        &self,
        client: &holdfast::client::Client,
        told: &mut Knowledge,
    ) -> Result<(), String> {
        (told.position, told.digest) = digest(client).await?;
        let read = events(client).await;
        // Even where the log can't be read through, no entity may be told wrongly.
        told.entities =
            entities(client, read.as_ref().unwrap_or(&self.template.knows.events)).await?;
        told.events = read?;
        Ok(())
    }

    /// How closely this names what was damaged.
    fn named(&self, text: &str) -> Result<Named, String> {
        let of_itself = |path: &Path| {
            let is_segment = |at: &&Path| at.parent().is_some_and(|above| above.ends_with("log"));
            let segment = path.ancestors().find(is_segment);
            let position = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let snapshot = position.map(|position| format!("snapshot {position}"));
            let places = [Some(path), segment].into_iter().flatten().map(|it| self.place(it));
            places.chain(snapshot).any(|name| text.contains(&name))
        };
        let part = |path: &&Path| {
            let part = path.iter().next().unwrap();
            text.contains(&self.place(Path::new(part)))
                || in_words(part).is_some_and(|it| text.contains(it))
        };
        let mut paths = self.harm.paths.iter().map(|path| path.as_path());
        if paths.clone().any(of_itself) {
            Ok(Named::Itself)
        } else if paths.any(|path| part(&path)) {
            Ok(Named::Part)
        } else if text.contains(&self.data.display().to_string()) {
            Ok(Named::DataFolder)
        } else {
            Err(format!("nothing is named: {text}"))
        }
    }

    fn place(&self, path: &Path) -> String {
        self.data.join(path).display().to_string()
    }
}

/// How messages speak of a part where they don't know its folder.
fn in_words(part: &OsStr) -> Option<&'static str> {
    match part.to_str()? {
        "log" => Some("the end of the log is missing"),
        "archive" => Some("the archive "),
        _ => None,
    }
}
