//! What every subcommand that speaks to a server is told, and how it gets there.

use std::fmt::Display;

use clap::Args;
use tokio::runtime;
use tonic::Code;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::parse;
use crate::client::{CallError, Client, Options, RetryPolicy};
use crate::domain::name::TenantId;

/// Which server, as whom, and how the answer looks.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The server's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7420",
        value_parser = parse::server_address)]
    pub addr: String,
    /// Whose data
    #[arg(long, value_name = "ID", default_value = "default", value_parser = parse::tenant)]
    pub tenant: TenantId,
    /// How the answer looks on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
}

impl Remote {
    /// Connects, for calls that are tried again while a person waits.
    ///
    /// # Errors
    /// Where there is no server.
    pub async fn connect(&self) -> Result<Client, Failure> {
        self.connect_with(RetryPolicy::default()).await
    }

    /// Connects.
    ///
    /// # Errors
    /// Where there is no server.
    pub async fn connect_with(&self, retry: RetryPolicy) -> Result<Client, Failure> {
        Ok(Client::connect(&Options { retry, ..self.options() }).await?)
    }

    /// Why a call failed, or what made calls.
    pub fn explain(&self, failure: impl Into<Failure>) -> Failure {
        match failure.into() {
            // A server of ours names its reason.
            Failure::Call(error)
                if error.code == Code::Unimplemented && error.reason.is_empty() =>
            {
                Failure::Stranger { addr: self.addr.clone(), cause: error.message }
            }
            other => other,
        }
    }

    /// Why a call about something failed, which is named as the user did.
    pub fn explain_about(&self, what: impl Display) -> impl FnOnce(CallError) -> Failure {
        move |error| match error.code {
            Code::NotFound => {
                Failure::Missing { what: what.to_string(), tenant: self.tenant.clone() }
            }
            _ => self.explain(error),
        }
    }

    /// Where to connect to, and as whom.
    pub fn options(&self) -> Options {
        Options { tenant: self.tenant.clone(), ..Options::new(self.addr.as_str()) }
    }
}

/// What every command carries.
#[derive(Debug, Clone, Args)]
pub struct CommandArgs {
    /// What to call this command, so that it can be sent again; random where missing
    #[arg(long, value_name = "UUID", value_parser = parse::id)]
    request_id: Option<Uuid>,
    /// Refuse unless the entity has this version
    #[arg(long, value_name = "VERSION")]
    pub expected_version: Option<u64>,
}

impl CommandArgs {
    /// The request id given, or a random one.
    pub fn request_id(&self) -> String {
        parse::id_or_new(self.request_id)
    }
}

/// How much of a list is wanted.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Stop after so many; all where missing
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// The largest page that the server gives.
pub const PAGE_SIZE_MAX: u32 = 1_000;

impl ListArgs {
    /// How large the next page should be where `seen` were listed before; none where that is enough.
    pub fn page_size(&self, seen: usize) -> Option<u32> {
        match self.limit {
            None => Some(PAGE_SIZE_MAX),
            Some(limit) if limit <= seen => None,
            Some(limit) => Some(
                u32::try_from(limit - seen).map_or(PAGE_SIZE_MAX, |left| left.min(PAGE_SIZE_MAX)),
            ),
        }
    }
}

/// Runs one subcommand on this thread.
///
/// # Errors
/// What the subcommand ends with.
pub fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
