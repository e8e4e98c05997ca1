//! Idle permits and searching threads, counted in one word.
//!
//! # Orderings
//!
//! All Relaxed: the census publishes nothing. What orders its changes and its
//! reads against the queues are the fences of its callers (mod.rs beside this
//! file, "Why no job is forgotten").

use crate::primitive::atomic::AtomicUsize;
use crate::primitive::atomic::Ordering::Relaxed;

/// Idle permits and searching threads in one word, so that both change in one
/// step.
///
/// ```text
///  31      30         16 15             0
/// ┌───────┬─────────────┬────────────────┐
/// │ ENDED │  searching  │  idle + 2^15   │
/// └───────┴─────────────┴────────────────┘
/// ```
///
/// A pool that shrinks has fewer permits than threads have taken: `idle` is below
/// zero then, until so many were given back.
#[derive(Debug)]
pub(super) struct Census(AtomicUsize);

/// One value of the census.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(usize);

const IDLE_ONE: usize = 1;
const IDLE: usize = 0xffff;
/// No permit is idle, and none is owed.
const IDLE_NONE: usize = 1 << 15;
const SEARCHING_ONE: usize = 1 << 16;
const SEARCHING: usize = 0x7fff << 16;
const ENDED: usize = 1 << 31;

/// The greatest number of permits and threads that the census can count.
pub(in crate::thread) const THREADS_MAX: usize = 0x7fff;

impl Count {
    pub(super) fn idle(self) -> usize {
        (self.0 & IDLE).saturating_sub(IDLE_NONE)
    }

    /// Whether threads have more permits than there are.
    pub(super) fn is_overdrawn(self) -> bool {
        self.0 & IDLE < IDLE_NONE
    }

    fn is_searched(self) -> bool {
        self.0 & SEARCHING != 0
    }

    pub(super) fn has_ended(self) -> bool {
        self.0 & ENDED != 0
    }

    /// Whether somebody should be called: a permit is idle, nobody searches.
    #[inline]
    pub(super) fn wants_call(self) -> bool {
        self.idle() > 0 && !self.is_searched() && !self.has_ended()
    }
}

impl Census {
    /// Every permit is idle, and nobody searches.
    pub(super) fn new(permits: usize) -> Self {
        Self(AtomicUsize::new(IDLE_NONE + permits * IDLE_ONE))
    }

    /// Marks the end of the pool.
    pub(super) fn end(&self) {
        // ORDERING: Relaxed; see the top of this file.
        self.0.fetch_or(ENDED, Relaxed);
    }

    #[inline]
    pub(super) fn load(&self) -> Count {
        // ORDERING: Relaxed; see the top of this file.
        Count(self.0.load(Relaxed))
    }

    /// Gives back a permit, a search, or both.
    pub(super) fn give_back(&self, permit: bool, search: bool) {
        let add = if permit { IDLE_ONE } else { 0 };
        let sub = if search { SEARCHING_ONE } else { 0 };
        if add != sub {
            // ORDERING: Relaxed; see the top of this file.
            self.0.fetch_add(add.wrapping_sub(sub), Relaxed);
        }
    }

    /// Takes an idle permit, and with `search` the search as well.
    pub(super) fn take(&self, search: bool) -> bool {
        let add = if search { SEARCHING_ONE } else { 0 };
        // ORDERING: Relaxed; see the top of this file.
        let taken = self.0.fetch_update(Relaxed, Relaxed, |word| {
            (Count(word).idle() > 0).then(|| word - IDLE_ONE + add)
        });
        taken.is_ok()
    }

    /// There are so many permits more, or fewer.
    pub(super) fn change(&self, from: usize, to: usize) {
        let add = to.wrapping_sub(from).wrapping_mul(IDLE_ONE);
        // ORDERING: Relaxed; see the top of this file.
        self.0.fetch_add(add, Relaxed);
    }

    /// Takes the search, if nobody has it.
    pub(super) fn take_search(&self) -> bool {
        // ORDERING: Relaxed; see the top of this file.
        let taken = self.0.fetch_update(Relaxed, Relaxed, |word| {
            (!Count(word).is_searched()).then(|| word + SEARCHING_ONE)
        });
        taken.is_ok()
    }
}

#[cfg(all(test, raddle_loom))]
impl Census {
    /// Idle permits, searching threads.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = self.load();
        assert!(!count.is_overdrawn(), "a permit too many is held");
        (count.idle(), (count.0 & SEARCHING) / SEARCHING_ONE)
    }
}
