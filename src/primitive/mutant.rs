//! Seeded bugs, picked at run time by name (`--cfg raddle_mutants`).
//!
//! A site that a model must guard asks [`mutant`] whether its bug is switched
//! on, or passes its memory ordering through [`weaken`]. One build then serves
//! every bug: the environment variable `RADDLE_MUTANT` names the one to run.
//! In every other build both functions fold to constants.

use std::sync::atomic::Ordering;

/// Whether the seeded bug `name` is switched on.
#[cfg(raddle_mutants)]
pub(crate) fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var("RADDLE_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// Whether the seeded bug `name` is switched on: never, in this build.
#[cfg(not(raddle_mutants))]
#[inline(always)]
pub(crate) const fn mutant(_name: &str) -> bool {
    false
}

/// `ordering`, or `Relaxed` when the seeded bug `name` is switched on.
#[inline(always)]
pub(crate) fn weaken(name: &str, ordering: Ordering) -> Ordering {
    // ORDERING: Relaxed pairs with nothing; that is the bug.
    if mutant(name) {
        Ordering::Relaxed
    } else {
        ordering
    }
}
