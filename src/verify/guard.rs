//! Keeps a panic of a database, which asserts about what it reads, from ending the process.
//!
//! ```text
//!   caller ◀──progress, then the result── thread that does the work
//!      ▲                                     │ panics
//!      └──────────its message────────────────┘ and stands still for ever
//! ```
//!
//! Where panics abort there is nothing to catch. But the hook runs before, and one that never
//! returns keeps the process alive: the caller has its message and goes on without that thread.
//! What the thread held is lost, so this is for a process that is about to end.
//!
//! Not here: a panic on another thread that the work may have started.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::Progress;

enum Message<T> {
    Progress(Progress),
    Done(T),
    Panicked(String),
}

type Told = Box<dyn Fn(String)>;

thread_local! {
    /// Where this thread's panic is told; none on every other thread.
    static WATCHED: RefCell<Option<Told>> = const { RefCell::new(None) };
}

/// Does the work on a thread of its own and passes on what it tells; an error where it panics.
pub(super) fn watch<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn(Progress)) -> T + Send + 'static,
    progress: &mut dyn FnMut(Progress),
) -> Result<T, String> {
    install();
    let (sender, receiver) = channel();
    let run = move || {
        let panics = Sender::clone(&sender);
        let told = move |text| drop(panics.send(Message::Panicked(text)));
        WATCHED.set(Some(Box::new(told)));
        // Whoever listened may have gone.
        let tell = |progress| drop(sender.send(Message::Progress(progress)));
        let done = work(&tell);
        let _ = sender.send(Message::Done(done));
    };
    if let Err(error) = thread::Builder::new().name("verify".into()).spawn(run) {
        return Err(format!("no thread could be started: {error}"));
    }
    for message in receiver {
        match message {
            Message::Progress(step) => progress(step),
            Message::Done(done) => return Ok(done),
            Message::Panicked(text) => return Err(text),
        }
    }
    Err("it stopped without a word".into())
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let Some(told) = WATCHED.take() else { return before(info) };
            told(info.to_string().replace('\n', " "));
            loop {
                thread::park();
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_and_does_not_end_the_process() {
        let told = watch(|_| panic!("the page is odd"), &mut |_| {});
        assert!(told.is_err_and(|text: String| text.contains("the page is odd")));
        assert_eq!(watch(|_| 7, &mut |_| {}), Ok(7));
    }
}
