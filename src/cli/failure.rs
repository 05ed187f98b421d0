//! Why a subcommand didn't do what it was asked for.

use std::io;
use std::process::ExitCode;

use crate::cli::output;
use crate::client::{CallError, ConnectError};

/// Ends a subcommand.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// There is no server to ask.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server said no, or nothing.
    #[error(transparent)]
    Call(Box<CallError>),
    /// What was found out can't be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl Failure {
    /// 2 for wrong usage, 1 for failed. A reader that has closed its end of a pipe has seen enough:
    /// 0.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// Says on stderr what went wrong.
    pub fn report(&self) {
        if !self.is_closed_pipe() {
            output::complain(&self.to_string());
        }
    }

    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
