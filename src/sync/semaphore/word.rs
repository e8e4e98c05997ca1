//! All that the fast paths of a semaphore must know, in one word.
//!
//! ```text
//!  63                         19 18              3    2        1         0
//! ┌─────────────────────────────┬─────────────────┬────────┬────────┬─────────┐
//! │        free permits         │    overtakes    │ CLOSED │ COMING │ WAITERS │
//! └─────────────────────────────┴─────────────────┴────────┴────────┴─────────┘
//! ```
//!
//! Where a word has 32 bits, `overtakes` has 8 of them.
//!
//! * *free permits* are those that nobody holds and nobody was given.
//! * *overtakes*: how many newcomers have taken permits past the present first
//!   in line.
//! * `CLOSED` is final.
//! * `COMING`: the first in line is a thread that was called; it will look at
//!   the permits before it sleeps again.
//! * `WAITERS`: somebody stands in line.
//!
//! The flags change only under the line's lock. A newcomer who passes adds to
//! `overtakes` in the same exchange that takes.

use crate::primitive::mutant;

/// One value of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) usize);

pub(super) const WAITERS: usize = 1;
const COMING: usize = 1 << 1;
pub(super) const CLOSED: usize = 1 << 2;
const OVERTAKE_SHIFT: u32 = 3;
const OVERTAKE_BITS: u32 = if usize::BITS < 64 { 8 } else { 16 };
const OVERTAKE: usize = 1 << OVERTAKE_SHIFT;
const OVERTAKES: usize = ((1 << OVERTAKE_BITS) - 1) << OVERTAKE_SHIFT;
/// A look in vain counts as so many overtakes.
const VAIN_LOOK: usize = OVERTAKES_MAX / LOOKS_MAX + 1;
const PERMIT_SHIFT: u32 = OVERTAKE_SHIFT + OVERTAKE_BITS;

/// So many newcomers at most can be counted.
pub(super) const OVERTAKES_MAX: usize = OVERTAKES >> OVERTAKE_SHIFT;
/// After so many looks in vain nobody passes.
// WHY 16, and 16 bits: a thread takes 5 to 40 microseconds to wake, in which
// another can take a permit some thousand times. A bound below that makes the
// other one sleep too, each time (docs/measured.md).
pub(super) const LOOKS_MAX: usize = 16;
/// So many permits at most fit.
pub(super) const PERMITS_MAX: usize = usize::MAX >> PERMIT_SHIFT;

const _: () = assert!(PERMITS_MAX >= 1 << 20);

impl Word {
    pub(super) const fn of(permits: usize) -> Self {
        Self(permits << PERMIT_SHIFT)
    }

    pub(super) const fn permits(self) -> usize {
        self.0 >> PERMIT_SHIFT
    }

    const fn overtakes(self) -> usize {
        (self.0 & OVERTAKES) >> OVERTAKE_SHIFT
    }

    pub(super) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    pub(super) const fn is_coming(self) -> bool {
        self.0 & COMING != 0
    }

    pub(super) const fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    /// Whether who adds permits now must look who is to have them. A thread
    /// that comes looks by itself.
    pub(super) const fn needs_service(self) -> bool {
        self.has_waiters() && !self.is_coming()
    }

    /// After a newcomer has taken `need`, if it may: past those who stand in
    /// line only while fewer than `bypass` have passed the first.
    pub(super) const fn taken_by_newcomer(self, need: usize, bypass: usize) -> Option<Self> {
        if self.permits() < need {
            None
        } else if !self.has_waiters() {
            Some(Self(self.0 - Self::of(need).0))
        } else if self.overtakes() < bypass {
            Some(Self(self.0 - Self::of(need).0 + OVERTAKE))
        } else {
            None
        }
    }

    /// After the first in line has got `need` and left it.
    pub(super) const fn taken_by_first(self, need: usize, is_last: bool) -> Option<Self> {
        if self.permits() < need {
            None
        } else {
            Some(Self((self.0 - Self::of(need).0) & !Self::left(is_last)))
        }
    }

    pub(super) const fn with_coming(self) -> Self {
        Self(self.0 | COMING)
    }

    /// After the first, a thread that was called, has come and found too few.
    /// It has been passed, and sleeps on.
    pub(super) fn looked_in_vain(self) -> Self {
        let counts = match mutant("semaphore-vain-look-counts-nothing") {
            true => 0,
            false => VAIN_LOOK,
        };
        let overtakes = self.overtakes() + counts;
        let overtakes = if overtakes < OVERTAKES_MAX {
            overtakes
        } else {
            OVERTAKES_MAX
        };
        Self(self.0 & !(COMING | OVERTAKES) | overtakes << OVERTAKE_SHIFT)
    }

    /// What is no longer so when the first has left the line.
    pub(super) const fn left(is_last: bool) -> usize {
        COMING | OVERTAKES | if is_last { WAITERS } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 15 looks in vain leave room for a newcomer, 16 do not, and more of them
    /// spill into no other field.
    #[test]
    fn the_last_look_in_vain_shuts_the_newcomers_out() {
        let mut word = Word(Word::of(3).0 | WAITERS);
        for look in 1..2 * LOOKS_MAX {
            word = word.with_coming().looked_in_vain();
            let passes = word.taken_by_newcomer(1, OVERTAKES_MAX).is_some();
            assert_eq!(passes, look < LOOKS_MAX, "{look} looks");
            assert_eq!((word.permits(), word.0 & 7), (3, WAITERS));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_field_changes_alone(
            permits in 0..=PERMITS_MAX, need in 1..=PERMITS_MAX, flags in 0_usize..8,
            overtakes in 0..=OVERTAKES_MAX, bypass in 0..=OVERTAKES_MAX,
        ) {
            let word = Word(Word::of(permits).0 | overtakes << OVERTAKE_SHIFT | flags);
            prop_assert_eq!((word.permits(), word.overtakes()), (permits, overtakes));
            let may = permits >= need && (!word.has_waiters() || overtakes < bypass);
            let taken = word.taken_by_newcomer(need, bypass);
            prop_assert_eq!(taken.is_some(), may);
            if let Some(taken) = taken {
                prop_assert_eq!(taken.permits(), permits - need);
                prop_assert_eq!(taken.overtakes(), overtakes + usize::from(word.has_waiters()));
                prop_assert_eq!(taken.0 & 7, flags);
            }
            if let Some(taken) = word.taken_by_first(need, true) {
                prop_assert_eq!(taken, Word(Word::of(permits - need).0 | flags & CLOSED));
            }
        }
    }
}
