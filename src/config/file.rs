//! Settings as a TOML file.

use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};
use toml::Table;

use super::ConfigError;

/// A file, read.
pub(super) struct File {
    path: PathBuf,
    settings: Table,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::File`] and [`ConfigError::Syntax`].
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let settings = text.parse().map_err(|error| malformed(path, &text, &error))?;
        Ok(Self { path: path.to_owned(), settings })
    }
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let reason = error.message().replace('\n', ", ");
    ConfigError::Syntax { path: path.to_owned(), line, reason }
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Serialized::defaults(&self.settings).data()
    }
}
