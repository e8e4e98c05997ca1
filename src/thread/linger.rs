//! Whether a thread that finds nothing looks on for a while before it sleeps.
//!
//! To wake a thread takes 20 to 40 us on the virtual machines of today, and short loops
//! in a row would never meet one that is awake. So a thread *lingers* for [`LINGER`] when
//! it has run the half of a join or of a loop, and nothing else since; or when its last
//! sleep was a [`NAP`], not worth it, and it came too late for the half that it was called
//! for. Not for tasks: who waits for one sleeps meanwhile, and a thread that looks on would
//! take a second processor for that.
//!
//! ```text
//!              a nap: each of the first four       nothing found for LINGER
//!   SLEEPS ──── since a half, then 1 of 16 ──► LINGERS ──────────────────────► SLEEPS
//!     ▲  │                                      │   ▲
//!     │  └─────────────────── a half ───────────┼───┘
//!     └─────────── a task, a share, an errand ──┘
//! ```
//!
//! A thread that lingers is the one that searches: what is queued meanwhile is its own to
//! find, and calls nobody.

use std::time::Duration;

/// A shorter sleep was not worth it. Models do not linger.
const NAP: Duration = if cfg!(raddle_loom) {
    Duration::ZERO
} else {
    Duration::from_micros(100)
};

/// So long a thread lingers.
pub(super) const LINGER: Duration = Duration::from_micros(20);

/// So many naps in a row, each in vain, are followed by a look; after that one of [`PROBE`].
const TRIES: u32 = 4;

const PROBE: u32 = 16;

/// What a thread knows of its last sleep, and of what came since.
#[derive(Debug, Default)]
pub(super) struct Linger {
    /// The last sleep was a nap, or a half came since; and nothing else.
    is_due: bool,
    /// So many naps in a row ended, and no half came.
    in_vain: u32,
}

impl Linger {
    /// The thread was called for work, after so long a sleep.
    pub(super) fn slept(&mut self, time: Duration) {
        self.is_due = time < NAP;
        self.in_vain = match self.is_due {
            true => self.in_vain.wrapping_add(1),
            false => 0,
        };
    }

    /// It has found half of a join or of a loop.
    pub(super) fn had_half(&mut self) {
        self.is_due = !cfg!(raddle_loom);
        self.in_vain = 0;
    }

    /// It has found something else.
    #[inline]
    pub(super) fn had_else(&mut self) {
        self.is_due = false;
    }

    /// It has found nothing: whether to look on.
    pub(super) fn is_worth_it(&self) -> bool {
        self.is_due && (self.in_vain <= TRIES || self.in_vain.is_multiple_of(PROBE))
    }
}

#[cfg(all(test, not(raddle_loom)))]
mod tests {
    use super::*;

    #[test]
    fn after_a_nap_and_halves_only() {
        let mut linger = Linger::default();
        assert!(!linger.is_worth_it(), "it has never slept");
        linger.slept(NAP);
        assert!(!linger.is_worth_it(), "that was a sleep");
        linger.slept(NAP / 2);
        assert!(linger.is_worth_it(), "it came too late for a half");
        linger.had_else();
        linger.slept(NAP);
        linger.had_half();
        assert!(linger.is_worth_it(), "however long it has slept");
        linger.had_else();
        assert!(!linger.is_worth_it(), "a task");
    }

    #[test]
    fn some_times_in_vain_and_then_one_of_sixteen_until_there_is_a_half_again() {
        let mut linger = Linger::default();
        let look = |linger: &mut Linger, naps: u32| {
            let mut looks = 0;
            for _ in 0..naps {
                linger.slept(NAP / 2);
                looks += u32::from(linger.is_worth_it());
            }
            looks
        };
        assert_eq!(look(&mut linger, 15), TRIES);
        assert_eq!(look(&mut linger, 160), 10);
        linger.had_half();
        assert!(linger.is_worth_it());
        assert_eq!(look(&mut linger, 15), TRIES);
        linger.slept(NAP);
        assert_eq!(look(&mut linger, 15), TRIES, "after a sleep it begins anew");
    }
}
