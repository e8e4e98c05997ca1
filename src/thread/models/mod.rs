//! Models of the thread pool: whole pools, and looking at running tasks.
//!
//! The whole pools are the shipping pool, its tasks and its handles: no room for
//! more than one or two tasks. What sleep and waking alone can do wrong is
//! modelled in `sleep/models/`, where there is room.
//!
//! How a pool is built is tried in one order only, and, where the fear is not
//! about its end, so is how it ends. In `ends.rs` one pool is built, and all end,
//! in every order.

mod broadcast;
mod cap;
mod ends;
mod futures;
mod helping;
mod look;
mod scopes;
mod work;

use std::sync::Arc;
use std::time::Duration;

use super::{Shutdown, ThreadPool};
use crate::primitive::model::run::{in_one_order, rest_in_one_order};
use crate::primitive::{Parker, UnsafeCell};

/// A pool whose workers have yet to take their first step.
pub(super) fn pool(workers: usize, workers_max: usize) -> ThreadPool {
    in_one_order(|| build(workers, workers_max))
}

fn build(workers: usize, workers_max: usize) -> ThreadPool {
    ThreadPool::builder()
        .workers(workers)
        .workers_max(workers_max)
        .keep_alive(Duration::MAX)
        .panic_hook(false)
        .build()
        .unwrap()
}

/// What a submitter writes and its task reads.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model writes before it submits, and reads in the task; that
// this is enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }
    fn write(&self) {
        // SAFETY: one writer, and readers only after it.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }
    fn read(&self) -> u32 {
        // SAFETY: the writer wrote before.
        self.0.with(|letter| unsafe { *letter })
    }
}

impl ThreadPool {
    /// Ends the pool, in one order.
    pub(super) fn end(&self) {
        rest_in_one_order();
        self.shutdown(Shutdown::Finish);
        self.is_quiet();
    }

    /// How a pool must stand that has ended.
    fn is_quiet(&self) {
        assert_eq!(self.core.sleep.counts(), (self.width(), 0, 0));
        assert_eq!(self.core.sleep.live(), 0);
        assert!(!self.core.has_work());
    }
}

/// Where one waits for another, once: two steps, where a lock and a condition
/// would take ten.
fn signal() -> Arc<Parker> {
    Arc::new(Parker::new())
}
