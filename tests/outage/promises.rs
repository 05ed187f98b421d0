//! What one server has promised so far, and whether the next one keeps it.
//!
//! Not here: how the first one ended.

use std::path::Path;

use futures::future::join_all;
use holdfast::client::Client;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::ledger::Ledger;
use crate::load::{Ack, Report, Sent, is_answer};
use crate::reading::{Seen, compare, digest, read_on, read_to_rest};
use crate::tally::Tally;
use crate::verification::{Said, verify_folder};

/// Acknowledged commands that are sent again after each start.
const SENT_AGAIN: usize = 300;
/// Commands that are sent again at a time.
const AT_A_TIME: usize = 400;
/// Lost acknowledgements that are told one by one.
const LOST_TOLD: usize = 10;

/// What has been promised of one data folder.
#[derive(Default)]
pub struct Promises {
    ledger: Ledger,
    /// Some of all acknowledgements, with what was sent.
    kept: Vec<(Sent, Ack)>,
    /// What was promised and seen since the log was read last.
    acks: Vec<Ack>,
    unsure: Vec<Sent>,
    witnessed: Vec<Seen>,
}

impl Promises {
    /// How far the log has been read.
    pub fn last_read(&self) -> u64 {
        self.ledger.last
    }

    /// Takes over what a client has to tell.
    pub fn add(&mut self, report: Report) {
        self.acks.extend(report.acks);
        self.kept.extend(report.kept);
        self.unsure.extend(report.unsure);
    }

    /// Takes over what a subscriber was told since the log was read last.
    pub fn add_witnessed(&mut self, seen: Vec<Seen>) {
        self.witnessed = seen;
    }

    /// Reads on in the log, and checks what was promised since.
    pub async fn check(&mut self, client: &Client, rng: &mut StdRng, tally: &mut Tally) {
        let before = self.ledger.last;
        let witnessed = std::mem::take(&mut self.witnessed);
        read_on(client, &mut self.ledger, &witnessed).await;
        tally.events += self.ledger.last - before;
        self.check_acknowledgements(tally);
        if tally.lost == 0 {
            self.send_some_again(client, rng, tally).await;
            self.send_the_unsure_again(client, tally).await;
        }
    }

    fn check_acknowledgements(&mut self, tally: &mut Tally) {
        let acks = std::mem::take(&mut self.acks);
        tally.acknowledgements += acks.len() as u64;
        let mut lost = Vec::new();
        for ack in acks {
            match self.ledger.requests.get(&ack.request) {
                None => lost.push(ack),
                Some(effect) => {
                    let found = (effect.version, effect.position);
                    assert_eq!(found, (ack.version, ack.position), "{ack:?}");
                }
            }
        }
        tally.lost += lost.len() as u64;
        for ack in lost.iter().take(LOST_TOLD) {
            println!("LOST: {ack:?}, where the log ends at {}", self.ledger.last);
        }
    }

    async fn send_some_again(&mut self, client: &Client, rng: &mut StdRng, tally: &mut Tally) {
        let (some, _) = self.kept.partial_shuffle(rng, SENT_AGAIN);
        for some in some.chunks(AT_A_TIME) {
            let sent = some.iter().map(|(sent, ack)| async move {
                let again = sent.send(client).await;
                let again = again.unwrap_or_else(|error| panic!("{sent:?}, {ack:?}: {error}"));
                assert_eq!(again, *ack, "{sent:?}");
            });
            tally.sent_again += join_all(sent).await.len() as u64;
        }
    }

    /// A command without an answer either took effect or didn't; sent again, it has.
    async fn send_the_unsure_again(&mut self, client: &Client, tally: &mut Tally) {
        let unsure = std::mem::take(&mut self.unsure);
        tally.unanswered += unsure.len() as u64;
        let ledger = &self.ledger;
        for some in unsure.chunks(AT_A_TIME) {
            let sent = some.iter().map(|sent| async move {
                let before = ledger.requests.get(&sent.request());
                match (sent.send(client).await, before) {
                    (Ok(again), Some(effect)) => {
                        let kept = (effect.version, effect.position);
                        assert_eq!((again.version, again.position), kept, "{sent:?}");
                    }
                    (Ok(again), None) => {
                        assert!(again.position > ledger.last, "{sent:?}: {again:?}");
                    }
                    (Err(error), None) => assert!(is_answer(&error), "{sent:?}: {error}"),
                    (Err(error), Some(effect)) => panic!("{sent:?}, {effect:?}: {error}"),
                }
                u64::from(before.is_some())
            });
            tally.took_effect += join_all(sent).await.into_iter().sum::<u64>();
        }
    }

    /// Waits for a running server to come to rest, and compares what it tells with its log.
    pub async fn compare_at_rest(&mut self, client: &Client) -> Said {
        read_to_rest(client, &mut self.ledger).await;
        compare(client, &self.ledger).await;
        let (position, state_sha256) = digest(client).await;
        let streams = self.ledger.versions.len() as u64;
        Said { position, state_sha256, streams }
    }

    /// Checks the folder that a server has left, which said this of it at rest.
    pub fn verify(data_dir: &Path, said: &Said) {
        tokio::task::block_in_place(|| verify_folder(data_dir, said));
    }
}
