//! `holdfast config`: what is set.

use std::io::{self, Write};

use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::settings::Settings;

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print every setting that is in force
    #[command(after_help = "Examples:
  holdfast config print
  HOLDFAST_ENTITIES__RETENTION=1h holdfast config print
  holdfast config print --config /etc/holdfast.toml -o json")]
    Print {
        #[command(flatten)]
        settings: Settings,
        /// How it looks on stdout
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Format,
    },
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub fn run(command: Command) -> Result<(), Failure> {
    let Command::Print { settings, output } = command;
    let config = settings.load()?;
    let text = match output {
        Format::Text => {
            toml::to_string(&config).map_err(|error| Failure::Failed(error.to_string()))?
        }
        Format::Json => serde_json::to_string(&config).map_err(io::Error::from)? + "\n",
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}
