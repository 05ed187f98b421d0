//! What a client opens a connection with, looked at and left where it is.

use std::time::Duration;

use tokio::net::TcpStream;

/// How often it is looked whether more has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The first bytes that a client sends; nothing where it takes too long for them, or hangs up.
pub(super) async fn opening<const BYTES: usize>(
    socket: &TcpStream,
    within: Duration,
) -> Option<[u8; BYTES]> {
    let sent = async {
        let mut bytes = [0; BYTES];
        loop {
            match socket.peek(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(read) if read == BYTES => return Some(bytes),
                // There is something to be read, so waiting for more would end at once.
                Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(within, sent).await.ok().flatten()
}
