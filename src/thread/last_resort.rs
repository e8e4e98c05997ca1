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
    /// one on which least else waits.
    #[cold]
    pub(super) fn call_one(&self) {
        let offer = self.0.lock().pop();
        if let Some(offer) = offer
            && !mutant("last-resort-not-called")
        {
            offer.call();
        }
    }
}
