//! Why a subcommand didn't do what it was asked for.

use std::io;
use std::process::ExitCode;

use crate::cli::output;
use crate::client::{CallError, ConnectError, Family};
use crate::domain::name::TenantId;

/// Ends a subcommand.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// There is no server to ask.
    #[error("{0} Start one with `holdfast serve`, or name another with --addr")]
    Connect(#[from] ConnectError),
    /// Something else than a server of ours was asked.
    #[error(
        "what answers at {addr} is no Holdfast server ({cause}); --addr takes the address that \
         `holdfast serve` calls grpc, which is http://127.0.0.1:7420 by default"
    )]
    Stranger {
        /// Where.
        addr: String,
        /// What it said.
        cause: String,
    },
    /// What the user named isn't there.
    #[error("the tenant {tenant} has no {what}")]
    Missing {
        /// What, in the words of the command line.
        what: String,
        /// Who asked.
        tenant: TenantId,
    },
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

/// What the server can't read was typed here, so it is wrong usage, whoever found it.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        if error.family() != Family::Invalid || error.fields.is_empty() {
            return Self::Call(Box::new(error));
        }
        let told =
            error.fields.iter().map(|field| format!("{} {}", field.field, field.description));
        Self::Usage(told.collect::<Vec<_>>().join("; "))
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
