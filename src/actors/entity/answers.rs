//! Who is told what became of a command, and when.
//!
//! Invariant: a client is told through the journal alone, so never of what isn't durable.
//!
//! Not here: what became of it.

use super::super::delivery::{Accepted, Refused, Reply, Shown};
use super::super::process_manager::StepDone;
use super::Shell;
use crate::codec::records::Recorded;
use crate::domain::entity::Entity;
use crate::domain::event::Event;
use crate::domain::ids::{Position, Version};
use crate::domain::rejection::Rejection;
use crate::journal::Release;

impl<A: Recorded> Shell<A> {
    /// Appends, and has clients answered once that is durable. The order process is answered at
    /// once: it acts within the log, where what it does comes after what it heard.
    pub(super) fn answer(
        &self,
        events: Vec<Event>,
        replies: Vec<Reply>,
        result: Result<(), Rejection>,
    ) -> Position {
        let mut clients = Vec::new();
        let mut steps = Vec::new();
        for reply in replies {
            match reply {
                Reply::Client(client) => clients.push(client),
                Reply::Process(step) => steps.push(step),
                Reply::Nobody => {}
            }
        }
        let release = (!clients.is_empty()).then(|| {
            let (version, view) = (self.entity.version, self.entity.state.view());
            let result = result.clone();
            Box::new(move |position| {
                for client in clients {
                    let now = Shown { version, position, view: view.clone() };
                    let answer = match &result {
                        Ok(()) => Ok(Accepted { version, position, now }),
                        Err(rejection) => Err(Refused { rejection: rejection.clone(), position }),
                    };
                    client.tell(answer);
                }
            }) as Release
        });
        let last = match (events.is_empty(), &release) {
            (true, None) => self.environment.surroundings.journal.assigned(),
            _ => self.environment.surroundings.journal.append(events, release),
        };
        for reply in steps {
            let result = result.clone();
            self.environment.process().do_send(StepDone { reply, result });
        }
        last
    }

    pub(super) fn refuse(&self, rejection: Rejection, replies: Vec<Reply>) {
        self.answer(Vec::new(), replies, Err(rejection));
    }

    pub(super) fn repeat(&self, version: Version, position: Position, reply: Reply) {
        match reply {
            Reply::Process(_) | Reply::Nobody => {
                self.answer(Vec::new(), vec![reply], Ok(()));
            }
            Reply::Client(client) => {
                let now = self.shown();
                self.read(move |_| {
                    client.tell(Ok(Accepted { version, position, now }));
                });
            }
        }
    }

    /// Answers as if the entity were this.
    pub(super) fn foretell(&self, entity: &Entity<A>, replies: Vec<Reply>) {
        let (version, view) = (entity.version, entity.state.view());
        self.read(move |position| {
            let now = Shown { version, position, view };
            for reply in replies {
                if let Reply::Client(client) = reply {
                    client.tell(Ok(Accepted { version, position, now: now.clone() }));
                }
            }
        });
    }

    /// Answers once everything that the answer could know of is durable.
    pub(super) fn read(&self, release: impl FnOnce(Position) + Send + 'static) {
        self.environment.surroundings.journal.append(Vec::new(), Some(Box::new(release)));
    }

    pub(super) fn shown(&self) -> Shown {
        let Entity { version, position, state, .. } = &*self.entity;
        Shown { version: *version, position: *position, view: state.view() }
    }
}
