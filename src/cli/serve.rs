//! `holdfast serve`: the server, in the foreground, until a signal.

use std::io::{self, Write};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::failure::Failure;
use crate::cli::settings::Settings;
use crate::server::{ServerError, Starting};
use crate::telemetry;

/// Run the server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast serve
  holdfast serve --data-dir /var/lib/holdfast --config /etc/holdfast.toml
  holdfast serve --data-dir /tmp/trial --grpc-addr 127.0.0.1:0 --http-addr 127.0.0.1:0

When it is ready, one line on stdout says where it listens:
  ready grpc=127.0.0.1:7420 http=127.0.0.1:7421")]
pub struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
}

/// Runs the server until SIGTERM or Ctrl-C, which also end its recovery.
///
/// # Errors
/// [`Failure`], where it doesn't start.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = args.settings.load()?;
    telemetry::start_logging(&config.log).map_err(Failure::Usage)?;
    let metrics = telemetry::install().map_err(Failure::Failed)?;
    if config.server.insecure {
        tracing::warn!(
            grpc = %config.server.grpc_addr,
            http = %config.server.http_addr,
            "INSECURE: no authentication and no encryption; whoever reaches these addresses can \
             read and change everything"
        );
    }
    let starting = Starting::listen(&config, metrics).map_err(explain)?;
    // Before recovery, which may take long: the first process of a container is only ever told of
    // signals that it listens for.
    let mut signals = starting.block_on(async { StopSignals::listen() })?;
    let running = match starting.recover(signals.arrival()) {
        Err(ServerError::Stopped) => {
            tracing::info!(
                "stopped before it was ready: the next start recovers from the same log"
            );
            return Ok(());
        }
        started => started.map_err(explain)?,
    };
    let addresses = running.addresses();
    let mut out = io::stdout().lock();
    writeln!(out, "ready grpc={} http={}", addresses.grpc, addresses.http)?;
    out.flush()?;
    drop(out);
    running.block_on(signals.arrival());
    running.stop();
    Ok(())
}

/// Says of an address that is refused what to do about it.
fn explain(error: ServerError) -> Failure {
    let ServerError::Listen { key, address, source } = error else {
        return Failure::Failed(error.to_string());
    };
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => "stop the process that does, or choose another port",
        io::ErrorKind::AddrNotAvailable => "choose one of this machine's own addresses",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
        _ => "choose another address",
    };
    let flag = key.trim_start_matches("server.").replace('_', "-");
    Failure::Failed(format!(
        "can't listen on {address}: {source}; {advice} with --{flag}, or {key} in the settings"
    ))
}

/// SIGTERM and Ctrl-C.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From here on these signals don't end the process by themselves.
    fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    async fn arrival(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
