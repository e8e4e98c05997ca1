//! Errands: jobs that need a thread and no permit.
//!
//! What `submit_blocking` queues mostly waits, so it is not counted among those
//! that work. The thread that takes one has no permit: it is *sent*, where one
//! that is to work is *called*.
//!
//! ```text
//!   queue it ─► count it ─► send: a parked thread, or a new one
//!                             │ none: all that there may be are there
//!                             ▼
//!              it waits for the first that parks, or that looks for what has
//!              waited longest; or, if all are blocked, for the last resort
//! ```
//!
//! `errands` counts those queued and not yet taken. Whoever lowers it may take
//! one out of the queue, and finds one: each is queued before it is counted. So
//! many errands as threads are sent, and have not yet looked, need no further one.
//!
//! # Why no errand is forgotten
//!
//! 1. *A thread parks.* It is put on the list, and looks, under one lock; who
//!    sends somebody takes that lock after it has counted. One sees the other.
//! 2. *A place becomes free*, because a thread has left or could not be started,
//!    or because one waits for the pool's end. Likewise: it looks after it has
//!    given the place back under the lock.
//! 3. *All are blocked*, one of them because it waits for the errand. Each has
//!    changed the census, *then* fenced, *then* looked for errands, and *then* at
//!    the census. If a permit was idle, and no place free, it has asked for the
//!    last resort. If none was, somebody had it who did the same later: by the two
//!    fences one of them sees the errand and an idle permit.
//! 4. *The pool ends.* A thread that parks, and one that waits for the end, looks for
//!    errands before it ends the pool, under the lock; who queues one later sees the
//!    end, and cancels it.
//!
//! A thread that goes on an errand as it parks has given its permit back and not
//! looked for jobs. It does so when the errand blocks, as each does first of all;
//! or when it parks once more, if there was none for it.
//!
//! # Orderings
//!
//! The count is raised with Release and lowered with Acquire, so that who lowers it
//! sees what was queued: all changes are read-modify-writes, so each add heads a
//! release sequence that later ones continue. A look is Relaxed: the lock and the
//! fences above order it.

use super::{Call, SENT, Sleep, Start};
use crate::primitive::atomic::Ordering;
use crate::primitive::{mutant, weaken};

use Ordering::{Acquire, Relaxed, Release};

impl Sleep {
    /// An errand was queued: sends somebody.
    pub(in crate::thread) fn errand_published(&self) -> Call {
        // ORDERING: Release, the errand; see the top of this file.
        self.errands
            .fetch_add(1, weaken("errand-count-relaxed", Release));
        self.send(true)
    }

    /// Whether an errand waits for a thread.
    pub(in crate::thread) fn has_errands(&self) -> bool {
        // ORDERING: Relaxed; see the top of this file.
        self.errands.load(Relaxed) > 0
    }

    /// Speaks for an errand: one is in the queue, and it is the caller's.
    pub(in crate::thread) fn take_errand(&self) -> bool {
        // ORDERING: Acquire, the errand; see the top of this file.
        let taken = self
            .errands
            .fetch_update(Acquire, Relaxed, |count| count.checked_sub(1));
        taken.is_ok()
    }

    /// As `send` if there is an errand, after a call for a job has said `call`.
    /// One that starts a thread found a place, so nobody was refused one.
    pub(super) fn send_if_needed(&self, call: Call, may_start: bool) -> Call {
        if matches!(call, Call::Start(_)) || !self.has_errands() {
            return call;
        }
        if mutant("errand-look-sends-nobody") {
            return call;
        }
        match self.send(may_start) {
            Call::Nothing => call,
            sent => sent,
        }
    }

    /// Gives an errand to a parked thread, or to a new one.
    #[cold]
    fn send(&self, may_start: bool) -> Call {
        {
            let mut crew = self.crew.lock();
            // ORDERING: Relaxed; see the top of this file.
            if crew.ended || self.errands.load(Relaxed) <= crew.sent {
                return Call::Nothing;
            }
            if let Some(index) = crew.parked.pop() {
                crew.sent += 1;
                let seat = &self.seats[index];
                // ORDERING: Release pairs with the Acquire in `sleep`.
                seat.signal.store(SENT, Release);
                drop(crew);
                seat.parker.unpark();
                return Call::Nothing;
            }
            if may_start && let Some(index) = crew.take_place() {
                crew.live += 1;
                crew.sent += 1;
                return Call::Start(Start::sent(index));
            }
        }
        if self.census.load().idle() > 0 {
            Call::LastResort
        } else {
            // Whoever holds a permit looks when it blocks or parks.
            Call::Nothing
        }
    }
}
