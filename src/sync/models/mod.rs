//! What we fear of the locks, and loom's answer.
//!
//! The locks themselves are the door's, which in a model are not parking_lot's;
//! what is shown here is that our side of them is right, and that both sides
//! together keep what the documentation promises. Payloads make loom see a weak
//! ordering; a thread that is forgotten sleeps for ever, and loom calls that a
//! deadlock.

mod condition;
mod condvar;
mod lazy;
mod mutex;
mod once;
mod rwlock;

use std::sync::Arc;
use std::time::Duration;

use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{UnsafeCell, catch_unwind};

/// Long enough that it is not over at the start; in a model no time passes.
const LIMIT: Duration = Duration::from_secs(1);

/// Data that the lock under test has to guard.
#[derive(Default)]
struct Payload(UnsafeCell<u32>);

// SAFETY: not even sound; loom is there to say where.
unsafe impl Sync for Payload {}

impl Payload {
    fn add(&self) {
        // SAFETY: loom has checked that this access is alone.
        self.0.with_mut(|payload| unsafe { *payload += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom has checked that there is no writer.
        self.0.with(|payload| unsafe { *payload })
    }
}

fn spawn<S: Send + Sync + 'static, T: Send + 'static>(
    shared: &Arc<S>,
    body: impl FnOnce(&S) -> T + Send + 'static,
) -> JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn("other".to_owned(), None, move || body(&shared)).unwrap()
}
