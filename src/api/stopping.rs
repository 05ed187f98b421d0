//! Ends a listener in bounded time.
//!
//! Not here: when to end; whoever wires the server knows.

use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;

/// Runs a server until it has ended, or until `grace` after `shutdown`, whichever comes first; says
/// what it ended with, if it did.
///
/// The server is made with the signal at which it must take nothing new and finish what it has.
/// Where connections are still open when the grace is over, they are dropped: a client that never
/// hangs up can't keep a server alive.
pub(super) async fn within_grace<S: Future>(
    shutdown: impl Future<Output = ()> + Send,
    grace: Duration,
    serve: impl FnOnce(oneshot::Receiver<()>) -> S,
) -> Option<S::Output> {
    let (stop, stopped) = oneshot::channel();
    let server = serve(stopped);
    let end_of_grace = async {
        shutdown.await;
        // A server that has ended already doesn't listen; then there is nothing to stop.
        let _ = stop.send(());
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = server => Some(ended),
        () = end_of_grace => None,
    }
}
