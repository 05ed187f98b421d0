//! What can be set, and from where.
//!
//! ```text
//!   flags  over  HOLDFAST_SECTION__KEY  over  a TOML file  over  defaults
//! ```
//!
//! An unknown key is an error, wherever it stands: a setting that is misspelt must not be a
//! setting that is silently missing. Variables without `__` are no configuration.

mod address;
mod complaint;
mod file;
mod span;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Serialized};
use serde::{Deserialize, Serialize};

use file::File;

pub use span::Span;

/// How every variable begins that is a setting.
const PREFIX: &str = "HOLDFAST_";

/// An order's reservation is told to come into being and then to be used or given back, and must
/// not run out of memory for these; one is to spare.
const REQUESTS_REMEMBERED_MIN: usize = 3;

/// Everything that can be set. `config/default.toml` says what each is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it runs and listens.
    pub server: Server,
    /// How much it lets in.
    pub limits: Limits,
    /// How it writes the log.
    pub journal: Journal,
    /// When it takes snapshots.
    pub snapshot: Snapshot,
    /// How entities are kept.
    pub entities: Entities,
    /// How it follows the wall clock.
    pub clock: Clock,
    /// How others follow the log.
    pub feed: Feed,
    /// What it says of itself.
    pub log: Log,
}

/// Where the server runs and listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The folder with log, snapshots and archive.
    pub data_dir: PathBuf,
    /// Where gRPC is served.
    #[serde(deserialize_with = "address::read")]
    pub grpc_addr: SocketAddr,
    /// Where metrics and health are served over HTTP.
    #[serde(deserialize_with = "address::read")]
    pub http_addr: SocketAddr,
    /// Whether an address other than loopback is served without authentication or encryption.
    pub insecure: bool,
    /// How many shards there are; 0: one for each processor.
    pub shards: usize,
    /// How long a stop may take in all.
    pub stop_timeout: Span,
}

/// How much the server lets in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Commands that are let in and not answered yet.
    pub commands_in_flight_max: usize,
    /// Commands of one `Execute` stream that are under way, or answered and not read.
    pub execute_in_flight_max: usize,
    /// Connections at once; whoever comes beyond is hung up on.
    pub connections_max: usize,
    /// Streams and calls at once on one connection.
    pub streams_per_connection_max: u32,
    /// The largest request, in bytes.
    pub request_bytes_max: usize,
    /// The largest answer, in bytes.
    pub response_bytes_max: usize,
    /// The largest header list of a request, in bytes.
    pub header_bytes_max: u32,
    /// How often an idle connection is asked whether it lives.
    pub keepalive_interval: Span,
}

/// How the log is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The size at which a new segment is begun, in bytes.
    pub segment_bytes_max: u64,
    /// The most events of one group commit.
    pub commit_events_max: usize,
    /// Entries before the disk at which the server's own work pauses.
    pub waiting_max: u64,
    /// How much of the data folder's disk must be free for commands, in bytes; 0: they are let in until
    /// a write fails, which ends the process.
    pub min_free_bytes: u64,
}

/// When snapshots are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// After so many events, but not before as many as there are entities in memory.
    pub events: u64,
    /// After so long, where anything has changed.
    pub interval: Span,
    /// How many are kept.
    pub keep: usize,
}

/// How entities are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entities {
    /// How long a finished one stays in memory before it may go to the archive.
    pub retention: Span,
    /// How long an idle reservation or order keeps its actor.
    pub idle: Span,
    /// How long an idle resource keeps its actor.
    pub resource_idle: Span,
    /// Request ids that a reservation or order remembers.
    pub requests_remembered: usize,
    /// Request ids that a resource remembers.
    pub resource_requests_remembered: usize,
    /// Commands that wait for one entity which is still deciding another.
    pub commands_queued_max: usize,
}

/// How the wall clock is followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// How far it may leap ahead before expiry pauses.
    pub max_leap: Span,
}

/// How others follow the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Events kept in memory for live subscribers.
    pub events_kept_max: usize,
    /// How often a silent subscription says that it lives.
    pub heartbeat: Span,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is said, such as `info` or `warn,holdfast=debug`.
    pub filter: String,
}

fn span(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server {
                data_dir: "./holdfast-data".into(),
                grpc_addr: SocketAddr::from(([127, 0, 0, 1], 7420)),
                http_addr: SocketAddr::from(([127, 0, 0, 1], 7421)),
                insecure: false,
                shards: 0,
                stop_timeout: span(10),
            },
            limits: Limits {
                commands_in_flight_max: 8_192,
                execute_in_flight_max: 4_096,
                connections_max: 512,
                streams_per_connection_max: 100,
                request_bytes_max: 256 * 1024,
                response_bytes_max: 4 * 1024 * 1024,
                header_bytes_max: 8 * 1024,
                keepalive_interval: span(30),
            },
            journal: Journal {
                segment_bytes_max: 2 * 1024 * 1024 * 1024,
                commit_events_max: 8_192,
                waiting_max: 4_096,
                min_free_bytes: 1024 * 1024 * 1024,
            },
            snapshot: Snapshot { events: 1_000_000, interval: span(5 * 60), keep: 2 },
            entities: Entities {
                retention: span(60),
                idle: Span(Duration::from_millis(200)),
                resource_idle: span(5),
                requests_remembered: 64,
                resource_requests_remembered: 4_096,
                commands_queued_max: 64,
            },
            clock: Clock { max_leap: span(5 * 60) },
            feed: Feed { events_kept_max: 65_536, heartbeat: span(10) },
            log: Log { format: LogFormat::Auto, filter: "info".into() },
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file isn't there or can't be read.
    #[error("the configuration file {} can't be read: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {reason}", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A key that there isn't.
    #[error("{place}: there is no setting {key}; there are {known}")]
    UnknownKey {
        /// The file, the variable, or the flags.
        place: String,
        /// The key, with its section.
        key: String,
        /// Those beside it.
        known: String,
    },
    /// A value that makes no sense.
    #[error("{place}: {key} is {value}, but must be {rule}")]
    Value {
        /// The file, the variable, or the flags.
        place: String,
        /// The key, with its section.
        key: String,
        /// What was given.
        value: String,
        /// What would have been right.
        rule: String,
    },
    /// Anything else.
    #[error("{place}: {key}: {reason}")]
    Other {
        /// The file, the variable, or the flags.
        place: String,
        /// The key, with its section.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that others can reach is served without protection.
    #[error(
        "{key} is {address}, which others can reach, and there is neither authentication nor \
         encryption: use a loopback address, or --insecure if the network itself is trusted"
    )]
    Insecure {
        /// The key, with its section.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

impl Config {
    /// What is in force: `flags` (sections and keys as in the file) over the environment over
    /// the file over the defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(file: Option<&Path>, flags: impl Serialize) -> Result<Self, ConfigError> {
        let mut layers = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = file {
            layers = layers.merge(File::read(path)?);
        }
        let layers = layers.merge(environment()).merge(Serialized::defaults(flags));
        let config: Self = layers.extract().map_err(|error| complaint::explain(&error))?;
        config.check_values().map_err(|misfit| misfit.within(&layers))?;
        config.check_addresses()?;
        Ok(config)
    }

    fn check_values(&self) -> Result<(), Misfit> {
        let at_least_one = [
            ("limits.commands_in_flight_max", self.limits.commands_in_flight_max as u64),
            ("limits.execute_in_flight_max", self.limits.execute_in_flight_max as u64),
            ("limits.connections_max", self.limits.connections_max as u64),
            (
                "limits.streams_per_connection_max",
                u64::from(self.limits.streams_per_connection_max),
            ),
            ("journal.commit_events_max", self.journal.commit_events_max as u64),
            ("journal.waiting_max", self.journal.waiting_max),
            ("snapshot.events", self.snapshot.events),
            ("snapshot.keep", self.snapshot.keep as u64),
            (
                "entities.resource_requests_remembered",
                self.entities.resource_requests_remembered as u64,
            ),
            ("feed.events_kept_max", self.feed.events_kept_max as u64),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(range(key, value, "at least 1"));
            }
        }
        if self.server.shards > 1_024 {
            return Err(range("server.shards", self.server.shards, "0 to 1024"));
        }
        if self.journal.segment_bytes_max < 64 * 1024 {
            let value = self.journal.segment_bytes_max;
            return Err(range("journal.segment_bytes_max", value, "at least 65536"));
        }
        if self.entities.requests_remembered < REQUESTS_REMEMBERED_MIN {
            let value = self.entities.requests_remembered;
            let rule = "at least 3, or the steps of an order could be refused by its reservation";
            return Err(range("entities.requests_remembered", value, rule));
        }
        Ok(())
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let addresses = [
            ("server.grpc_addr", self.server.grpc_addr),
            ("server.http_addr", self.server.http_addr),
        ];
        for (key, address) in addresses {
            if !address.ip().is_loopback() && !self.server.insecure {
                return Err(ConfigError::Insecure { key, address });
            }
        }
        Ok(())
    }
}

/// A value that can be read and makes no sense.
#[derive(Debug)]
struct Misfit {
    key: &'static str,
    value: String,
    rule: &'static str,
}

impl Misfit {
    /// Says where the value was set.
    fn within(self, layers: &Figment) -> ConfigError {
        let Self { key, value, rule } = self;
        let place = complaint::place(layers.find_metadata(key), key);
        ConfigError::Value { place, key: key.to_owned(), value, rule: rule.to_owned() }
    }
}

fn range(key: &'static str, value: impl ToString, rule: &'static str) -> Misfit {
    Misfit { key, value: value.to_string(), rule }
}

fn environment() -> Env {
    Env::prefixed(PREFIX).filter(|key| key.as_str().contains("__")).split("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct NoFlags {}

    #[test]
    fn the_documented_defaults_are_the_real_ones() {
        let documented: Config =
            toml::from_str(include_str!("../config/default.toml")).expect("the file is whole");
        assert_eq!(documented, Config::default());
    }

    /// What is said of a file with this text.
    fn complaint(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holdfast.toml");
        std::fs::write(&path, text).unwrap();
        let said = Config::load(Some(&path), NoFlags {}).unwrap_err().to_string();
        said.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_its_key_its_value_and_what_it_must_be() {
        let cases = [
            (
                "[snapshot]\nkeeep = 1",
                "FILE: there is no setting snapshot.keeep; there are events, interval and keep",
            ),
            (
                "[snapshot]\nkeep = \"x\"",
                "FILE: snapshot.keep is \"x\", but must be a whole number from 0 on",
            ),
            ("[snapshot]\nkeep = 0", "FILE: snapshot.keep is 0, but must be at least 1"),
            (
                "[log]\nformat = \"xml\"",
                "FILE: log.format is \"xml\", but must be auto, text or json",
            ),
            ("server = 3", "FILE: server is 3, but must be a section, which begins [server]"),
            ("[log]\n[server", "FILE, line 2: "),
        ];
        for (text, expected) in cases {
            let said = complaint(text);
            assert!(said.starts_with(expected), "{text}: {said}");
        }
        for (text, example) in [
            ("[clock]\nmax_leap = 5", "\"10m\""),
            ("[server]\ngrpc_addr = \"localhost:7420\"", "\"127.0.0.1:7420\""),
        ] {
            let said = complaint(text);
            assert!(said.contains(example), "{text}: {said}");
        }
    }

    #[test]
    fn an_address_that_others_can_reach_needs_a_word() {
        let mut config = Config::default();
        config.server.grpc_addr = "0.0.0.0:7420".parse().unwrap();
        assert!(matches!(config.check_addresses(), Err(ConfigError::Insecure { .. })));
        config.server.insecure = true;
        assert!(config.check_addresses().is_ok());
    }

    #[test]
    fn a_reservation_remembers_enough_for_the_steps_of_its_order() {
        let mut config = Config::default();
        config.entities.requests_remembered = 2;
        let misfit = config.check_values().unwrap_err();
        assert_eq!((misfit.key, &*misfit.value), ("entities.requests_remembered", "2"));
        config.entities.requests_remembered = 3;
        assert!(config.check_values().is_ok());
    }

    #[test]
    fn a_span_is_written_as_it_is_read() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
    }
}
