//! Where the ends of many tasks are gathered for one who waits.
//!
//! ```text
//!   task 7 ends ──► collect(7) ──► ready: 3, 7 ──► take ──► the owner
//!                        │
//!                        └──► sleeper: taken out and woken, once
//! ```
//!
//! 1. Each enlisted task sends its key once: keys come in the order in which
//!    the tasks ended, and none is lost or sent twice.
//! 2. The owner leaves a sleeper only in the lock in which it found no key, so
//!    a key that comes later finds the sleeper.
//! 3. Whoever brings a key takes the sleeper away and wakes it outside of the
//!    lock: wakers are user code. Only the owner ever leaves one.
//!
//! Orderings: the lock's. The result itself is published by the task's state.
//! Models: `models.rs` beside this file.
// WHY NOT a lock-free stack: keys would need nodes, or come newest first; the
// lock is held for a few instructions and there is one taker.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::super::reference::Ref;
use super::super::waiting::claim_as_last_resort;
use crate::primitive::block::{BlockedOn, Blocking, Offer};
use crate::primitive::{Mutex, Parker, drop_contained, mutant, run_contained};
use crate::wait::deadline::Deadline;
use crate::wait::waiter::Collect;

/// The owner, asleep.
enum Sleeper {
    Thread(Arc<Parker>),
    Future(Waker),
}

#[derive(Default)]
struct Content {
    ready: VecDeque<usize>,
    sleeper: Option<Sleeper>,
}

/// The keys of the tasks that have ended and were not yet taken.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Content>);

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Content::default())))
    }

    /// The key that came first.
    pub(super) fn take(&self) -> Option<usize> {
        self.0.lock().ready.pop_front()
    }

    /// The key that came first; without one, leaves `sleeper` for the next.
    fn take_or_leave(&self, sleeper: Sleeper) -> Option<usize> {
        if mutant("collect-sleeps-without-look") {
            // A seeded bug: look, then leave the sleeper, in two steps.
            let key = self.take();
            if key.is_none() {
                self.replace(Some(sleeper));
            }
            return key;
        }
        let mut content = self.0.lock();
        let key = content.ready.pop_front();
        let old = match key {
            None => content.sleeper.replace(sleeper),
            Some(_) => Some(sleeper),
        };
        drop(content);
        drop_contained(old);
        key
    }

    fn replace(&self, sleeper: Option<Sleeper>) {
        let old = std::mem::replace(&mut self.0.lock().sleeper, sleeper);
        drop_contained(old);
    }

    /// Sleeps until there is a key; `None` says that the deadline has passed.
    /// When no thread is left that could run the tasks, what `pick` says is run
    /// here.
    pub(super) fn wait(
        &self,
        deadline: Deadline,
        on: BlockedOn,
        pick: impl Fn() -> Option<Ref>,
    ) -> Option<usize> {
        if let Some(key) = self.take() {
            return Some(key);
        }
        if deadline.has_passed() {
            return None;
        }
        let parker = Parker::current();
        // Early: some of the tasks may not be due yet.
        let offer = (deadline.is_never())
            .then(|| Offer::make(&parker, true))
            .flatten();
        let mut blocking = None;
        loop {
            if let Some(key) = self.take_or_leave(Sleeper::Thread(Arc::clone(&parker))) {
                return Some(key);
            }
            let _ = blocking.get_or_insert_with(|| Blocking::start(on.clone()));
            if !parker.park_until(deadline.instant()) {
                self.forget_sleeper();
                return self.take();
            }
            if offer.as_ref().is_some_and(Offer::take_call)
                && let Some(task) = pick()
            {
                drop(blocking.take());
                claim_as_last_resort(task);
            }
        }
    }

    /// The key that came first; without one, `waker` is woken by the next.
    pub(super) fn poll(&self, waker: &Waker) -> Option<usize> {
        // Cloning runs user code: outside of the lock.
        self.take_or_leave(Sleeper::Future(waker.clone()))
    }

    /// The owner puts in the key of a task that has ended before.
    pub(super) fn put(&self, key: usize) {
        if let Some(waker) = self.collect(key) {
            let _ = run_contained(|| waker.wake());
        }
    }

    /// Nobody is to be woken any more. The owner calls this before it leaves,
    /// so that no waker is dropped by a thread that brings a key.
    pub(super) fn forget_sleeper(&self) {
        self.replace(None);
    }
}

impl Collect for Inbox {
    fn collect(&self, key: usize) -> Option<Waker> {
        let sleeper = {
            let mut content = self.0.lock();
            let is_first = content.ready.is_empty();
            content.ready.push_back(key);
            if mutant("collect-wakes-late") && is_first {
                None
            } else {
                content.sleeper.take()
            }
        };
        match sleeper? {
            Sleeper::Thread(parker) => {
                parker.unpark();
                None
            }
            Sleeper::Future(waker) => Some(waker),
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
