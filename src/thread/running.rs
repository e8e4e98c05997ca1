//! Which task a thread runs, for others to look at.
//!
//! ```text
//!         begins               look
//!   0 ◄───────────► frame ◄────────────► frame | LOOKED_AT
//!         ends                looked
//! ```
//!
//! A second flag, `CANCELS`, is set once, by a shutdown that asks running tasks
//! to stop: a task that begins later finds it and asks itself. Both are
//! exchanges of one word, so either the frame sees the flag or the look that
//! follows the flag sees the frame.
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
const CANCELS: usize = 1 << 1;

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
        !frame_of(self.0.load(Relaxed)).is_null()
    }

    /// Shows `f` the tasks of the thread, the top one first.
    pub(super) fn look(&self, f: impl FnMut(Inspected<'_>)) {
        // SAFETY: the thread stays in its top frame until the look is over.
        self.look_at(|top| unsafe { inspect(top, f) });
    }

    /// Shows `f` the top frame, which stands until `f` returns.
    pub(super) fn look_at(&self, f: impl FnOnce(*const ())) {
        let frame = loop {
            // ORDERING: Relaxed, the exchange decides.
            let word = self.0.load(Relaxed);
            if frame_of(word).is_null() {
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
        f(frame_of(frame));
        // ORDERING: Release pairs with the Acquire in `replace`.
        self.0.fetch_and(!LOOKED_AT, Release);
    }

    /// Asks whatever runs in this thread from now on to stop; what runs now is
    /// for a look that comes after this.
    pub(super) fn cancel_all(&self) {
        // ORDERING: both ends of the exchange in `replace`: a frame that does
        // not see the flag is seen by the look.
        self.0.fetch_or(CANCELS, AcqRel);
    }

    /// Only the thread itself: changes its top frame; returns the word before.
    fn replace(&self, to: usize) -> usize {
        // ORDERING: Relaxed, the exchange decides.
        let mut word = self.0.load(Relaxed);
        loop {
            let from = match mutant("running-ends-while-looked-at") {
                true => word,
                false => word & !LOOKED_AT,
            };
            // ORDERING: Acquire pairs with the Release at the end of a look,
            // Release with the Acquire at the start of the next one.
            let replaced =
                (self.0).compare_exchange_weak(from, to | from & CANCELS, AcqRel, Relaxed);
            match replaced {
                Ok(_) => return from,
                Err(now) => word = now,
            }
            if word & LOOKED_AT != 0 {
                // Whoever looks may have lost its CPU in the middle of it.
                thread::yield_now();
            }
        }
    }
}

impl Watch for Running {
    /// What a thread does by itself begins with no join of the thread's open.
    #[inline]
    fn mark(&self) -> usize {
        0
    }

    #[inline]
    fn begins(&self, top: *const ()) -> (*const (), bool) {
        let before = self.replace(top.expose_provenance());
        let is_cancelled = before & CANCELS != 0 && !mutant("running-misses-kill");
        (frame_of(before), is_cancelled)
    }

    #[inline]
    fn ends(&self, before: *const ()) {
        self.replace(before.addr());
    }
}

fn frame_of(word: usize) -> *const () {
    std::ptr::with_exposed_provenance(word & !(LOOKED_AT | CANCELS))
}
