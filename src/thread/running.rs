//! Which task a thread runs, for others to look at.
//!
//! ```text
//!         begins               look
//!   0 ◄───────────► frame ◄────────────► frame | LOOKED_AT
//!         ends                looked
//! ```
//!
//! The word is the address of the thread's top frame. Only its thread changes
//! frames, and it cannot end one that is being looked at: the look is short
//! (it copies names and tokens, and runs no user code), so the thread spins.
//!
//! Orderings: `begins` releases the frame, a look acquires it; the end of a
//! look releases, and the end of the frame acquires, so that the look is over
//! before the frame is gone.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{mutant, thread};
use crate::task::{Inspected, Watch, inspect};

use Ordering::{AcqRel, Acquire, Relaxed, Release};

const LOOKED_AT: usize = 1;

/// The top frame of one thread.
#[derive(Debug)]
pub(super) struct Running(AtomicUsize);

impl Running {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Whether a task runs.
    pub(super) fn is_busy(&self) -> bool {
        // ORDERING: Relaxed, only counted.
        self.0.load(Relaxed) != 0
    }

    /// Shows `f` the tasks of the thread, the top one first.
    pub(super) fn look(&self, f: impl FnMut(Inspected<'_>)) {
        let frame = loop {
            // ORDERING: Relaxed, the exchange decides.
            let word = self.0.load(Relaxed);
            if word == 0 {
                return;
            }
            // One looks at a time, and each for a moment: nobody is passed
            // over, or a shutdown would miss a task that `dump` looks at.
            if word & LOOKED_AT == 0 {
                // ORDERING: Acquire pairs with the Release in `begins`, and
                // with that of the looker before us.
                let looked =
                    (self.0).compare_exchange_weak(word, word | LOOKED_AT, Acquire, Relaxed);
                if looked.is_ok() {
                    break word;
                }
            }
            thread::yield_now();
        };
        // SAFETY: the mark keeps the thread inside `ends` of its top frame.
        unsafe { inspect(std::ptr::with_exposed_provenance(frame), f) };
        // ORDERING: Release pairs with the Acquire in `replace`.
        self.0.fetch_and(!LOOKED_AT, Release);
    }

    /// Only the thread itself: changes its top frame, and returns the one before.
    fn replace(&self, to: usize) -> usize {
        // ORDERING: Relaxed, only this thread changes the frame.
        let from = self.0.load(Relaxed) & !LOOKED_AT;
        if from == 0 || mutant("running-ends-while-looked-at") {
            // Nobody looks at no frame.
            // ORDERING: Release pairs with the Acquire in `look`.
            self.0.store(to, Release);
            return from;
        }
        // ORDERING: Acquire pairs with the Release at the end of a look,
        // Release with the Acquire at the start of the next one.
        while (self.0)
            .compare_exchange_weak(from, to, AcqRel, Relaxed)
            .is_err()
        {
            // Whoever looks may have lost its CPU in the middle of it.
            thread::yield_now();
        }
        from
    }
}

impl Watch for Running {
    #[inline]
    fn begins(&self, top: *const ()) -> *const () {
        std::ptr::with_exposed_provenance(self.replace(top.expose_provenance()))
    }

    #[inline]
    fn ends(&self, before: *const ()) {
        self.replace(before.addr());
    }
}
