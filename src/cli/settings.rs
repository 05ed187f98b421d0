//! The settings of a server, as flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::parse;
use crate::config::Config;
use crate::telemetry;

/// Flags over environment over file over defaults.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// A file with settings, such as config/default.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with log, snapshots and archive [default: ./holdfast-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where gRPC is served; port 0 takes a free one [default: 127.0.0.1:7420]
    #[arg(long, value_name = "IP:PORT", value_parser = parse::listening_address)]
    grpc_addr: Option<SocketAddr>,
    /// Where metrics and health are served [default: 127.0.0.1:7421]
    #[arg(long, value_name = "IP:PORT", value_parser = parse::listening_address)]
    http_addr: Option<SocketAddr>,
    /// Serve an address that others can reach, without authentication or encryption
    #[arg(long)]
    insecure: bool,
}

/// The flags that were given, as the file would have them.
#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "ServerFlags::is_empty")]
    server: ServerFlags,
}

#[derive(Default, PartialEq, Serialize)]
struct ServerFlags {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_addr: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_addr: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure: Option<bool>,
}

impl ServerFlags {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Settings {
    /// What is in force.
    ///
    /// # Errors
    /// [`Failure::Usage`], where a setting is unknown or makes no sense.
    pub fn load(&self) -> Result<Config, Failure> {
        let flags = Flags {
            server: ServerFlags {
                data_dir: self.data_dir.clone(),
                grpc_addr: self.grpc_addr,
                http_addr: self.http_addr,
                insecure: self.insecure.then_some(true),
            },
        };
        let config = Config::load(self.config.as_deref(), flags)
            .map_err(|error| Failure::Usage(error.to_string()))?;
        telemetry::filter(&config.log).map_err(Failure::Usage)?;
        Ok(config)
    }
}
