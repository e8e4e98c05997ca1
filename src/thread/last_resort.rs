//! Who runs a queued task when every thread is blocked.
//!
//! A waiter claims what it waits for, so a pool at its cap goes on. It does not
//! claim a task with a time limit, because it could not leave at the limit: it
//! parks, and a spare takes its place. Where no spare can, it would wait for
//! ever. So it *offers* to run the task after all:
//!
//! ```text
//!   waiter:  offer ──► block: look for work ─► park ─► called? claim, run
//!                              │ some, and no thread     ▲
//!   another: block ──► look ───┴──────────► call_one ────┘
//! ```
//!
//! The offer is made before the block, and every thread looks for work after it
//! has blocked. So the last thread to block finds each offer, its own too, and
//! calls one. That thread is awake then: it runs its task, unless somebody has
//! started it, and looks again when it blocks once more. Orderings: the lock's.
//!
//! An *early* offer is that of a waiter whose task was not yet in a queue
//! (`submit_after`). Whether it is now, only the waiter knows. So where no other
//! offer is left, all early ones are called, and they stay: a waiter whose task
//! is still not due sleeps on without another look. The push that makes it due is
//! followed by a call of its own.

use std::sync::Arc;

use crate::primitive::block::LastResort;
use crate::primitive::{Mutex, mutant};

/// The offers of a pool's waiters, the latest last.
#[derive(Debug)]
pub(super) struct Offers(Mutex<Vec<Arc<LastResort>>>);

impl Offers {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(super) fn add(&self, offer: &Arc<LastResort>) {
        self.0.lock().push(Arc::clone(offer));
    }

    /// Takes an offer back; one that was called is gone already.
    pub(super) fn remove(&self, offer: &Arc<LastResort>) {
        let mut offers = self.0.lock();
        if let Some(at) = offers.iter().rposition(|other| Arc::ptr_eq(other, offer)) {
            offers.remove(at);
        }
    }

    /// Calls the latest: its task is most often the newest, and its stack the
    /// one on which least else waits. If only early ones are left, calls them.
    #[cold]
    pub(super) fn call_one(&self) {
        let mut offers = self.0.lock();
        if mutant("last-resort-not-called") {
            return;
        }
        match offers.iter().rposition(|offer| !offer.is_early()) {
            Some(latest) => offers.remove(latest).call(),
            None if mutant("last-resort-early-not-called") => {}
            None => offers.iter().for_each(|offer| offer.call()),
        }
    }
}
