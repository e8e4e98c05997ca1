//! The model backend under its own models.
//!
//! Of each primitive two things are shown: what it promises holds in every
//! execution, and a use that relies on more is found. The second half is the
//! more important one, for a backend that synchronises too much finds nothing.

mod atomics;
mod condvar;
mod late;
mod lock;
mod parker;
mod queues;
mod rwlock;
mod threads;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::atomics::{AtomicBool, AtomicUsize, Ordering, fence};
use super::run::{Explored, Model};
use super::thread::{self, JoinHandle};
use super::{
    Chute, Condvar, Injector, Mutex, MutexGuard, Parker, Steal, UnsafeCell, catch_unwind, now,
    thread_slot, unwind,
};

/// Data that the protocol under test has to guard.
#[derive(Default)]
struct Payload(UnsafeCell<u32>);

// SAFETY: not even sound; loom is there to say where.
unsafe impl Sync for Payload {}

impl Payload {
    fn write(&self, value: u32) {
        // SAFETY: loom has checked that this access is alone.
        self.0.with_mut(|payload| unsafe { *payload = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom has checked that there is no writer.
        self.0.with(|payload| unsafe { *payload })
    }
}

fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn("other".to_owned(), None, body).expect("a model always has a thread to give")
}

fn join<T>(handle: JoinHandle<T>) -> T {
    handle
        .join()
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Checks a model that must fail and say `why`.
fn must_fail(why: &str, name: &'static str, body: impl Fn() + Send + Sync + 'static) {
    fails(why, || Model::new(name).unbounded().check(body));
}

fn fails(why: &str, check: impl FnOnce() -> Explored) {
    let payload = panic::catch_unwind(AssertUnwindSafe(check)).expect_err("found nothing wrong");
    let said = unwind::message(payload.as_ref());
    assert!(said.contains(why), "it failed, but with: {said}");
}

/// Runs two closures on the same shared state, and joins the second.
fn beside<S: Send + Sync + 'static>(
    shared: Arc<S>,
    other: impl FnOnce(&S) + Send + 'static,
    this: impl FnOnce(&S),
) {
    let handle = spawn({
        let shared = Arc::clone(&shared);
        move || other(&shared)
    });
    this(&shared);
    join(handle);
}

const RACE: &str = "Causality violation";
const DEADLOCK: &str = "deadlock";
