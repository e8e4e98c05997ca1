//! More permits, or fewer, while the pool works.
//!
//! ```text
//!   grow by 2:    idle  0 ──► 2      then look, and perhaps call
//!   shrink by 2:  idle  1 ──► -1     one permit is owed
//!                       -1 ──► 0     by whoever first ends a task, blocks or parks
//! ```
//!
//! The census counts idle permits, and below zero those that are owed: so many
//! threads too many have one. Who gives one back pays, and nobody takes one before
//! all is paid. A thread that finds more to do looks after each task whether
//! something is owed, and gives its own permit up; then it parks, and what lies in
//! its deque is stolen.
//!
//! # Why no job is forgotten
//!
//! There is always at least one permit.
//!
//! * *Grow*: the change of the census, *then* a fence, *then* a look everywhere. A
//!   submitter that has not seen the new permits has left its job in sight.
//! * *Shrink*: a submitter that saw an idle permit may find none when it calls. Then
//!   at least as many threads have one as there are now, and each changes the census,
//!   fences and looks after that.
//! * *A permit is paid with*: its thread parks, so it fences and looks. If it cannot
//!   take one for what it sees, others have them all, and the same holds for those.
//!
//! Two threads may see the same debt and both pay. Then a permit is idle, and the
//! look of the second one to park takes it, if there is work.
//!
//! # Orderings
//!
//! `has_shrunk` is a hint, so that pools which were never made smaller do not read
//! the census after each task. Who does not see it yet keeps its permit for a task
//! more. `permits` is for reports.

use super::{Call, Sleep};
use crate::primitive::atomic::{Ordering, fence};
use crate::primitive::mutant;

use Ordering::{Relaxed, SeqCst};

impl Sleep {
    /// From now on `permits` threads may work at once, and `resident` stay.
    pub(in crate::thread) fn resize(
        &self,
        permits: usize,
        resident: usize,
        has_work: impl Fn() -> bool,
    ) -> Call {
        debug_assert!(0 < permits && permits < self.seats.len());
        {
            let mut crew = self.crew.lock();
            // ORDERING: Relaxed, the lock; others only report it.
            let before = self.permits.swap(permits as u32, Relaxed) as usize;
            self.census.change(before, permits);
            crew.resident = resident;
            if permits < before {
                // ORDERING: Relaxed, a hint.
                self.has_shrunk.store(true, Relaxed);
                for index in &crew.parked {
                    // Those that were to stay for good look at the time again.
                    self.seats[*index].parker.unpark();
                }
            }
        }
        if !mutant("resize-look-without-fence") {
            // ORDERING: pairs with the fence in `job_published`.
            fence(SeqCst);
        }
        if has_work() && !mutant("resize-grows-silently") {
            self.call(true)
        } else {
            Call::Nothing
        }
    }

    /// How many threads may work at once.
    pub(in crate::thread) fn permits(&self) -> usize {
        // ORDERING: Relaxed, for reports.
        self.permits.load(Relaxed) as usize
    }

    /// Whether threads have more permits than there are.
    pub(super) fn owes_permits(&self) -> bool {
        // ORDERING: Relaxed, a hint.
        self.has_shrunk.load(Relaxed)
            && self.census.load().is_overdrawn()
            && !mutant("resize-debt-unpaid")
    }
}
