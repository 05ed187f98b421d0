//! Connections that say little or nothing, and too many of them.

use std::process::Command;

use tokio::io::AsyncWriteExt;

use crate::attacked::{attack, attack_with};
use crate::frames::{PREFACE, beginning};

#[test]
fn connections_that_trickle_their_first_bytes_hold_nobody_up() {
    attack(async |attacked| {
        let mut open = Vec::new();
        for n in 0..300 {
            open.push(attacked.said(&PREFACE[..n % PREFACE.len()]).await);
        }
        // Half open: this side says no more, and never hangs up.
        for stream in open.iter_mut().step_by(3) {
            let _ = stream.shutdown().await;
        }
        for at in 0..5 {
            for (n, stream) in open.iter_mut().enumerate() {
                let next = PREFACE.get(n % PREFACE.len() + at).copied().unwrap_or(0);
                let _ = stream.write_all(&[next]).await;
            }
            attacked.serves().await;
        }
    });
}

#[test]
fn more_connections_than_the_process_may_have_files_keep_nobody_out_for_good() {
    let few_files = |command: Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 400 && exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        shell
    };
    attack_with(&few_files, async |attacked| {
        let mut open = Vec::new();
        for _ in 0..600 {
            open.push(attacked.said(&beginning()).await);
        }
        attacked.serves().await;
        attacked.client.take_snapshot(Default::default()).await.unwrap();
        attacked.serves().await;
        drop(open);
    });
}
