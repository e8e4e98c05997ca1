//! What we fear of the locks, the signals and the meeting points, and loom's
//! answer.
//!
//! The locks themselves are the door's, which in a model are not parking_lot's;
//! what is shown of them is that our side of them is right, and that both sides
//! together keep what the documentation promises. Payloads and letters make loom
//! see a weak ordering; a thread that is forgotten sleeps for ever, and loom calls
//! that a deadlock.

mod barrier;
mod condition;
mod condvar;
mod lazy;
mod mutex;
mod once;
mod rwlock;
mod signals;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{UnsafeCell, catch_unwind};

/// Long enough that it is not over at the start; in a model no time passes.
const LIMIT: Duration = Duration::from_secs(1);

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

fn spawn<S: Send + Sync + 'static, T: Send + 'static>(
    shared: &Arc<S>,
    body: impl FnOnce(&S) -> T + Send + 'static,
) -> JoinHandle<T> {
    let shared = Arc::clone(shared);
    start(move || body(&shared))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What one writes and others read later.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model writes before a signal and reads after it; that this is
// enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self) {
        // SAFETY: see `Letter`.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }

    fn read(&self) {
        // SAFETY: see `Letter`.
        self.0.with(|letter| assert_eq!(unsafe { *letter }, 42));
    }
}

/// Something to share, and a letter.
fn with_letter<T>(shared: T) -> Arc<(T, Letter)> {
    Arc::new((shared, Letter::new()))
}

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
