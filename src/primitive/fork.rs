//! What is left of a pool after `fork`: nothing, and this file says so.
//!
//! A child made by `fork` has one thread, whatever its parent had. Pools are
//! numbered in the order of their start; in a child, a hook raises the
//! [`floor`] to the next free number, so every pool of the parent lies below
//! it. Asking costs one relaxed load, and touches no lock that the fork may
//! have caught in the hands of a thread that no longer exists.

use super::unmodelled::{AtomicU32, OnceLock};
use std::sync::atomic::Ordering::Relaxed;

/// The number of no pool: tasks that ran in their caller.
pub(crate) const NO_POOL: u32 = 0;

static NEXT_POOL: AtomicU32 = AtomicU32::new(1);
static FLOOR: AtomicU32 = AtomicU32::new(1);
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Numbers a new pool, and from now on watches for forks. `None` when there is
/// no further number: one that came twice would let the workers of one pool
/// claim the tasks of another.
pub(crate) fn new_pool() -> Option<u32> {
    watch();
    next_of(&NEXT_POOL)
}

fn next_of(next: &AtomicU32) -> Option<u32> {
    // ORDERING: Relaxed, numbers order nothing.
    next.fetch_update(Relaxed, Relaxed, |number| number.checked_add(1))
        .ok()
}

/// How many forks lie between the process that first asked and this one.
pub(crate) fn forks() -> u32 {
    watch();
    // ORDERING: Relaxed, only the child's first thread has changed it.
    FORKS.load(Relaxed)
}

/// Whether `pool` was started by the process that this one was forked from.
#[inline]
pub(crate) fn is_forked(pool: u32) -> bool {
    pool != NO_POOL && pool < FLOOR.load(Relaxed)
}

/// The number below which pools are forked away. It changes in each child of a
/// process that had a pool.
#[inline]
pub(crate) fn floor() -> u32 {
    // ORDERING: Relaxed, as above.
    FLOOR.load(Relaxed)
}

#[cfg(unix)]
fn watch() {
    extern "C" fn in_child() {
        // ORDERING: Relaxed, the child has one thread.
        FLOOR.store(NEXT_POOL.load(Relaxed), Relaxed);
        FORKS.fetch_add(1, Relaxed);
    }
    static WATCHING: OnceLock<()> = OnceLock::new();
    WATCHING.get_or_init(|| {
        // SAFETY: `in_child` only touches two atomics, which is allowed in a
        // child of a process with many threads. A refusal (ENOMEM) leaves the
        // process without the guard, which is no less safe than without us.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

#[cfg(not(unix))]
fn watch() {
    let _ = OnceLock::<()>::new();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t05_the_numbers_of_pools_end_before_they_wrap() {
        let next = AtomicU32::new(u32::MAX - 2);
        assert_eq!(next_of(&next), Some(u32::MAX - 2));
        assert_eq!(next_of(&next), Some(u32::MAX - 1));
        for _ in 0..3 {
            assert_eq!(next_of(&next), None);
        }
    }
}
