//! Whether a thread that finds nothing looks on for a while before it sleeps.
//!
//! To wake a thread takes 20 to 40 us on the virtual machines of today, and short loops
//! in a row would never meet one that is awake. So a thread *lingers* for [`LINGER`] if
//! its last sleep was a [`NAP`], not worth it, and if it was called for the half of a
//! join or of a loop: it has had nothing else since, or came too late for it. Not for
//! tasks: who waits for one sleeps meanwhile, and a thread that looks on would take a
//! second processor for that.
//!
//! ```text
//!              napped                         nothing found for LINGER
//!   SLEEPS ────────────► LINGERS, once or ──────────────────────────────► SLEEPS, until it
//!     ▲                  after each half                                   has had a half
//!     └── a task, a share, an errand
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

/// What a thread knows of its last sleep, and of what came since.
#[derive(Debug, Default)]
pub(super) struct Linger {
    napped: bool,
    /// And nothing but tasks came since.
    in_vain: bool,
}

impl Linger {
    /// The thread was called for work, after so long a sleep.
    pub(super) fn slept(&mut self, time: Duration) {
        self.napped = time < NAP;
    }

    /// It has found half of a join or of a loop.
    pub(super) fn had_half(&mut self) {
        self.in_vain = false;
    }

    /// It has found something else.
    #[inline]
    pub(super) fn had_else(&mut self) {
        self.napped = false;
    }

    /// It has found nothing: whether to look on. If that is in vain as well, say so.
    pub(super) fn is_worth_it(&self) -> bool {
        self.napped && !self.in_vain
    }

    /// It has lingered, and found nothing.
    pub(super) fn was_in_vain(&mut self) {
        self.in_vain = true;
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
        linger.had_half();
        assert!(linger.is_worth_it());
        linger.had_else();
        assert!(!linger.is_worth_it(), "a task");
    }

    #[test]
    fn once_in_vain_until_there_is_a_half_again() {
        let mut linger = Linger::default();
        linger.slept(NAP / 2);
        linger.was_in_vain();
        assert!(!linger.is_worth_it());
        linger.slept(NAP / 2);
        assert!(!linger.is_worth_it(), "short sleeps alone do not count");
        linger.had_half();
        assert!(linger.is_worth_it());
    }
}
